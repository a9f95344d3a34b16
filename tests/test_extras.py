import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import bare
import pytest
from packaging.requirements import Requirement

from adt_gym import extras
from adt_gym.extras import EXTRAS, MissingExtra, require
from adt_gym.scripts.commands import COMMANDS, check

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"adt-gym"}
ONE_LINE = re.compile(r"Error: [^\n]* needs [^\n]*, which (is|are) not installed: pip install '\.\[[a-z,]+\]' [^\n]*\n")


def required(extra: str) -> set[str]:
    """Return the distributions that an extra asks for, those of the extras within it too."""
    wanted = [Requirement(line) for line in PROJECT["optional-dependencies"][extra]]
    inner = {name for one in wanted if one.name in OURS for each in one.extras for name in required(each)}
    return inner | {bare.canonical(one.name) for one in wanted if one.name not in OURS}


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_it_is_said_to_bring(extra: str) -> None:
    owners = bare.owners()
    assert {module for module in EXTRAS[extra] if not required(extra) & owners[module]} == set()


def test_all_that_is_imported_comes_with_the_core_or_an_extra() -> None:
    known = {*bare.CORE, "adt_gym", *sys.stdlib_module_names, *(one for each in EXTRAS.values() for one in each)}
    known |= {"PIL", "cmdstanpy", "yaml"}  # come with matplotlib, prophet and rl_zoo3
    paths = [path for folder in ("adt_gym", "agents", "scripts") for path in (ROOT / folder).rglob("*.py")]
    imported = set()
    for node in (node for path in paths for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported - known == set()


def test_the_message_names_what_is_missing_and_the_fewest_extras_that_bring_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in ("torch", "scipy", "aeon") else object())
    with pytest.raises(MissingExtra) as error:
        require("this", "torch", "pandas", "aeon", "scipy")
    assert str(error.value) == (
        "this needs torch, aeon and scipy, which are not installed: pip install '.[eval,train]' in a checkout, "
        "or pip install 'adt-gym[eval,train] @ git+https://github.com/adt-gym/adt_gym'"
    )
    assert isinstance(error.value, ImportError)
    require("that", "pandas")


def test_the_address_is_the_projects() -> None:
    assert PROJECT["urls"]["Source"] == extras.URL
    assert f'repository-code: "{extras.URL}"' in (ROOT / "CITATION.cff").read_text()


# Commands


@pytest.mark.parametrize("words", [(), ("--help",), ("nonsense",), *((name,) for name in COMMANDS)], ids=" ".join)
def test_without_any_extra_a_command_is_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    done = bare.run(bare.COMMAND, *words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert ONE_LINE.fullmatch(done.stderr)
    assert list(tmp_path.iterdir()) == []


def said(name: str) -> str | None:
    """Return what a command says before it works; None if nothing is missing."""
    try:
        check([name])
    except MissingExtra as error:
        return str(error)
    return None


@pytest.mark.parametrize("extra", EXTRAS)
def test_with_one_extra_a_command_is_there_or_says_what_else_it_needs(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = frozenset(EXTRAS[extra])
    hidden = set(bare.hidden(modules))
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in hidden else object())
    there = [name for name in COMMANDS if said(name) is None]
    assert all(ONE_LINE.fullmatch(f"Error: {said(name)}\n") for name in COMMANDS if name not in there)
    load = "from adt_gym.scripts.commands import load\nfor name in sys.argv[1:]: load(name)"
    done = bare.run(load, *there, modules=modules, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (extra in ("data", "train", "score", "eval", "jax", "live", "cli")) == ("datasets" in there)


SERIES = [f"{name}.csv" for name in "abc"]
LINES: dict[str, tuple[tuple[str, ...], ...]] = {
    "run, report, figures": (
        ("run", "a.csv", "--episodes", "2", "--epochs", "1", "--out", "run", "--all"),
        ("report", "run"),
        ("figures", "--run", "run", "--out", "pictures"),
    ),
    "compare-scorers": (("compare-scorers", "a.csv", "--scorer", "isolation"),),
    "train, evaluate": (
        ("train", "--series", "yahoo_like_2", "--episodes", "1", "--out", "train"),
        ("evaluate", "train", "--series", "yahoo_like_2", "--all"),
    ),
    "PPO": (
        (*("train", "--agent", "sb3-ppo", "--series", "yahoo_like_2"), *("--episodes", "2", "--num-envs", "2")),
        ("evaluate", "runs/train-sb3-ppo", "--series", "yahoo_like_2"),
    ),
    "score, generalist, pretrain": (
        *(("score", f"{name}.csv", "--epochs", "1", "--out", f"families/tables/{name}.npz") for name in "ab"),
        ("generalist", "families", "--steps", "4096"),
        ("pretrain", "families"),
    ),
    "reproduce": (("reproduce", "table3", "--seeds", "1", "--episodes", "1", "--jobs", "1", "--all"),),
    "sweep": (("sweep", "k=2,3", "alpha=0.9,0.5", "episodes=1", "--jobs", "1"),),
    "frontier": (
        (
            *("frontier", "--train", "a.csv", "b.csv", "--test", "c.csv", "--delays", "1", "--seeds", "1"),
            *("--epochs", "1", "--episodes", "1", "--all"),
        ),
    ),
    "watch": (("watch", "watch.toml"),),
    "backtest": (("backtest", "watch.toml"), ("report", "runs/backtest")),
    "classify": (("classify", "blobs", "--episodes", "1"),),
    "datasets": (("datasets",),),
    "leaderboard": (("leaderboard", "judge", "static", "--condition", "full-1"),),
    "play, zoo": (("play", "--help"), ("zoo", "--help")),
    "benchmark": (
        ("benchmark", "step", "--steps", "10", "--rounds", "1"),
        ("benchmark", "infer", "--windows", "10", "--rounds", "1"),
    ),
}


WATCHED = """
[service]
listen = "127.0.0.1:0"
[source]
kind = "file"
path = "points.ndjson"
past = "200m"
[[sinks]]
kind = "lines"
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Three tables of a value that is high where the label is 1, and a config that watches such a one."""
    label = [int(t % 50 < 4) for t in range(300)]
    for shift, name in enumerate(SERIES):
        rows = [f"{60 * t},{(t * 37 + shift) % 11 + 30 * label[t]},{label[t]}" for t in range(150)]
        (tmp_path / name).write_text("\n".join(["timestamp,value,label", *rows]))
    points = [
        {"time": 1_700_000_000 + 60 * t, "series": "a", "value": (t * 37) % 11 + 30 * label[t]} for t in range(300)
    ]
    (tmp_path / "points.ndjson").write_text("\n".join(map(json.dumps, points)))
    (tmp_path / "watch.toml").write_text(WATCHED)
    return tmp_path


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_what_a_command_says_it_needs_is_enough(lines: tuple[tuple[str, ...], ...], tables: Path) -> None:
    for words in lines:
        table = {"pandas"} if {*SERIES} & {*words} else set()
        done = bare.run(bare.COMMAND, *words, modules={"typer", "rich", *COMMANDS[words[0]].needs, *table}, cwd=tables)
        assert done.returncode == 0, f"{words}: {done.stderr}"


def test_every_command_is_run_to_its_end() -> None:
    assert {words[0] for lines in LINES.values() for words in lines} == set(COMMANDS)


MISSING = {
    "table": (("run", "a.csv"), {"pandas"}),
    "arima": (("run", "a.csv", "--scorer", "arima"), {"statsmodels"}),
    "ensemble": (("run", "a.csv", "--scorer", "ensemble"), {"prophet"}),
    "pyod": (("score", "a.csv", "--scorer", "pyod:ECOD", "--out", "a.npz"), {"pyod"}),
    "pythresh": (("run", "a.csv", "--pythresh"), {"pythresh"}),
    "sb3": (("classify", "blobs", "--sb3"), {"stable_baselines3"}),
    "ray": (("sweep", "k=2", "--ray"), {"ray"}),
    "parquet": (("score", "a.parquet", "--out", "a.npz"), {"pyarrow"}),
    "ray for scores": (("score", "a.csv", "--out", "a.npz", "--ray", "local"), {"ray"}),
    "monitor": (("benchmark", "monitor"), {"scipy"}),
    "live": (("benchmark", "live"), {"sklearn"}),
    "learn": (("benchmark", "learn"), {"matplotlib"}),
}
"""What an option, a source or a command within a command needs beside."""


@pytest.mark.parametrize(("words", "without"), MISSING.values(), ids=MISSING)
def test_what_an_option_needs_is_said_before_it_works(words: tuple[str, ...], without: set[str], tables: Path) -> None:
    (tables / "a.parquet").write_text("nothing yet")
    before = set(tables.iterdir())
    done = bare.run(bare.COMMAND, *words, hide=without, cwd=tables)
    assert done.returncode == 2
    assert ONE_LINE.fullmatch(done.stderr.splitlines(keepends=True)[-1])
    assert next(iter(without)) in done.stderr
    assert not [path for one in set(tables.iterdir()) - before for path in one.rglob("*.npz")]
