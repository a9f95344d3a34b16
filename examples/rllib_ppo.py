"""RLlib: PPO on ADT-v0, in this process.

With Gymnasium 1.4 the extra `ray[rllib]` does not install; RLlib runs with `ray[tune] lz4 ormsgpack dm-tree`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import ray
import torch
from _truth import Greedy, print_truth, split
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModule
from ray.tune.registry import register_env

import adt_gym  # noqa: F401  registers the environments
from adt_gym import ScoredSeries
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

SEED = 0
STEPS_PER_ITERATION = 2_000


def make_env(config: dict[str, Any]) -> gym.Env:
    """Return ADT-v0 with the arguments in RLlib's ``env_config``."""
    return gym.make("ADT-v0", **config)


def configure(series: Sequence[ScoredSeries]) -> PPOConfig:
    """Return the settings of PPO on the given series."""
    register_env("adt", make_env)
    return (
        PPOConfig()
        .environment("adt", env_config={"series": list(series)})
        .env_runners(num_env_runners=0, num_envs_per_env_runner=4)
        .learners(num_learners=0)
        .rl_module(model_config={"fcnet_hiddens": [64, 64]})
        .training(
            lr=1e-3, gamma=0.9, train_batch_size_per_learner=STEPS_PER_ITERATION, minibatch_size=256, num_epochs=5
        )
        .debugging(seed=SEED, log_level="ERROR")
    )


def as_network(module: RLModule) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the module as a function from observations to one output per action."""

    def outputs(observations: torch.Tensor) -> torch.Tensor:
        one = observations.ndim == 1
        logits = module.forward_inference({"obs": torch.atleast_2d(observations)})["action_dist_inputs"]
        return logits[0] if one else logits

    return outputs


def train(series: Sequence[ScoredSeries], steps: int) -> Greedy:
    """Learn for ``steps`` transitions, rounded up to whole iterations, and return the greedy policy."""
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        algorithm = configure(series).build_algo()
        for _ in range(-(-steps // STEPS_PER_ITERATION)):
            algorithm.train()
        module = algorithm.get_module()
        assert module is not None
        algorithm.stop()
    finally:
        ray.shutdown()
    return Greedy(as_network(module))


@one_thread()
def main(steps: int = 20_000) -> list[Row]:
    """Train, and print the table."""
    training, test = split()
    return print_truth([Policy(train(training, steps), name="rllib ppo")], training, test)


if __name__ == "__main__":
    main()
