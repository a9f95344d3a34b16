import importlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inline import in_this_process
from toy_cells import Cell, Squared, work, work_with_files

from adt_gym import ScoredSeries, data, metrics, scoring, thresholds
from adt_gym.experiments import cells as module
from adt_gym.experiments.cells import Outcome, key_of, results, run_cells
from adt_gym.experiments.workers import MOST_DEATHS, variable
from adt_gym.folders import own_folder
from adt_gym.registry import Entry, Registry
from adt_gym.report.progress import console
from adt_gym.stream.feedback import Full, feedback_of

CELLS = [Cell(seed) for seed in range(4)]


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """The cells that are done, in this process."""
    done: list[Cell] = []
    monkeypatch.setattr(module, "processes", in_this_process)
    perform = module._Task.perform
    monkeypatch.setattr(module._Task, "perform", lambda task: done.append(task.cell) or perform(task))
    return done


def run(path: Path, cells: list[Cell] = CELLS, jobs: int = 2, what: Any = work, **more: Any) -> list[Outcome[Squared]]:
    with own_folder(path, "test") as folder:
        return run_cells(folder, cells, what, jobs, **more)


def kept(path: Path, seed: int) -> Path:
    (found,) = (one for one in path.glob("cells/*.json") if json.loads(one.read_text())["cell"] == f"cell {seed}")
    return found


# What is done, and what is kept


def test_every_cell_is_done_once_and_kept(tmp_path: Path, did: list[Cell]) -> None:
    first = run(tmp_path / "out", CELLS[:3])
    assert [one.result.value for one in first[1:]] == [1, 4]
    assert math.isnan(first[0].result.value)
    with console.capture() as printed:
        again = run(tmp_path / "out")
    assert did == CELLS
    assert "3 of 4 cells were finished before" in printed.get()
    assert again[1:3] == first[1:]
    assert [one.name for one in again] == [f"cell {seed}" for seed in range(4)]
    assert [one.value for one in results(again)[1:]] == [1, 4, 9]


@pytest.mark.parametrize("jobs", [0, 2])
def test_files_are_kept_beside_the_result(tmp_path: Path, jobs: int, did: list[Cell]) -> None:
    for _ in range(2):
        outcomes = run(tmp_path / "out", CELLS[:2], jobs, work_with_files, files=True)
        for seed, one in enumerate(outcomes):
            assert (one.files / "note.txt").read_text() == f"of {seed}"
            assert np.load(one.files / "array.npz")["seeds"].tolist() == [seed] * 3
    assert did == CELLS[:2]
    (outcomes[0].files / "array.npz").write_bytes(b"damaged")
    (outcomes[1].files / "note.txt").unlink()
    with pytest.warns(UserWarning, match="a cell is measured again") as warned:
        run(tmp_path / "out", CELLS[:2], jobs, work_with_files, files=True)
    assert len(warned) == 2
    assert did[2:] == CELLS[:2]
    assert np.load(outcomes[0].files / "array.npz")["seeds"].tolist() == [0] * 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{",
        lambda text: "[]",
        lambda text: text.replace('"value": 4.0', '"value": "four"'),
        lambda text: text.replace('"value": 4.0, ', ""),
        lambda text: text.replace('"key": "', '"key": "0'),
    ],
)
def test_a_damaged_cell_is_done_again(tmp_path: Path, did: list[Cell], damage: Callable[[str], str]) -> None:
    run(tmp_path / "out")
    path = kept(tmp_path / "out", 2)
    text = json.dumps(json.loads(path.read_text()))
    path.write_text(damage(text))
    assert path.read_text() != text
    with pytest.warns(UserWarning, match=r"a cell is measured again: .*json"):
        assert run(tmp_path / "out")[2].result == Squared(4.0)
    assert did[4:] == [CELLS[2]]
    assert json.loads(path.read_text()) == json.loads(text)


# The key


class OwnRule(Full):
    def __init__(self, weekday: int):
        super().__init__()
        object.__setattr__(self, "weekday", weekday)


def test_the_key_holds_settings_and_data_and_code(make_series: Callable[..., ScoredSeries]) -> None:
    series = make_series(20)
    cell = Cell(1, (series,))
    others = [
        Cell(2, (series,)),
        Cell(1),
        Cell(1, (series, series)),
        Cell(1, (series[1:],)),
        Cell(1, (make_series(20, seed=1),)),
        Cell(1, (replace(series, name="another"),)),
        Cell(1, (replace(series, labels=~series.labels),)),
        Cell(1, (replace(series, past=np.float32([0.5])),)),
        Cell(1, (replace(series, index=np.arange(20).astype("datetime64[s]")),)),
        Cell(1, (replace(series, index=np.arange(20).astype("datetime64[m]")),)),
        Cell(1, (series,), feedback_of("full", 2)),
        Cell(1, (series,), feedback_of("alerts")),
        Cell(1, (series,), OwnRule(1)),
        Cell(1, (series,), does="1"),
    ]
    keys = {key_of(one, "code") for one in (cell, *others)} | {key_of(cell, "other code")}
    assert len(keys) == len(others) + 2
    copied = Cell(1, (replace(series, scores=series.scores.copy(), meta=dict(series.meta)),))
    assert key_of(copied, "code") == key_of(cell, "code")


def test_results_of_older_code_are_not_taken(tmp_path: Path, did: list[Cell], monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "out")
    run(tmp_path / "out")
    assert did == CELLS
    monkeypatch.setattr(module, "code_digest", lambda function, *_: f"newer code of {function.__module__}")
    run(tmp_path / "out")
    assert did == CELLS * 2


@pytest.mark.parametrize("registry", [data.registry, metrics.registry, scoring.registry, thresholds.registry])
def test_other_code_of_what_is_registered_is_another_key(
    tmp_path: Path, did: list[Cell], monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._entries, "mine", Entry("registered_by_me:Mine"))
    for text in ("class Mine: pass\n", "class Mine: pass\n", "class Mine: x = 1\n"):
        (tmp_path / "registered_by_me.py").write_text(text)
        run(tmp_path / "out")
    assert did == CELLS * 2


def test_other_code_of_a_rule_in_a_cell_is_another_key(
    tmp_path: Path, did: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "rule_of_mine.py"
    path.write_text("from adt_gym.stream.feedback import Feedback\nclass Rule(Feedback):\n    told_at = None\n")
    cells = [Cell(1, feedback=importlib.import_module("rule_of_mine").Rule())]
    monkeypatch.delitem(sys.modules, "rule_of_mine")
    vars(cells[0].feedback)["every"] = 2
    run(tmp_path / "out", cells)
    path.write_text(path.read_text() + "# changed\n")
    run(tmp_path / "out", cells)
    assert did == cells * 2


# What goes wrong


def test_a_cell_that_fails_is_an_outcome_and_not_kept(tmp_path: Path) -> None:
    cells = [Cell(1), Cell(2, does="fails"), Cell(3)]
    outcomes = run(tmp_path / "out", cells)
    assert [one.result for one in outcomes] == [Squared(1), None, Squared(9)]
    assert outcomes[1].error == "ValueError: it cannot be done"
    assert len(list(tmp_path.glob("out/cells/*"))) == 2
    with pytest.raises(ChildProcessError, match="cell 2 failed: ValueError: it cannot be done"):
        results(outcomes)


def test_in_this_process_an_error_ends_it_and_what_was_finished_stays(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be done"):
        run(tmp_path / "out", [Cell(1), Cell(2, does="fails"), Cell(3)], jobs=0)
    assert json.loads(kept(tmp_path / "out", 1).read_text())["result"] == {"value": 1.0, "series": []}
    assert len(list(tmp_path.glob("out/cells/*"))) == 1


def test_a_worker_that_dies_costs_its_own_cell_which_is_given_up_in_the_end(tmp_path: Path) -> None:
    outcomes = run(tmp_path / "out", [Cell(1), Cell(2, does="dies"), Cell(3)])
    assert [one.deaths for one in outcomes] == [0, MOST_DEATHS, 0]
    assert [one.error is None for one in outcomes] == [True, False, True]
    assert "died 3 times" in str(outcomes[1].error)


def test_a_cell_whose_worker_died_starts_with_an_empty_folder(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path / "out", [Cell(1, does="dies once")], 1, work_with_files, files=True)
    assert (outcome.deaths, outcome.result) == (1, Squared(1))
    assert {path.name for path in outcome.files.iterdir()} == {"array.npz", "note.txt"}
    (again,) = run(tmp_path / "out", [Cell(1, does="dies once")], 1, work_with_files, files=True)
    assert again == outcome


@pytest.mark.parametrize("jobs", [0, 1])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_it_loses_the_running_cell_alone(tmp_path: Path, jobs: int, sent: signal.Signals) -> None:
    program = f"""
from adt_gym.experiments.cells import run_cells
from adt_gym.folders import own_folder
from toy_cells import Cell, work
with own_folder("out", "test") as folder:
    run_cells(folder, [Cell(1), Cell(2, does="sleeps"), Cell(3)], work, {jobs})
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
    ) as run_:
        while not list(tmp_path.glob("out/cells/*.json")):
            assert run_.poll() is None, run_.communicate()[1]
            time.sleep(0.02)
        time.sleep(0.2)
        run_.send_signal(sent)
        run_.communicate(timeout=60)
    before = kept(tmp_path / "out", 1).stat().st_mtime_ns
    outcomes = run(tmp_path / "out", [Cell(1), Cell(3)], 1)
    assert [one.result for one in outcomes] == [Squared(1), Squared(9)]
    assert kept(tmp_path / "out", 1).stat().st_mtime_ns == before
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"cells", ".adt_gym.jsonl"}


def test_cells_run_on_ray_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    outcomes = run(tmp_path / "out", [Cell(1), Cell(2, does="fails"), Cell(3, does="dies")], 2, ray="")
    assert outcomes[0].result == Squared(1)
    assert outcomes[1].error == "ValueError: it cannot be done"
    assert outcomes[2].deaths == MOST_DEATHS
    assert run(tmp_path / "out", [Cell(1)], 2)[0] == outcomes[0]


@pytest.mark.parametrize("before", [None, "as it was"])
def test_an_environment_variable_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.delenv("ADT_TOY", raising=False)
    if before:
        monkeypatch.setenv("ADT_TOY", before)
    with variable("ADT_TOY", "1"):
        assert os.environ["ADT_TOY"] == "1"
    assert os.environ.get("ADT_TOY") == before
