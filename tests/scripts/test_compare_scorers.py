import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from adt_gym.experiments.scores import make_scorers
from adt_gym.files import visible
from adt_gym.scoring import SIMPLE
from adt_gym.scripts.__main__ import app

BASELINES = {"persistence(1)": "True"} | dict.fromkeys((*SIMPLE, "random", "always", "never"), "False")


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare-scorers", *map(str, arguments)])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a table of one series."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    labels = np.isin(np.arange(200), (30, 31, 120, 121))
    values = np.sin(np.arange(200) / 5) + 3 * labels
    rows = [f"{value:.6f},{int(label)}" for value, label in zip(values, labels, strict=True)]
    Path("pump.csv").write_text("load,label\n" + "\n".join(rows) + "\n")
    return tmp_path


def test_scorers_and_what_they_must_be_held_against(here: Path) -> None:
    result = compare("pump.csv", "--train-until", 80, "--epochs", 1, "--scorer", "dense", "--scorer", "isolation")
    assert result.exit_code == 0, result.output + repr(result.exception)
    folder = Path("runs/pump-scorers")
    assert {path.name for path in visible(folder, "*")} == {"config.json", "curves.png", "table.csv"}
    with (folder / "table.csv").open(newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert {name: row["saw_labels"] for name, row in rows.items()} == {
        "dense": "False", "isolation": "False", **BASELINES,
    }  # fmt: skip
    assert list(rows["never"])[:5] == ["method", "saw_labels", "precision", "recall", "f1"]
    windows = 200 - 80 - 10 + 1
    for row in rows.values():
        assert sum(int(row[count]) for count in ("tp", "fp", "fn", "tn")) == windows
    assert rows["always"]["fn"] == rows["never"]["fp"] == "0"
    assert float(rows["persistence(1)"]["f1"]) == pytest.approx(1 - 1 / 11)  # one run of 11 anomalous windows
    assert float(rows["dense"]["training"]) > 0
    assert rows["isolation"]["training"] == rows["never"]["seconds"] == ""
    assert f"pump: {windows:,} windows that no training saw" in result.output
    assert "composite" in result.output
    assert "macro F1" not in result.output
    assert json.loads((folder / "config.json").read_text())["settings"]["scorers"] == ["dense", "isolation"]


def test_a_scorer_keeps_its_own_scaling_unless_told() -> None:
    def scaling(name: str, asked: str | None) -> str:
        (made,) = make_scorers([name], scaling=asked)
        return str(made.describe()["settings"]["scaling"])

    assert (scaling("ensemble", None), scaling("isolation", None)) == ("tail", "quantile")
    assert (scaling("ensemble", "minmax"), scaling("isolation", "tail")) == ("minmax", "tail")


def test_epochs_reach_the_members_of_an_ensemble_that_have_a_network() -> None:
    (made,) = make_scorers(["ensemble"], epochs=7)
    epochs = {one.label: one.settings.epochs for one in made._new_members() if hasattr(one.settings, "epochs")}
    assert epochs == {"forecast": 7}


def test_an_unknown_scorer_is_one_line_and_leaves_nothing(here: Path) -> None:
    result = compare("pump.csv", "--train-until", 80, "--scorer", "oracle")
    assert result.exit_code == 2
    assert "oracle" in result.stderr
    assert not Path("runs/pump-scorers").exists()
