"""The native vector environment of ADT-Samples-v0."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from adt_gym.envs.native import Array, NativeVectorEnv, many
from adt_gym.metrics.windows import of_counts
from adt_gym.samples.env import (
    METRICS,
    UNJUDGED,
    Source,
    check_arguments,
    check_options,
    draw_rows,
    observation_space,
    observations,
    resolve,
    reward_table,
)
from adt_gym.stream.feedback import OUTCOME_NUMBERS

_OUTCOMES = np.array(OUTCOME_NUMBERS, dtype=np.int64)


class SamplesVectorEnv(NativeVectorEnv):
    """N independent episodes of ADT-Samples-v0 stepped at once; see `SamplesEnv` for what they are.

    Args:
        num_envs: N, how many episodes run side by side.
        autoreset_mode, max_episode_steps: See `adt_gym.envs.native.NativeVectorEnv`, which also says how seeds and
            infos are.
    """

    def __init__(
        self,
        num_envs: int = 1,
        features: Source = None,
        reward: str | Sequence[float] = "symmetric",
        shuffle: bool = True,
        episode_samples: int | None = None,
        standardise_on: Source = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: None = None,
        max_episode_steps: int | None = None,
    ):
        check_arguments(shuffle, episode_samples, render_mode)
        self.samples = resolve(features)
        self._stop = min(episode_samples or len(self.samples), len(self.samples))
        num_envs = many(num_envs, self._stop + 1)
        space, unjudged = (
            observation_space(self.samples),
            {key: np.full(num_envs, one) for key, one in UNJUDGED.items()},
        )
        super().__init__(num_envs, spaces.Discrete(2), space, autoreset_mode, max_episode_steps, unjudged, len(METRICS))
        self.shuffle, self.episode_samples = shuffle, episode_samples
        self._observations = observations(self.samples, standardise_on)
        self._rewards = reward_table(reward)
        self._rows = np.zeros((num_envs, self._stop + 1), dtype=np.int64)
        self._row = self._rows[:, 0].copy()  # the sample that each environment shows
        self._t = np.zeros(num_envs, dtype=np.int64)
        self._env = np.arange(num_envs)
        self._counts = np.zeros((num_envs, 4), dtype=np.int64)  # of each outcome

    def _read(self, actions: Any) -> Array:
        return self._numbers(actions, 2)

    def _judge(self, read: Array) -> tuple[Array, dict[str, Array]]:
        # Stepping all is faster than picking: an episode that waits for its restart judges its last sample again.
        self._t -= self._done
        sample = self._rows[self._env, self._t]
        label = self.samples.labels.take(sample)
        cell = label.view(np.int8), read
        outcome = _OUTCOMES[cell]
        self._counts[self._env, outcome] += 1
        self._t += 1
        self._row = self._rows[self._env, self._t]
        judged = {"sample": sample, "decision": read.astype(bool), "label": label, "outcome": outcome}
        return self._rewards[cell], judged

    def _stopped(self) -> NDArray[np.bool_]:
        return self._t == self._stop

    def _terminated(self) -> NDArray[np.bool_]:
        return self._row == len(self.samples)

    def _metrics(self, envs: Array) -> NDArray[np.float64]:
        tp, _, fp, fn = self._counts[envs].T.tolist()
        return np.array([of_counts(*counts) for counts in zip(tp, fp, fn, strict=True)])

    def _observe(self) -> NDArray[np.float32]:
        return self._observations.take(self._row, axis=0)

    def _restart(self, envs: Array, options: dict[str, Any]) -> None:
        check_options(options)
        for i in envs.tolist():
            self._rows[i] = draw_rows(self._randoms[i], len(self.samples), self.shuffle, self.episode_samples)
        self._t[envs] = self._counts[envs] = 0
        self._row[envs] = self._rows[envs, 0]
