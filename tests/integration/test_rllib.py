from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym import ScoredSeries

pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("lz4", reason="RLlib needs lz4")
pytest.importorskip("ormsgpack", reason="RLlib needs ormsgpack")
pytest.importorskip("tree", reason="RLlib needs dm-tree")

from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

EPISODE_WINDOWS = 32


def test_the_example_learns(assert_learns: Callable[[str, int], Any]) -> None:
    assert_learns("rllib_ppo", 4_000)


def test_what_it_samples_is_what_the_plain_env_returns(example: Callable[[str], Any], easy: ScoredSeries) -> None:
    runner = SingleAgentEnvRunner(config=example("rllib_ppo").configure([easy[:EPISODE_WINDOWS]]))
    episodes = runner.sample(num_episodes=2, random_actions=True)
    runner.stop()
    assert len(episodes) == 2
    for episode in episodes:
        env = gym.make("ADT-v0", series=easy[:EPISODE_WINDOWS])
        assert (episode.observation_space, episode.action_space) == (env.observation_space, env.action_space)
        observations = [env.reset()[0]]
        for action, reward in zip(episode.get_actions(), episode.get_rewards(), strict=True):
            observation, expected, terminated, truncated, _ = env.step(action)
            observations.append(observation)
            assert reward == pytest.approx(expected)
        np.testing.assert_array_equal(episode.get_observations(), observations)
        assert (episode.is_terminated, episode.is_truncated) == (terminated, truncated) == (True, False)
