import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_fscore_support
from typer.testing import CliRunner, Result

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.data import load
from adt_gym.data.kubernetes import kubernetes
from adt_gym.evaluation.compare import baselines
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.events import false_alarms_per_day
from adt_gym.registry import Entry
from adt_gym.report import plots
from adt_gym.report.run import write_report
from adt_gym.scored_files import load_scored
from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.scripts.__main__ import app
from adt_gym.series import Detection, ScoredSeries
from adt_gym.thresholds import Method, Policy, make, registry
from adt_gym.written import LOG

SMALL = ("--episodes", 50, "--epochs", 2)
WINDOW, POINTS = 10, 400
FILES = {
    "detections.npz",
    "training.csv",
    "config.json",
    "detections.png",
    "policy.npz",
    "scorer.npz",
    "scores-test.npz",
    "scores-train.npz",
    "table.csv",
    LOG,
}
BASELINES = {"persistence(1)", "always", "never", "random", "static", "static (test labels)"}
NAB = Path(__file__).parents[2] / "../shared/data/nab"
REPEATED_TIMES = {
    "ambient_temperature_system_failure": 0,
    "cpu_utilization_asg_misconfiguration": 0,
    "ec2_request_latency_system_failure": 11,
    "machine_temperature_system_failure": 12,
    "nyc_taxi": 0,
    "rogue_agent_key_hold": 0,
    "rogue_agent_key_updown": 0,
}


def adt_run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["run", *map(str, arguments)])


def succeed(*arguments: object) -> Result:
    small = SMALL if "isolation" not in arguments else SMALL[:2]  # a forest has no epochs
    result = adt_run(*small, *arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "table.csv").open(newline="") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def assert_a_whole_run(folder: Path) -> None:
    assert {file.name for file in folder.iterdir()} - {LOG} == FILES - {LOG}
    assert [file for file in folder.parent.iterdir() if file.name.startswith(".") and file.name != LOG] == []
    assert (folder / "detections.png").read_bytes().startswith(b"\x89PNG")
    rows = rows_of(folder)
    assert BASELINES | {"adt"} <= set(rows)
    for method, row in rows.items():
        saw = method in {"adt", "static (test labels)"} or method.startswith("persistence")
        assert row["saw_labels"] == str(saw)
    assert float(rows["always"]["recall"]) == 1
    assert float(rows["always"]["alarms_per_1000"]) == 1000
    assert float(rows["never"]["alarms_per_1000"]) == 0


def pump(seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    label = np.isin(np.arange(POINTS) % 80, (60, 61, 62)).astype(int)
    return pd.DataFrame(
        {
            "when": pd.date_range("2020-01-01", periods=POINTS, freq="h"),
            "flow": np.sin(np.arange(POINTS) / 4) + random.normal(0, 0.1, POINTS) + 3 * label,
            "heat": random.normal(20, 1, POINTS),
            "broken": label,
        }
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a table of one series."""
    monkeypatch.chdir(tmp_path)
    pump().to_csv("pump.csv", index=False)
    return tmp_path


PUMP = ("pump.csv", "--time-column", "when", "--label-column", "broken")


# What a run leaves


def test_a_csv_file(here: Path) -> None:
    result = succeed(*PUMP, "--value-columns", "flow", "--seed", 3)
    assert_a_whole_run(here / "runs" / "pump")
    assert "windows that no training saw" in result.output
    assert "equals the label of the window before on" in result.output
    assert set(here.iterdir()) == {here / "runs", here / "pump.csv"}


def test_nothing_of_the_training_part_is_evaluated(here: Path) -> None:
    succeed(*PUMP, "--out", "one")
    series = load("table", source="pump.csv", time_column="when", label_column="broken")[0]
    windows = series.window_labels(WINDOW)
    end = next(t for t in range(len(windows)) if windows[: t + 1].sum() == 20) + WINDOW
    (train,), (test,) = (load_scored(f"one/scores-{part}.npz") for part in ("train", "test"))
    np.testing.assert_array_equal(train.index, series.index[WINDOW - 1 : end])
    np.testing.assert_array_equal(test.index, series.index[end + WINDOW - 1 :])
    np.testing.assert_array_equal(test.labels, series[end:].window_labels(WINDOW))


def test_the_table_can_be_made_again_from_the_other_files(here: Path) -> None:
    succeed(*PUMP, "--value-columns", "flow", "--k", 3, "--hold", 2, "--out", "one")
    settings = json.loads(Path("one/config.json").read_text())["settings"]
    assert settings["source"]["source"] == "pump.csv"
    assert settings["source"]["value_columns"] == ["flow"]
    (train,), (test,) = (load_scored(f"one/scores-{part}.npz") for part in ("train", "test"))
    scorer = AutoEncoder.load("one/scorer.npz")
    series = load("table", source="pump.csv", time_column="when", label_column="broken", value_columns=["flow"])[0]
    rescored = scorer.score(series[len(train) + WINDOW - 1 :])
    np.testing.assert_allclose(rescored.scores, test.scores, atol=1e-6)

    policy = Policy(ReferenceDQN.load("one/policy.npz"), k=settings["k"], hold=settings["hold"])
    methods = {
        "adt": policy.detect(test),
        "static": make("static").fit([train]).detect(test),
        "static (test labels)": make("static", on="test").fit([test]).detect(test),
        "persistence(1)": make("persistence").detect(test),
    }
    rows = rows_of(Path("one"))
    for method, detection in methods.items():
        expected = precision_recall_fscore_support(test.labels, detection.decisions, average="binary", zero_division=0)
        assert [float(rows[method][column]) for column in ("precision", "recall", "f1")] == pytest.approx(expected[:3])


def test_the_configuration_names_every_setting(here: Path) -> None:
    succeed(*PUMP, "--value-columns", "flow", "--value-columns", "heat", "--alpha", 0.8, "--gamma", 0.5, "--seed", 7)
    config = json.loads(Path("runs/pump/config.json").read_text())
    settings = config["settings"]
    assert settings["source"]["value_columns"] == ["flow", "heat"]
    assert (settings["episodes"], settings["epochs"], settings["seed"]) == (50, 2, 7)
    assert (settings["alpha"], settings["gamma"]) == (0.8, 0.5)
    assert {"python", "adt_gym", "numpy", "torch", "gymnasium"} <= set(config["versions"])


def test_one_table_of_methods_is_printed_and_all_if_asked(here: Path) -> None:
    leading = succeed(*PUMP, "--deadline", 4, "--out", "one").output
    assert json.loads(Path("one/config.json").read_text())["settings"]["deadline"] == 4
    assert leading.count("method ") == 1
    assert "within 4 windows" in " ".join(leading.split())
    assert "F1 (point-adjusted" not in leading
    every = succeed(*PUMP, "--all", "--out", "two").output
    assert every.count("method ") == 3
    assert "F1 (point-adjusted" in every
    assert max(map(len, every.splitlines())) <= 100
    (test,) = load_scored("one/scores-test.npz")
    row, copy = rows_of(Path("one"))["persistence(1)"], make("persistence").detect(test)
    assert float(row["composite_f1"]) == pytest.approx(composite_f1([copy], 4))
    assert float(row["false_alarms_per_day"]) == false_alarms_per_day([copy], [test.index])


def test_two_runs_with_one_seed_give_one_table(here: Path) -> None:
    tables = []
    for out, seed in (("one", 5), ("two", 5), ("three", 6)):
        succeed(*PUMP, "--out", out, "--seed", seed)
        tables.append(pd.read_csv(f"{out}/table.csv").drop(columns="seconds"))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert not tables[0].equals(tables[2])


def test_a_run_replaces_the_one_before(here: Path) -> None:
    for seed in (0, 1):
        succeed(*PUMP, "--seed", seed)
    assert json.loads(Path("runs/pump/config.json").read_text())["settings"]["seed"] == 1
    assert [folder.name for folder in (here / "runs").iterdir()] == ["pump"]


# Seeds


def test_several_seeds_are_the_runs_of_each_and_their_mean(here: Path) -> None:
    result = succeed(*PUMP, "--seed", 5, "--seeds", 2, "--out", "both")
    alone = {}
    for seed, folder in ((5, "both"), (6, "both/seed-6")):
        succeed(*PUMP, "--seed", seed, "--out", f"alone-{seed}")
        alone[seed] = pd.read_csv(f"alone-{seed}/table.csv")
        pd.testing.assert_frame_equal(
            pd.read_csv(f"{folder}/table.csv").drop(columns="seconds"), alone[seed].drop(columns="seconds")
        )
    assert_a_whole_run(here / "both" / "seed-6")
    assert {path.name for path in Path("both").iterdir()} == FILES | {"seed-6", "seeds.csv"}
    assert json.loads(Path("both/config.json").read_text())["settings"]["seeds"] == 2
    assert json.loads(Path("both/seed-6/config.json").read_text())["settings"]["seed"] == 6

    seeds = pd.read_csv("both/seeds.csv")
    assert list(seeds.columns) == ["seed", *alone[5].columns]
    for seed, table in alone.items():
        mine = seeds[seeds["seed"] == seed].drop(columns=["seed", "seconds"]).reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, table.drop(columns="seconds"))
    assert "mean over 2 seeds" in result.output
    assert result.output.count("not used") == 1, "the source is the same for every seed"
    f1 = seeds[seeds["method"] == "adt"]["f1"]
    assert f"{f1.mean():.3f} ±{f1.std():.3f}" in result.output


def test_every_seed_has_a_generated_cluster_of_its_own(here: Path) -> None:
    output = succeed("kubernetes", "--scorer", "isolation", "--seed", 3, "--seeds", 2).output
    assert output.count("not used") == 2
    for seed, folder in ((3, "runs/kubernetes"), (4, "runs/kubernetes/seed-4")):
        (test,), (made,) = load_scored(f"{folder}/scores-test.npz"), kubernetes(seed)
        tested = made[len(made) - len(test) - WINDOW + 1 :]
        np.testing.assert_array_equal(test.labels, tested.window_labels(WINDOW))


def test_the_seed_makes_the_generated_cluster_and_tells_its_kinds(here: Path) -> None:
    output = succeed("kubernetes", "--scorer", "isolation", "--seed", 3, "--all").output
    (test,), (made,) = load_scored("runs/kubernetes/scores-test.npz"), kubernetes(3)
    tested = made[len(made) - len(test) - WINDOW + 1 :]
    np.testing.assert_array_equal(test.labels, tested.window_labels(WINDOW))
    kinds = output.split("kinds of anomaly")[1]
    shares = {words[0]: words[1:] for words in map(str.split, kinds.splitlines()) if len(words) == 5}
    assert shares["method"] == ["point", "seasonal", "sequence", "trend"]
    assert shares["always"] == ["1.00"] * 4
    assert float(min(shares["persistence(1)"])) > 0.9, "the kinds of another seed stand elsewhere"


@pytest.mark.parametrize("delay", [1, 10, 60])
def test_an_agent_is_held_against_copying_with_its_own_delay(delay: int) -> None:
    names = [rule.name for rule in baselines(delay)]
    assert {"persistence(1)", f"persistence({delay})", "always", "never"} <= set(names)
    assert len(names) == len(set(names))


def test_one_seed_has_no_mean(here: Path) -> None:
    assert "mean over" not in succeed(*PUMP).output


def test_a_method_of_ones_own_is_a_row_and_has_a_panel(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half(Method):
        name = "half"

        def detect(self, series: ScoredSeries) -> Detection:
            return Detection.at(0.5, series)

    monkeypatch.setitem(registry._entries, "half", Entry(Half))
    pictured: list[str] = []
    draw = plots.detection_panels

    def spy(path: Path, series: ScoredSeries, detections: dict[str, Detection]) -> None:
        pictured.extend(detections)
        draw(path, series, detections)

    monkeypatch.setattr(plots, "detection_panels", spy)
    assert "half" in succeed(*PUMP).output
    rows, (test,) = rows_of(Path("runs/pump")), load_scored("runs/pump/scores-test.npz")
    expected = precision_recall_fscore_support(test.labels, test.scores > 0.5, average="binary", zero_division=0)
    assert [float(rows["half"][column]) for column in ("precision", "recall", "f1")] == pytest.approx(expected[:3])
    assert pictured == list(rows)
    write_report("page.html", ["runs/pump"])
    assert ">half<" in Path("page.html").read_text(encoding="utf-8")


def test_two_methods_of_one_name_are_refused_before_any_work(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, "mine", Entry(registry["always"].where))
    result = adt_run(*PUMP)
    assert result.exit_code == 2
    assert "method 'mine' and method 'always' are both called 'always'" in " ".join(result.stderr.split())
    assert not Path("runs").exists()


# The cache


def test_scores_come_from_the_cache_where_the_run_does_not_keep_the_scorer(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (*PUMP, "--scorer", "isolation", "--seed", 1)
    succeed(*asked, "--out", "one")
    monkeypatch.setattr("adt_gym.experiments.scores.fit", lambda *_: pytest.fail("fitted again"))
    succeed(*asked, "--out", "two")
    tables = [pd.read_csv(f"{name}/table.csv").drop(columns="seconds") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*tables)
    assert not Path("one/scorer.npz").exists()


# Sources


def test_a_parquet_file(here: Path) -> None:
    pump().to_parquet("metrics.parquet")
    succeed("metrics.parquet", "--time-column", "when", "--label-column", "broken", "--out", "new/one")
    assert_a_whole_run(here / "new" / "one")


def test_a_long_table_of_several_series(here: Path) -> None:
    frames = [pump(seed).assign(unit=f"unit {seed}") for seed in range(3)]
    pd.concat(frames).to_csv("fleet.csv", index=False)
    succeed(
        "fleet.csv", "--time-column", "when", "--label-column", "broken", "--key-column", "unit",
        "--train-share", 0.4, "--labelled-windows", 200,
    )  # fmt: skip
    assert_a_whole_run(here / "runs" / "fleet")
    train, test = (load_scored(f"runs/fleet/scores-{part}.npz") for part in ("train", "test"))
    assert [one.name for one in test] == [f"fleet/unit {seed}" for seed in range(3)]
    assert [(len(one), len(other)) for one, other in zip(train, test, strict=True)] == [(151, 231)] * 3


def test_windows_in_nabs_format(here: Path) -> None:
    pump().drop(columns=["broken", "heat"]).to_csv("nab_like.csv", index=False)
    days = [["2020-01-03 12:00:00", "2020-01-03 14:00:00"], ["2020-01-10 00:00:00", "2020-01-10 12:00:00"]]
    Path("windows.json").write_text(json.dumps({"real/nab_like.csv": days}))
    succeed("nab_like.csv", "--time-column", "when", "--windows", "windows.json", "--train-anomalies", 5)
    assert_a_whole_run(here / "runs" / "nab_like")


@pytest.mark.parametrize("until", ["200", "2020-01-09T08:00", "2020-01-09 08:00:00"])
def test_the_training_part_may_end_at_a_row_or_a_time(here: Path, until: str) -> None:
    succeed(*PUMP, "--train-until", until)
    (train,), (test,) = (load_scored(f"runs/pump/scores-{part}.npz") for part in ("train", "test"))
    assert (len(train), len(test)) == (200 - WINDOW + 1, POINTS - 200 - WINDOW + 1)
    assert train.index[-1] < np.datetime64("2020-01-09T08:00") == test.index[0] - np.timedelta64(WINDOW - 1, "h")


def test_the_packaged_series(here: Path) -> None:
    succeed("yahoo_like")
    assert_a_whole_run(here / "runs" / "yahoo_like")
    assert len(load_scored("runs/yahoo_like/scores-test.npz")) == 67


@pytest.mark.skipif(not NAB.is_dir(), reason="the real NAB files are not here")
@pytest.mark.parametrize("name", REPEATED_TIMES)
def test_the_real_files_of_nab(here: Path, name: str) -> None:
    source = NAB / "data" / "realKnownCause" / f"{name}.csv"
    labels = NAB / "labels" / "combined_windows.json"
    result = succeed(source, "--windows", labels, "--episodes", 20, "--epochs", 1, "--allow-gaps")
    assert_a_whole_run(here / "runs" / name)
    times = pd.to_datetime(pd.read_csv(source)["timestamp"])
    assert (times <= times.cummax().shift()).sum() == REPEATED_TIMES[name]
    warnings = result.stderr.splitlines()
    assert len(warnings) == (1 if REPEATED_TIMES[name] else 0)
    assert all(f"{REPEATED_TIMES[name]} in series {name!r}" in warning for warning in warnings)


# Bad input


def change(column: str, row: int, value: object) -> None:
    frame = pump().astype({column: object})
    frame.loc[row, column] = value
    frame.to_csv("pump.csv", index=False)


def write_windows(entries: object) -> None:
    Path("windows.json").write_text(json.dumps(entries))


def fail(*arguments: object) -> str:
    """Run, and return the one line that says what is wrong."""
    before = set(Path().rglob("*"))
    result = adt_run(*SMALL, *arguments)
    assert result.exit_code == 2, result.output + repr(result.exception)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert set(Path().rglob("*")) - {Path("runs")} == before
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.csv",), "no table at missing.csv"),
        (("nonesuch",), "unknown source 'nonesuch'; give yahoo_like or"),
        (("pump.csv", "--label-column", "broken", "--value-columns", "flux"), "pump.csv has no column 'flux'"),
        (("pump.csv", "--label-column", "fault"), "pump.csv has no column 'fault'"),
        (("pump.csv", "--label-column", "broken", "--time-column", "clock"), "pump.csv has no column 'clock'"),
        (("pump.csv", "--value-columns", "flow"), "pump.csv has no labels"),
        ((*PUMP, "--windows", "windows.json"), "give one of the two"),
        ((*PUMP, "--train-anomalies", 500), "'pump' has 60 anomalous windows, fewer than the 500"),
        ((*PUMP, "--train-anomalies", 55), "no anomalous window is left to evaluate"),
        ((*PUMP, "--train-until", 390), "no anomalous window is left to evaluate after row 390"),
        ((*PUMP, "--train-until", 20), "up to row 20, needs both normal and anomalous windows"),
        ((*PUMP, "--train-until", 4000), "'pump' has 400 points: a cut before row"),
        ((*PUMP, "--train-until", "soon"), "'soon' is neither a row number nor a time"),
        ((*PUMP, "--window", 500), "'pump' has 400 points, fewer than one window of 500"),
        ((*PUMP, "--k", 1000), "with k=1000 at least 1002 are needed"),
        ((*PUMP, "--scorer", "isolation"), "scorer isolation has no network: leave --epochs out"),
        (
            (*PUMP, "--scorer", "nearest", "--device", "cpu"),
            "scorer nearest has no network: leave --epochs and --device out",
        ),
    ],
    ids=lambda part: " ".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(here: Path, arguments: tuple[object, ...], message: str) -> None:
    assert message in fail(*arguments)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seeds", 0),
        ("--window", 0),
        ("--k", 0),
        ("--hold", 0),
        ("--alpha", 1.5),
        ("--epochs", 0),
        ("--episodes", 0),
        ("--labelled-windows", 0),
        ("--labelled-windows", -5),
        ("--learning-rate", -1),
        ("--seed", -1),
    ],
)
def test_a_setting_out_of_range_is_refused(here: Path, option: str, value: float) -> None:
    result = adt_run(*SMALL, *PUMP, option, value)
    assert result.exit_code == 2, result.output + repr(result.exception)
    assert option.strip("-").replace("-", " ") in result.stderr.replace("-", " ").replace("_", " ")
    assert [path.name for path in here.rglob("*") if path.name != "runs"] == ["pump.csv"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("when", "teatime", "column 'when', row 7"),
        ("flow", "broken", "column 'flow', row 7"),
        ("flow", None, "column 'flow', row 7"),
        ("flow", "inf", "column 'flow', row 7"),
        ("broken", 2, "column 'broken', row 7"),
    ],
)
def test_a_bad_cell_is_named(here: Path, column: str, value: Any, message: str) -> None:
    change(column, 7, value)
    assert message in fail(*PUMP, "--value-columns", "flow")


def test_labels_of_another_file(here: Path) -> None:
    write_windows({"real/fan.csv": []})
    error = fail("pump.csv", "--time-column", "when", "--value-columns", "flow", "--windows", "windows.json")
    assert "windows.json has no windows for 'pump.csv'" in error
    assert "real/fan.csv" in error


def test_windows_without_an_anomaly(here: Path) -> None:
    write_windows({"real/pump.csv": []})
    error = fail("pump.csv", "--time-column", "when", "--value-columns", "flow", "--windows", "windows.json")
    assert "'pump' has 0 anomalous windows" in error


def test_a_row_is_no_time_of_a_series_without_times(here: Path) -> None:
    asked = ("--value-columns", "flow", "--drop-columns", "when", "--label-column", "broken")
    assert "has no times; give a row number" in fail("pump.csv", *asked, "--train-until", "2020-01-09")


def test_an_end_of_the_training_part_for_several_series_is_not_ignored(here: Path) -> None:
    pd.concat([pump(seed).assign(unit=seed) for seed in range(2)]).to_csv("pump.csv", index=False)
    assert "--train-until" in fail(*PUMP, "--key-column", "unit", "--train-until", 200)


@pytest.mark.parametrize("foreign", ["mine/thesis.tex", "mine"])
def test_what_is_not_a_run_is_not_replaced(here: Path, foreign: str) -> None:
    Path(foreign).parent.mkdir(exist_ok=True)
    Path(foreign).write_text("years of work")
    assert "move it away or choose another name (--out)" in fail(*PUMP, "--out", "mine")
    assert Path(foreign).read_text() == "years of work"


def test_a_failed_run_leaves_the_one_before(here: Path) -> None:
    succeed(*PUMP)
    table = Path("runs/pump/table.csv").read_text()
    assert adt_run(*SMALL, *PUMP, "--train-anomalies", 500).exit_code == 2
    assert Path("runs/pump/table.csv").read_text() == table
    assert [folder.name for folder in (here / "runs").iterdir()] == ["pump"]
