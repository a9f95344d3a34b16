"""AsyncVectorEnv: every environment in a process of its own, started afresh ("spawn").

That pays off where a step is slow, as behind wrappers of your own. ADT-v0 itself is faster as its native vector
environment, `gym.make_vec("ADT-v0", 1024)`. The guard at the end of this file is what spawned processes need.
"""

from collections.abc import Sequence
from functools import partial

import gymnasium as gym
from _truth import print_truth, split
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

import adt_gym  # noqa: F401  registers the environments, in the spawned processes too
from adt_gym import ScoredSeries
from adt_gym.agents.sb3 import make_ppo
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

SEED = 0
NUM_ENVS = 2


def make_envs(series: Sequence[ScoredSeries]) -> AsyncVectorEnv:
    """Return ADT-v0 in ``NUM_ENVS`` processes."""
    one = partial(gym.make, "adt_gym:ADT-v0", series=series)
    return AsyncVectorEnv([one] * NUM_ENVS, context="spawn", autoreset_mode=AutoresetMode.SAME_STEP)


def train(series: Sequence[ScoredSeries], steps: int) -> Policy:
    """Learn for ``steps`` transitions, PPO in this process, and return the policy."""
    envs = make_envs(series)
    try:
        model = make_ppo(envs, SEED, gamma=0.9, learning_rate=1e-3).learn(steps)
    finally:
        envs.close()
    return Policy(model, name="ppo")


@one_thread()
def main(steps: int = 10_000) -> list[Row]:
    """Train, and print the table."""
    training, test = split()
    return print_truth([train(training, steps)], training, test)


if __name__ == "__main__":
    main()
