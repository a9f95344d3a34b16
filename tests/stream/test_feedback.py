"""Feedback rules: those that have a word, a user's own, and what the package makes of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from own_rules import MondayMornings, Table, Visits, tables

from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.feedback import IMMEDIATE, MAX_DELAY, Feedback, Full, Untold, Waiting, feedback_of, told_labels

HOURLY = MondayMornings(datetime(2026, 11, 5, 6), timedelta(hours=1))
"""From a Thursday, six in the morning, on."""


TABLES = tables(0, 40)
ALIKE = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(((1, 1), (0, 1), (1, 0), (0, 0)))), max_size=40).map(
    lambda rows: Table([(delay if no else None, delay if yes else None) for delay, (no, yes) in rows])
)
"""The decision changes whether a label is told, not when."""
WORDS = st.builds(
    feedback_of, st.sampled_from(("full", "alerts", "none")), st.integers(1, 12), st.sampled_from((0.0, 0.3))
)


def comes_in(rule: Feedback, t: int, decision: bool) -> tuple[int | None, bool]:
    """Return before which window the feedback of window t is in, and whether that is its label or silence."""
    at = rule.told_at(t, decision)
    return (at, True) if at is not None else (rule.told_at(t, not decision), False)


# Rules


@pytest.mark.parametrize(
    ("kind", "flagged", "unflagged"), [("full", 12, 12), ("alerts", 12, None), ("none", None, None)]
)
def test_the_three_words(kind: str, flagged: int | None, unflagged: int | None) -> None:
    rule = feedback_of(kind, 5)
    assert (rule.told_at(7, True), rule.told_at(7, False)) == (flagged, unflagged)
    assert rule.tells == (kind != "none")
    assert rule.partial == (kind == "alerts")


@pytest.mark.parametrize(
    ("kind", "delay", "noise"), [("full", 2, 0), ("full", 1, 0.1), ("alerts", 1, 0), ("none", 1, 0)]
)
def test_only_full_feedback_at_once_and_true_is_the_papers(kind: str, delay: int, noise: float) -> None:
    assert feedback_of().immediate
    assert feedback_of() == IMMEDIATE
    assert not feedback_of(kind, delay, noise).immediate


def test_a_rule_of_ones_own_labels_come_on_monday_mornings() -> None:
    rule = feedback_of(HOURLY)
    monday_at_nine = 3 * 24 + 18 + 9  # windows from Thursday at six to Monday, the ninth of November, at nine
    assert monday_at_nine == (datetime(2026, 11, 9, 9) - HOURLY.first) // HOURLY.step
    for t, at in ((0, 99), (98, 99), (99, 99 + 168), (266, 267), (267, 267 + 168)):
        assert rule.told_at(t, False) == rule.told_at(t, True) == at
    assert rule is HOURLY
    assert (rule.kind, rule.tells, rule.partial, rule.immediate) == ("Monday mornings", True, False, False)


def test_where_no_window_is_judged_at_nine_labels_are_in_before_the_next_one() -> None:
    rule = MondayMornings(datetime(2026, 11, 9, 0), timedelta(hours=7))
    assert [rule.told_at(t, True) for t in (0, 1, 2)] == [2, 2, 26]


def test_a_rule_need_not_be_a_subclass() -> None:
    class Weekly:
        noise = 0.25

        def told_at(self, t: int, decision: bool) -> int | None:
            return t + 7 if decision else None

    rule = feedback_of(Weekly())
    assert isinstance(rule, Feedback)
    assert (rule.kind, rule.delay, rule.noise, rule.partial, rule.tells) == ("Weekly", None, 0.25, True, True)
    assert (rule.told_at(3, True), rule.told_at(3, False)) == (10, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("some",), "unknown feedback 'some'; known: full, alerts, none"),
        ((MondayMornings,), "unknown feedback <class"),
        (("full", 0), 'feedback_delay must be at least 1.*choose feedback="none"'),
        (("alerts", MAX_DELAY + 1), "feedback_delay must be at most 1,000,000"),
        (("full", 1.0), "feedback_delay must be a whole number"),
        (("full", 1, 1.5), r"label_noise must be in \[0, 1\], got 1.5"),
        ((HOURLY, 3), "has a delay and a noise of its own"),
        ((HOURLY, 1, 0.1), "has a delay and a noise of its own"),
    ],
)
def test_what_is_no_rule(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        feedback_of(*arguments)


@pytest.mark.parametrize("early", [7, 3])
@pytest.mark.parametrize("use", [lambda rule: rule.schedule(9), lambda rule: Waiting(rule).judged(7, True)])
def test_a_rule_that_tells_too_early_is_refused(early: int, use: Callable[[Feedback], object]) -> None:
    class Early(Feedback):
        kind = "early"

        def told_at(self, t: int, decision: bool) -> int:
            return early if t == 7 else t + 1

    with pytest.raises(InputError, match=rf"'early' tells the label of window 7 before window {early}; .* 8 or more"):
        use(Early())


# Rules in arrays, and one window at a time


@given(rule=TABLES | ALIKE | WORDS, windows=st.integers(0, 40))
@example(rule=Table([(1, 2)]), windows=1)
@example(rule=Table([(5, 5), (1, 1)]), windows=2)
def test_a_schedule_says_what_the_rule_says(rule: Feedback, windows: int) -> None:
    windows = min(windows, len(rule.delays)) if isinstance(rule, Table) else windows
    pairs = [{at for at in (rule.told_at(t, False), rule.told_at(t, True)) if at is not None} for t in range(windows)]
    due = [(t, min(pair)) for t, pair in enumerate(pairs) if pair]
    in_order = all(one[1] <= other[1] for one, other in pairwise(due))
    schedule = rule.schedule(windows)
    assert (schedule is not None) == (in_order and all(len(pair) < 2 for pair in pairs))
    if schedule is None:
        return
    for t in range(windows):
        for decision in (False, True):
            assert schedule.told[t, int(decision)] == (rule.told_at(t, decision) is not None)
    assert list(zip(schedule.windows.tolist(), schedule.due.tolist(), strict=True)) == due
    assert schedule.complete == (len(schedule.windows) == windows)
    for position in range(windows + 14):
        assert schedule.released(position) == sum(at <= position for _, at in due)


@given(rule=TABLES | WORDS, flagged=st.lists(st.booleans(), min_size=40, max_size=40))
def test_what_waits_comes_when_the_rule_says(rule: Feedback, flagged: list[bool]) -> None:
    windows = len(rule.delays) if isinstance(rule, Table) else 40
    waiting, come = Waiting(rule), []
    for t in range(windows):
        come += [(t, *one) for one in waiting.come(t)]
        assert waiting.judged(t, flagged[t]) == (rule.told_at(t, flagged[t]) is not None)
    come += [(t, *one) for t in range(windows, windows + 13) for one in waiting.come(t)]
    expected = [(t, *comes_in(rule, t, flagged[t])) for t in range(windows)]
    assert sorted(come) == sorted((at, t, told) for t, at, told in expected if at is not None)


# Noise


def test_labels_told_wrongly_are_those_that_the_environment_would_flip() -> None:
    labels = np.random.default_rng(0).random(500) < 0.3
    series = ScoredSeries(np.full(500, 0.5), labels)
    told = told_labels(series, feedback_of("alerts", 3, 0.2), seed=4)
    wrong = np.random.default_rng(4).random(500) < 0.2
    assert 0.1 < wrong.mean() < 0.3
    np.testing.assert_array_equal(told, labels ^ wrong)
    np.testing.assert_array_equal(told_labels(series, feedback_of("alerts", 3), seed=4), labels)


# Rules that change what those with a word say


class NotAtNight(Full):
    def told_at(self, t: int, decision: bool) -> int | None:
        return t + 2 if t % 4 or decision else None


class Sometimes(Untold):
    def told_at(self, t: int, decision: bool) -> int | None:
        return t + 1 if t % 2 else None


@pytest.mark.parametrize("rule", [NotAtNight(), Sometimes()], ids=str)
def test_a_subclass_with_a_told_at_of_its_own_is_asked(rule: Full) -> None:
    schedule = rule.schedule(9)
    assert schedule is not None
    assert rule.tells
    assert schedule.told.tolist() == [[rule.told_at(t, d) is not None for d in (False, True)] for t in range(9)]
    due = dict(zip(schedule.windows.tolist(), schedule.due.tolist(), strict=True))
    assert due == {t: at for t in range(9) if (at := rule.told_at(t, True)) is not None}


def test_a_rule_is_partial_if_any_window_is() -> None:
    class Samples(Feedback):
        def told_at(self, t: int, decision: bool) -> int | None:
            return t + 3 if t % 10 == 0 or decision else None

    assert Samples().partial


@pytest.mark.parametrize("noise", [7, math.nan, "much"])
def test_the_noise_of_a_rule_is_checked(noise: Any) -> None:
    with pytest.raises(InputError, match=r"noise must be in \[0, 1\]"):
        feedback_of(Visits(noise))


@dataclass(frozen=True)
class Listed(Feedback):
    delays: list[int]

    def told_at(self, t: int, decision: bool) -> int:
        return t + self.delays[0]


class Held(Full):
    def __init__(self, delays: list[int]):
        super().__init__()
        object.__setattr__(self, "delays", delays)

    told_at = Listed.told_at  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [Listed, Table, Held])
def test_a_rule_that_changes_gets_no_schedule_of_before(kind: Any) -> None:
    first, other = ([(1, 1)] * 5, [(2, 2)] * 5) if kind is Table else ([1], [2])
    rule = kind(first)
    assert rule.schedule(5).due.tolist() == [1, 2, 3, 4, 5]
    rule.delays[:] = other
    assert rule.schedule(5).due.tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("late", [2.5, "later", True, 3.0])
def test_a_label_is_told_before_a_window_with_a_whole_number(late: Any) -> None:
    class Odd(Feedback):
        def told_at(self, t: int, decision: bool) -> Any:
            return late if isinstance(late, str | bool) else t + late

    with pytest.raises(InputError, match="told_at must return a whole number, 1 or more"):
        Odd().schedule(5)
