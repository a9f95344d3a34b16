"""`adt run --method`: what one method would have flagged."""

from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from adt_gym.evaluation import precision_recall_f1
from adt_gym.scored_files import load_scored
from adt_gym.scripts.__main__ import app
from adt_gym.thresholds import make
from adt_gym.thresholds.pretrained import SHIPPED
from adt_gym.written import LOG

POINTS, WINDOW = 600, 10
LEAVES = {"alarms.csv", "config.json", "detections.npz", "scores-test.npz"}

method = pytest.mark.parametrize(
    "name",
    [
        "dspot",
        pytest.param("pretrained", marks=pytest.mark.skipif(not SHIPPED.exists(), reason="none comes with this one")),
    ],
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a table that has labels and times, and one that has neither."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    label = np.arange(POINTS) % 90 > 80
    heat = random.normal(0, 0.1, POINTS) + 3 * label
    pd.DataFrame({"heat": heat}).to_csv("plain.csv", index=False)
    when = pd.date_range("2026-01-01", periods=POINTS, freq="h")
    pd.DataFrame({"when": when, "heat": heat, "broken": label.astype(int)}).to_csv("pump.csv", index=False)
    return tmp_path


def adt_run(*words: object) -> Result:
    return CliRunner().invoke(app, ["run", *map(str, words), "--scorer", "isolation"])


def succeed(*words: object) -> str:
    result = adt_run(*words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


@method
def test_the_alarms_of_a_table_without_labels_are_the_runs_of_what_the_method_flags(here: Path, name: str) -> None:
    output = succeed("plain.csv", "--method", name)
    folder = here / "runs" / "plain"
    assert {one.name for one in folder.iterdir()} - {LOG} == LEAVES
    (scored,) = load_scored(folder / "scores-test.npz")
    assert scored.labels is None
    assert len(scored) == POINTS / 2 - WINDOW + 1
    decisions = make(name).detect(scored).decisions.tolist()
    expected, t = list[tuple[int, int, int, float]](), 0
    for flagged, run in groupby(decisions):
        windows = len(list(run))
        if flagged:
            expected.append((t, t + windows - 1, windows, float(scored.scores[t : t + windows].max())))
        t += windows
    assert expected
    alarms = pd.read_csv(folder / "alarms.csv")
    assert list(alarms.columns) == ["series", "first", "last", "windows", "highest score"]
    assert alarms[["first", "last", "windows"]].values.tolist() == [list(one[:3]) for one in expected]
    assert alarms["highest score"].tolist() == pytest.approx([one[3] for one in expected], rel=1e-5)
    assert f"flagged {sum(decisions)} of {len(decisions)} windows, in {len(expected)} alarms" in output


@pytest.mark.parametrize("table", ["plain.csv", "pump.csv"])
def test_there_is_a_page_of_it_whether_there_are_labels_or_not(here: Path, table: str) -> None:
    words = ("--time-column", "when", "--label-column", "broken") if table == "pump.csv" else ()
    succeed(table, *words, "--method", "dspot", "--out", "out")
    result = CliRunner().invoke(app, ["report", "out"])
    assert result.exit_code == 0, result.output
    page = (here / "out" / "report.html").read_text(encoding="utf-8")
    assert ("Truth table" in page) == (table == "pump.csv")
    assert ("no labels" in page) == (table == "plain.csv")


@method
def test_where_there_are_labels_it_is_measured_and_no_label_is_told(here: Path, name: str) -> None:
    succeed("pump.csv", "--time-column", "when", "--label-column", "broken", "--method", name, "--out", "out")
    assert {one.name for one in (here / "out").iterdir()} - {LOG} == {*LEAVES, "table.csv"}
    (scored,) = load_scored("out/scores-test.npz")
    detection = make(name).detect(scored)
    (row,) = pd.read_csv("out/table.csv").to_dict("records")
    assert not row["saw_labels"]
    found = [row[measure] for measure in ("precision", "recall", "f1")]
    assert found == pytest.approx(precision_recall_f1(detection.decisions, scored.truth))
    alarms = pd.read_csv("out/alarms.csv", parse_dates=["first", "last"])
    assert alarms["windows"].sum() == detection.decisions.sum()
    first = int(detection.decisions.argmax())
    assert alarms["first"][0] == scored.index[first]
    assert ((alarms["last"] - alarms["first"]) / pd.Timedelta("1h") + 1).tolist() == alarms["windows"].tolist()


def test_a_method_that_learns_learns_on_the_part_before(here: Path) -> None:
    words = ("pump.csv", "--time-column", "when", "--label-column", "broken", "--out", "out")
    succeed(*words, "--method", "static", "--train-share", 0.5)
    (row,) = pd.read_csv("out/table.csv").to_dict("records")
    assert row["f1"] > 0.5
    assert (here / "out" / "alarms.csv").exists()


def test_what_learns_from_labels_says_that_there_are_none(here: Path) -> None:
    result = adt_run("plain.csv", "--method", "boosting")
    assert result.exit_code != 0
    (line,) = [one for one in result.stderr.splitlines() if one.startswith("Error")]
    assert "boosting learns from labelled series, and plain.csv has no labels" in line
    assert "dspot" in line
    assert "pretrained" in line
    assert {one.name for one in here.iterdir()} - {LOG} == {"plain.csv", "pump.csv"}


def test_a_method_that_there_is_not_is_named(here: Path) -> None:
    result = adt_run("plain.csv", "--method", "dpsot")
    assert result.exit_code != 0
    assert "dpsot" in result.stderr
    assert {one.name for one in here.iterdir()} - {LOG} == {"plain.csv", "pump.csv"}
