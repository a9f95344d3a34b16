"""What native vector environments share: N episodes as arrays, their seeds, restarts, masks and infos."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from adt_gym.checks import InputError, shown, whole
from adt_gym.metrics.episode import UNTOLD

Array = NDArray[Any]
Info = dict[str, Any]

METRICS = "episode_metrics"

MAX_ENVS, MAX_CELLS = 10**6, 10**8
"""How many episodes may run side by side, and how many entries an array over episodes and windows may have."""


class NativeVectorEnv(VectorEnv[NDArray[np.float32], Array, Array]):
    """N independent episodes stepped at once, no loop over environments.

    Environment i, seeded with ``seed + i``, draws what a scalar environment with that seed draws. Infos have the layout
    of Gymnasium's ``SyncVectorEnv``: an array per key and a mask ``_key`` of the environments for which it holds.
    Arrays of an info that say the same in many steps are shared between them, and read-only.

    Args:
        num_envs: N.
        action_space: Of one environment.
        observation_space: Of one environment.
        autoreset_mode: "NextStep" (a finished episode restarts in the next step, whose action it ignores), "SameStep"
            (it restarts at once; ``final_obs`` and ``final_info`` stand in the info) or "Disabled" (restart it
            with ``reset(options={"reset_mask": mask})``). Gymnasium's ``AutoresetMode`` or its values.
        max_episode_steps: After how many steps an episode is truncated, as by Gymnasium's ``TimeLimit`` but with
            ``episode_metrics``; None or -1 for no limit.
        unjudged: By key of the info what it says of episodes whose last step judged nothing, shape ``(N, ...)``.
        metrics: How many entries ``episode_metrics`` has.

    Raises:
        InputError: If there is no such mode, or the limit is not a whole number above 0.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int,
        action_space: Space[Any],
        observation_space: Space[Any],
        autoreset_mode: Any,
        max_episode_steps: int | None,
        unjudged: Info,
        metrics: int,
    ):
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            known = ", ".join(one.value for one in AutoresetMode)
            raise InputError(f"unknown autoreset_mode {shown(autoreset_mode)}; known: {known}") from None
        no_limit = max_episode_steps is None or max_episode_steps == -1
        self.max_episode_steps = None if no_limit else whole("max_episode_steps", max_episode_steps)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.num_envs = num_envs
        self.single_action_space, self.single_observation_space = action_space, observation_space
        self.action_space, self.observation_space = (
            batch_space(space, num_envs) for space in (action_space, observation_space)
        )
        self._randoms: list[Any] = [None] * num_envs
        self._done, self._any_done = np.zeros(num_envs, dtype=bool), False
        self._steps = np.zeros(num_envs, dtype=np.int64)
        self._begun_once = False
        self._unjudged = {key: shared(values) for key, values in unjudged.items()}
        self._untold = shared(np.full((num_envs, metrics), UNTOLD))
        self._all = shared(np.ones(num_envs, dtype=bool))

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Start an episode in every environment, or in those of ``options["reset_mask"]``.

        Args:
            seed: An int (environment i gets ``seed + i``), one per environment, or None to go on drawing.
            options: Those of the scalar environment, and ``reset_mask``, bool of shape ``(num_envs,)``.
        """
        if seed is None or isinstance(seed, int | np.integer):
            seeds: list[int | None] = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise InputError(f"{len(seeds)} seeds for {self.num_envs} environments")
        options = dict(options or {})
        mask = self._mask_of(options.pop("reset_mask", None))
        envs = np.flatnonzero(mask)
        for i in envs.tolist():
            if seeds[i] is not None or self._randoms[i] is None:
                self._randoms[i] = seeding.np_random(seeds[i])[0]
        self._begin(envs, options)
        self._begun_once = True
        self._note_ends()
        begun = self._unjudged | self._episodes() | {METRICS: self._untold}
        self._everywhere = {f"_{key}": self._all for key in begun}
        return self._observe(), masked(begun, mask)

    def step(self, actions: Array) -> tuple[NDArray[np.float32], Array, NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Step every episode."""
        read = self._read(actions)
        if not self._begun_once:
            raise ResetNeeded("call reset() before step()")
        waiting, restarting = self._done, self._any_done
        if restarting and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(f"the episode of environment {waiting.argmax()} is over: reset it with a reset_mask")
        rewards, judged = self._judge(read)
        if self.max_episode_steps is not None:
            self._steps += 1
        if restarting:
            envs = np.flatnonzero(waiting)
            rewards[envs] = 0.0
            self._begin(envs, {})
            self._forget(judged, envs)
        terminated, truncated = self._note_ends()
        info = self._info(judged)
        if self._any_done and self.autoreset_mode is AutoresetMode.SAME_STEP:
            info = self._restart_same_step(judged, info)
        return self._observe(), rewards, terminated, truncated, info

    @abstractmethod
    def _read(self, actions: Any) -> Array:
        """Return what the actions of all environments say, checked."""

    @abstractmethod
    def _judge(self, read: Array) -> tuple[Array, Info]:
        """Step every episode that is not in ``self._done``; return rewards and info, of the others what may be."""

    @abstractmethod
    def _stopped(self) -> NDArray[np.bool_]:
        """Return which episodes have come to their end, a fresh array."""

    @abstractmethod
    def _terminated(self) -> NDArray[np.bool_]:
        """Return which of those terminated, a fresh array."""

    @abstractmethod
    def _observe(self) -> NDArray[np.float32]:
        """Return the observations of all episodes, a fresh array."""

    @abstractmethod
    def _restart(self, envs: Array, options: dict[str, Any]) -> None:
        """Start an episode in some environments."""

    @abstractmethod
    def _metrics(self, envs: Array) -> NDArray[np.float64]:
        """Return the metrics of some episodes so far, shape ``(n, metrics)``."""

    def _episodes(self) -> Info:
        """Return what an info says of the episodes from their start on, in shared arrays."""
        return {}

    def _begin(self, envs: Array, options: dict[str, Any]) -> None:
        self._steps[envs] = 0
        self._restart(envs, options)

    def _forget(self, judged: Info, envs: Array) -> None:
        for key, nothing in self._unjudged.items():
            judged[key][envs] = nothing[envs]

    def _note_ends(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Note which episodes are over; return which terminated and which were truncated."""
        over = self._stopped()
        late = None if self.max_episode_steps is None else self._steps >= self.max_episode_steps
        if late is not None:
            over |= late
        self._done, self._any_done = over, bool(np.count_nonzero(over))
        if not self._any_done:
            return over.copy(), over.copy()
        terminated = self._terminated()
        truncated = over ^ terminated
        return terminated, truncated if late is None else truncated | late

    def _info(self, judged: Info) -> Info:
        """Return the info of a step."""
        metrics = self._untold
        if self._any_done:
            metrics, envs = metrics.copy(), np.flatnonzero(self._done)
            metrics[envs] = self._metrics(envs)
        return {**judged, **self._episodes(), METRICS: metrics, **self._everywhere}

    def _restart_same_step(self, judged: Info, info: Info) -> Info:
        over, last = self._done, self._observe()
        envs = np.flatnonzero(over)
        final_obs = np.full(self.num_envs, None, dtype=object)
        for i in envs:
            final_obs[i] = last[i].copy()
        final = {key: values.copy() for key, values in info.items() if key not in self._everywhere}
        self._begin(envs, {})
        self._forget(judged, envs)
        self._done, self._any_done = np.zeros(self.num_envs, dtype=bool), False
        return self._info(judged) | masked({"final_obs": final_obs, "final_info": masked(final, over)}, over)

    def _numbers(self, actions: Any, n: int) -> Array:
        """Return actions of ``Discrete(n)``, checked."""
        actions = np.asarray(actions)
        # Below 0 becomes far above the last action, so that one comparison tells both.
        if (
            actions.shape != (self.num_envs,)
            or actions.dtype.kind not in "iu"
            or actions.astype(np.int64, copy=False).view(np.uint64).max() >= n
        ):
            raise InvalidAction(f"actions {actions!r} are outside {self.action_space}")
        return actions

    def _mask_of(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        if getattr(mask, "dtype", None) != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise InputError(f"reset_mask must be a bool array of shape ({self.num_envs},) with a True in it")
        if not self._begun_once and not mask.all():
            raise ResetNeeded("the first reset() must start every environment: leave reset_mask out")
        return mask.copy()


def many(num_envs: Any, windows: int = 1) -> int:
    """Return how many episodes run side by side, each with that many windows in memory.

    Raises:
        InputError: If it is no whole number above 0, or too large.
    """
    return whole("num_envs", num_envs, most=min(MAX_ENVS, max(MAX_CELLS // windows, 1)))


def masked(info: Info, mask: NDArray[np.bool_]) -> Info:
    """Add to every key its mask of the environments for which it holds."""
    return info | {f"_{key}": mask for key in info}


def shared(values: Array) -> Array:
    """Make an array read-only, so that it can stand in many infos."""
    values.setflags(write=False)
    return values
