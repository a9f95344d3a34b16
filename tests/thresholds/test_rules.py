from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_curve

from adt_gym import InputError, ScoredSeries
from adt_gym.evaluation import precision_recall_f1
from adt_gym.thresholds import make, names
from adt_gym.thresholds.static import best_f1_threshold

RULES: list[tuple[str, dict[str, Any]]] = [
    ("static", {}),
    ("static", {"on": "test"}),
    ("always", {}),
    ("never", {}),
    ("persistence", {}),
    ("persistence", {"delay": 4}),
]


@st.composite
def scored_series(draw: st.DrawFn) -> ScoredSeries:
    """Draw scores of which many are equal or as close as floats can be."""
    lattice = [np.float32(i / 8) for i in range(9)]
    lattice += [np.nextafter(score, np.float32(0.6)) for score in lattice]
    lattice += [np.nextafter(score, np.float32(0.6)) for score in lattice]
    scores = draw(st.lists(st.sampled_from(lattice), min_size=1, max_size=25))
    labels = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    return ScoredSeries(np.array(scores), np.array(labels))


HALF = np.float32(0.5)
NEIGHBOURS = ScoredSeries(np.array([HALF + np.spacing(HALF), HALF + 2 * np.spacing(HALF)]), np.array([False, True]))
"""No float32 lies between these two scores, and halfway rounds up."""


def best_f1_by_trial(scores: list[float], labels: list[bool]) -> float:
    best = 0.0
    for lowest_flagged in scores:
        flagged = [score >= lowest_flagged for score in scores]
        best = max(best, f1_score(labels, flagged))
    return best


@given(series=scored_series())
@example(series=NEIGHBOURS)
def test_static_finds_the_best_f1_of_all_thresholds(series: ScoredSeries) -> None:
    assume(series.labels.any())
    detection = make("static").fit([series]).detect(series)
    _, _, f1 = precision_recall_f1(detection.decisions, detection.labels)
    assert f1 == pytest.approx(best_f1_by_trial(series.scores.tolist(), series.labels.tolist()))


def test_static_finds_the_best_point_of_scikit_learns_curve() -> None:
    random = np.random.default_rng(0)
    labels = random.random(2000) < 0.1
    series = ScoredSeries(np.clip(0.3 * labels + 0.5 * random.random(2000), 0, 1), labels)
    precision, recall, _ = precision_recall_curve(series.labels, series.scores)
    best = np.nanmax(2 * precision * recall / np.maximum(precision + recall, 1e-12))
    detection = make("static").fit([series]).detect(series)
    assert precision_recall_f1(detection.decisions, detection.labels)[2] == pytest.approx(best)


def test_static_learns_from_all_windows_of_all_series() -> None:
    one = ScoredSeries(np.array([0.1, 0.2, 0.6]), np.array([False, False, True]))
    other = ScoredSeries(np.array([0.4, 0.8]), np.array([False, True]))
    assert best_f1_threshold([one, other]) == pytest.approx(0.5)
    assert best_f1_threshold([one]) == pytest.approx(0.4)


def test_of_equally_good_thresholds_the_highest_is_taken() -> None:
    # Flagging {0.9} gives P = 1, R = 1/2; flagging all four gives P = 1/2, R = 1: F1 = 2/3 both times.
    series = ScoredSeries(np.array([0.9, 0.5, 0.4, 0.3]), np.array([True, False, False, True]))
    assert best_f1_threshold([series]) == pytest.approx(0.7)


def test_static_without_an_anomaly_to_learn_from() -> None:
    with pytest.raises(InputError, match="quiet"):
        make("static").fit([ScoredSeries(np.array([0.1, 0.2]), np.zeros(2), "quiet")])


@pytest.mark.parametrize("name", ["always", "never"])
def test_the_two_ends(name: str) -> None:
    series = ScoredSeries(np.array([0.0, 0.5, 1.0]), np.array([False, True, False]))
    detection = make(name).fit([]).detect(series)
    assert detection.decisions.tolist() == [name == "always"] * 3


@pytest.mark.parametrize("delay", [1, 2, 5, 12, 50])
def test_persistence_repeats_the_label_of_delay_windows_ago(delay: int) -> None:
    random = np.random.default_rng(delay)
    labels = (random.random(12) < 0.5).tolist()
    detection = make("persistence", delay=delay).fit([]).detect(ScoredSeries(random.random(12), labels))
    assert detection.decisions.tolist() == ([False] * delay + labels)[:12]


@pytest.mark.parametrize("delay", [1, 4, 100])
@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_persistence_repeats_what_it_is_told_where_labels_are_flipped(delay: int, noise: float) -> None:
    random = np.random.default_rng(delay)
    labels = random.random(60) < 0.4
    flips = np.random.default_rng(11).random(60) < noise
    told = [bool(label) != bool(flip) for label, flip in zip(labels, flips, strict=True)]
    rule = make("persistence", delay=delay, noise=noise, seed=11)
    detection = rule.fit([]).detect(ScoredSeries(random.random(60), labels))
    assert detection.decisions.tolist() == ([False] * delay + told)[:60]
    np.testing.assert_array_equal(detection.labels, labels)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_persistence_without_a_first_alarm_is_never_told_anything(noise: float) -> None:
    series = ScoredSeries(np.full(40, 0.9), np.ones(40))
    assert not make("persistence", delay=2, feedback="alerts", noise=noise).fit([]).detect(series).decisions.any()


def test_persistence_scores_one_minus_runs_over_positives() -> None:
    labels = [0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0]
    runs, positives = 3, 10
    series = ScoredSeries(np.random.default_rng(0).random(len(labels)), labels)
    detection = make("persistence").fit([]).detect(series)
    assert precision_recall_f1(detection.decisions, detection.labels) == pytest.approx((1 - runs / positives,) * 3)


@pytest.mark.parametrize(("name", "options"), RULES, ids=str)
def test_a_rule_that_claims_to_see_no_labels_sees_none(name: str, options: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    train = ScoredSeries(random.random(30), random.random(30) < 0.3)
    scores, labels = random.random(30), random.random(30) < 0.3
    rule = make(name, **options)

    def decide(labels: np.ndarray) -> list[bool]:
        series = ScoredSeries(scores, labels)
        return rule.fit([series if "test labels" in rule.name else train]).detect(series).decisions.tolist()

    assert (decide(labels) != decide(~labels)) == rule.sees_labels


def test_names_say_what_a_table_must_say() -> None:
    shown = {make(name, **options).name for name, options in RULES}
    assert shown == {"static", "static (test labels)", "always", "never", "persistence(1)", "persistence(4)"}
    assert {name for name, _ in RULES} <= set(names())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("statik", {}, "'statik'.*persistence.*static"),
        ("static", {"on": "both"}, "'both'"),
        ("static", {"alpha": 1}, "'static'.*alpha"),
        ("persistence", {"delay": 0}, "at least 1, got 0"),
        ("persistence", {"delay": 1.5}, "whole number.*1.5"),
        ("persistence", {"feedback": "some"}, "unknown feedback 'some'"),
        ("persistence", {"noise": 1.2}, "label_noise.*1.2"),
    ],
)
def test_bad_rules(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(name, **options)
