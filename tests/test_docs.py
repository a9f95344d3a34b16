"""What the pages show runs as it stands, and says what is so."""

import doctest
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from pytest_examples.find_examples import find_examples
from typer.core import TyperCommand
from typer.testing import CliRunner

from adt_gym import Monitor, data, metrics, scoring, thresholds
from adt_gym.envs.task import CONDITIONS
from adt_gym.evaluation.compare import evaluate
from adt_gym.report.progress import console
from adt_gym.scripts.__main__ import app

ROOT = Path(__file__).parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"
PAGES = [README, *(page for page in sorted(DOCS.rglob("*.md")) if page.parent.name != "tutorials")]
"""But for the tutorials, which run while the site is built: tests/test_site.py."""

EVERY_PAGE = [README, *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)")
REPOSITORY = "https://github.com/adt-gym/adt_gym/blob/main/"

named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def python_blocks(page: Path) -> list[str]:
    """Return the Python blocks of a page, each on the lines that it has in the file."""
    return ["\n" * example.start_line + example.source for example in find_examples(page)]


def run_blocks(page: Path) -> dict[str, Any]:
    """Run the Python blocks of a page one after the other; return the names that they leave."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in python_blocks(page):
        exec(compile(block, str(page), "exec"), names)
    return names


@pytest.fixture
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget after the test what it registers."""
    for one in (thresholds, scoring, metrics, data):
        monkeypatch.setattr(one.registry, "_entries", dict(one.registry._entries))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    time = pd.date_range("2026-01-01", periods=6000, freq="5min")
    broken = np.arange(6000) % 400 > 385
    heat = np.sin(np.arange(6000) / 30) + 0.1 * random.standard_normal(6000) + 2 * broken
    pd.DataFrame({"time": time, "heat": heat, "anomaly": broken}).to_csv("metrics.csv", index=False)
    pods = random.standard_normal((200, 3)) + 4 * (np.arange(200) % 10 == 0)[:, None]
    pd.DataFrame(pods).assign(label=np.arange(200) % 10 == 0).to_csv("pods.csv", index=False)
    return tmp_path


@named
def test_the_python_of_a_page_runs(page: Path, folder: Path, own_registries: None) -> None:
    run_blocks(page)


def test_the_examples_of_docstrings_run() -> None:
    found = [example for room in ("adt_gym", "agents", "scripts") for example in find_examples(ROOT / room)]
    assert not found, "a docstring has a Python block that no test runs"
    for path in (ROOT / "adt_gym").rglob("*.py"):
        if ">>>" in path.read_text():
            module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            assert doctest.testmod(module).failed == 0


# Commands


def commands(page: Path) -> Iterator[str]:
    """Yield every line of a page that calls `adt`, in a block or within a line; options may be left out with "..."."""
    text = page.read_text()
    blocks = [line for language, block in FENCE.findall(text) if language in ("", "sh") for line in block.splitlines()]
    yield from (line.removeprefix("$ ") for line in blocks if line.startswith(("adt ", "$ adt ")))
    yield from re.findall(r"`(adt [a-z][^`]*)`", FENCE.sub("", text))


def placed(line: str) -> list[str]:
    """Return the words behind `adt`, with something to read in place of what stands for a number."""
    words = shlex.split(line, comments=True)[1:]
    return ["1" if re.fullmatch("[A-Z]", word) else word.removesuffix("...") for word in words]


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_command_line_takes_the_commands_of_a_page(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TyperCommand, "invoke", lambda self, context: None)
    for line in commands(page):
        words = placed(line)
        result = CliRunner().invoke(app, words if len(words) > 1 else [*words, "--help"])
        assert result.exit_code == 0, f"{line}: {result.output}"


def test_a_wrong_command_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TyperCommand, "invoke", lambda self, context: None)
    assert len({line for page in EVERY_PAGE for line in commands(page)}) > 30
    for wrong in ("run yahoo_like --sedes 5", "runn yahoo_like", "frontier --train asd --deadline x"):
        assert CliRunner().invoke(app, wrong.split()).exit_code == 2


def test_make_and_pip_know_what_the_pages_ask_of_them() -> None:
    text = "\n".join(page.read_text() for page in EVERY_PAGE)
    asked = {line for language, block in FENCE.findall(text) if language == "sh" for line in block.splitlines()}
    asked |= set(re.findall(r"`(make [^`]*)`", text))
    targets = set(re.findall(r"^([a-z-]+)[a-z -]*:", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {line.split()[1] for line in asked if line.startswith("make ")} <= targets
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    table = re.findall(r"^\| (`[a-z`, ]*`) \|", (DOCS / "install.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"[a-z]+", " ".join(table))) == set(extras)
    assert {one for group in re.findall(r"(?:adt-gym|'\.)\[([a-z,]+)\]", text) for one in group.split(",")} <= set(
        extras
    )


# What is said


def rows_of(table: str) -> dict[str, list[str]]:
    """Return the cells of a printed table of methods by the method's name."""
    rows = (re.split(r" +(yes|no) +", line.strip(), maxsplit=1) for line in table.splitlines())
    return {row[0]: [row[1], *row[2].split()] for row in rows if len(row) == 3}


def numbers(cells: list[str]) -> list[float]:
    return [float(number) for cell in cells for number in re.findall(r"\d+(?:\.\d+)?", cell)]


def test_the_truth_tables_are_what_the_demo_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to what another processor makes of the scores; who copies labels depends on none."""
    monkeypatch.setattr(console, "width", 100)
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(app, ["run", "yahoo_like"]).output
    made = rows_of(printed)
    (short,) = (rows_of(block) for _, block in FENCE.findall(README.read_text()) if "yahoo_like:" in block)
    whole = next(
        rows_of(block) for _, block in FENCE.findall((DOCS / "truth.md").read_text()) if "  yahoo_like:" in block
    )
    assert {"adt", "persistence(1)", "persistence(10)", "static", "always"} <= set(short) < set(whole) == set(made)
    for method, cells in [*short.items(), *whole.items()]:
        assert cells[0] == made[method][0]
        assert numbers(cells[1:7]) == pytest.approx(numbers(made[method][1:7]), abs=0.03)
        if method in ("adt", "persistence(1)", "persistence(10)", "always"):
            assert cells == made[method]
    assert "equals the label of the window before on 100.00%" in printed


def test_where_our_agent_is_above_a_fixed_threshold() -> None:
    """What README says of the leaderboard: the day that it changes, README does."""
    above = re.findall(r"^## (\S+)\n\nAbove `static`: (.*)$", (DOCS / "leaderboard.md").read_text(), re.MULTILINE)
    assert len(above) == len(CONDITIONS)
    ahead = [condition for condition, names in above if "`ours`" in names]
    assert f"`ours` is above `static` under {len(ahead)} of its {len(above)} conditions" in README.read_text()


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.read_text().splitlines()) < 120
    for page in EVERY_PAGE:
        for link in LINK.findall(page.read_text()):
            if link.startswith(REPOSITORY):
                assert (ROOT / link.removeprefix(REPOSITORY)).exists(), link
            elif page == README and not link.startswith("http"):
                assert (ROOT / link).exists(), link


def test_every_environment_has_its_spaces_on_a_page() -> None:
    pages = "".join(page.read_text() for page in (DOCS / "environments").glob("*.md"))
    overview = (DOCS / "environments" / "index.md").read_text()
    ids = [one for one in gym.registry if one.startswith(("ADT-", "mo-adt-"))]
    assert len(ids) >= 7
    for name in ids:
        env = gym.make(name)
        action, observation = (
            re.sub(r"\[\s*(\S+)[^]]*\s(\S+)\]", r"[\1 ... \2]", repr(space))
            for space in (env.action_space, env.observation_space)
        )
        assert f'| `{action}` | `{observation}` | `gymnasium.make("{name}")` |' in pages
        if not name.startswith("ADT-Bench-") or name == "ADT-Bench-v0":
            assert re.search(rf"\[`{name}`\]\([a-z.]+\) \| {re.escape(f'`{action}` | `{observation}`')} \|", overview)
            assert f"| `{name}` |" in README.read_text()


# docs/extending.md


def test_each_takes_less_than_forty_lines() -> None:
    blocks = [block.strip() for block in python_blocks(DOCS / "extending.md")]
    assert len(blocks) == 5
    assert max(len(block.splitlines()) for block in blocks) < 40


def test_what_is_added_is_used_like_what_comes_with_the_package(own_registries: None, tmp_path: Path) -> None:
    run_blocks(DOCS / "extending.md")
    (series,) = data.load("pump", points=1200)
    assert series.labels is not None
    assert series.labels.sum() == 4 * 9
    scorer = scoring.make("jump", window=5).fit([series[:600]])
    train, test = scorer.score(series[:600], series[:600]), scorer.score(series[600:], series[:600])
    steps = np.abs(np.diff(series.values[600:605, 0])) / np.diff(series.values[:600, 0]).std()
    assert test.raw[0] == pytest.approx(steps.max(), rel=1e-5)
    method = thresholds.make("hysteresis", low=0.2).fit([train])
    row = evaluate(method, [train], [test])
    decisions, high = [], thresholds.make("static").fit([train]).threshold  # type: ignore[attr-defined]
    for score in test.scores.tolist():
        decisions.append(score > (min(0.2, high) if decisions and decisions[-1] else high))
    assert row.detections[0].decisions.tolist() == decisions
    assert row.found_at_once == 1.0
    method.save(tmp_path / "method.npz")
    scorer.save(tmp_path / "scorer.npz")  # type: ignore[attr-defined]
    monitor = Monitor(scoring.load(tmp_path / "scorer.npz"), thresholds.load(tmp_path / "method.npz"), series[:600])
    pushed = [monitor.push(None, point) for point in series.values[600:]]
    assert [one.decision for one in pushed if one] == decisions
