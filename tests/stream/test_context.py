import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adt_gym.stream import context as stream_context
from adt_gym.stream.context import (
    FLAT,
    HISTORY,
    HORIZONS,
    LABEL_CONTEXT,
    SCORE_CONTEXT,
    STILL,
    LabelContext,
    ScoreContext,
    label_context,
    score_context,
)
from adt_gym.stream.feedback import Alerts, DueLabels, Feedback, Full, feedback_of, told_at
from adt_gym.stream.state import restore, state_of

Array = NDArray[np.float32]


@st.composite
def drawn_scores(draw: st.DrawFn) -> Array:
    """Draw noise, steps, flat stretches or extremes, longer than most horizons."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    windows = draw(st.sampled_from((1, 2, 30, 400)))
    kinds = (
        random.random(windows),
        (random.random(windows) < 0.05).astype(float),
        np.repeat(random.random(windows // 20 + 1), 20)[:windows],
        np.full(windows, random.random()),
    )
    return kinds[draw(st.integers(0, len(kinds) - 1))].astype(np.float32)


def drawn_told(windows: int, seed: int, share: float = 0.3) -> NDArray[np.int64]:
    random = np.random.default_rng(seed)
    return np.where(random.random(windows) < 0.4, -1, random.random(windows) < share).astype(np.int64)


def column(context: Array, name: str) -> Array:
    return context[:, (SCORE_CONTEXT if context.shape[1] == len(SCORE_CONTEXT) else LABEL_CONTEXT).index(name)]


@settings(deadline=None, max_examples=60)
@given(scores=drawn_scores(), share=st.floats(0, 1), seed=st.integers(0, 1000))
def test_later_scores_change_no_row(scores: Array, share: float, seed: int) -> None:
    t = int(share * (len(scores) - 1))
    changed = scores.copy()
    changed[t + 1 :] = np.random.default_rng(seed).random(len(scores) - t - 1)
    np.testing.assert_array_equal(score_context(changed)[: t + 1], score_context(scores)[: t + 1])


@settings(deadline=None, max_examples=60)
@given(scores=drawn_scores())
def test_score_context_lies_in_its_bounds_and_has_its_columns(scores: Array) -> None:
    context = score_context(scores)
    assert context.shape == (len(scores), len(SCORE_CONTEXT))
    assert context.dtype == np.float32
    assert np.isfinite(context).all()
    assert np.abs(context).max() <= 1


def test_score_context_by_hand() -> None:
    scores = np.array([0.1, 0.2, 0.6, 0.4], np.float32)
    expected = {
        "score": 0.4,
        "mean_3": 0.4,
        "mean_10": 0.325,
        "mean_30": 0.325,
        "mean_100": 0.325,
        "mean_1000": 0.325,
        "median": 0.3,
        "quantile_90": 0.4 + 0.7 * (0.6 - 0.4),
        "above_median": 0.1,
        "mean_10_above_median": 0.025,
        "mean_30_above_quantile_40": 0.325 - (0.2 + 0.2 * (0.4 - 0.2)),
        "rise": 0.3,
        "fall": 0.2,
        "change_3": 0.3,
        "change_10": 0.3,
        "slow_rise": 0.225,
        "slow_fall": 0.2,
        "sharpness": 0.4 - (0.1 + 0.2 + 0.6) / 3,
        "change_5_in_steps": 0.3 / ((0 + 0.1 + 0.4 + 0.2) / 4) / 10,
        "deviation": (0.4 - 0.325) / np.sqrt((0.225**2 + 0.125**2 + 0.275**2 + 0.075**2) / 3) / 10,
    }
    assert tuple(expected) == SCORE_CONTEXT
    np.testing.assert_allclose(score_context(scores)[-1], list(expected.values()), atol=1e-6)


@pytest.mark.parametrize("t", [0, 1, 4, 9, 29, 100, 287, 288, 700, 1000, 1199])
def test_score_context_is_what_its_windows_say(t: int) -> None:
    scores = np.random.default_rng(0).beta(2, 9, 1200).astype(np.float32)

    def last(windows: int, until: int = t) -> NDArray[np.float64]:
        return scores[max(until + 1 - windows, 0) : until + 1].astype(np.float64)

    def change(windows: int, until: int = t) -> float:
        return float(scores[until]) - float(scores[max(until - windows, 0)])

    score, day = float(scores[t]), last(288)
    step = np.mean([abs(change(1, i)) for i in range(max(t - 287, 0), t + 1)])
    deviation = np.std(day, ddof=1) if t else 1.0
    expected = [
        score,
        *(last(h).mean() for h in (3, 10, 30, 100, 1000)),
        np.median(day),
        np.quantile(day, 0.9),
        score - np.median(day),
        last(10).mean() - np.median(day),
        last(30).mean() - np.quantile(day, 0.4),
        score - last(10).min(),
        last(10).max() - score,
        change(3),
        change(10),
        last(5).mean() - last(30).min(),
        last(30).max() - score,
        score - (last(5, t - 1).mean() if t else score),
        np.clip(change(5) / max(step, STILL) / 10, -1, 1),
        np.clip((score - day.mean()) / max(deviation, FLAT) / 10, -1, 1),
    ]
    np.testing.assert_allclose(score_context(scores)[t], expected, atol=1e-6)


def test_a_flat_series_is_not_strange() -> None:
    context = score_context(np.full(400, 0.3, np.float32))
    for name in SCORE_CONTEXT:
        level = name in ("score", "median", "quantile_90") or name in {f"mean_{h}" for h in HORIZONS}
        np.testing.assert_allclose(column(context, name), 0.3 if level else 0.0, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(delay=st.sampled_from((1, 2, 7, 60, 500)), share=st.floats(0, 1), seed=st.integers(0, 1000), label=st.booleans())
def test_a_label_is_used_from_its_delay_on_and_never_before(delay: int, share: float, seed: int, label: bool) -> None:
    told = drawn_told(200, seed)
    t = int(share * 199)
    changed = told.copy()
    changed[t] = 1 - told[t] if told[t] >= 0 else int(label)
    before, after = label_context(told, Full(delay)), label_context(changed, Full(delay))
    np.testing.assert_array_equal(after[: t + delay], before[: t + delay])
    if t + delay < 200:
        assert column(after, "newest")[t + delay] == changed[t] != column(before, "newest")[t + delay]


@settings(deadline=None, max_examples=60)
@given(windows=st.sampled_from((1, 3, 300)), delay=st.sampled_from((1, 5, 500)), seed=st.integers(0, 1000))
def test_label_context_lies_in_its_bounds_and_has_its_columns(windows: int, delay: int, seed: int) -> None:
    context = label_context(drawn_told(windows, seed), Full(delay))
    assert context.shape == (windows, len(LABEL_CONTEXT))
    assert context.dtype == np.float32
    assert np.abs(context).max() <= 1


def test_label_context_by_hand() -> None:
    context = label_context(np.array([0, 1, -1, 0, 0]), Full(2))
    since = [1, 1, 1, 0, np.log(2) / np.log(1001)]  # a thousand or none, none, none, this one, one ago
    assert column(context, "newest").tolist() == [-1, -1, 0, 1, -1]
    for horizon in HORIZONS:
        assert column(context, f"positives_{horizon}").tolist() == [0, 0, 0, 0.5, 0.5]
    np.testing.assert_allclose(column(context, "told_share"), np.array([0, 0, 1, 2, 2]) / 1000)
    np.testing.assert_allclose(column(context, "since_positive"), since, rtol=1e-6)


@pytest.mark.parametrize("delay", [1, 3, 50, 700])
def test_label_context_against_a_naive_loop(delay: int) -> None:
    told = drawn_told(2400, seed=delay, share=0.002)
    context = label_context(told, Full(delay))
    for t in (*range(60), 700, 701, 999, 1000, 1049, 1050, 1700, 1701, 2399):
        known = told[: max(t - delay + 1, 0)].tolist()
        recent = {h: known[max(len(known) - h, 0) :] if len(known) else [] for h in HORIZONS}
        row = [known[-1] if known else -1]
        for labels in recent.values():
            row.append(labels.count(1) / (labels.count(0) + labels.count(1)) if labels.count(-1) < len(labels) else 0)
        row.append((recent[1000].count(0) + recent[1000].count(1)) / 1000)
        since = known[::-1].index(1) if 1 in known else 1000
        row.append(np.log(1 + min(since, 1000)) / np.log(1001))
        np.testing.assert_allclose(context[t], row, rtol=1e-6)


@pytest.mark.parametrize("delay", [1, 40])
def test_what_is_beyond_the_history_does_not_matter(delay: int) -> None:
    told = drawn_told(2400, seed=1, share=0.001)
    for t in (1500, 2399):
        tail = told[t + 1 - delay - HISTORY : t + 1]
        np.testing.assert_array_equal(label_context(tail, Full(delay))[-1], label_context(told, Full(delay))[t])


# Window by window


class Weekly(Feedback):
    """Labels come together, every seventh window."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return t - t % 7 + 8


@dataclass(frozen=True)
class Backwards(Feedback):
    """The labels of ten windows come one by one, the newest first; of one in three, only after an alarm."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return t - t % 10 + 20 - t % 10 if decision or t % 3 else None


RULES = (Full(), Full(40), Alerts(3), Weekly(), Backwards())


def awkward_scores(windows: int = 2500, seed: int = 5) -> Array:
    random = np.random.default_rng(seed)
    scores = np.where(random.random(windows) < 0.5, random.random(windows), np.round(random.random(windows), 1))
    scores[300:700] = 0.25  # nothing moves for longer than a day
    scores[::97] = 1e-30
    return scores.astype(np.float32)


def test_scores_pushed_one_by_one_or_in_parts_give_the_rows_of_the_series() -> None:
    scores, pushed, extended = awkward_scores(), ScoreContext(), ScoreContext()
    whole = score_context(scores)
    np.testing.assert_array_equal(np.stack([pushed.push(score) for score in scores.tolist()]), whole)
    parts = [extended.extend(part) for part in np.split(scores, [1, 2, 290, 1700])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_what_is_beyond_the_history_does_not_matter_for_scores_to_the_last_bit() -> None:
    scores = awkward_scores()
    np.testing.assert_array_equal(score_context(scores[1000:])[HISTORY + 1 :], score_context(scores)[2001:])


def stream_of(rule: Feedback, told: NDArray[np.int64], early: bool = False, late: int = 0) -> Array:
    """Play a stream in which every window is flagged; a label comes in its time, at once, or so many windows late."""
    context, rows = LabelContext(rule), []
    for t in range(len(told)):
        for window in range(t):
            at = told_at(rule, window, True)
            if at is not None and not early and max(at + late, window + 1) == t and told[window] >= 0:
                context.tell(window, bool(told[window]))
        rows.append(context.push(t))
        context.judged(t, True)
        if early and told[t] >= 0:
            context.tell(t, bool(told[t]))
    return np.stack(rows)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_labels_as_they_come_or_before_give_the_rows_of_the_series(rule: Feedback) -> None:
    told = drawn_told(300, 3)
    expected = label_context(told, rule)
    np.testing.assert_array_equal(stream_of(rule, told), expected)
    np.testing.assert_array_equal(stream_of(rule, told, early=True), expected)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_rows_under_a_rule_against_a_naive_loop(rule: Feedback) -> None:
    told = drawn_told(250, 4, share=0.1)
    at = {t: told_at(rule, t, True) or told_at(rule, t, False) for t in range(250)}
    for t, row in enumerate(label_context(told, rule)):
        due = sorted((when, window) for window, when in at.items() if when is not None and when <= t)
        labels = [int(told[window]) for _, window in due]
        assert row[0] == (labels[-1] if labels else -1)
        shares = [
            labels[-h:].count(1) / max(h - labels[::-1][:h].count(-1) - max(h - len(labels), 0), 1) for h in HORIZONS
        ]
        np.testing.assert_allclose(row[1:6], shares, rtol=1e-6)
        assert row[6] == np.float32((labels.count(0) + labels.count(1)) / 1000)
        positive = [when for when, window in due if told[window] == 1]
        np.testing.assert_allclose(row[7], np.log1p(t - positive[-1]) / np.log(1001) if positive else 1, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_late_labels_leave_no_trace_once_they_are_in(rule: Feedback) -> None:
    told = drawn_told(300, 5)
    told[240:] = -1
    np.testing.assert_array_equal(stream_of(rule, told, late=9)[-1], stream_of(rule, told)[-1])


def test_the_last_word_counts_and_what_is_long_gone_does_not() -> None:
    told = drawn_told(1300, 6)
    context = LabelContext(Full(2))
    for t in range(1300):
        context.push(t)
        context.judged(t, False)
        for window in (t, t - 1, t - 2, t - 50):  # before its time, and when it is in already
            if window >= 0 and told[window] >= 0:
                context.tell(window, not told[window])
                context.tell(window, bool(told[window]))
        if t > 1100:
            context.tell(t - 1101, True)
    np.testing.assert_array_equal(context.push(1300), label_context(np.append(told, -1), Full(2))[-1])


def test_a_label_that_no_rule_would_tell_counts_where_silence_would_have_come() -> None:
    context = LabelContext(Alerts(1))
    context.push(0)
    context.judged(0, False)
    context.tell(0, True)
    assert context.push(1)[0] == 1


def test_a_label_may_be_told_before_the_decision_and_of_no_use() -> None:
    context = LabelContext(Backwards())
    for t in range(3):
        context.push(t)
        context.tell(t, True)
        context.judged(t, False)  # of window 0 the label would only come after an alarm, but it comes in
    context.tell(1, False)
    assert [context.push(t)[0] for t in (17, 18, 19, 20)] == [-1, 1, 0, 1]
    silent = DueLabels(feedback_of("none"))
    silent.tell(0, True)
    silent.judged(0, True)
    assert silent.tell(0, True)
    assert state_of(silent) == state_of(DueLabels(feedback_of("none"))) | {"_next": 1}


def test_contexts_go_on_from_their_state_bit_for_bit() -> None:
    scores, told = awkward_scores(1500), drawn_told(1500, 8)
    here: tuple[ScoreContext, LabelContext] = ScoreContext(), LabelContext(Backwards())
    there: tuple[ScoreContext, LabelContext] = ScoreContext(), LabelContext(Backwards())
    for t, score in enumerate(scores.tolist()):
        if t == 1333:
            for one, other in zip(here, there, strict=True):
                restore(other, json.loads(json.dumps(state_of(one))))
        for contexts in (here, there) if t >= 1333 else (here,):
            rows = contexts[0].push(score), contexts[1].push(t)
            contexts[1].judged(t, bool(t % 2))
            contexts[1].tell(t, bool(told[t] > 0))
            if contexts is here:
                expected = rows
            else:
                np.testing.assert_array_equal(rows[0], expected[0])
                np.testing.assert_array_equal(rows[1], expected[1])


def test_compiled_and_plain_rows_are_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    scores, told = awkward_scores(), drawn_told(1400, 9)
    fast = score_context(scores), label_context(told, Weekly())
    for name in ("_score_rows", "_label_rows"):
        monkeypatch.setattr(stream_context, name, getattr(stream_context, name).__wrapped__)
    np.testing.assert_array_equal(score_context(scores), fast[0])
    np.testing.assert_array_equal(label_context(told, Weekly()), fast[1])
