import numpy as np
import pytest
from aeon.benchmarking.metrics import anomaly_detection as aeon
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from adt_gym.metrics.ranges import (
    POINT_ADJUSTED,
    margins,
    point_adjusted,
    range_precision_recall_f1,
    vus,
)
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import Detection, InputError, ScoredSeries

pairs = st.integers(1, 30).flatmap(lambda n: st.tuples(hnp.arrays(bool, n), hnp.arrays(bool, n)))


def series(windows: int = 300, seed: int = 0) -> ScoredSeries:
    random = np.random.default_rng(seed)
    labels = np.repeat(random.random(windows // 10) < 0.2, 10)
    return ScoredSeries(np.clip(0.5 * random.random(windows) + 0.3 * labels, 0, 1), labels)


def pieces(flags: np.ndarray) -> list[set[int]]:
    found: list[set[int]] = []
    for t in np.flatnonzero(flags):
        if found and t - 1 in found[-1]:
            found[-1].add(int(t))
        else:
            found.append({int(t)})
    return found


def mean_share(of: list[set[int]], covered_by: list[set[int]]) -> float:
    """Equations 4 to 6 of Tatbul et al. with flat bias, reciprocal cardinality and alpha = 0."""
    shares = []
    for one in of:
        overlaps = [len(one & other) for other in covered_by if one & other]
        shares.append(sum(overlaps) / len(one) / max(len(overlaps), 1))
    return sum(shares) / len(shares) if shares else 0.0


def test_vus_over_all_buffers_is_aeons() -> None:
    scored = series()
    labels, scores = scored.labels.astype(int), scored.scores.astype(float)
    pr, roc = vus(scored.scores, scored.labels, range(21))
    assert pr == pytest.approx(aeon.range_pr_vus_score(labels, scores, max_buffer_size=20))
    assert roc == pytest.approx(aeon.range_roc_vus_score(labels, scores, max_buffer_size=20))


def test_every_tenth_buffer_is_close_to_all_of_them() -> None:
    scored = series(600, seed=1)
    assert vus(scored.scores, scored.labels) == pytest.approx(vus(scored.scores, scored.labels, range(101)), abs=0.01)


def test_vus_ranks_a_good_scorer_above_a_blind_one() -> None:
    good, blind = series(), np.random.default_rng(5).random(300)
    assert vus(good.scores, good.labels)[0] > 0.8 > vus(blind, good.labels)[0]
    assert vus(good.scores, good.labels)[1] > 0.9 > vus(blind, good.labels)[1]


@pytest.mark.parametrize("label", [False, True])
def test_vus_of_one_sort_of_windows_is_not_defined(label: bool) -> None:
    assert np.isnan(vus(series().scores, np.full(300, label))).all()


def test_vus_of_constant_scores_is_zero_as_in_aeon() -> None:
    assert vus(np.full(300, 0.5), series().labels) == (0.0, 0.0)


def test_vus_refuses_lengths_that_differ() -> None:
    with pytest.raises(InputError, match="must be equal"):
        vus([0.1, 0.2], [True])


def test_a_constant_threshold_keeps_the_vus_and_one_that_follows_the_drift_betters_it() -> None:
    scored = series(600)
    drift = np.linspace(0, 0.2, 600) ** 2 * 5
    drifting = ScoredSeries(scored.scores + drift, scored.labels)
    of_scores = vus(drifting.scores, drifting.labels)
    constant, following = (Detection.at(level, drifting) for level in (0.25, 0.25 + drift))
    assert vus(margins(constant, drifting), drifting.labels) == pytest.approx(of_scores, abs=1e-6)
    assert vus(margins(following, drifting), drifting.labels) == pytest.approx(vus(scored.scores, scored.labels))
    assert vus(scored.scores, scored.labels)[0] > of_scores[0]


@given(pairs)
def test_range_based_metrics_are_those_of_the_paper(pair: tuple[np.ndarray, np.ndarray]) -> None:
    decisions, labels = pair
    found = range_precision_recall_f1(decisions, labels)
    if not decisions.any() and not labels.any():
        assert found == (1.0, 1.0, 1.0)
        return
    alarms, events = pieces(decisions), pieces(labels)
    precision, recall = mean_share(alarms, events), mean_share(events, alarms)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    assert found == pytest.approx((precision, recall, f1))


@settings(max_examples=50)
@given(pairs)
def test_range_based_metrics_are_aeons(pair: tuple[np.ndarray, np.ndarray]) -> None:
    decisions, labels = (flags.astype(int) for flags in pair)
    if len(np.unique(decisions)) < 2:
        return  # aeon gives these up
    assert range_precision_recall_f1(decisions, labels) == pytest.approx(
        (
            aeon.range_precision(labels, decisions),
            aeon.range_recall(labels, decisions),
            aeon.range_f_score(labels, decisions, p_alpha=0, r_alpha=0),
        )
    )


def test_flagging_everything_has_the_share_of_anomalies_as_range_precision() -> None:
    labels = np.arange(20) >= 15
    assert range_precision_recall_f1(np.ones(20), labels) == pytest.approx((0.25, 1.0, 0.4))


@given(pairs)
def test_point_adjustment_fills_the_events_that_are_found(pair: tuple[np.ndarray, np.ndarray]) -> None:
    decisions, labels = pair
    adjusted = decisions.copy()
    for event in pieces(labels):
        if any(decisions[t] for t in event):
            adjusted[list(event)] = True
    assert point_adjusted(decisions, labels).tolist() == adjusted.tolist()
    assert precision_recall_f1(adjusted, labels)[2] >= precision_recall_f1(decisions, labels)[2]


def test_one_lucky_window_inflates_the_adjusted_f1() -> None:
    labels = np.arange(100) < 50
    decisions = np.arange(100) == 49
    assert precision_recall_f1(decisions, labels)[2] == pytest.approx(2 / 51)
    assert precision_recall_f1(point_adjusted(decisions, labels), labels)[2] == 1.0
    assert not decisions[:49].any()
    assert POINT_ADJUSTED == "F1 (point-adjusted, inflated)"
