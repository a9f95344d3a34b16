import itertools
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mondays import Mondays, Urgent
from naive import NaiveMDP
from numpy.typing import NDArray

from adt_gym import ScoredSeries
from adt_gym.mdp import plan
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.mdp.plan import View, outputs, roll_out, states_per_decision
from adt_gym.stream.feedback import Feedback, feedback_of

THRESHOLDS = (0.0, 1.0)


Choose = Callable[[NDArray[np.float32]], NDArray[np.integer]]


@st.composite
def cases(draw: st.DrawFn) -> tuple[ScoredSeries, int, int, int, int]:
    """Draw a series, k, hold, and the first and the last window of an episode."""
    k = draw(st.integers(1, 8))
    windows = draw(st.integers(k + 2, k + 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = random.random(windows) < draw(st.sampled_from((0.0, 0.1, 0.5, 1.0)))
    start = draw(st.integers(0, windows - k - 1))
    stop = draw(st.integers(start + k + 1, windows))
    return ScoredSeries(random.random(windows), labels), k, draw(st.integers(1, 20)), start, stop


@settings(deadline=None, max_examples=60)
@given(case=cases(), seed=st.integers(0, 1000), epsilon=st.sampled_from((0.0, 0.4, 1.0)))
def test_planning_equals_stepping(
    make_policy: Callable[[int], Choose], case: tuple[ScoredSeries, int, int, int, int], seed: int, epsilon: float
) -> None:
    series, k, hold, start, stop = case
    policy, random = make_policy(seed), np.random.default_rng(seed)
    decisions_to_make = -(-(stop - start - k) // hold)
    forced = np.where(random.random(decisions_to_make) < epsilon, random.integers(2, size=decisions_to_make), -1)

    naive = NaiveMDP(series.scores.tolist(), series.labels.tolist(), k, 0.9, 0.1, 1, start, stop)
    observations = [naive.reset()]
    actions: list[int] = []
    rewards: list[float] = []
    while len(actions) < stop - start - k:
        if len(actions) % hold == 0:
            ordered = forced[len(actions) // hold]
            action = int(policy(np.array([observations[-1]], np.float32))[0]) if ordered < 0 else int(ordered)
        step = naive.step(action)
        observations.append(step.observation)
        actions.append(action)
        rewards.append(step.reward)

    mdp = ThresholdingMDP([series], k)
    planned = roll_out(mdp, start + k, stop, policy, THRESHOLDS, hold, forced)
    assert planned.tolist() == actions
    planned_observations, planned_rewards = outputs(
        mdp, start + k, series.scores[start + k : stop] > np.array(THRESHOLDS)[planned]
    )
    assert planned_observations.dtype == np.float32
    np.testing.assert_allclose(planned_observations, observations, atol=1e-7)
    np.testing.assert_allclose(planned_rewards, rewards, atol=1e-12)


def choose_among(n: int, seed: int) -> Choose:
    """Return a policy that takes n actions often and depends on every column of the observation."""
    random = np.random.default_rng(seed)
    factors, cuts = random.integers(1, 100, size=4), random.random(3)

    def choose(observations: NDArray[np.float32]) -> NDArray[np.integer]:
        shares = np.rint(np.asarray(observations)[:, 2:6] * 840).astype(np.int64)
        return (shares @ factors // 7 + (observations[:, [0, 1, -1]] > cuts) @ (1, 3, 5)) % n

    return choose


@settings(deadline=None, max_examples=150)
@given(
    case=cases(),
    feedback=st.builds(
        feedback_of, st.sampled_from(("full", "alerts", "none")), st.sampled_from((1, 2, 6, 99)), st.just(0.5)
    )
    | st.builds(Mondays, st.sampled_from((1, 3, 7, 50)), st.booleans(), st.just(0.5)),
    flipped=st.booleans(),
    observe_score=st.booleans(),
    levels=st.sampled_from(((0.0, 1.0), (0.25, 0.5, 0.75))),
    epsilon=st.sampled_from((0.0, 0.4)),
    seed=st.integers(0, 1000),
)
def test_planning_equals_stepping_whatever_is_told(
    case: tuple[ScoredSeries, int, int, int, int],
    feedback: Feedback,
    flipped: bool,
    observe_score: bool,
    levels: tuple[float, ...],
    epsilon: float,
    seed: int,
) -> None:
    series, k, hold, start, stop = case
    hold, policy, random = min(hold, 4), choose_among(len(levels), seed), np.random.default_rng(seed)
    flips = (random.random(stop - start) < 0.5) & flipped
    forced = np.where(random.random(stop) < epsilon, random.integers(len(levels), size=stop), -1)
    scores, labels = series.scores.tolist(), series.labels.tolist()
    own = isinstance(feedback, Mondays)
    kind = ("alerts" if feedback.alerts else "full") if own else feedback.kind  # type: ignore[attr-defined]
    told = (kind, feedback.delay or 1, feedback.week if own else None, False, flips.tolist(), observe_score)  # type: ignore[attr-defined]
    naive = NaiveMDP(scores, labels, k, 0.9, 0.1, 1, start, stop, levels, *told)
    observations, actions, rewards = [naive.reset()], [], []
    for i in range(stop - start - k):
        if i % hold == 0:
            ordered = int(forced[i // hold])
            action = int(policy(np.array([observations[-1]], np.float32))[0]) if ordered < 0 else ordered
        step = naive.step(action)
        observations.append(step.observation)
        actions.append(action)
        rewards.append(step.reward)

    mdp = ThresholdingMDP([ScoredSeries([0.5] * 20, [True] * 20), series], k)
    first, last = (int(mdp.offsets[1]) + window for window in (start + k, stop))
    view = View(feedback, observe_score, series.labels[start:stop] ^ flips if flipped else None)
    with patch.object(plan, "CHUNK", 7):
        planned = roll_out(mdp, first, last, policy, levels, hold, forced[: -(-(last - first) // hold)], view)
    assert planned.tolist() == actions
    decisions = mdp.scores[first:last] > np.array(levels)[planned]
    planned_observations, planned_rewards = outputs(mdp, first, decisions, view)
    assert planned_observations.dtype == np.float32
    np.testing.assert_allclose(planned_observations, observations, atol=1e-7)
    np.testing.assert_allclose(planned_rewards, rewards, atol=1e-12)


class Sundays(Mondays):
    def told_at(self, t: int, decision: bool) -> int | None:
        return t + 1 if t % self.week == 6 else None


@pytest.mark.parametrize(
    ("feedback", "states"),
    [
        (feedback_of(delay=5), 8),
        (feedback_of("alerts"), 8),
        (feedback_of(noise=0.1), 8),
        (feedback_of("none", 9, 0.5), 1),
        (Mondays(7), 8),
        (Urgent(7), np.inf),  # when depends on the decision: nothing to plan
        (Sundays(7), np.inf),  # some windows never come in
    ],
    ids=str,
)
def test_states_per_decision_where_labels_are_not_told_at_once(
    make_series: Callable[..., ScoredSeries], feedback: Feedback, states: int
) -> None:
    assert states_per_decision(ThresholdingMDP([make_series()], 3), feedback) == states
    many = 1 if not feedback.tells else np.inf
    assert states_per_decision(ThresholdingMDP([make_series()], 30), feedback) == many


def test_planning_keeps_to_its_own_series(make_policy: Callable[[int], Choose]) -> None:
    labels = np.tile([False, True], 20)
    noise = np.random.default_rng(0).random(40)
    one, other = ScoredSeries(noise, labels, "one"), ScoredSeries(noise[::-1], ~labels, "other")
    mdp = ThresholdingMDP([other, one, other], k=3)
    offset = int(mdp.offsets[1])
    among_others = roll_out(mdp, offset + 3, offset + 40, make_policy(1), THRESHOLDS)
    alone = roll_out(ThresholdingMDP([one], k=3), 3, 40, make_policy(1), THRESHOLDS)
    np.testing.assert_array_equal(among_others, alone)
    assert len(np.unique(alone)) == 2


def test_the_policy_is_asked_once_and_only_about_states_that_can_occur() -> None:
    series = ScoredSeries(np.full(9, 0.5), [0, 0, 1, 1, 0, 0, 1, 0, 0])
    asked = []

    def choose(observations: NDArray[np.float32]) -> NDArray[np.int64]:
        asked.append(observations)
        return np.zeros(len(observations), dtype=np.int64)

    roll_out(ThresholdingMDP([series], k=2), 2, 9, choose, THRESHOLDS)
    assert len(asked) == 1
    np.testing.assert_allclose(asked[0][:, 2:].sum(axis=1), 1.0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_states_per_decision_counts_the_pairs_of_tp_and_fp(k: int) -> None:
    labels = [0, 1, 1, 0, 1, 0, 0, 0, 1]
    mdp = ThresholdingMDP([ScoredSeries(np.full(9, 0.5), labels)], k)
    counts = []
    for t in range(len(labels) + 1):
        recent = [0] * k + labels[:t]
        histories = itertools.product((0, 1), repeat=k)
        pairs = {
            (
                sum(d and y for d, y in zip(history, recent[-k:], strict=True)),
                sum(d and not y for d, y in zip(history, recent[-k:], strict=True)),
            )
            for history in histories
        }
        counts.append(len(pairs))
    assert states_per_decision(mdp) == pytest.approx(np.mean(counts))
