from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym import ScoredSeries

pytest.importorskip("torchrl", reason="TorchRL is not installed")

import torch
from torchrl.envs import GymEnv
from torchrl.envs.utils import check_env_specs

IDS = ("ADT-v0", "ADT-Levels-v0", "ADT-Continuous-v0", "ADT-Blind-v0")


def test_the_example_learns(assert_learns: Callable[[str, int], Any]) -> None:
    assert_learns("torchrl_dqn", 4_000)


@pytest.mark.parametrize("env_id", IDS)
def test_its_own_check_passes(env_id: str, easy: ScoredSeries) -> None:
    check_env_specs(GymEnv(env_id, series=easy))


@pytest.mark.parametrize("env_id", IDS)
def test_a_rollout_is_what_the_plain_env_returns(env_id: str, easy: ScoredSeries) -> None:
    env = GymEnv(env_id, series=easy[:40], categorical_action_encoding=True)
    rollout = env.rollout(1_000)
    plain = gym.make(env_id, series=easy[:40])
    observation, _ = plain.reset()
    np.testing.assert_array_equal(rollout["observation"][0], observation)
    assert len(rollout) == 38
    for step in rollout:
        observation, reward, terminated, truncated, _ = plain.step(step["action"].numpy())
        np.testing.assert_array_equal(step["next", "observation"], observation)
        assert step["next", "reward"].item() == np.float32(reward)
        assert (step["next", "terminated"].item(), step["next", "truncated"].item()) == (terminated, truncated)
    assert terminated


@pytest.mark.parametrize("env_id", [*IDS, "ADT-Context-v0", "ADT-Samples-v0"])
def test_environments_side_by_side_read_their_infos(env_id: str, easy: ScoredSeries) -> None:
    """With ``num_envs`` TorchRL runs Gymnasium's spawned processes and reads all that infos hold."""
    arguments = {"episode_samples": 10} if env_id == "ADT-Samples-v0" else {"series": easy[:14]}
    env = GymEnv(f"adt_gym:{env_id}", num_envs=4, categorical_action_encoding=True, **arguments)
    try:
        check_env_specs(env)
        rollout = env.rollout(30, break_when_any_done=False)["next"]
        over, metrics = rollout["done"][..., 0], rollout["episode_metrics"]
        assert over.sum() >= 4
        assert rollout["outcome"].dtype == torch.int64
        np.testing.assert_array_equal((metrics[..., 0] >= 0).numpy(), over.numpy())
    finally:
        env.close()
