import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, precision_recall_fscore_support

from adt_gym import InputError, ScoredSeries, Series, metrics, thresholds
from adt_gym.evaluation.compare import Row, compare, evaluate, write_table
from adt_gym.metrics.bootstrap import f1_interval
from adt_gym.metrics.evaluated import Evaluated

METHODS = ("static", "static (test labels)", "persistence(1)", "persistence(3)", "always", "never")


@pytest.fixture
def train() -> list[ScoredSeries]:
    return [ScoredSeries([0.1, 0.2, 0.9, 0.3], [0, 0, 1, 0], "train")]


@pytest.fixture
def rows(train: list[ScoredSeries], several: list[ScoredSeries]) -> list[Row]:
    methods = [
        thresholds.make("static"),
        thresholds.make("static", on="test"),
        thresholds.make("persistence"),
        thresholds.make("persistence", delay=3),
        thresholds.make("always"),
        thresholds.make("never"),
    ]
    return compare(methods, train, several)


def test_one_row_per_method_in_the_order_given(rows: list[Row]) -> None:
    assert tuple(row.method for row in rows) == METHODS


def test_rows_are_scikit_learns_numbers_on_the_pooled_decisions(
    rows: list[Row], train: list[ScoredSeries], several: list[ScoredSeries]
) -> None:
    labels = np.concatenate([one.labels for one in several])
    scores = np.concatenate([one.scores for one in several])
    decisions = {
        "static": scores > 0.6,  # halfway between 0.9, the only anomaly of the training series, and 0.3
        "persistence(1)": np.concatenate([np.append(False, one.labels[:-1]) for one in several]),
        "persistence(3)": np.concatenate([np.append([False] * 3, one.labels[:-3]) for one in several]),
        "always": np.ones(len(labels), bool),
        "never": np.zeros(len(labels), bool),
    }
    for row in rows:
        if row.method in decisions:
            flagged = decisions[row.method]
            expected = precision_recall_fscore_support(labels, flagged, average="binary", zero_division=0)[:3]
            assert (row.precision, row.recall, row.f1) == pytest.approx(expected)
            assert row.alarms_per_1000 == pytest.approx(1000 * flagged.sum() / len(labels))


def test_a_row_keeps_one_detection_per_test_series(rows: list[Row], several: list[ScoredSeries]) -> None:
    for row in rows:
        assert [d.name for d in row.detections] == [one.name for one in several]
        for detection, one in zip(row.detections, several, strict=True):
            np.testing.assert_array_equal(detection.decisions, one.scores > detection.thresholds)
            np.testing.assert_array_equal(detection.labels, one.labels)


def test_every_row_says_whether_the_method_saw_test_labels(rows: list[Row]) -> None:
    saw = {row.method: row.saw_labels for row in rows}
    assert saw == dict(zip(METHODS, (False, True, True, True, False, False), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_no_fixed_threshold_beats_static_on_the_test_labels(train: list[ScoredSeries], seed: int) -> None:
    random = np.random.default_rng(seed)
    test = [ScoredSeries(random.random(60).round(1), random.random(60) < 0.2, name) for name in "ab"]
    row = evaluate(thresholds.make("static", on="test"), train, test)
    scores, labels = (np.concatenate([getattr(one, kind) for one in test]) for kind in ("scores", "labels"))
    precision, recall, _ = precision_recall_curve(labels, scores)
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
    assert row.f1 == pytest.approx(best)
    assert row.saw_labels
    assert row.f1 >= evaluate(thresholds.make("static"), train, test).f1


def test_points_are_judged_where_their_labels_are_known(train: list[ScoredSeries]) -> None:
    random = np.random.default_rng(0)
    points = [Series(random.random(50), random.random(50) < 0.1, name) for name in "ab"]
    test = [ScoredSeries(random.random(47), one.window_labels(4), one.name) for one in points]
    row = evaluate(thresholds.make("persistence"), train, test, points=points)
    flagged = np.concatenate([np.append([False] * 4, one.labels[:-1]) for one in test])
    truth = np.concatenate([one.labels for one in points if one.labels is not None])
    expected = precision_recall_fscore_support(truth, flagged, average="binary")[:3]
    assert (row.point_precision, row.point_recall, row.point_f1) == pytest.approx(expected)
    assert row.point_f1 < row.f1
    for unknown in (None, [points[0], Series(random.random(50), None, "b")]):
        row = evaluate(thresholds.make("persistence"), train, test, points=unknown)
        assert np.isnan([row.point_precision, row.point_recall, row.point_f1]).all()


def test_the_interval_of_f1_is_over_series(rows: list[Row], train: list[ScoredSeries]) -> None:
    for row in rows:
        interval = f1_interval([row.detections])
        assert (row.f1_low, row.f1_high) == (interval.low, interval.high)
        assert row.f1_low <= row.f1 <= row.f1_high
    alone = evaluate(thresholds.make("static"), train, train)
    assert np.isnan([alone.f1_low, alone.f1_high]).all()


def test_nothing_to_evaluate_is_an_error(train: list[ScoredSeries]) -> None:
    with pytest.raises(InputError, match="no test series"):
        evaluate(thresholds.make("always"), train, [])


def test_the_table_of_a_file_is_the_rows(rows: list[Row], tmp_path: Path) -> None:
    write_table(tmp_path / "run" / "table.csv", rows)
    with (tmp_path / "run" / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0])[:5] == ["method", "saw_labels", "precision", "recall", "f1"]
    assert list(written[0])[-2:] == ["F1 (point-adjusted, inflated)", "seconds"]
    for line, row in zip(written, rows, strict=True):
        assert line["method"] == row.method
        assert line["saw_labels"] == str(row.saw_labels)
        for column in list(line)[2:]:
            assert float(line[column]) == pytest.approx(row.values[column], abs=0, nan_ok=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["table.csv"]


def flagged_at_once(one: Evaluated) -> float:
    """Events whose first window is flagged."""
    return float((one.events.delays == 0).sum())


def test_a_metric_of_ones_own_is_a_column(
    train: list[ScoredSeries], several: list[ScoredSeries], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics.registry, "_entries", dict(metrics.registry._entries))
    metrics.register("flagged_at_once", flagged_at_once)
    row = evaluate(thresholds.make("always"), train, several)
    starts = sum(int(np.sum(np.diff(one.truth.astype(int), prepend=0) == 1)) for one in several)
    assert row.flagged_at_once == starts
    write_table(tmp_path / "table.csv", [row])
    with (tmp_path / "table.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert float(line["flagged_at_once"]) == starts


def test_slow_metrics_are_measured_if_asked_for(train: list[ScoredSeries], several: list[ScoredSeries]) -> None:
    plain, all_of_them = (evaluate(thresholds.make("static"), train, several, volumes=asked) for asked in (False, True))
    slow = set(metrics.names(metrics.SLOW))
    assert {name for name, value in plain.values.items() if np.isnan(value)} >= slow
    assert not {name for name, value in all_of_them.values.items() if np.isnan(value)} & slow
