import csv
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from inline import in_this_process
from typer.testing import CliRunner, Result

from adt_gym.envs.sources import resolve
from adt_gym.experiments import cells as runner
from adt_gym.experiments import paper, paper_scores
from adt_gym.experiments.paper import Reported, Setting
from adt_gym.experiments.paper_agents import Cell, thresholder
from adt_gym.experiments.paper_results import agreement
from adt_gym.experiments.paper_scores import PaperScores, ScoreSettings, prepare
from adt_gym.experiments.workers import Workers, processes
from adt_gym.files import visible
from adt_gym.folders import own_folder
from adt_gym.metrics.bootstrap import bootstrap_interval, f1_interval
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.robustness import subset_scores, wilcoxon_p
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.scripts.__main__ import Commands
from adt_gym.scripts.reproduce import reproduce
from adt_gym.series import Detection, InputError
from adt_gym.thresholds import make

METRICS = ["precision", "recall", "f1"]
OPERATORS = ["composite_f1", "false_alarms_per_day", "delay_median", "alarms_per_1000"]
COLUMNS = ["method", "saw_labels", *METRICS, *OPERATORS, *(f"{m}_std" for m in METRICS), "copied", "p_value", "seconds"]
COLUMNS += ["f1_low", "f1_high"]
PAPER = [f"paper_{metric}" for metric in METRICS]
REFERENCES = {"always", "never", "random", "static", "static (test labels)", "dspot", "online_fdr"}
EPISODES = 20
PACKAGED = ScoreSettings("yahoo_like", None, 10, 0.0035, 30)

app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
app.command()(reproduce)
app.command()(lambda: None)  # with one command alone, typer would take its name for an argument


def adt_reproduce(*arguments: object) -> Result:
    given = ["reproduce", "--episodes", str(EPISODES), "--jobs", "1", *map(str, arguments)]
    return CliRunner().invoke(app, given)


def succeed(*arguments: object) -> Result:
    result = adt_reproduce(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["method"] for row in rows}) == len(rows)
    return {row["method"]: row for row in rows}


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train one agent at a time in this process."""

    def start(work: Callable[[Any], Any], jobs: int) -> AbstractContextManager[Workers]:
        return in_this_process(work, jobs) if jobs == 1 else processes(work, jobs)

    monkeypatch.setattr(runner, "processes", start)


SOME = resolve("yahoo_like")[::6]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, where yahoo_like has a sixth of its series."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paper_scores, "resolve", lambda name: SOME)
    return tmp_path


@pytest.fixture
def few_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grids that are trained and judged in seconds."""
    monkeypatch.setattr(paper, "ALPHAS", (0.9, 0.0))
    monkeypatch.setattr(paper, "TABLE4_HOLDS", (10, 50))
    monkeypatch.setattr(paper, "FIGURE2_HOLDS", (1, 10))
    monkeypatch.setattr(paper, "FIGURE3_KS", (2, 3))


# The table


@pytest.mark.parametrize(
    ("what", "agents", "delays"),
    [
        ("table2", {"adt"}, [1]),
        ("table3", {"adt"}, [1]),
        ("table4", {f"adt l={hold} alpha={alpha}" for hold in (10, 50) for alpha in ("0.9", "0")}, [1, 10, 50]),
        ("figure2", {"adt l=1", "adt l=10"}, [1, 10]),
        ("figure3", {"adt k=2", "adt k=3"}, [1]),
        ("figure4", {"adt"}, [1]),
        ("figure5", {"adt"}, [1]),
    ],
)
@pytest.mark.usefixtures("few_settings")
def test_every_table_and_figure_has_the_rows_that_explain_it(
    here: Path, what: str, agents: set[str], delays: list[int]
) -> None:
    result = succeed(what, "--seeds", 1)
    folder = here / f"runs/reproduce-{what}-yahoo_like"
    rows = rows_of(folder)
    assert set(rows) == agents | REFERENCES | {f"persistence({delay})" for delay in delays}
    assert list(rows["never"])[:5] == COLUMNS[:5]
    for method, row in rows.items():
        saw = method.startswith(("adt", "persistence")) or method == "static (test labels)"
        assert row["saw_labels"] == str(saw)
        assert method in result.output
        assert (row["seconds"] == "") == (row["alpha"] == "") == (not method.startswith("adt"))
    if what != "table3":  # a subset without an anomaly counts as 1 for never, and as 0 for always
        assert (float(rows["always"]["recall"]), float(rows["never"]["f1"])) == (1, 0)
    assert float(rows["persistence(1)"]["copied"]) == 1
    assert (folder / f"{what}.png").read_bytes().startswith(b"\x89PNG")
    assert {file.name for file in visible(folder, "*")} == {"config.json", "table.csv", f"{what}.png", "cells"}


def test_table_2_holds_the_mean_over_the_seeds(here: Path) -> None:
    result = succeed("table2", "--seeds", 3, "--out", "all")
    rows = rows_of(here / "all")
    scores = prepared(PACKAGED, here / "out")
    f1, runs = [], []
    for seed in range(3):
        static = make("static").fit(scores.labelled(0.0035, seed))
        detections = [static.detect(one) for one in scores.test]
        runs.append(detections)
        decisions, labels = (np.concatenate([getattr(d, n) for d in detections]) for n in ("decisions", "labels"))
        f1.append(precision_recall_f1(decisions, labels)[2])
    assert float(rows["static"]["f1"]) == pytest.approx(np.mean(f1))
    assert float(rows["static"]["f1_std"]) == pytest.approx(np.std(f1, ddof=1))
    assert len(set(f1)) > 1
    assert bounds(rows["static"]) == (f1_interval(runs).low, f1_interval(runs).high)
    assert "95%" in result.output
    assert list(rows["static"]) == [*COLUMNS, *PAPER, "k", "l", "alpha"]
    assert all(row[column] == "" for row in rows.values() for column in ("p_value",))


def test_table_3_tests_each_method_against_the_agent_on_even_subsets(here: Path) -> None:
    result = succeed("table3", "--seeds", 1)
    rows = rows_of(here / "runs/reproduce-table3-yahoo_like")
    scores = prepared(PACKAGED, here / "out")
    never = subset_scores([make("never").detect(one) for one in scores.test])
    copy = subset_scores([make("persistence").detect(one) for one in scores.test])
    assert float(rows["persistence(1)"]["f1"]) == pytest.approx(copy[:, 2].mean())
    assert float(rows["persistence(1)"]["f1_std"]) == pytest.approx(copy[:, 2].std(ddof=1))
    interval = bootstrap_interval(copy[:, 2:])
    assert bounds(rows["persistence(1)"]) == (interval.low, interval.high)
    (files,) = (path for path in Path(result_folder(result), "cells").iterdir() if path.is_dir())
    policy = thresholder(Cell(Setting(), 0, EPISODES, []), files)
    ours = subset_scores([policy.detect(one) for one in scores.test])
    assert float(rows["adt"]["f1"]) == pytest.approx(ours[:, 2].mean())
    assert rows["adt"]["p_value"] == ""
    assert float(rows["never"]["p_value"]) == pytest.approx(wilcoxon_p(ours[:, 2], never[:, 2]))


def prepared(settings: ScoreSettings, folder: Path) -> PaperScores:
    with own_folder(folder, "reproduce") as own:
        return prepare(settings, own)


def bounds(row: dict[str, str]) -> tuple[float, float]:
    return float(row["f1_low"]), float(row["f1_high"])


def result_folder(result: Result) -> str:
    return result.output.split("are in ")[-1].strip()


def test_the_papers_numbers_stand_beside_ours_where_we_have_them(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invented = (
        Reported("table2", "yahoo", "adt", 0.111, 0.222, 0.333, Setting()),
        Reported("table2", "yahoo", "dspot", 0.444, None, 0.555),
        Reported("table3", "yahoo", "never", 0.666, 0.666, 0.666),
        Reported("table2", "swat", "always", 0.777, 0.777, 0.777),
    )
    monkeypatch.setattr(paper, "REPORTED", invented)
    output = succeed("table2", "--seeds", 1, "--out", "all").output
    found = {method: [row[column] for column in PAPER] for method, row in rows_of(here / "all").items()}
    assert found.pop("adt") == ["0.111", "0.222", "0.333"]
    assert found.pop("dspot") == ["0.444", "", "0.555"]
    assert set(map(tuple, found.values())) == {("", "", "")}
    assert "0.333" in output
    assert "0.555" in output


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "table2",
            ["the paper's Table 2, yahoo", "0.95206", "0.11777", "0.04528", "swat 0.000640 : 0.001272 = 1 : 1.99"],
        ),
        ("table3", ["the paper's Table 3, yahoo", "0.946 ±<0.01", "0.165 ±0.06"]),
        ("figure5", ["0.9994", "15,369 to 16,100"]),
    ],
)
def test_what_the_paper_prints_is_printed(here: Path, what: str, words: list[str]) -> None:
    output = succeed(what, "--seeds", 1).output
    assert [word for word in words if word not in output] == []


def test_the_composite_f1_and_the_rest_are_those_of_the_decisions(here: Path) -> None:
    output = succeed("table2", "--seeds", 2, "--deadline", 3, "--all", "--out", "all").output
    rows = rows_of(here / "all")
    scores = prepare(PACKAGED, here)
    copies = [make("persistence").detect(one) for one in scores.test]
    assert float(rows["persistence(1)"]["composite_f1"]) == pytest.approx(composite_f1(copies, 3))
    assert rows["persistence(1)"]["delay_median"] == "1.0"
    assert rows["always"]["alarms_per_1000"] == "1000.0"
    assert json.loads((here / "all/config.json").read_text())["settings"]["deadline"] == 3
    assert "within 3 windows" in output.replace("\n", " ")
    assert "train" in output
    made = [make("random", seed=seed).fit(scores.labelled(0.0035, seed)) for seed in range(2)]
    flagged = [np.concatenate([one.detect(series).decisions for series in scores.test]).mean() for one in made]
    assert float(rows["random"]["alarms_per_1000"]) == pytest.approx(1000 * np.mean(flagged))


def test_the_experiments_are_those_of_table_1() -> None:
    table1 = {
        name: (one.window, one.setting.k, one.setting.hold, one.setting.alpha, one.train_share)
        for name, one in paper.EXPERIMENTS.items()
    }
    assert table1 == {
        "yahoo_like": (10, 2, 1, 0.9, 0.0035),
        "yahoo": (10, 2, 1, 0.9, 0.0035),
        "swat": (12, 2, 10, 0.9, 0.0011),
        "wadi": (10, 2, 10, 0.9, 0.0058),
    }


def test_the_grids_vary_what_they_are_about() -> None:
    base = Setting(k=2, hold=10)
    table4 = paper.settings_of("table4", base)
    assert {(s.alpha, s.hold) for s in table4} == {(a, hold) for a in (1, 0.9, 0.5, 0.1, 0) for hold in (10, 50, 100)}
    assert (len(table4), {s.k for s in table4}) == (15, {2})
    assert paper.settings_of("figure2", base) == [Setting(2, hold) for hold in (1, 10, 20, 50, 100)]
    assert paper.settings_of("figure3", base) == [Setting(k, 10) for k in (2, 10, 15, 20, 50)]
    assert all(paper.settings_of(what, base) == [base] for what in ("table2", "table3", "figure4", "figure5"))


# What is learned on and what is evaluated


def test_packaged_scores_are_cut_where_the_training_of_their_scorer_ended(tmp_path: Path) -> None:
    scores = prepared(PACKAGED, tmp_path / "out")
    assert len(scores.whole) == len(scores.test) == len(scores.pool) == 67
    for whole, pool, test in zip(scores.whole, scores.pool, scores.test, strict=True):
        points = whole.meta["trained_on_points"]
        np.testing.assert_array_equal(pool.scores, whole.scores[: len(pool)])
        np.testing.assert_array_equal(test.scores, whole.scores[len(whole) - len(test) :])
        assert len(pool) - 1 + 10 == points == len(whole) - len(test)  # last point before the cut, first after it
    drawn = [scores.labelled(0.0035, seed) for seed in range(10)]
    windows = 0.0035 * sum(map(len, scores.whole))
    assert all(0.5 * windows < sum(map(len, some)) < 1.5 * windows for some in drawn)
    assert len({some[0].name for some in drawn}) > 1


def pump(seconds: int, attacks: list[range]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seconds)
    labels = np.isin(np.arange(seconds), [t for attack in attacks for t in attack])
    flow = np.sin(np.arange(seconds) / 9) + random.normal(0, 0.1, seconds)
    return np.stack([flow + 3 * labels, random.normal(0, 1, seconds)], axis=1), labels


@pytest.fixture
def swat_copy(tmp_path: Path) -> Path:
    """A folder like that of SWaT: its first attack begins at row 300."""
    folder = tmp_path / "swat"
    folder.mkdir()
    recordings = {"Normal_v1": pump(800, []), "Attack_v0": pump(1500, [range(300, 360), range(900, 1000)])}
    for name, (values, labels) in recordings.items():
        frame = pd.DataFrame(values, columns=["FIT101", "LIT101"])
        times = pd.date_range("2015-12-28 10:00", periods=len(values), freq="s").strftime("%d/%m/%Y %I:%M:%S %p")
        frame.insert(0, " Timestamp", times)
        frame["Normal/Attack"] = np.where(labels, "Attack", "Normal")
        frame.to_csv(folder / f"SWaT_Dataset_{name}.csv", index=False)
    return folder


def test_the_training_windows_of_a_plant_share_no_point_with_the_test(swat_copy: Path, tmp_path: Path) -> None:
    window = 12
    scores = prepared(ScoreSettings("swat", str(swat_copy), window, 0.1, 1), tmp_path / "out")
    (whole,), (pool,), (before, after) = scores.whole, scores.pool, scores.test
    count = round(0.1 * len(whole))
    start = int(np.argmax(whole.labels)) - count // 2
    np.testing.assert_array_equal(pool.index, whole.index[start : start + count])
    seconds = np.timedelta64(window - 1, "s")
    assert before.index[-1] + np.timedelta64(1, "s") == pool.index[0] - seconds  # first point of the first window
    assert after.index[0] - seconds == pool.index[-1] + np.timedelta64(1, "s")
    assert (before.index[0], after.index[-1]) == (whole.index[0], whole.index[-1])
    assert pool.labels.any()
    assert not pool.labels.all()
    assert [one.name for one in scores.train] == ["swat"]
    assert not scores.train[0].labels.any()


def test_a_copy_of_swat_from_its_files_to_the_table(swat_copy: Path, here: Path) -> None:
    arguments = ("table2", "--dataset", "swat", "--root", swat_copy, "--train-share", 0.1, "--epochs", 1, "--seeds", 1)
    succeed(*arguments, "--out", "one")
    rows = rows_of(here / "one")
    assert set(rows) == {"adt", "persistence(1)", "persistence(10)"} | REFERENCES
    assert (rows["adt"]["k"], rows["adt"]["l"]) == ("2", "10")
    assert rows["adt"]["f1_low"] == rows["dspot"]["f1_high"] == ""  # one recording, one seed
    made = {file: file.stat().st_mtime_ns for file in (here / "one/scores").iterdir()}
    assert set(map(str, (file.name for file in made))) == {
        *(f"{name}.npz" for name in PaperScores.__dataclass_fields__),
        "settings.json",
    }
    succeed(*arguments, "--out", "one")
    assert {file: file.stat().st_mtime_ns for file in (here / "one/scores").iterdir()} == made


def test_a_copy_of_yahoo_is_cut_in_every_series(tmp_path: Path) -> None:
    for number in (1, 2):
        values, labels = pump(400, [range(40, 50), range(300, 310)])
        frame = pd.DataFrame({"timestamp": np.arange(1, 401), "value": values[:, 0], "is_anomaly": labels.astype(int)})
        frame.to_csv(tmp_path / f"real_{number}.csv", index=False)
        frame.to_csv(tmp_path / f"synthetic_{number}.csv", index=False)
    scores = prepared(ScoreSettings("yahoo", str(tmp_path), 10, 0.1, 1), tmp_path / "out")
    assert [one.name for one in scores.test] == ["real_1", "real_2"]
    assert [len(one) for one in scores.whole] == [391, 391]
    assert [len(one) for one in scores.pool] == [100 - 9, 100 - 9]
    assert [len(one) for one in scores.test] == [300 - 9, 300 - 9]


def test_as_published_counts_the_training_windows_too(here: Path) -> None:
    output = succeed("table2", "--seeds", 1, "--as-published", "--out", "all").output
    rows = rows_of(here / "all")
    labels = np.concatenate([one.labels for one in SOME])
    assert float(rows["always"]["published_precision"]) == pytest.approx(labels.mean())
    test = np.concatenate([one.labels[one.meta["trained_on_points"] :] for one in SOME])
    assert float(rows["always"]["precision"]) == pytest.approx(test.mean())
    assert f"all {len(labels):,} windows" in " ".join(output.split())
    difference = float(rows["always"]["published_f1"]) - float(rows["always"]["f1"])
    assert f"{difference:+.3f}" in output


# Going on where it was stopped


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the agents that are trained from here on."""
    names: list[str] = []
    perform = runner._Task.perform
    monkeypatch.setattr(runner._Task, "perform", lambda task: names.append(str(task.cell)) or perform(task))
    return names


def test_ctrl_c_leaves_what_is_finished_and_the_next_run_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, trained: list[str]
) -> None:
    perform = runner._Task.perform

    def stopped(task: Any) -> Any:
        if task.cell.seed == 2:
            while len(list(here.glob("one/cells/*.json"))) < 2:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            raise InputError("not finished")
        return perform(task)

    with monkeypatch.context() as patch:
        patch.setattr(runner._Task, "perform", stopped)
        assert adt_reproduce("table2", "--seeds", 4, "--out", "one").exit_code == 130
    assert trained[:2] == ["k2-l1-alpha0.9-seed0", "k2-l1-alpha0.9-seed1"]
    trained.clear()
    assert "2 of 4 cells were finished before" in succeed("table2", "--seeds", 4, "--out", "one").output
    assert trained == ["k2-l1-alpha0.9-seed2", "k2-l1-alpha0.9-seed3"]
    succeed("table2", "--seeds", 4, "--out", "other")
    without_times = [
        {method: {**row, "seconds": ""} for method, row in rows_of(here / name).items()} for name in ("one", "other")
    ]
    assert without_times[0] == without_times[1]


def test_other_settings_train_anew_and_more_seeds_only_the_new_ones(here: Path, trained: list[str]) -> None:
    succeed("table2", "--seeds", 1, "--out", "one")
    succeed("table2", "--seeds", 2, "--as-published", "--out", "one")
    assert trained == ["k2-l1-alpha0.9-seed0", "k2-l1-alpha0.9-seed1"]
    succeed("table2", "--seeds", 1, "--episodes", EPISODES + 1, "--out", "one")
    succeed("table2", "--seeds", 1, "--episodes", EPISODES + 1, "--train-share", 0.05, "--out", "one")
    assert trained[2:] == ["k2-l1-alpha0.9-seed0"] * 2


def test_two_processes_train_the_same_agents(here: Path) -> None:
    succeed("table2", "--seeds", 2, "--out", "one")
    succeed("table2", "--seeds", 2, "--jobs", 2, "--out", "two")
    for file in (here / "one/cells").glob("*.json"):
        one, two = (json.loads((here / name / "cells" / file.name).read_text()) for name in ("one", "two"))
        assert one["result"]["rewards"] == two["result"]["rewards"]
        assert len(one["result"]["rewards"]) == EPISODES


def test_the_configuration_names_every_setting(here: Path) -> None:
    succeed("figure4", "--seeds", 2, "--out", "one")
    settings = json.loads((here / "one/config.json").read_text())["settings"]
    assert settings == {
        "what": "figure4",
        "scores": {"dataset": "yahoo_like", "root": None, "window": 10, "train_share": 0.0035, "epochs": 30},
        "seeds": 2,
        "episodes": EPISODES,
        "as_published": False,
        "deadline": 10,
    }


# Mistakes


def test_a_folder_of_something_else_is_left_alone(here: Path) -> None:
    for name, content in (("notes", {}), ("run", {"settings": {"source": "x.csv"}})):
        (here / name).mkdir()
        (here / name / ("config.json" if content else "notes.txt")).write_text(json.dumps(content))
        result = adt_reproduce("table2", "--out", name)
        assert result.exit_code == 2
        assert "choose another name (--out)" in result.output.replace("\n", " ")
        assert len(list((here / name).iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "wadi"], "--root FOLDER"),
        (["--dataset", "swat", "--root", "nowhere"], "nowhere"),
        (["--root", "."], "leave --root out"),
        (["--seeds", "0"], "--seeds"),
        (["--train-share", "1"], "strictly between 0 and 1"),
    ],
)
@pytest.mark.usefixtures("here")
def test_mistakes_are_told_in_one_line(arguments: list[str], message: str) -> None:
    result = adt_reproduce("table2", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_plant_whose_only_attack_is_trained_on_has_nothing_to_evaluate(
    swat_copy: Path, tmp_path: Path, make_attack: Callable[[Path], None]
) -> None:
    make_attack(swat_copy)
    with pytest.raises(InputError, match="no attack is left to evaluate"):
        prepared(ScoreSettings("swat", str(swat_copy), 12, 0.4, 1), tmp_path / "out")


@pytest.fixture
def make_attack() -> Callable[[Path], None]:
    """Make the second attack of the copy normal."""

    def make(folder: Path) -> None:
        path = folder / "SWaT_Dataset_Attack_v0.csv"
        frame = pd.read_csv(path)
        frame.loc[frame.index > 500, "Normal/Attack"] = "Normal"
        frame.to_csv(path, index=False)

    return make


def test_decisions_alike_are_counted_over_all_windows() -> None:
    def run(*decisions: list[int]) -> list[Detection]:
        arrays = [np.array(some, dtype=bool) for some in decisions]
        return [Detection(np.zeros(len(some), dtype=np.float32), some, some) for some in arrays]

    assert agreement(run([1, 0, 0], [1]), run([1, 1, 0], [0])) == 0.5
