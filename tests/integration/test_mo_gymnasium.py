import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match
from gymnasium.wrappers import TransformReward
from vectors import assert_equal_outputs, run

from adt_gym import ScoredSeries

pytest.importorskip("mo_gymnasium", reason="MO-Gymnasium is not installed")

import mo_gymnasium as mo_gym
from mo_gymnasium.wrappers import LinearReward, MONormalizeReward, MORecordEpisodeStatistics
from mo_gymnasium.wrappers.vector import MOSyncVectorEnv

WEIGHTS = np.array([0.9, 0.1, -0.9, -0.9])


def test_the_example_learns_and_draws_a_front(
    assert_learns: Callable[[str, int], Any], example: Callable[[str], Any]
) -> None:
    rows = assert_learns("mo_scalarised", 2_000)
    front = example("mo_scalarised").pareto(rows)
    ends = [best for row, best in zip(rows, front, strict=True) if row.method in ("always", "never")]
    assert len(ends) == 2
    for row, best in zip(rows, front, strict=True):
        better = [
            one
            for one in rows
            if one.recall >= row.recall
            and one.false_alarms_per_1000 <= row.false_alarms_per_1000
            and (one.recall, one.false_alarms_per_1000) != (row.recall, row.false_alarms_per_1000)
        ]
        assert best == (not better)


# What MO-Gymnasium asks of its own environments in tests/test_envs.py.


@pytest.mark.parametrize("arguments", [{}, {"hold": 3}, {"k": 5, "episode_windows": 40}])
def test_its_conventions_hold(arguments: dict[str, Any]) -> None:
    env = mo_gym.make("mo-adt-v0", **arguments)
    # LinearReward gives the same weights in every info, which Gymnasium 1.4 refuses of any environment.
    check_env(TransformReward(env, lambda counts: float(counts @ WEIGHTS)), skip_render_check=True)
    unwrapped = env.unwrapped
    assert unwrapped.reward_space.shape == (unwrapped.reward_dim,) == (4,)
    unwrapped.reset(seed=0)
    for _ in range(60):
        _, reward, terminated, truncated, _ = unwrapped.step(unwrapped.action_space.sample())
        assert reward in unwrapped.reward_space
        if terminated or truncated:
            unwrapped.reset()
    copied = pickle.loads(pickle.dumps(env))  # noqa: S301  our own bytes
    np.testing.assert_equal(env.reset(), copied.reset())
    np.testing.assert_equal(env.step(1), copied.step(1))


def test_weighed_it_is_adt() -> None:
    envs = gym.make("ADT-v0"), LinearReward(mo_gym.make("mo-adt-v0"), WEIGHTS)
    plain, weighed = (TransformReward(env, lambda reward: round(float(reward), 6)) for env in envs)
    check_environments_match(plain, weighed, num_steps=300, seed=3, info_comparison="superset")


def test_its_statistics_are_those_of_the_vector(easy: ScoredSeries) -> None:
    env = MORecordEpisodeStatistics(mo_gym.make("mo-adt-v0", series=easy[:50]), gamma=0.9)
    env.reset(seed=0)
    rewards: list[Any] = []
    over = False
    while not over:
        _, reward, over, _, info = env.step(len(rewards) % 2)
        rewards.append(reward.copy())
    np.testing.assert_allclose(info["episode"]["r"], np.sum(rewards, axis=0))
    discounts = 0.9 ** np.arange(len(rewards))
    np.testing.assert_allclose(info["episode"]["dr"], discounts @ np.array(rewards), rtol=1e-5)


def test_a_wrapper_that_writes_into_the_reward_harms_nothing(easy: ScoredSeries) -> None:
    plain = mo_gym.make("mo-adt-v0", series=easy)
    changed = MONormalizeReward(mo_gym.make("mo-adt-v0", series=easy), idx=0)
    plain.reset(seed=0)
    changed.reset(seed=0)
    for t in range(60):
        np.testing.assert_array_equal(plain.step(t % 2)[1][1:], changed.step(t % 2)[1][1:])


def test_in_its_vector_env_rewards_are_rows(easy: ScoredSeries) -> None:
    envs = MOSyncVectorEnv([lambda: mo_gym.make("mo-adt-v0", series=easy[:20])] * 2)
    plain = mo_gym.make("mo-adt-v0", series=easy[:20])
    envs.reset(seed=0)
    plain.reset(seed=0)
    for t in range(18):
        rewards = envs.step(np.array([t % 2, 0]))[1]
        np.testing.assert_array_equal(rewards[0], plain.step(t % 2)[1])
        assert rewards.shape == (2, 4)


@pytest.mark.parametrize("arguments", [{}, {"hold": 3}, {"k": 5, "episode_windows": 12, "label_noise": 0.2}], ids=str)
def test_our_vector_env_equals_its_own(easy: ScoredSeries, arguments: dict[str, Any]) -> None:
    theirs = MOSyncVectorEnv([lambda: mo_gym.make("mo-adt-v0", series=easy[:40], **arguments)] * 3)
    ours = gym.make_vec("mo-adt-v0", 3, series=easy[:40], **arguments)
    assert type(ours.unwrapped).__name__ == "OutcomesVectorEnv"
    assert ours.unwrapped.reward_space == theirs.reward_space  # type: ignore[attr-defined]
    outputs, expected = (run(env, 120) for env in (ours, theirs))
    assert sum(int((step[2] | step[3]).sum()) for step in outputs[1:]) >= 6
    for one, other in zip(outputs, expected, strict=True):
        assert_equal_outputs(one, other)
