"""`adt frontier --suite`, on three small families."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from frontiers import adt_frontier, arrays, succeed

from adt_gym.evaluation.frontier import LEARNED, read_rows
from adt_gym.experiments import frontier as module
from adt_gym.experiments.unseen import Cell, Measured, measure
from adt_gym.files import visible
from adt_gym.metrics.ranks import critical_difference
from adt_gym.scripts.report import report
from adt_gym.series import InputError

UNITS = {"ants": ("a-1", "a-2", "a-3"), "bees": ("b-1", "b-2", "b-3"), "bugs": ("b-1", "b-2", "b-3", "b-4")}
METHODS = ("static", "always", "never", "random", "persistence", "rolling_quantile", "boosting")
WORDS = (
    "--suite", "suite", "--delays", 2, 12, "never", "--seeds", 1, "--scorer", "isolation", "--jobs", 1,
    "--methods", *METHODS,
)  # fmt: skip


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, (family, units) in enumerate(UNITS.items()):
        (tmp_path / "suite" / family).mkdir(parents=True)
        for i, name in enumerate(units):
            content = arrays(10 * seed + i)
            if family == "ants":
                content["index"] = np.datetime64("2026-01-01") + np.arange(300) * np.timedelta64(60, "s")
            np.savez(tmp_path / "suite" / family / f"{name}.npz", **content)
    (tmp_path / "suite" / "notes").mkdir()
    (tmp_path / "suite" / "notes" / "x.csv").write_text("a\n")
    return tmp_path


@pytest.mark.usefixtures("suite", "quick")
def test_a_suite_writes_tables_and_pictures_and_says_where_they_are() -> None:
    output = succeed(*WORDS, "--out", "out", "--all")
    made = {path.name for path in visible(Path("out"), "*")}
    assert made == {
        "cells", "config.json", "table.csv", "families.csv", "ranks.csv", "learning.csv", "frontier.png",
        "learning.png",
    }  # fmt: skip
    assert "passed over, for want of .npz files: notes" in output
    for words in (
        "Composite F1 by delay, unseen units, feedback full", "F1 by delay, unseen families, feedback alerts",
        "critical difference", "after so many labels, unseen units, feedback alerts", "of each family", "minus that of",
        "out holds table.csv, frontier.png, config.json, families.csv", "flags everything: always",
    ):  # fmt: skip
        assert words in " ".join(output.split()), words
    config = json.loads(Path("out/config.json").read_text())
    assert (config["settings"]["episodes"], config["settings"]["panels"]) == (300, ["units", "families"])

    table = read_rows("out/table.csv")
    assert set(table["panel"]) == {"units", "families"}
    counts = table[table["method"] == "static"].groupby(["panel", "family", "feedback", "delay"]).size()
    for (_, family, *_), number in counts.items():
        assert number == len(UNITS[family])
    assert table.loc[table["family"] == "ants", "alarms_per_day"].notna().all()
    assert table.loc[table["family"] != "ants", "alarms_per_day"].isna().all()
    blind = table[(table["method"] == "static") & (table["panel"] == "units")]
    measured = blind.drop(columns=["feedback", "delay", "label_noise", *LEARNED]).drop_duplicates()
    assert len(measured) == sum(map(len, UNITS.values())), "once per fold, not per condition"

    check_families(table, pd.read_csv("out/families.csv"))
    check_ranks(table, pd.read_csv("out/ranks.csv"))
    check_learning(table, pd.read_csv("out/learning.csv"))

    report([Path("out")])
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert "unseen units, feedback full" in page
    assert "10 unseen series" in page


def check_families(table: pd.DataFrame, families: pd.DataFrame) -> None:
    """Every family counts once in the mean, whatever its size; the interval holds it."""
    rows = table[(table["panel"] == "units") & (table["feedback"] == "alerts") & (table["delay"] == "12")]
    for method in ("static", "gradient boosting"):
        of = rows[rows["method"] == method]
        means = {family: float(np.mean(of.loc[of["family"] == family, "composite_f1"])) for family in UNITS}
        lines = families[
            (families["panel"] == "units") & (families["feedback"] == "alerts") & (families["delay"] == "12")
            & (families["method"] == method)
        ].set_index("family")  # fmt: skip
        for family, mean in means.items():
            assert lines.loc[family, "composite_f1"] == pytest.approx(mean)
            assert lines.loc[family, "series"] == len(UNITS[family])
        whole = lines.loc["all"]
        assert whole["composite_f1"] == pytest.approx(sum(means.values()) / 3)
        assert whole["composite_f1_low"] <= whole["composite_f1"] <= whole["composite_f1_high"]
    assert set(families.loc[families["delay"] == "never", "feedback"]) == {"full", "alerts"}


def check_ranks(table: pd.DataFrame, ranks: pd.DataFrame) -> None:
    rows = table[(table["panel"] == "families") & (table["feedback"] == "full") & (table["delay"] == "2")]
    lines = ranks[
        (ranks["panel"] == "families") & (ranks["feedback"] == "full") & (ranks["delay"] == "2")
        & (ranks["measure"] == "f1")
    ].set_index("method")  # fmt: skip
    found: dict[str, list[float]] = {}
    for _, series in rows.groupby(["family", "series"]):
        for one in series.itertuples():
            name = "persistence(d)" if one.method.startswith("persistence") else one.method
            better, equal = (series["f1"] > one.f1).sum(), (series["f1"] == one.f1).sum()
            found.setdefault(name, []).append(better + (equal + 1) / 2)
    assert lines["rank"].to_dict() == pytest.approx({name: np.mean(of) for name, of in found.items()})
    assert lines["critical_difference"].tolist() == pytest.approx(
        [critical_difference(len(METHODS), 10)] * len(METHODS)
    )
    assert (lines.loc["static", ["minus_static", "low", "high"]] == 0).all()


def check_learning(table: pd.DataFrame, learning: pd.DataFrame) -> None:
    rows = table[(table["panel"] == "units") & (table["feedback"] == "full") & (table["delay"] == "12")]
    of = rows[rows["method"] == "gradient boosting"]
    for n in (0, 2, 10, 50):
        (line,) = learning[
            (learning["panel"] == "units") & (learning["feedback"] == "full") & (learning["delay"] == "12")
            & (learning["method"] == "gradient boosting") & (learning["told"] == n)
        ].itertuples()  # fmt: skip
        left = of[of[f"f1_after_{n}"].notna()]
        assert line.series == len(left)
        means = [here[f"f1_after_{n}"].mean() for _, here in left.groupby("family")]
        assert line.f1 == pytest.approx(np.mean(means)) if means else np.isnan(line.f1)


@pytest.mark.usefixtures("suite", "quick")
def test_a_cell_is_a_fold_and_methods_are_fitted_once_for_all_its_series(monkeypatch: pytest.MonkeyPatch) -> None:
    cells: list[Cell] = []

    def spy(cell: Cell) -> Measured:
        cells.append(cell)
        return measure(cell)

    monkeypatch.setattr(module, "measure", spy)
    succeed(*WORDS, "--feedback", "full")
    assert [str(one) for one in cells] == [
        *(f"units {family} {fold} seed 0" for family in UNITS for fold in range(3)),
        *(f"families {family} 0 seed 0" for family in UNITS),
    ]
    (bees,) = (one for one in cells if str(one).startswith("families bees"))
    assert {one.name for one in bees.train} == {f"ants/{name}" for name in UNITS["ants"]}, "bugs are related to bees"
    (ants,) = (one for one in cells if str(one).startswith("families ants"))
    names = [one.name for one in ants.train]
    assert len(names) == len(set(names)) == 7, "two called b-1, told apart"
    before = Path("runs/frontier/table.csv").read_bytes()
    assert "12 of 12 cells were finished before" in succeed(*WORDS, "--feedback", "full")
    assert len(cells) == 12
    assert Path("runs/frontier/table.csv").read_bytes() == before
    succeed(*WORDS, "--feedback", "full", "--panels", "families", "--out", "families")
    assert set(read_rows("families/table.csv")["panel"]) == {"families"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), r"give either series \(--train.*or a suite"),
        (("--suite", "suite", "--train", "suite/ants"), "give either series"),
        (("--suite", "suite", "--test", "suite/ants"), "give either series"),
        (("--suite", "nowhere"), "no folder of families at nowhere"),
        (("--suite", "suite/ants"), "suite/ants holds no families"),
        (("--suite", "suite", "--panels", "units", "tens"), "panels.*'tens'"),
        (("--suite", "suite", "--methods", "guess"), "guess"),
        (("--suite", "lonely"), "no family has enough series"),
    ],
)
@pytest.mark.usefixtures("suite", "quick")
def test_bad_words_are_refused_before_anything_is_written(words: tuple[str, ...], message: str) -> None:
    Path("lonely/one").mkdir(parents=True)
    np.savez("lonely/one/a.npz", **arrays(0))
    result = adt_frontier(*words, "--scorer", "isolation")
    assert isinstance(result.exception, InputError | FileNotFoundError)
    with pytest.raises(type(result.exception), match=message):
        raise result.exception
    assert not Path("runs").exists()
