"""Every number on the command line, and every option that a message names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from adt_gym.scripts.__main__ import app
from adt_gym.scripts.commands import COMMANDS, load

ROOT = Path(__file__).parents[2]
BAD = ("-1", "nan", "inf", "-inf", "1e999", "1000000000000", "1e12", "many", "")
FREE = {("frontier", "--label-noise")}
"""Several words; what they hold is looked at by the command."""


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of `adt` with the words that name it."""
    for name in COMMANDS:
        yield (name,), (command := load(name))
        for inner, one in getattr(command, "commands", {}).items():
            yield (name, inner), one


def numeric_options() -> list[tuple[tuple[str, ...], str]]:
    """Return every command with each of its options that is a number."""
    found = []
    for words, _ in commands():
        for line in CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).output.splitlines():
            if match := re.match(r"\W*(--[a-z0-9-]+)\s+<(int|float)", line):
                found.append((words, match[1]))
    return [(words, option) for words, option in found if (words[0], option) not in FREE]


NUMERIC = numeric_options()


def test_the_numbers_of_all_commands_are_found() -> None:
    found = {words for words, _ in NUMERIC}
    assert {("train",), ("reproduce",), ("sweep",), ("classify",), ("benchmark", "learn")} <= found
    assert len(NUMERIC) > 50
    assert (("train",), "--feedback-delay") in NUMERIC


@pytest.mark.parametrize(("words", "option"), NUMERIC, ids=lambda value: "".join(value))
def test_a_number_out_of_range_is_refused_by_its_option(
    words: tuple[str, ...], option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "run": ["x.csv"], "score": ["x.csv", "--out", "x.npz"], "compare-scorers": ["x.csv"], "reproduce": ["table2"],
        "classify": ["blobs"], "frontier": ["--train", "x.npz"], "sweep": ["k=2"],
    }  # fmt: skip
    for bad in BAD:
        result = CliRunner().invoke(app, [*words, *given.get(words[0], []), f"{option}={bad}"], env={"COLUMNS": "300"})
        assert result.exit_code == 2, (bad, result.output)
        assert option in result.output, bad
        assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


# Remedies

OPTION = re.compile(r"(?<![\w\"-])--[a-z][a-z0-9-]*")
COMMAND = re.compile(r"(?<![\w.])adt ([a-z][a-z-]+)(?: [^`'\")]*)?")
SOURCES = sorted(path for folder in ("adt_gym", "agents", "scripts") for path in (ROOT / folder).rglob("*.py"))
OTHERS = {"--help"}
THEIRS = {"--algo", "--gym-packages", "--conf-file", "--eval-freq", "--num-threads", "--log-folder", "--verbose",
          "--env-kwargs"}  # fmt: skip
"""Of rl-zoo3, which `adt zoo` calls."""

NO_COMMANDS = {"agent", "paper", "gym"}


def options_of() -> dict[str, set[str]]:
    """Return the options of every command by its name."""
    return {
        " ".join(words): {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | OTHERS
        for words, command in commands()
    }


def texts(path: Path) -> Iterator[str]:
    """Yield the string literals of a file; parts of an f-string as one, what it fills in as ``_``."""
    tree = ast.parse(path.read_text())
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "_" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value


MENTIONS = [
    pytest.param(text, id=f"{path.relative_to(ROOT)}: {text.strip()[:40]!r}")
    for path in SOURCES
    for text in texts(path)
    if OPTION.search(text)
]


@pytest.mark.parametrize("text", MENTIONS)
def test_every_option_that_a_text_names_exists(text: str) -> None:
    known = options_of()
    every = set().union(*known.values())
    assert set(OPTION.findall(text)) <= every | THEIRS
    for command in known:  # one that is named together with an option has it
        inner = [one.removeprefix(f"{command} ") for one in known if one.startswith(f"{command} ")]
        further = rf"(?!(?:{'|'.join(inner)})\b)" if inner else ""
        for said in re.findall(rf"`?\badt {command} {further}([^`)]*)", text):
            assert set(OPTION.findall(said)) <= known[command], command


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_text_names_exists(path: Path) -> None:
    known = {words.split()[0] for words in options_of()}
    for text in texts(path):
        for name in re.findall(r"`adt ([a-z-]+)", text):
            assert name in known, text


def test_the_options_of_typer_are_read_as_they_are() -> None:
    known = options_of()
    assert "--resume" in known["train"]
    assert "--resume" not in known["evaluate"]
    assert isinstance(app, typer.Typer)
