from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from adt_gym import Detection, InputError, ScoredSeries, thresholds
from adt_gym.evaluation.compare import measure
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.events import false_alarms_per_day, find_events
from adt_gym.metrics.ranges import POINT_ADJUSTED, point_adjusted
from adt_gym.metrics.windows import precision_recall_f1

pairs = st.integers(1, 25).flatmap(lambda n: st.tuples(nps.arrays(bool, n), nps.arrays(bool, n)))


def detected(decisions: object, labels: object, name: str = "s") -> Detection:
    flagged, anomalous = np.array(decisions, bool), np.array(labels, bool)
    return Detection(np.zeros(len(flagged), np.float32), flagged, anomalous, name)


def naive(detections: list[Detection], deadline: int | None) -> float:
    """Garg et al.: Pr over time steps, Rec over events, Fc1 = 2 Pr Rec / (Pr + Rec)."""
    tp = fp = events = found = 0
    for one in detections:
        for d, y in zip(one.decisions, one.labels, strict=True):
            tp, fp = tp + int(d and y), fp + int(d and not y)
        t = 0
        for anomalous, run in groupby(one.labels):
            length = len(list(run))
            if anomalous:
                events += 1
                found += any(one.decisions[t : t + (length if deadline is None else min(length, deadline))])
            t += length
    if events == 0 and fp == 0:
        return 1.0
    if tp == 0 or found == 0:
        return 0.0
    precision, recall = tp / (tp + fp), found / events
    return 2 * precision * recall / (precision + recall)


@given(st.lists(pairs, min_size=1, max_size=4), st.sampled_from([None, 1, 2, 3, 10]))
def test_it_is_the_equation_of_the_paper_with_a_deadline(given_pairs: list, deadline: int | None) -> None:
    detections = [detected(*pair) for pair in given_pairs]
    assert composite_f1(detections, deadline) == pytest.approx(naive(detections, deadline))


def test_by_hand() -> None:
    #            found at once   found after 2          missed
    labels = [0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0]
    flagged = [0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    one = [detected(flagged, labels)]
    precision = 3 / 4
    for deadline, found in ((None, 2), (10, 2), (3, 2), (2, 1), (1, 1)):
        recall = found / 3
        assert composite_f1(one, deadline) == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize(
    ("flagged", "labels", "expected"),
    [
        ([0, 0], [0, 0], 1.0),  # nothing to find, nothing flagged
        ([0, 1], [0, 0], 0.0),  # only false alarms
        ([0, 0], [0, 1], 0.0),
        ([1, 0], [0, 1], 0.0),
        ([1, 1], [1, 1], 1.0),
    ],
)
def test_the_ends_of_the_scale(flagged: list[int], labels: list[int], expected: float) -> None:
    assert composite_f1([detected(flagged, labels)]) == expected


def test_all_events_found_too_late_count_as_none() -> None:
    late = [detected([0, 0, 1], [1, 1, 1])]
    assert composite_f1(late, 2) == 0.0
    assert composite_f1(late, 3) == 1.0


def test_it_pays_neither_for_one_long_event_nor_for_flagging_everything() -> None:
    labels = np.zeros(1000, bool)
    labels[:80], labels[[200, 400, 600, 800]] = True, True
    one_long, everything = [detected(labels & (np.arange(1000) < 80), labels)], [detected(np.ones(1000), labels)]
    assert composite_f1(one_long) == pytest.approx(2 / 5 / (6 / 5))  # precision 1, recall 1 / 5
    assert composite_f1(everything) == pytest.approx(2 * 0.084 / 1.084)


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_a_deadline_has_a_window(deadline: int) -> None:
    with pytest.raises(InputError, match="deadline"):
        composite_f1([detected([0, 1], [0, 1])], deadline)


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(InputError, match="no detections"):
        composite_f1([])


# Series are not laid end to end


def ends_and_begins() -> tuple[list[Detection], list[ScoredSeries]]:
    """An event and an alarm at the end of one series, an event at the start of the next, which is missed."""
    detections = [detected([0, 0, 1, 1], [0, 0, 0, 1], "a"), detected([0, 0, 0, 1], [1, 1, 0, 0], "b")]
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(4)
    return detections, [ScoredSeries(np.full(4, 0.5), one.labels, one.name, hours) for one in detections]


def test_events_at_a_seam_are_two() -> None:
    detections, test = ends_and_begins()
    row = measure("m", False, detections, test)
    assert (find_events(detections).found, row.missed_events) == (1, 1)
    assert row.event_recall == 0.5
    precision, recall = 1 / 3, 1 / 2
    assert row.composite_f1 == pytest.approx(2 * precision * recall / (precision + recall))
    # adjusted one by one: TP 1, FP 2, FN 2; joined, the missed event would count as found
    assert row.values[POINT_ADJUSTED] == pytest.approx(2 / (2 + 2 + 2))
    joined = (np.concatenate([getattr(one, kind) for one in detections]) for kind in ("decisions", "labels"))
    decisions, labels = joined
    assert precision_recall_f1(point_adjusted(decisions, labels), labels)[2] == pytest.approx(6 / (6 + 2))


def test_false_alarm_runs_at_a_seam_are_two() -> None:
    parts = [detected([0, 0, 0, 1], [0, 1, 0, 0]), detected([1, 0, 0, 0], [0, 0, 1, 1])]
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(4)
    assert find_events(parts).false_segments == 2
    assert false_alarms_per_day(parts, [hours, hours]) == pytest.approx(2 / (5 / 24))


# False alarms a day


def test_false_alarms_a_day_by_hand() -> None:
    minutes = np.datetime64("2024-01-01T00:00", "m") + 5 * np.arange(288)  # a day in steps of five minutes
    labels, flagged = np.zeros(288, bool), np.zeros(288, bool)
    labels[100:172] = True  # a quarter of it
    flagged[[3, 4, 5, 50, 99, 100, 280]] = True  # 3..5, 50 and 280 are false; 99 runs on into the event
    assert false_alarms_per_day([detected(flagged, labels)], [minutes]) == pytest.approx(3 / 0.75)
    gap = np.where(np.arange(288) < 144, minutes, minutes + np.timedelta64(30, "D"))
    assert false_alarms_per_day([detected(flagged, labels)], [gap]) == pytest.approx(3 / 0.75), "a gap is no time"


def test_without_normal_time_there_is_no_rate() -> None:
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(3)
    assert np.isnan(false_alarms_per_day([detected([1, 0, 0], [1, 1, 1])], [hours]))
    assert np.isnan(false_alarms_per_day([detected([1], [0])], [hours[:1]]))
    with pytest.raises(InputError, match="3 times for 1 windows"):
        false_alarms_per_day([detected([1], [0])], [hours])


def test_a_row_without_times_has_no_rate() -> None:
    test = ScoredSeries([0.1, 0.9], [0, 1])
    row = measure("m", False, [thresholds.make("always").detect(test)], [test])
    assert np.isnan(row.false_alarms_per_day)
    assert row.composite_f1 == pytest.approx(2 / 3)
