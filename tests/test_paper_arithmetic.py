"""What the paper's own numbers say by themselves: docs/truth.md quotes it, `adt reproduce table2` prints it."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from adt_gym.evaluation import precision_recall_f1
from adt_gym.experiments import paper
from adt_gym.experiments.paper import REPORTED, Reported
from adt_gym.metrics.events import runs

AGENTS = {one.dataset: one for one in REPORTED if one.what == "table2" and one.method == "adt"}
SWAT_POINTS, SWAT_ANOMALOUS, SWAT_TAU = 449_919, 0.1198, 12
"""The recording with attacks as the paper describes it, and its tau in Table 1."""
TABLES = Path(__file__).parents[1] / "../shared/paper"


def ratio(one: Reported) -> float:
    assert one.precision
    assert one.recall
    return (1 / one.recall - 1) / (1 / one.precision - 1)


def test_every_f1_of_table_2_is_the_harmonic_mean_of_its_precision_and_recall() -> None:
    for one in REPORTED:
        if one.what == "table2":
            assert one.f1 == pytest.approx(2 / (1 / one.precision + 1 / one.recall), abs=1.01e-5)  # type: ignore[operator]


def test_misses_per_false_alarm_are_whole_numbers() -> None:
    """One of each a run is the copy of the last label, two misses the copy of the last two."""
    assert {dataset: round(ratio(one)) for dataset, one in AGENTS.items()} == {"yahoo": 1, "swat": 2, "wadi": 2}
    assert [ratio(one) for one in AGENTS.values()] == pytest.approx([1, 2, 2], rel=0.02)


def test_swats_numbers_count_its_attacks() -> None:
    """With r runs of anomalous points, FP = r: the P of the paper and 53,900 anomalous points give r."""
    points = SWAT_ANOMALOUS * SWAT_POINTS
    assert points == pytest.approx(53_900, rel=1e-3)
    precision, recall = AGENTS["swat"].precision, AGENTS["swat"].recall
    assert precision
    assert recall

    def precision_with(r: int) -> float:
        anomalous = points + (SWAT_TAU - 1) * r  # a window is anomalous if any of its points is
        return (anomalous - 2 * r) / (anomalous - r)

    assert min(range(1, 200), key=lambda r: abs(precision_with(r) - precision)) == 35
    missed = (1 - recall) * (points + (SWAT_TAU - 1) * 35)
    assert missed == pytest.approx(2 * 35, abs=1.5)  # 69 of 70


@pytest.mark.parametrize("both", [False, True])
def test_the_copies_make_these_errors(both: bool) -> None:
    """One false alarm a run; one miss a run for the copy of the last label, two where the last two must agree."""
    labels = np.zeros(500, bool)
    for start, length in ((20, 40), (100, 15), (300, 90), (450, 30)):
        labels[start : start + length] = True
    last, before = np.append(False, labels[:-1]), np.append([False, False], labels[:-2])
    decisions = last & before if both else last
    false_alarms, misses = int(np.sum(decisions & ~labels)), int(np.sum(labels & ~decisions))
    events = len(runs(labels)[0])
    assert (false_alarms, misses) == (events, 2 * events if both else events)
    precision, recall, f1 = precision_recall_f1(decisions, labels)
    told = paper.errors(Reported("table2", "yahoo", "adt", precision, recall, f1))
    assert told[1] / told[0] == pytest.approx(2 if both else 1)


def test_the_line_that_is_printed_holds_the_ratios() -> None:
    found = re.findall(r"(\w+) (0\.\d+) : (0\.\d+) = 1 : (\d\.\d+)", paper.errors_note())
    expected = {
        "yahoo": (0.0504, 0.0507, 1.01),
        "swat": (0.000640, 0.001272, 1.99),
        "wadi": (0.001302, 0.002617, 2.01),
    }
    assert {one[0]: tuple(map(float, one[1:])) for one in found} == {
        name: pytest.approx(numbers, rel=2e-3) for name, numbers in expected.items()
    }


def test_table_4_is_swats() -> None:
    swat = next(one.f1 for one in REPORTED if one.what == "table4" and one.setting == paper.PLANT)
    assert swat == AGENTS["swat"].f1


@pytest.mark.skipif(not TABLES.is_dir(), reason="the tables of the paper are not here")
def test_the_numbers_are_those_of_the_papers_tables() -> None:
    def rows(name: str) -> list[dict[str, str]]:
        with (TABLES / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    for row in rows("table1"):
        one = paper.EXPERIMENTS[row["dataset"].lower()]  # type: ignore[index]
        found = (paper.EPISODES, one.window, one.setting.k, one.setting.hold, one.setting.alpha)
        assert found == tuple(float(row[column]) for column in ("episodes", "tau", "k", "l", "alpha"))
        assert 1 - one.setting.alpha == pytest.approx(float(row["beta"]))
    names = {"Static": paper.STATIC, "DSPOT": paper.DSPOT, "ADT": paper.ADT}
    for table in ("table2", "table3"):
        written = {(row["dataset"].lower(), names[row["method"]]): row for row in rows(table)}
        kept = {(one.dataset, one.method): one for one in REPORTED if one.what == table}
        assert set(kept) == set(written)
        for key, one in kept.items():
            row = written[key]
            assert (one.precision, one.recall, one.f1) == tuple(float(row[m]) for m in ("precision", "recall", "f1"))
            if table == "table3":
                assert one.deviations == tuple(row[f"{m}_std"] for m in ("precision", "recall", "f1"))
    table4 = {
        (float(row["alpha"]), hold): float(row[f"l={hold}"]) for row in rows("table4") for hold in paper.TABLE4_HOLDS
    }
    settings = [(one.setting, one.f1) for one in REPORTED if one.what == "table4"]
    assert {(setting.alpha, setting.hold): f1 for setting, f1 in settings if setting} == table4
