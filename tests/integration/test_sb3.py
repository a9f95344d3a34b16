from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym import ScoredSeries

vec_env = pytest.importorskip("stable_baselines3.common.vec_env", reason="Stable-Baselines3 is not installed")

IDS = ("ADT-v0", "ADT-Levels-v0", "ADT-Continuous-v0", "ADT-Blind-v0")


def test_the_examples_learn(assert_learns: Callable[[str, int], Any]) -> None:
    rows = assert_learns("sb3_agents", 4_000)
    assert [row.method for row in rows[:3]] == ["dqn, 21 levels", "ppo", "sac, continuous"]


@pytest.mark.parametrize("env_id", IDS)
def test_its_vec_env_is_the_plain_env_step_for_step(env_id: str, easy: ScoredSeries) -> None:
    make = partial(gym.make, env_id, series=easy[:40])
    wrapped, plain = vec_env.DummyVecEnv([make]), make()
    assert (wrapped.observation_space, wrapped.action_space) == (plain.observation_space, plain.action_space)
    wrapped.seed(0)
    np.testing.assert_array_equal(wrapped.reset()[0], plain.reset(seed=0)[0])
    plain.action_space.seed(0)
    over = False
    while not over:
        action = plain.action_space.sample()
        observations, rewards, dones, infos = wrapped.step(np.array([action]))
        observation, reward, terminated, truncated, info = plain.step(action)
        over = terminated or truncated
        reached = infos[0].pop("terminal_observation") if over else observations[0]
        np.testing.assert_array_equal(reached, observation)
        assert (rewards[0], dones[0]) == (np.float32(reward), over)
        np.testing.assert_equal({key: infos[0][key] for key in info}, info)
