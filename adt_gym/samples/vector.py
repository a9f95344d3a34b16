"""The native vector environment of ADT-Samples-v0: N episodes as arrays, no loop over environments."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from adt_gym.envs.settings import autoreset_of, many
from adt_gym.samples.env import (
    Source,
    check_arguments,
    check_options,
    draw_rows,
    observation_space,
    observations,
    resolve,
    reward_table,
)
from adt_gym.series import InputError
from adt_gym.stream.feedback import OUTCOME_OF

Array = NDArray[Any]

_OUTCOMES = np.array(OUTCOME_OF)


class SamplesVectorEnv(VectorEnv[NDArray[np.float32], Array, Array]):
    """N independent episodes of ADT-Samples-v0 stepped at once; see `SamplesEnv` for what they are.

    Environment i, seeded with ``seed + i``, draws the orders and starts that a scalar environment with that seed
    draws. Infos have the layout of Gymnasium's ``SyncVectorEnv``: an array per key and a mask ``_key`` of the
    environments for which it holds.

    Args:
        num_envs: N, how many episodes run side by side.
        autoreset_mode: "NextStep" (a finished episode restarts in the next step, whose action it ignores), "SameStep"
            (it restarts at once; ``final_obs`` and ``final_info`` stand in the info) or "Disabled" (restart it
            with ``reset(options={"reset_mask": mask})``). Gymnasium's ``AutoresetMode`` or its values.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

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
    ):
        check_arguments(shuffle, episode_samples, render_mode)
        self.autoreset_mode = autoreset_of(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.samples = resolve(features)
        self._stop = min(episode_samples or len(self.samples), len(self.samples))
        num_envs = many(num_envs, self._stop + 1)
        self.num_envs, self.shuffle, self.episode_samples = num_envs, shuffle, episode_samples
        self.single_action_space = spaces.Discrete(2)
        self.single_observation_space = observation_space(self.samples)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._observations = observations(self.samples, standardise_on)
        self._rewards = reward_table(reward)
        self._rows = np.zeros((num_envs, self._stop + 1), dtype=np.int64)
        self._row = self._rows[:, 0].copy()  # the sample that each environment shows
        self._t = np.zeros(num_envs, dtype=np.int64)
        self._env = np.arange(num_envs)
        self._randoms: list[np.random.Generator | None] = [None] * num_envs
        self._done: Array | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode in every environment, or in those of ``options["reset_mask"]``.

        Args:
            seed: An int (environment i gets ``seed + i``), one per environment, or None to go on drawing.
            options: ``reset_mask``, bool of shape ``(num_envs,)``.
        """
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise InputError(f"{len(seeds)} seeds for {self.num_envs} environments")
        mask = self._reset_mask(options)
        for i in np.flatnonzero(mask):
            if seeds[i] is not None or self._randoms[i] is None:
                self._randoms[i] = seeding.np_random(seeds[i])[0]
        self._restart(mask)
        self._done = self._t == self._stop
        return self._observations.take(self._row, axis=0), {}

    def step(
        self, actions: Array
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Judge the sample last observed in every environment."""
        decision = self._verdicts(actions)
        if self._done is None:
            raise ResetNeeded("call reset() before step()")
        waiting = self._done
        restarting = bool(waiting.any())
        if restarting and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(f"the episode of environment {waiting.argmax()} is over: reset it with a reset_mask")
        # Stepping all is faster than picking: an episode that waits for its restart judges its last sample again.
        self._t -= waiting
        sample = self._rows[self._env, self._t]
        label = self.samples.labels.take(sample)
        rewards = self._rewards[label.view(np.int8), decision]
        judged = {
            "sample": sample,
            "decision": decision.astype(bool),
            "label": label,
            "outcome": _OUTCOMES[label.view(np.int8), decision],
        }
        self._t += 1
        self._row = self._rows[self._env, self._t]
        info = _masked(judged, ~waiting)
        if restarting:
            rewards[waiting] = 0.0
            self._restart(waiting)
        self._done = over = self._t == self._stop
        terminated = self._row == len(self.samples)
        truncated = over & ~terminated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and over.any():
            info = self._restart_same_step(judged, over)
        return self._observations.take(self._row, axis=0), rewards, terminated, truncated, info

    def _verdicts(self, actions: Array) -> Array:
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu" or actions.astype(np.uint64).max() > 1:
            raise InvalidAction(f"actions {actions!r} are outside {self.action_space}")
        return actions

    def _reset_mask(self, options: dict[str, Any] | None) -> Array:
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        check_options(options)
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        if getattr(mask, "dtype", None) != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise InputError(f"reset_mask must be a bool array of shape ({self.num_envs},) with a True in it")
        if self._done is None and not mask.all():
            raise ResetNeeded("the first reset() must start every environment: leave reset_mask out")
        return mask

    def _restart(self, mask: Array) -> None:
        for i in np.flatnonzero(mask):
            random = self._randoms[i]
            assert random is not None
            self._rows[i] = draw_rows(random, len(self.samples), self.shuffle, self.episode_samples)
        self._t[mask] = 0
        self._row[mask] = self._rows[mask, 0]

    def _restart_same_step(self, judged: dict[str, Array], over: Array) -> dict[str, Any]:
        last = self._observations.take(self._row, axis=0)
        final_obs = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(over):
            final_obs[i] = last[i].copy()
        self._restart(over)
        self._done = np.zeros(self.num_envs, dtype=bool)
        return {
            **_masked(judged, ~over),
            "final_obs": final_obs,
            "_final_obs": over,
            "final_info": _masked(judged, over),
            "_final_info": over,
        }


def _masked(info: dict[str, Array], mask: Array) -> dict[str, Any]:
    """Add to every key its mask of the environments for which it holds."""
    return {**info, **{f"_{key}": mask for key in info}}
