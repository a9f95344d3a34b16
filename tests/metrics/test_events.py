from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import precision_recall_fscore_support

from adt_gym.metrics.events import alarm_segments_per_day, false_alarms_per_1000, find_events, runs
from adt_gym.metrics.windows import pointwise_precision_recall_f1
from adt_gym.series import Detection, InputError, Series

flags = hnp.arrays(bool, st.integers(1, 40))
pairs = st.integers(1, 40).flatmap(lambda n: st.tuples(hnp.arrays(bool, n), hnp.arrays(bool, n)))


def detected(decisions: object, labels: object = None) -> Detection:
    decisions = np.asarray(decisions, dtype=bool)
    labels = np.zeros_like(decisions) if labels is None else np.asarray(labels, dtype=bool)
    return Detection(np.full(len(decisions), 0.5, dtype=np.float32), decisions, labels)


def segments(values: np.ndarray) -> list[range]:
    found, start = [], 0
    for value, group in groupby(values.tolist()):
        length = len(list(group))
        if value:
            found.append(range(start, start + length))
        start += length
    return found


@given(flags)
def test_runs_are_the_longest_stretches_of_true(values: np.ndarray) -> None:
    starts, stops = runs(values)
    assert [range(a, b) for a, b in zip(starts, stops, strict=True)] == segments(values)


@given(st.lists(pairs, max_size=4))
def test_events_are_found_as_a_loop_finds_them(given_pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    delays, missed, false = [], 0, 0
    for decisions, labels in given_pairs:
        for event in segments(labels):
            hits = [t - event.start for t in event if decisions[t]]
            delays += hits[:1]
            missed += not hits
        false += sum(not any(labels[t] for t in alarm) for alarm in segments(decisions))
    events = find_events([detected(*pair) for pair in given_pairs])
    assert (events.delays.tolist(), events.missed, events.false_segments) == (delays, missed, false)
    assert events.found == len(delays)


def test_a_hand_made_example() -> None:
    #            event: at once      late by 2, twice     missed, between two false alarms
    labels = [0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0]
    flagged = [0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1]
    events = find_events([detected(flagged, labels)])
    assert events.delays.tolist() == [0, 2]
    assert (events.missed, events.false_segments) == (1, 2)
    assert events.median_delay == 1.0
    assert events.p95_delay == pytest.approx(1.9)
    assert events.precision_recall_f1() == pytest.approx((2 / 4, 2 / 3, 4 / 7))
    assert false_alarms_per_1000(flagged, labels) == pytest.approx(4000 / 17)


def test_an_event_does_not_cross_into_the_next_series() -> None:
    parts = [detected([0, 0], [0, 1]), detected([1, 0], [1, 0])]
    assert (find_events(parts).missed, find_events(parts).found) == (1, 1)


def test_without_events_the_conventions_for_windows_hold() -> None:
    quiet, noisy = find_events([detected([0, 0, 0])]), find_events([detected([0, 1, 0])])
    assert quiet.precision_recall_f1() == (1.0, 1.0, 1.0)
    assert noisy.precision_recall_f1() == (0.0, 0.0, 0.0)
    assert find_events([detected([0, 0], [1, 1])]).precision_recall_f1() == (0.0, 0.0, 0.0)
    assert np.isnan(quiet.median_delay)
    assert np.isnan(quiet.p95_delay)
    assert find_events([]).found == 0


def test_a_day_of_hours_with_three_alarms() -> None:
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(24)
    flagged = np.zeros(24, dtype=bool)
    flagged[[0, 1, 5, 22, 23]] = True
    assert alarm_segments_per_day([detected(flagged)], [hours]) == pytest.approx(3)
    half_day = np.arange(12) * 3600 * 10**9 + np.datetime64("2024-03-01", "ns")
    both = alarm_segments_per_day([detected(flagged), detected(np.zeros(12))], [hours, half_day])
    assert both == pytest.approx(2)


def test_a_gap_counts_as_covered_time() -> None:
    index = np.array(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-10"], dtype="datetime64[D]")
    assert alarm_segments_per_day([detected([1, 0, 1, 0])], [index]) == pytest.approx(2 / 10)


def test_times_that_do_not_fit_are_refused() -> None:
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(3)
    with pytest.raises(InputError, match="3 times for 2 windows"):
        alarm_segments_per_day([detected([0, 1])], [hours])
    with pytest.raises(InputError, match="cover no time"):
        alarm_segments_per_day([detected([1])], [hours[:1]])


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 999))
def test_a_point_is_flagged_if_the_window_that_ends_at_it_is(windows: int, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    n = windows + length - 1
    series = Series(random.random(n), random.random(n) < 0.3)
    flagged = random.random(len(series.windows(length))) < 0.5
    points = [t - length + 1 >= 0 and bool(flagged[t - length + 1]) for t in range(n)]
    assert series.labels is not None
    found = pointwise_precision_recall_f1([flagged], [series.labels])
    if any(points) or series.labels.any():
        expected = precision_recall_fscore_support(series.labels, points, average="binary", zero_division=0)[:3]
        assert found == pytest.approx(expected)
    else:
        assert found == (1.0, 1.0, 1.0)


def test_more_windows_than_points_are_refused() -> None:
    with pytest.raises(InputError, match="4 windows of 3 points"):
        pointwise_precision_recall_f1([[0, 0, 0, 1]], [[0, 0, 1]])


def test_the_points_of_several_series_are_pooled() -> None:
    decisions = [[1, 0], [1, 1, 0]]  # windows of 2 points: the flagged points are 1; 1 and 2
    labels = [[0, 1, 1], [0, 0, 1, 1]]
    assert pointwise_precision_recall_f1(decisions, labels) == pytest.approx((2 / 3, 2 / 4, 4 / 7))
