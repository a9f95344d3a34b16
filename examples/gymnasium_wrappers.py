"""Gymnasium's own wrappers on ADT-v0: statistics, normalised and stacked observations, a limit of time."""

from collections.abc import Sequence
from typing import Any, Self

import gymnasium as gym
import numpy as np
from _truth import print_truth, split
from gymnasium.wrappers import (
    FlattenObservation,
    FrameStackObservation,
    NormalizeObservation,
    RecordEpisodeStatistics,
    TimeLimit,
)
from stable_baselines3 import PPO

import adt_gym  # noqa: F401  registers the environments
from adt_gym import Detection, ScoredSeries
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Method

SEED = 0
STACK = 4
EPISODE_STEPS = 200
K = 2


def observe(env: gym.Env, normalizer: NormalizeObservation | None = None) -> tuple[gym.Env, NormalizeObservation]:
    """Normalise and stack the observations, by the statistics of ``normalizer`` if given; return the normaliser too."""
    normalized: NormalizeObservation = NormalizeObservation(env)
    if normalizer is not None:
        normalized.obs_rms, normalized.update_running_mean = normalizer.obs_rms, False
    return FlattenObservation(FrameStackObservation(normalized, STACK)), normalized


class WrappedPolicy(Method):
    """A policy that acts on wrapped observations, as a thresholder: it plays every series once."""

    name, sees_labels = "ppo, 4 normalised frames", True

    def __init__(self, model: Any, normalizer: NormalizeObservation):
        self.model, self.normalizer = model, normalizer

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Do nothing: the policy comes trained."""
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Play the series; its first K windows are judged in passive mode."""
        env, _ = observe(gym.make("ADT-v0", series=series, k=K), self.normalizer)
        observation, _ = env.reset()
        thresholds, over = [1.0] * K, False
        while not over:
            action, _ = self.model.predict(observation, deterministic=True)
            observation, _, over, _, info = env.step(action)
            thresholds.append(info["threshold"])
        return Detection.at(thresholds, series)


def train(series: Sequence[ScoredSeries], steps: int) -> WrappedPolicy:
    """Learn for ``steps`` transitions and return the policy."""
    statistics = RecordEpisodeStatistics(TimeLimit(gym.make("ADT-v0", series=series, k=K), EPISODE_STEPS))
    env, normalizer = observe(statistics)
    model = PPO("MlpPolicy", env, n_steps=1024, batch_size=256, gamma=0.5, learning_rate=1e-3, seed=SEED, device="cpu")
    model.learn(steps)
    print(
        f"the last {len(statistics.return_queue)} episodes returned {np.mean(statistics.return_queue):.1f} on average"
    )
    return WrappedPolicy(model, normalizer)


@one_thread()
def main(steps: int = 20_000) -> list[Row]:
    """Train, and print the table."""
    training, test = split()
    return print_truth([train(training, steps)], training, test)


if __name__ == "__main__":
    main()
