import itertools

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adt_gym import InputError, ScoredSeries
from adt_gym.envs.actions import THRESHOLDS
from adt_gym.mdp import mdp
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.mdp.solve import solve


def series_of(labels: list[bool]) -> ScoredSeries:
    return ScoredSeries(np.linspace(0.1, 0.9, len(labels)), labels)


def discounted_return(series: ScoredSeries, k: int, alpha: float, gamma: float, actions: tuple[int, ...]) -> float:
    env = gym.make("ADT-v0", series=series, k=k, alpha=alpha, beta=1 - alpha)
    env.reset()
    return sum(gamma**i * env.step(action)[1] for i, action in enumerate(actions))


@settings(max_examples=25, deadline=None)
@given(
    labels=st.lists(st.booleans(), min_size=6, max_size=9),
    k=st.integers(1, 3),
    alpha=st.sampled_from([0.1, 0.5, 0.9]),
    gamma=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
)
def test_the_optimum_is_the_best_of_all_action_sequences(
    labels: list[bool], k: int, alpha: float, gamma: float
) -> None:
    series = series_of(labels)
    solution = solve(ThresholdingMDP([series], k, alpha, 1 - alpha), THRESHOLDS, gamma)
    every = itertools.product((0, 1), repeat=len(labels) - k)
    best = max(discounted_return(series, k, alpha, gamma, actions) for actions in every)
    assert solution.optimal_return == pytest.approx(best, abs=1e-9)


def test_the_values_satisfy_the_bellman_equation_in_the_env() -> None:
    series = series_of([0, 1, 1, 0, 0, 1, 0, 0, 1, 1])
    solution = solve(ThresholdingMDP([series], 2), THRESHOLDS, gamma=0.9)
    env = gym.make("ADT-v0", series=series)
    for past in itertools.product((0, 1), repeat=3):
        env.reset()
        history = 0
        for action in past:
            env.step(action)
            history = (history << 1 | (action == 0)) & 3
        value = solution.values[3, history, 0]
        _, reward, *_ = env.step(0)
        assert value == pytest.approx(reward + 0.9 * solution.values[4, (history << 1 | 1) & 3].max())


def test_with_several_series_each_has_its_own_solution() -> None:
    one, other = series_of([0, 1, 1, 0, 0, 1]), series_of([1, 0, 0, 0, 1, 1, 1, 0])
    both = ThresholdingMDP([one, other])
    for index, series in enumerate((one, other)):
        alone = solve(ThresholdingMDP([series]), THRESHOLDS)
        np.testing.assert_array_equal(solve(both, THRESHOLDS, series=index).values, alone.values)


def test_optimal_says_where_a_policy_erred() -> None:
    labels = [0, 0, 1, 1, 0, 1]
    solution = solve(ThresholdingMDP([series_of(labels)], 1), THRESHOLDS)
    flags = np.array(labels[1:], dtype=bool)
    wrong = flags.copy()
    wrong[1] = False
    np.testing.assert_array_equal(solution.optimal((~flags).astype(int), flags), np.ones(5, dtype=bool))
    np.testing.assert_array_equal(solution.optimal((~wrong).astype(int), wrong), [True, False, True, True, True])


def test_too_many_states_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdp, "MAX_TABLE_ROWS", 10)
    with pytest.raises(InputError, match="k=2"):
        solve(ThresholdingMDP([series_of([0, 1, 0, 1, 0])]), THRESHOLDS)
