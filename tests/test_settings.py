"""Settings: ranges that hold from Python as on the command line."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from adt_gym.checks import InputError
from adt_gym.scripts.options import SeveralWords, takes
from adt_gym.settings import Settings, argument, count, option, seed, share, without


@dataclass(frozen=True)
class Wall(Settings):
    place: str = argument("where it is")
    height: float | None = option(None, help="in metres", min=0, max=9)


@dataclass(frozen=True, kw_only=True)
class Paint(Settings):
    colours: tuple[str, ...] = option(("red", "blue"), help="one coat each")
    shares: tuple[float, ...] = option((), min=0, max=1)
    wall: Wall
    coats: int = count(2, "of paint", most=5)
    thinner: float = share(0.5, within=True)
    kind: Literal["oil", "lime"] = option("oil")
    wet: bool = option(False, help="on wet ground")
    dry: bool = option(True, "--dry/--damp")
    seed: int = seed()


@dataclass(frozen=True, kw_only=True)
class Anywhere(Settings):
    wall: Wall = field(metadata=without("place"))


PLAIN = {
    "colours": ("red", "blue"), "shares": (), "wall": {"place": "east", "height": None}, "coats": 2, "thinner": 0.5,
    "kind": "oil", "wet": False, "dry": True, "seed": 0,
}  # fmt: skip


def given(words: str, kind: type[Any] = Paint) -> tuple[Any, int]:
    """Return the settings, and an option of the command's own, that a command is called with."""
    seen: list[tuple[Any, int]] = []
    app = typer.Typer()

    def command(settings: Any, jobs: int = 1) -> None:
        seen.append((settings, jobs))

    command.__annotations__["settings"] = kind
    app.command(cls=SeveralWords)(takes(command))
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 0, result.output + repr(result.exception)
    return seen[0]


def test_a_command_is_called_with_its_settings() -> None:
    assert asdict(given("east")[0]) == PLAIN
    settings, jobs = given(
        "east --height 2.5 --colours green black --shares 0.5 --shares 1 --coats 5 --thinner 0.1 --kind lime --wet "
        "--damp --seed 7 --jobs 3"
    )
    assert (asdict(settings), jobs) == (
        {
            "colours": ("green", "black"), "shares": (0.5, 1.0), "wall": {"place": "east", "height": 2.5}, "coats": 5,
            "thinner": 0.1, "kind": "lime", "wet": True, "dry": False, "seed": 7,
        },
        3,
    )  # fmt: skip


def test_what_is_no_setting_here_is_empty() -> None:
    assert given("--height 2", Anywhere)[0] == Anywhere(wall=Wall("", 2.0))


def test_help_tells_defaults_and_ranges() -> None:
    app = typer.Typer()

    @app.command()
    @takes
    def command(settings: Paint) -> None:
        """Paint."""

    text = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    for said in ("one coat each [default: (red blue)]", "1<=x<=5", "of paint [default: 2]", "oil|lime", "0<=x<=9]"):
        assert said in text, said
    assert "--no-wet" not in text


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("coats", 0, "coats must be at least 1, got 0"),
        ("coats", 6, "coats must be at most 5, got 6"),
        ("coats", 2.0, "coats must be a whole number"),
        ("thinner", 0.0, "thinner must lie between 0 and 1, got 0.0"),
        ("thinner", 1.5, "thinner must be at most 1"),
        ("thinner", float("nan"), "thinner must be a finite number"),
        ("shares", (0.5, 2.0), "shares must be at most 1"),
        ("shares", [0.5], "shares must be a tuple"),
        ("colours", (1,), "colours must be a word"),
        ("kind", "water", "unknown kind 'water'; known: oil, lime"),
        ("wet", 1, "wet must be True or False"),
        ("seed", -1, "seed must be at least 0"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_from_python_too(setting: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Paint(wall=Wall("east"), **{setting: value})


def test_what_may_be_missing_is_checked_where_it_is_there() -> None:
    assert Wall("east").height is None
    with pytest.raises(InputError, match="height must be at most 9"):
        Wall("east", 10)


@pytest.mark.parametrize(
    ("words", "option"), [("--coats 6", "--coats"), ("--thinner 1", "--thinner"), ("--kind water", "--kind")]
)
def test_the_command_line_names_its_option(words: str, option: str) -> None:
    app = typer.Typer()

    @app.command()
    @takes
    def command(settings: Paint) -> None:
        """Paint."""

    result = CliRunner().invoke(app, ["east", *words.split()])
    assert result.exit_code == 2
    assert option in result.output
