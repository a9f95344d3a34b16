import doctest
import itertools
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adt_gym import InputError, Monitor, ScoredSeries, Series, scoring, thresholds
from adt_gym.stream import monitor as module
from adt_gym.stream.feedback import Feedback, Waiting, feedback_of, told_labels
from adt_gym.stream.monitor import HISTORY
from adt_gym.stream.replay import replay
from adt_gym.stream.stream import Method

RULES = [feedback_of("full", 3), feedback_of("alerts", 2), feedback_of("full", 10, 0.1), feedback_of("none")]


def watch(
    monitor: Monitor, series: ScoredSeries, feedback: Feedback, between: Callable[[Monitor, int], Monitor]
) -> list[bool]:
    """Push every score of a series, told what the rule tells; ``between`` may put another monitor in its place."""
    labels, waiting, decisions = told_labels(series, feedback, 0), Waiting(feedback), []
    for t, score in enumerate(series.scores.tolist()):
        for window, told in waiting.come(t):
            if told:
                monitor.tell(window, bool(labels[window]))
        judged = monitor.push(t, score)
        assert judged is not None
        assert judged.decision == (judged.score > judged.threshold)
        decisions.append(judged.decision)
        waiting.judged(t, judged.decision)
        monitor = between(monitor, t)
    return decisions


def same(monitor: Monitor, t: int) -> Monitor:
    return monitor


def test_the_example_in_its_docstring_runs() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("feedback", RULES, ids=str)
def test_a_monitor_decides_what_a_replay_does(make_series: Callable[..., ScoredSeries], feedback: Feedback) -> None:
    series = make_series(120)
    method = thresholds.make("persistence", feedback=feedback)
    assert watch(Monitor(None, method), series, feedback, same) == replay(method, series, feedback).decisions.tolist()


@pytest.mark.parametrize("feedback", RULES, ids=str)
def test_saved_and_loaded_it_goes_on_with_labels_pending(
    make_series: Callable[..., ScoredSeries], tmp_path: Path, feedback: Feedback
) -> None:
    series = make_series(60)

    def saved(monitor: Monitor, t: int) -> Monitor:
        if t % 7:
            return monitor
        monitor.save(tmp_path / f"{t}.npz")
        return Monitor.load(tmp_path / f"{t}.npz")

    method = thresholds.make("persistence", feedback=feedback)
    assert watch(Monitor(None, method), series, feedback, saved) == replay(method, series, feedback).decisions.tolist()


@pytest.mark.parametrize(
    "times",
    [
        [0.5, 1.5, 2.5],
        ["09:00", "09:01", "10:00"],
        [datetime(2026, 1, 1) + timedelta(minutes=i) for i in range(3)],
        list(np.datetime64("2026-01-01") + np.arange(3)),
    ],
    ids=lambda times: type(times[0]).__name__,
)
def test_a_label_is_told_by_the_time_of_its_window(times: list[Any], tmp_path: Path) -> None:
    monitor = Monitor(None, thresholds.make("persistence"))
    first = monitor.push(times[0], 0.5)
    assert first is not None
    assert (first.t, first.time) == (0, times[0])
    monitor.save(tmp_path / "monitor.npz")
    monitor = Monitor.load(tmp_path / "monitor.npz")
    monitor.tell(times[0], True)
    flagged = monitor.push(times[1], 0.5)
    monitor.tell(0, False)  # the last word counts
    cleared = monitor.push(times[2], 0.5)
    assert flagged is not None
    assert cleared is not None
    assert (flagged.decision, cleared.decision) == (True, False)
    with pytest.raises(InputError, match="is not after"):
        monitor.push(times[1], 0.5)


def test_points_may_have_no_times() -> None:
    monitor = Monitor(None, thresholds.make("always"))
    judged = [monitor.push(None, 0.5), monitor.push(None, 0.5)]
    assert [one and (one.t, one.time, one.decision) for one in judged] == [(0, None, True), (1, None, True)]


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.1, None, "high", [0.5]])
def test_what_is_no_score_changes_nothing(score: Any) -> None:
    monitor = Monitor(None, thresholds.make("always"))
    with pytest.raises(InputError, match="score"):
        monitor.push(0, score)
    judged = monitor.push(0, 0.5)
    assert judged is not None
    assert judged.t == 0


def test_a_label_of_no_window_and_what_is_no_label_are_refused() -> None:
    monitor = Monitor(None, thresholds.make("persistence"))
    monitor.push("09:00", 0.5)
    with pytest.raises(InputError, match="no window ended at '09:01'"):
        monitor.tell("09:01", True)
    with pytest.raises(InputError, match="no window 1: 1 were judged"):
        monitor.tell(1, True)
    with pytest.raises(InputError, match="a label is True or False"):
        monitor.tell(0, 2)  # type: ignore[arg-type]


def test_two_monitors_of_one_method_do_not_touch_each_other() -> None:
    method = thresholds.make("persistence")
    one, other = Monitor(None, method), Monitor(None, method)
    for monitor in (one, other):
        monitor.push(0, 0.5)
    one.tell(0, True)
    pushed = [monitor.push(1, 0.5) for monitor in (one, other)]
    assert [judged and judged.decision for judged in pushed] == [True, False]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    thresholds.make("always").save(tmp_path / "method.npz")
    with pytest.raises(InputError, match="not a monitor"):
        Monitor.load(tmp_path / "method.npz")
    with pytest.raises(InputError, match=r"\.npz"):
        Monitor(None, thresholds.make("always")).save(tmp_path / "monitor.zip")


class Unregistered(Method):
    name = "unregistered"


def test_a_method_that_is_not_registered_is_not_loaded(tmp_path: Path) -> None:
    Unregistered().save(tmp_path / "method.npz")
    with pytest.raises(InputError, match="register it before"):
        thresholds.load(tmp_path / "method.npz")


@pytest.mark.parametrize("scorer", ["pca", "range", "isolation"])
@pytest.mark.parametrize("method", ["static", "spot", "rolling_quantile", "persistence"])
def test_from_points_to_decisions_it_is_the_batch(scorer: str, method: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(900) % 200 > 185
    values = random.normal(size=(900, 2)) + 3 * labels[:, None]
    series = Series(values, labels, "pump", np.datetime64("2026-01-01", "m") + np.arange(900))
    past, live = series[:500], series[500:]
    fitted = scoring.make(scorer, window=4).fit([past])
    train, test = fitted.score(past, past), fitted.score(live, past)
    judge = thresholds.make(method, **({"delay": 5} if method == "persistence" else {})).fit([train])
    expected = replay(judge, test, judge.feedback)
    monitor, waiting, judged = Monitor(fitted, judge, past), Waiting(judge.feedback), []
    assert live.index is not None
    for i, (time, point) in enumerate(zip(live.index, live.values, strict=True)):
        for window, told in waiting.come(i - 3):
            if told:
                monitor.tell(live.index[window + 3], bool(test.truth[window]))
        one = monitor.push(time, point)
        assert (one is None) == (i < 3)
        if one is not None:
            judged.append(one)
            waiting.judged(one.t, one.decision)
        if i == 200:
            monitor.save(tmp_path / "monitor.npz")
            monitor = Monitor.load(tmp_path / "monitor.npz")
    assert [one.decision for one in judged] == expected.decisions.tolist()
    assert all(one.decision == (one.score > one.threshold) for one in judged)
    np.testing.assert_allclose([one.score for one in judged], test.scores, rtol=0, atol=1e-6)
    np.testing.assert_allclose([one.threshold for one in judged], expected.thresholds, rtol=0, atol=1e-5)


# Times, labels and pasts


def pushed(*times: Any, history: int = HISTORY) -> Monitor:
    monitor = Monitor(None, thresholds.make("persistence"), history=history)
    for time in times:
        monitor.push(time, 0.5)
    return monitor


def test_a_whole_number_is_a_time_once_whole_numbers_were_pushed(tmp_path: Path) -> None:
    whole, halves = pushed(0, 1, 2, 3, 4, history=3), pushed(0.0, 0.5, 1.5, 2.5, history=3)
    whole.save(tmp_path / "monitor.npz")
    for monitor in (whole, halves, Monitor.load(tmp_path / "monitor.npz")):
        with pytest.raises(InputError, match=r"no window ended at 1 among the last 3 .*: whole numbers are times here"):
            monitor.tell(1, True)
    pushed(*"abcde").tell(0, True)


@pytest.mark.parametrize(
    "time",
    [date(2026, 1, 1), (1, 2), math.nan, math.inf, np.float32("nan"), np.datetime64("NaT"), pd.NaT, True, [1], b"a"],
    ids=str,
)
def test_what_is_no_time_is_refused_and_changes_nothing(time: Any) -> None:
    monitor = pushed()
    with pytest.raises(InputError, match="is no time: push a finite number, a word"):
        monitor.push(time, 0.5)
    judged = monitor.push(1, 0.5)
    assert judged is not None
    assert judged.t == 0


@pytest.mark.parametrize(
    "times",
    list(
        itertools.permutations(
            [1, "09:00", datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), np.datetime64("2026-01-01")], 2
        )
    ),
    ids=str,
)
def test_times_are_of_one_kind(times: Any) -> None:
    with pytest.raises(InputError, match="push one kind"):
        pushed(*times)


def test_a_point_without_a_time_does_not_turn_time_back() -> None:
    with pytest.raises(InputError, match="is not after"):
        pushed(5, None, 3)


def test_nanoseconds_are_kept(tmp_path: Path) -> None:
    times = [pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(i, "ns") for i in range(3)]
    pushed(*times[:2]).save(tmp_path / "monitor.npz")
    monitor = Monitor.load(tmp_path / "monitor.npz")
    monitor.tell(times[0], True)
    monitor.tell(times[1], True)
    monitor.push(times[2], 0.5)


@pytest.mark.parametrize(
    ("past", "message"),
    [
        ([[0.5]], r"got shape \(1, 1\): pass one score a window"),
        ([0.5, math.nan], r"in \[0, 1\], got nan at 1: leave it out"),
        ([7.0], r"in \[0, 1\], got 7.0 at 0"),
        ("high", "pass numbers"),
        (ScoredSeries([0.5], [0]), "got a ScoredSeries: pass the scores"),
    ],
    ids=str,
)
def test_a_past_without_a_scorer_is_scores(past: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Monitor(None, thresholds.make("persistence"), past)


def test_a_past_with_a_scorer_is_points_and_both_are_made_objects() -> None:
    series = Series(np.random.default_rng(0).normal(size=(50, 1)), None, "pump")
    scorer, method = scoring.make("range", window=4).fit([series]), thresholds.make("persistence")
    with pytest.raises(InputError, match=r"past must be points.*got a ScoredSeries"):
        Monitor(scorer, method, ScoredSeries([0.5], [0]))
    with pytest.raises(InputError, match=r"a method is one such as thresholds\.make.*got 'static'"):
        Monitor(None, "static")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"a scorer is one such as scoring\.make.*got 'range'"):
        Monitor("range", method)


@pytest.mark.parametrize("when", [[0], {}, np.zeros(2), True, None])
def test_what_names_no_window_is_refused(when: Any) -> None:
    for monitor in (pushed("a"), pushed(0, 1)):
        with pytest.raises(InputError, match="no window ended at"):
            monitor.tell(when, True)


@pytest.mark.parametrize("label", [np.zeros(2), np.ones(1), [1], "1", None, 0.5])
def test_what_is_no_label_is_refused(label: Any) -> None:
    with pytest.raises(InputError, match="a label is True or False"):
        pushed("a").tell(0, label)


# Another scorer


def test_a_refit_keeps_what_was_learned_of_labels_and_misses_no_window() -> None:
    random = np.random.default_rng(0)
    past, later = Series(random.normal(size=100)), Series(random.normal(5, 2, size=100))
    for method, kept in (("persistence", True), ("quantile", False)):
        made, scorer = thresholds.make(method), scoring.make("pca", window=5).fit([past])
        monitor = Monitor(scorer, made, past)
        for value in later.values[:10]:
            monitor.push(None, value)
        monitor.tell(5, True)
        again = scoring.make("pca", window=5).fit([later])
        monitor.refit(again, later)
        for value in later.values[6:10]:
            monitor.prime(None, value)
        judged = monitor.push(None, later.values[10])
        fresh = Monitor(again, made, later)
        for value in later.values[6:11]:
            new = fresh.push(None, value)
        assert judged is not None
        assert new is not None
        assert judged.t == 6
        assert judged.score == new.score
        assert (judged.threshold != new.threshold) == kept
    monitor = Monitor(scorer, made, past, history=0)
    with pytest.raises(InputError, match="history=0"):
        monitor.save("monitor.npz")
