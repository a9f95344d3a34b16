import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import NaiveMDP
from numpy.typing import NDArray

from adt_gym import ScoredSeries
from adt_gym.mdp import ThresholdingMDP
from adt_gym.plan import outputs, roll_out, states_per_decision

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
