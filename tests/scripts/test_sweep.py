import csv
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from threading import Thread
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from inline import in_this_process
from sklearn.metrics import precision_recall_fscore_support
from typer.testing import CliRunner, Result

from adt_gym import ScoredSeries, thresholds
from adt_gym.agents.reference_dqn import Hyperparameters, ReferenceDQN
from adt_gym.envs import sources
from adt_gym.experiments import cells as runner
from adt_gym.experiments import sweep as module
from adt_gym.experiments.grid import parse_grid, points
from adt_gym.experiments.sweep import KINDS, Cell, cells_of, train_and_evaluate
from adt_gym.experiments.workers import MOST_DEATHS, finish, processes
from adt_gym.files import visible
from adt_gym.report.sweep import summarise
from adt_gym.scored_files import load_scored
from adt_gym.scripts.sweep import sweep
from adt_gym.series import InputError

app = typer.Typer()
app.command()(sweep)

SERIES = "yahoo_like_59"
METHODS = ["adt", "static", "persistence(1)", "always", "never", "random"]
GRID = (f"series={SERIES}", "episodes=5", "k=2,3", "alpha=0.9,0.5", "seed=0:2")
KILL_ITS_WORKER = ["echo 1", "kill -9 $PPID", "echo 2"]
"""For subprocess.getoutput, which any worker can import."""


def adt_sweep(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "80"})


def succeed(*arguments: object) -> str:
    result = adt_sweep(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "processes", in_this_process)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (folder / "cells").glob("*.json")]


# The grid


def test_a_grid_holds_lists_and_ranges_in_the_types_of_its_settings() -> None:
    words = ["k=2,10", "alpha=0.9,1", "seed=0:3,7", "net_arch=32x16,64", "plan=true,false", "loss=mse", "series=a,b"]
    assert parse_grid(words, KINDS) == {
        "k": (2, 10),
        "alpha": (0.9, 1.0),
        "seed": (0, 1, 2, 7),
        "net_arch": ((32, 16), (64,)),
        "plan": (True, False),
        "loss": ("mse",),
        "series": ("a", "b"),
    }


def test_every_setting_of_a_cell_can_be_swept() -> None:
    hyperparameters = {f.name for f in fields(Hyperparameters)}
    assert set(KINDS) == {"series", "k", "alpha", "episodes", "seed"} | hyperparameters
    (cell,) = cells_of(parse_grid(["k=5", "gamma=0.5", "net_arch=8"], KINDS))
    expected = replace(Cell(k=5), hyperparameters=replace(Cell().hyperparameters, gamma=0.5, net_arch=(8,)))
    assert replace(cell, data="") == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "empty"),
        (["k"], "SETTING=VALUES"),
        (["depth=2"], "unknown setting 'depth'"),
        (["k="], "'' in 'k='"),
        (["k=2,,3"], "'' in"),
        (["k=two"], "'two'"),
        (["k=2.5"], "whole number"),
        (["seed=3:3"], "range '3:3'.* is empty"),
        (["seed=5:2"], "range '5:2'.* is empty"),
        (["seed=1:2:3"], "'1:2:3'"),
        (["alpha=nan"], "finite"),
        (["alpha=0:1"], "finite"),
        (["plan=1"], "true or false"),
        (["net_arch=32x"], "32x32x16"),
        (["series="], "a name"),
        (["k=2,2"], "twice"),
        (["seed=0:3,2"], "twice"),
        (["k=2", "k=3"], "named twice"),
    ],
)
def test_a_bad_grid_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_grid(words, KINDS)


@given(
    st.lists(st.integers(-9, 9), unique=True, min_size=1, max_size=4),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, min_size=1, max_size=4),
)
def test_the_points_are_all_combinations_of_what_was_written(whole: list[int], real: list[float]) -> None:
    words = ["k=" + ",".join(map(str, whole)), "alpha=" + ",".join(map(repr, real))]
    expected = [{"k": k, "alpha": alpha} for k in whole for alpha in real]
    assert points(parse_grid(words, KINDS)) == expected


def test_a_summary_is_over_seeds_and_names_rules_once() -> None:
    columns = ["series", "seed", "k", "method", "saw_labels", "f1"]
    rows = [("s", seed, k, "adt", True, k / 10 + seed / 5) for k in (2, 3) for seed in (0, 1)]
    rows += [("s", seed, k, "never", False, 0.0) for k in (2, 3) for seed in (0, 1)]
    rows[3] = (*rows[3][:5], math.nan)
    table = pd.DataFrame(rows, columns=columns)
    table[["composite_f1", "precision", "recall", "alarms_per_1000", "training_seconds"]] = math.nan
    summary = summarise(table, ["k"], "adt")
    assert summary[["k", "method", "saw_labels", "seeds"]].to_numpy().tolist() == [
        [2, "adt", True, 2],
        [3, "adt", True, 1],
        ["any", "never", False, 2],
    ]
    assert summary["f1"].tolist() == pytest.approx([0.3, 0.3, 0.0])
    assert summary["f1_std"].tolist() == pytest.approx([math.sqrt(0.02), math.nan, 0.0], nan_ok=True)


# A cell


def test_a_cell_trains_on_the_training_part_and_is_measured_on_the_rest() -> None:
    (series,) = (one for one in load_scored(sources.PACKAGED / "yahoo_like.npz") if one.name == SERIES)
    cut, tau = series.meta["trained_on_points"], series.meta["window"]
    train, test = series[: cut - tau + 1], series[cut:]
    env = gym.make("ADT-v0", series=train, k=3, alpha=0.5, beta=0.5)
    agent = ReferenceDQN(env, seed=4, gamma=0.9, learning_rate=1e-2, hold=2).learn(40)
    decisions = thresholds.Policy(agent, k=3, alpha=0.5, beta=0.5, hold=2).detect(test).decisions
    expected = precision_recall_fscore_support(test.labels, decisions, average="binary", zero_division=0)[:3]

    point = {"k": 3, "alpha": 0.5, "episodes": 40, "seed": 4, "learning_rate": 1e-2, "hold": 2}
    (cell,) = cells_of({name: (value,) for name, value in ({"series": SERIES} | point).items()})
    outcome = train_and_evaluate(cell)
    assert outcome.training_seconds > 0
    assert [row.method for row in outcome.rows] == METHODS
    assert [row.method for row in outcome.rows if row.saw_labels] == ["adt", "persistence(1)"]
    adt, _, copy, always, never, _ = outcome.rows
    assert (adt.precision, adt.recall, adt.f1) == pytest.approx(expected)
    assert adt.alarms_per_1000 == pytest.approx(1000 * decisions.mean())
    assert copy.alarms_per_1000 == pytest.approx(1000 * np.append(False, test.labels[:-1]).mean())
    assert (always.recall, never.recall) == (1, 0)
    assert always.precision == pytest.approx(test.labels.mean())


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training break where the target network is copied after every 7 episodes."""
    learn = module.ReferenceDQN.learn

    def broken(agent: Any, episodes: int) -> Any:
        return learn(agent, episodes) if agent.settings.target_update_interval != 7 else 1 / 0

    monkeypatch.setattr(module.ReferenceDQN, "learn", broken)


# The folder


@pytest.mark.usefixtures("inline")
def test_a_sweep_writes_its_table_summary_and_heat_maps(tmp_path: Path) -> None:
    out = tmp_path / "out"
    printed = succeed("--grid", *GRID, "--out", out)
    assert {path.name for path in visible(out, "*")} == {
        "cells", "config.json", "table.csv", "table.parquet", "heat-k-alpha.png",
    }  # fmt: skip
    assert (out / "heat-k-alpha.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "config.json").read_text())["grid"]["seed"] == [0, 1]
    table = pd.read_parquet(out / "table.parquet")
    assert len(table) == 8 * len(METHODS)
    assert table["error"].isna().all()
    assert table["training_seconds"].notna().equals(table["method"] == "adt")
    with (out / "table.csv").open() as file:
        assert [float(row["f1"]) for row in csv.DictReader(file)] == pytest.approx(table["f1"].tolist())
    lines = printed.splitlines()
    assert sum(" adt " in line for line in lines) == 4
    for method in METHODS[1:]:
        saw = "yes" if method == "persistence(1)" else "no"
        (line,) = (line for line in lines if f" {method} " in line)
        assert saw in line.split()
    assert str(out) in printed.replace("\n", "")


@pytest.mark.usefixtures("inline")
def test_finished_cells_are_kept_and_all_others_run(tmp_path: Path) -> None:
    words = (f"series={SERIES}", "episodes=5", "--out", tmp_path / "out")
    succeed(*words, "seed=0:4")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/cells/*")}
    assert "4 of 5 cells were finished before" in succeed(*words, "seed=0:5")
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/cells/*")}
    assert len(after) == 5
    assert after.items() > before.items()


def test_a_cell_bears_the_data_that_it_names(tmp_path: Path, make_series: Callable[..., ScoredSeries]) -> None:
    data = []
    for seed in (0, 1, 0):
        path = tmp_path / "scores.npz"
        replace(make_series(100, seed), name="one", meta={"trained_on_points": 50, "window": 5}).save(path)
        for cache in (module.load, module.fingerprint):  # a command reads a file once
            cache.cache_clear()
        (cell,) = cells_of({"series": (str(path),)})
        data.append(cell.data)
    assert data[0] == data[2] != data[1]


@pytest.mark.usefixtures("inline", "defect")
def test_a_cell_that_failed_is_in_the_table_and_in_the_exit_code(tmp_path: Path) -> None:
    result = adt_sweep(f"series={SERIES}", "episodes=5", "target_update_interval=7,100", "k=2,3", "--out", tmp_path)
    assert result.exit_code == 1
    assert result.output.count("failed: ") == 2
    table = pd.read_parquet(tmp_path / "table.parquet")
    failed = table[table["error"].notna()]
    assert failed["target_update_interval"].tolist() == [7, 7]
    assert failed["f1"].isna().all()
    assert table.loc[table["target_update_interval"] == 100, "method"].tolist() == METHODS * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["series=yahoo_unlike"], "unknown series"),
        (["series=yahoo_like_1"], "training part"),
        (["series=yahoo_like_59", "k=400"], "400"),
        (["series=yahoo_like_59", "k=0"], "k must be"),
        (["alpha=1.5"], "alpha"),
        (["episodes=0"], "episodes"),
        (["seed=-1"], "seed"),
        (["hold=0"], "hold"),
        (["target_update_interval=0"], "target_update_interval"),
        (["buffer_size=1000000000000"], "buffer_size"),
        (["k=1000000000000"], "k must be"),
        (["episodes=1000000000000"], "episodes"),
        (["net_arch=100000x100000"], "net_arch"),
        (["seed=0:1000000000000"], "more than 100,000 points"),
        (["seed=0:1000", "k=1:1000"], "more than 100,000 points"),
        (["auto"], "SETTING=VALUES"),
        (["k=2", "--ray", "here:1", "there:2"], "one address"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    words: list[str], message: str, tmp_path: Path
) -> None:
    result = adt_sweep(*words, "--out", tmp_path / "out")
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_scores_of_unknown_training_are_refused(tmp_path: Path, make_series: Callable[..., ScoredSeries]) -> None:
    make_series(100).save(tmp_path / "scores.npz")
    with pytest.raises(InputError, match="trained_on_points"):
        module.load(str(tmp_path / "scores.npz"))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    assert isinstance(adt_sweep(f"series={SERIES}", "--out", tmp_path).exception, FileExistsError)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


# Workers that die


def kill_when(found: Callable[[], int | None]) -> Thread:
    """Kill, once, the process whose id ``found`` returns when there is one."""

    def hunt() -> None:
        deadline = time.monotonic() + 600  # a busy machine starts Ray late
        while time.monotonic() < deadline:
            if pid := found():
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.02)

    thread = Thread(target=hunt, daemon=True)
    thread.start()
    return thread


def assert_one_death_cost_one_cell(out: Path, cells: int) -> None:
    kept = records(out)
    assert sorted(record["deaths"] for record in kept) == [0] * (cells - 1) + [1]
    table = pd.read_parquet(out / "table.parquet")
    assert len(table) == cells * len(METHODS)
    here = train_and_evaluate(Cell(SERIES, episodes=60, seed=1)).rows
    assert [row.f1 for row in here] == table[table["seed"] == 1]["f1"].tolist()


def test_a_killed_process_loses_its_cell_only(tmp_path: Path) -> None:
    def busy() -> int | None:
        if not list(tmp_path.glob("out/cells/*.json")):
            return None
        return next((child.pid for child in multiprocessing.active_children()), None)

    killer = kill_when(busy)
    words = (f"series={SERIES}", "episodes=60", "seed=0:5", "--jobs", 2, "--out", tmp_path / "out")
    assert "workers that died: 1" in succeed(*words)
    killer.join()
    assert_one_death_cost_one_cell(tmp_path / "out", 5)
    assert multiprocessing.active_children() == []


def test_a_cell_that_kills_its_process_is_given_up_and_no_other() -> None:
    with processes(subprocess.getoutput, 2) as workers:
        ends = {end.task: end for end in finish(workers, KILL_ITS_WORKER)}
    first, killer, last = (ends[task] for task in KILL_ITS_WORKER)
    assert [(end.result, end.deaths, end.error) for end in (first, last)] == [("1", 0, None), ("2", 0, None)]
    assert (killer.result, killer.deaths) == (None, MOST_DEATHS)
    assert "died 3 times" in killer.error


def test_a_killed_ray_worker_loses_its_cell_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    killer = kill_when(lambda: descendant("ray::_attempt"))
    words = (f"series={SERIES}", "episodes=60", "seed=0:4", "--ray", "--jobs", 2, "--out", "out")
    assert "workers that died: 1" in succeed(*words)
    killer.join()
    assert_one_death_cost_one_cell(tmp_path / "out", 4)


def test_a_ray_that_we_start_is_reached_from_this_machine_alone(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    program = """
from adt_gym.experiments.workers import ray_tasks
with ray_tasks(lambda task: task, 1):
    import ray
    print([node["NodeManagerAddress"] for node in ray.nodes()])
"""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "['127.0.0.1']"


def descendant(title: str) -> int | None:
    """Return a process below this one whose command line starts with ``title``."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    parents, titles = {}, {}
    for line in listing.splitlines():
        pid, parent, command = line.split(None, 2)
        parents[int(pid)], titles[int(pid)] = int(parent), command
    for pid, command in titles.items():
        ancestor = pid
        while ancestor in parents and ancestor != os.getpid():
            ancestor = parents[ancestor]
        if command.startswith(title) and ancestor == os.getpid():
            return pid
    return None
