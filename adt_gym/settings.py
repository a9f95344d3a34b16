"""Settings as dataclasses: the one place where a setting, its default, its help and its range stand.

A command's options are made of the fields (`adt_gym.scripts.options`); from Python the same ranges are checked when the
dataclass is made.

    @dataclass(frozen=True)
    class PaintSettings(Settings):
        wall: str = argument("which one")
        coats: int = count(2, "of paint")
"""

from dataclasses import MISSING, dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from adt_gym.checks import MAX_SEED, MOST, InputError, flag, number, one_of, shown, whole

MAX_SEEDS = 10_000
"""How many repetitions one command may start."""


@dataclass(frozen=True)
class Option:
    """What a setting may be, and what the command line says of it.

    Args:
        help: One line.
        names: On the command line, as typer writes them; by default the field's.
        least, most: The range of a number; with ``within`` neither of the two.
        positional: Whether it is an argument instead of an option.
    """

    help: str | None = None
    names: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    within: bool = False
    positional: bool = False


OPTION, WITHOUT = "option", "without"
"""Keys of a field's metadata: its `Option`; of a dataclass within, which of its fields are no settings here."""


def option(
    default: Any = MISSING,
    *names: str,
    help: str | None = None,
    min: float | None = None,
    max: float | None = None,
    within: bool = False,
) -> Any:
    """Return a field that is an option; see `Option`."""
    return field(default=default, metadata={OPTION: Option(help, names, min, max, within)})


def argument(help: str) -> Any:
    """Return a field that is an argument."""
    return field(metadata={OPTION: Option(help, positional=True)})


def count(default: Any, help: str | None = None, least: int = 1, most: int = MOST) -> Any:
    """Return an option that takes a whole number."""
    return option(default, help=help, min=least, max=most)


def share(default: Any, help: str | None = None, within: bool = False) -> Any:
    """Return an option that takes a number in [0, 1]; with ``within``, in (0, 1)."""
    return option(default, help=help, min=0.0, max=1.0, within=within)


def seed(help: str | None = None) -> Any:
    """Return an option that takes a seed."""
    return count(0, help, 0, MAX_SEED)


def deadline(default: int) -> Any:
    """Return the option of all commands whose tables show the composite F1."""
    return count(default, "windows in which an event must be flagged to count as found (composite F1)")


def without(*names: str) -> dict[str, Any]:
    """Return the metadata of a field that is a dataclass of settings itself: these of it are empty, and no options."""
    return {WITHOUT: names}


def as_option(name: str) -> str:
    """Return a setting as the command line calls it."""
    return f"--{name.replace('_', '-')}"


class Settings:
    """A dataclass whose settings are checked when it is made.

    Raises:
        InputError: If one is of another type or out of its range.
    """

    def __post_init__(self) -> None:
        kinds = get_type_hints(type(self))
        for one in fields(self):  # type: ignore[arg-type]
            if OPTION in one.metadata:
                _check(one.name, kinds[one.name], getattr(self, one.name), one.metadata[OPTION])


def _check(name: str, kind: Any, value: Any, about: Option) -> None:
    inner = get_args(kind)
    if isinstance(kind, UnionType):
        known = [one for one in inner if one is not NoneType]
        if len(known) == 1 and not (value is None and NoneType in inner):
            _check(name, known[0], value, about)
    elif get_origin(kind) is Literal:
        one_of(name, value, inner)
    elif get_origin(kind) is tuple:
        if not isinstance(value, tuple):
            raise InputError(f"{name} must be a tuple, got {shown(value)}")
        for one in value:
            _check(name, inner[0], one, about)
    elif kind is bool:
        flag(name, value)
    elif kind is str and not isinstance(value, str):
        raise InputError(f"{name} must be a word, got {shown(value)}")
    elif kind in (int, float):
        least = -MOST if about.least is None else about.least
        most = MOST if about.most is None else about.most
        whole(name, value, int(least), int(most)) if kind is int else number(name, value, least, most)
        if about.within and value in (least, most):
            raise InputError(f"{name} must lie between {least:g} and {most:g}, got {shown(value)}")
