"""The native vector environment of ADT-v0: N episodes as arrays, no loop over environments."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from adt_gym.envs.actions import action_space_of, continuous_thresholds
from adt_gym.envs.costs import Ledger
from adt_gym.envs.feedback import ToldEpisodes
from adt_gym.envs.memory import OUTCOME_NAMES, Array, CountedEpisodes, Envs, TabulatedEpisodes
from adt_gym.envs.settings import autoreset_of, many, settings_of, takes_settings
from adt_gym.envs.sources import Source, draw_episode, resolve
from adt_gym.envs.thresholding import empty_info, observation_space_of
from adt_gym.mdp.mdp import ThresholdingMDP, mdp_of
from adt_gym.series import InputError

if TYPE_CHECKING:
    from adt_gym.envs.fused import FusedEpisodes

ALL = slice(None)

COMPILE = True
"""Whether environments made from now on use Numba where they can."""


class ThresholdingVectorEnv(VectorEnv[NDArray[np.float32], Array, Array]):
    """N independent episodes of ADT-v0 stepped at once; see `ThresholdingEnv` for the MDP and its arguments.

    Environment i, seeded with ``seed + i``, draws the series and starts that a scalar environment with that seed
    draws. Infos have the layout of Gymnasium's ``SyncVectorEnv``: an array per key and a mask ``_key`` of the
    environments for which it holds; with ``hold`` above 1 arrays have the shape ``(num_envs, hold)``.

    Where Numba is installed (``pip install "adt-gym[fast]"``), ``hold`` is 1, feedback is immediate and true, no cost
    term is on and the MDP is small enough to tabulate, steps run in compiled loops; the first step on a machine then
    waits a second or two for the compiler. Otherwise they run in NumPy. Both give the same results bit by bit.

    Args:
        num_envs: N, how many episodes run side by side.
        autoreset_mode: "NextStep" (a finished episode restarts in the next step, whose action it ignores), "SameStep"
            (it restarts at once; ``final_obs`` and ``final_info`` stand in the info) or "Disabled" (restart it
            with ``reset(options={"reset_mask": mask})``). Gymnasium's ``AutoresetMode`` or its values.
        render_mode: Must be None: render a scalar environment instead.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    @takes_settings
    def __init__(
        self,
        num_envs: int = 1,
        series: Source = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: None = None,
        **settings: Any,
    ):
        self.settings = given = settings_of(settings)
        num_envs = many(num_envs, max(given.hold, given.k + (given.told.delay or 1)))
        if render_mode is not None:
            raise InputError('the vector environment does not render; use gym.make("ADT-v0", render_mode=...)')
        self.autoreset_mode = autoreset_of(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.mdp = mdp_of(resolve(series), given.k, given.alpha, given.beta)
        self.num_envs, self.hold = num_envs, given.hold
        self.feedback, self.observe_score = given.told, given.observe_score
        levels = given.levels
        self.single_action_space = action_space_of(levels)
        self.single_observation_space = observation_space_of(self.observe_score)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._levels = None if levels is None else np.array(levels, dtype=np.float32)
        self._offsets = self.mdp.offsets.tolist()
        self._ledger = Ledger(given, self.mdp, num_envs) if given.charged else None
        plain = self.feedback.immediate and not given.charged
        self._fused = _fused(self.mdp, num_envs) if plain and self.hold == 1 else None
        truth = self._fused or (TabulatedEpisodes if self.mdp.table else CountedEpisodes)(self.mdp, num_envs)
        self._memory = truth if self.feedback.immediate else ToldEpisodes(truth, self.mdp, self.feedback, num_envs)
        self._randoms: list[np.random.Generator | None] = [None] * num_envs
        self._series, self._offset, self._position, self._stop, self._end = np.zeros((5, num_envs), dtype=np.int64)
        self._done = np.zeros(num_envs, dtype=bool)
        self._begun_once = False

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode in every environment, or in those of ``options["reset_mask"]``.

        Args:
            seed: An int (environment i gets ``seed + i``), one per environment, or None to go on drawing.
            options: ``series`` and ``start``, the same for every environment, and ``reset_mask``, bool of shape
                ``(num_envs,)``.
        """
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise InputError(f"{len(seeds)} seeds for {self.num_envs} environments")
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        if mask is None:
            mask = np.ones(self.num_envs, dtype=bool)
        elif getattr(mask, "dtype", None) != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise InputError(f"reset_mask must be a bool array of shape ({self.num_envs},) with a True in it")
        if not self._begun_once and not mask.all():
            raise ResetNeeded("the first reset() must start every environment: leave reset_mask out")
        for i in np.flatnonzero(mask):
            if seeds[i] is not None or self._randoms[i] is None:
                self._randoms[i] = seeding.np_random(seeds[i])[0]
        self._restart(np.flatnonzero(mask), options)
        self._begun_once = True
        self._done = self._position == self._stop
        return self._observe(), self._begun(mask)

    def step(
        self, actions: Array
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Judge the next window, or the next ``hold`` windows, of every episode."""
        levels = self._thresholds(actions)
        if not self._begun_once:
            raise ResetNeeded("call reset() before step()")
        waiting = self._done
        restarting = bool(np.count_nonzero(waiting))
        if restarting and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(f"the episode of environment {waiting.argmax()} is over: reset it with a reset_mask")
        rewards, judged = self._judge(levels) if self.hold == 1 else self._judge_held(levels)
        info = _masked(judged, ~waiting)
        if restarting:
            envs = np.flatnonzero(waiting)
            rewards[envs] = 0.0
            self._restart(envs)
            info |= self._begun(waiting)
        self._done = over = self._position == self._stop
        terminated = self._position == self._end
        truncated = over ^ terminated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and np.count_nonzero(over):
            info = self._restart_same_step(judged, over)
        return self._observe(), rewards, terminated, truncated, info

    def _thresholds(self, actions: Array) -> Array:
        if self._levels is None:
            return continuous_thresholds(actions, self.action_space)
        actions = np.asarray(actions)
        # Below 0 becomes far above the last action, so that one comparison tells both.
        if (
            actions.shape != (self.num_envs,)
            or actions.dtype.kind not in "iu"
            or actions.astype(np.int64, copy=False).view(np.uint64).max() >= len(self._levels)
        ):
            raise InvalidAction(f"actions {actions!r} are outside {self.action_space}")
        return self._levels.take(actions)

    def _observe(self) -> NDArray[np.float32]:
        observations = self._memory.observe(self._position)
        if self.observe_score:
            return np.column_stack((observations, self.mdp.scores.take(self._position)))
        return observations

    def _restart(self, envs: Array, options: dict[str, Any] | None = None) -> None:
        k = self.mdp.k
        for i in envs.tolist():
            random = self._randoms[i]
            assert random is not None
            series, start, stop = draw_episode(random, self.mdp.series, k, self.settings.episode_windows, options)
            offset = self._offsets[series]
            self._series[i], self._offset[i] = series, offset
            self._position[i], self._stop[i] = offset + start + k, offset + stop
            self._end[i] = offset + len(self.mdp.series[series])
        self._memory.restart(envs, self._position[envs], self._randoms)
        if self._ledger:
            self._ledger.restart(envs)

    def _begun(self, mask: Array) -> dict[str, Any]:
        start = self._position - self._offset - self.mdp.k
        return _masked({"series": self._series.copy(), "start": start}, mask)

    def _judge(self, levels: Array) -> tuple[Array, dict[str, Array]]:
        # Stepping all is faster than picking: an episode that waits for its restart judges its last window again.
        if self._fused:
            return self._fused.judge(self._offset, self._position, levels, self._done)
        if np.count_nonzero(self._done):
            if self.feedback.noise:  # what waits must draw nothing
                return self._judge_running(levels)
            self._position -= self._done
        return self._judge_once(ALL, levels)

    def _judge_running(self, levels: Array) -> tuple[Array, dict[str, Array]]:
        running = np.flatnonzero(~self._done)
        some_rewards, some_judged = self._judge_once(running, levels[running])
        rewards = np.zeros(self.num_envs)
        judged = {key: np.zeros(self.num_envs, values.dtype) for key, values in some_judged.items()}
        rewards[running] = some_rewards
        for key, values in some_judged.items():
            judged[key][running] = values
        return rewards, judged

    def _judge_held(self, levels: Array) -> tuple[Array, dict[str, Array]]:
        all_rewards, info = np.zeros(self.num_envs), empty_info(self.num_envs, self.hold)
        for i in range(self.hold):
            running = np.flatnonzero(self._position < self._stop)
            rewards, judged = self._judge_once(running, levels[running])
            all_rewards[running] += rewards
            for key, values in judged.items():
                info[key][running, i] = values
        return all_rewards, info

    def _judge_once(self, envs: Envs, threshold: Array) -> tuple[Array, dict[str, Array]]:
        mdp, position = self.mdp, self._position[envs]
        label = mdp.labels.take(position)
        decision = mdp.scores.take(position) > threshold
        flag = decision.astype(np.int64)
        judged = {
            "t": position - self._offset[envs],
            "threshold": threshold,
            "decision": decision,
            "label": label,
            "outcome": OUTCOME_NAMES.take((label << _ONE) | flag),
        }
        after = position + _ONE
        rewards = self._memory.push(envs, after, flag)
        if self._ledger:
            rewards = rewards + self._ledger.charge(envs, position, threshold, decision)
        self._position[envs] = after
        return rewards, judged

    def _restart_same_step(self, judged: dict[str, Array], over: Array) -> dict[str, Any]:
        envs = np.flatnonzero(over)
        last = self._observe()
        final_obs = np.full(self.num_envs, None, dtype=object)
        for i in envs:
            final_obs[i] = last[i].copy()
        final_info = _masked(judged, over)
        self._restart(envs)
        self._done = np.zeros(self.num_envs, dtype=bool)
        info = _masked(judged, ~over) | self._begun(over)
        return {
            **info,
            "final_obs": final_obs,
            "_final_obs": over,
            "final_info": final_info,
            "_final_info": over,
        }


_ONE = np.array(1)


def _fused(mdp: ThresholdingMDP, num_envs: int) -> "FusedEpisodes | None":
    """Return the episodes that Numba compiles, or None where there is no table or no Numba."""
    if COMPILE and mdp.table:
        with suppress(ImportError):
            from adt_gym.envs.fused import FusedEpisodes

            return FusedEpisodes(mdp, num_envs)
    return None


def _masked(info: dict[str, Array], mask: Array) -> dict[str, Any]:
    """Add to every key its mask of the environments for which it holds."""
    return info | {f"_{key}": mask for key in info}
