import pickle
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from hypothesis import given, settings
from hypothesis import strategies as st

from adt_gym import InputError, ScoredSeries
from adt_gym.wrappers import OutcomeRewards, OutcomesEnv

MakeSeries = Callable[..., ScoredSeries]
Steps = Iterator[tuple[Any, Any, bool, bool, dict[str, Any]]]

LABELS = np.array([0, 1, 0, 1, 1, 0, 0], dtype=bool)

MAKERS: list[Callable[..., gym.Env[Any, Any]]] = [
    lambda **arguments: OutcomeRewards(gym.make("ADT-v0", **arguments)),
    lambda **arguments: OutcomesEnv(**arguments),
]


@pytest.fixture(params=MAKERS, ids=["wrapper", "env"])
def make(request: pytest.FixtureRequest) -> Callable[..., gym.Env[Any, Any]]:
    maker: Callable[..., gym.Env[Any, Any]] = request.param
    return maker


def play(env: gym.Env[Any, Any], episodes: int = 2, seed: int = 3) -> Steps:
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(episodes):
        over = False
        while not over:
            step = env.step(env.action_space.sample())
            over = step[2] or step[3]
            yield step
        env.reset()


@settings(deadline=None, max_examples=60)
@given(
    maker=st.sampled_from(MAKERS),
    k=st.integers(1, 8),
    alpha=st.floats(0, 1),
    hold=st.integers(1, 6),
    cropped=st.booleans(),
    feedback=st.sampled_from(["full", "alerts", "none"]),
    seed=st.integers(0, 2**31),
)
def test_the_weighed_vector_is_the_reward_of_adt(
    make_series: MakeSeries, maker: Any, k: int, alpha: float, hold: int, cropped: bool, feedback: str, seed: int
) -> None:
    arguments: dict[str, Any] = {
        "series": [make_series(30, seed), make_series(21, seed + 1)],
        "k": k,
        "alpha": alpha,
        "beta": 1 - alpha,
        "hold": hold,
        "episode_windows": 15 if cropped else None,
        "feedback": feedback,
        "observe_score": feedback != "full",
    }
    weights = np.array([alpha, 1 - alpha, -alpha, -alpha])
    plain = gym.make("ADT-v0", **arguments)
    for many, one in zip(play(maker(**arguments)), play(plain), strict=True):
        np.testing.assert_array_equal(many[0], one[0])
        assert float(many[1] @ weights) == pytest.approx(one[1], abs=1e-9)
        assert many[2:4] == one[2:4]
        np.testing.assert_equal(many[4], one[4])


def test_counts_by_hand(make: Any) -> None:
    series = ScoredSeries(np.full(7, 0.5, np.float32), LABELS)
    env = make(series=series, k=2)
    env.reset(seed=0)  # windows 0 and 1 pass: TN, FN
    vectors = [env.step(action)[1].tolist() for action in (0, 0, 1, 1, 0)]  # FP, TP, FN, TN, FP
    assert vectors == [[0, 0, 1, 1], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1], [0, 1, 1, 0]]


def test_counts_with_hold_are_summed_by_hand(make: Any) -> None:
    series = ScoredSeries(np.full(7, 0.5, np.float32), LABELS)
    env = make(series=series, k=2, hold=3)
    env.reset(seed=0)
    assert env.step(0)[1].tolist() == [3, 0, 2, 1]  # FP, TP, TP after TN, FN
    assert env.step(1)[1].tolist() == [1, 3, 0, 0]  # TN, TN


def test_costs_are_left_out(make: Any, make_series: MakeSeries) -> None:
    series = make_series(30)
    plain, charged = (make(series=series, **costs) for costs in ({}, {"change_cost": 3.0, "alarm_budget": 0}))
    for one, other in zip(play(plain), play(charged), strict=True):
        np.testing.assert_array_equal(one[1], other[1])


def test_rewards_lie_in_their_space_and_are_fresh(make: Any, make_series: MakeSeries) -> None:
    env = make(series=make_series(40), k=3, hold=4)
    rewards = [step[1] for step in play(env)]
    assert (env.reward_dim, env.reward_space.shape) == (4, (4,))
    assert all(reward in env.reward_space for reward in rewards)
    env.reset()
    first = env.step(0)[1]
    kept = first.copy()
    env.step(0)[1][:] = -1
    np.testing.assert_array_equal(first, kept)


def test_a_pickled_env_goes_on_alike(make: Any, several: list[ScoredSeries]) -> None:
    env = make(series=several)
    env.reset(seed=1)
    env.step(0)
    copied = pickle.loads(pickle.dumps(env))  # noqa: S301  our own bytes
    for _ in range(3):
        np.testing.assert_equal(env.step(1), copied.step(1))
    np.testing.assert_equal(env.reset(), copied.reset())


def test_the_wrapper_stands_in_the_spec() -> None:
    env = OutcomeRewards(gym.make("ADT-v0", series="yahoo_like_1"))
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, OutcomeRewards)


def test_another_environment_is_refused() -> None:
    with pytest.raises(InputError, match="ADT-v0"):
        OutcomeRewards(gym.make("CartPole-v1"))
