"""Stable-Baselines3: DQN on 21 levels, PPO on the native vector environment, SAC on a continuous threshold."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from _truth import print_truth, split
from stable_baselines3 import DQN, PPO, SAC

import adt_gym  # noqa: F401  registers the environments
from adt_gym import ScoredSeries
from adt_gym.agents.vec_env import SB3VecEnv
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

SEED = 0
NUM_ENVS = 16
SHARED: dict[str, Any] = {"gamma": 0.5, "learning_rate": 1e-3, "seed": SEED, "device": "cpu"}
SMALL = {"net_arch": [64, 64]}


def train_dqn(series: Sequence[ScoredSeries], steps: int) -> Policy:
    """Return a DQN that sees the score of the window and picks one of 21 levels."""
    env = gym.make("ADT-Levels-v0", series=series)
    model = DQN(
        "MlpPolicy",
        env,
        learning_starts=min(1_000, steps // 10),
        target_update_interval=500,
        policy_kwargs=SMALL,
        **SHARED,
    )
    return Policy(model.learn(steps), name="dqn, 21 levels", **gym.spec("ADT-Levels-v0").kwargs)


def train_ppo(series: Sequence[ScoredSeries], steps: int) -> Policy:
    """Return a PPO on the paper's environment, many episodes at a time."""
    env = SB3VecEnv(gym.make_vec("ADT-v0", NUM_ENVS, series=series, autoreset_mode="SameStep"))
    model = PPO("MlpPolicy", env, n_steps=128, batch_size=256, **SHARED)
    return Policy(model.learn(steps), name="ppo")


def train_sac(series: Sequence[ScoredSeries], steps: int) -> Policy:
    """Return a SAC that sees the score of the window and sets any threshold in [0, 1]."""
    env = gym.make("ADT-Continuous-v0", series=series)
    model = SAC("MlpPolicy", env, learning_starts=min(1_000, steps // 10), train_freq=8, policy_kwargs=SMALL, **SHARED)
    return Policy(model.learn(steps // 2), name="sac, continuous", **gym.spec("ADT-Continuous-v0").kwargs)


@one_thread()
def main(steps: int = 20_000) -> list[Row]:
    """Train all three, and print the table."""
    training, test = split()
    return print_truth([learn(training, steps) for learn in (train_dqn, train_ppo, train_sac)], training, test)


if __name__ == "__main__":
    main()
