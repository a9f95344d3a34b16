"""The native vector environment of ADT-v0."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from adt_gym.checks import one_of
from adt_gym.envs.actions import action_space_of, continuous_thresholds
from adt_gym.envs.costs import Ledger
from adt_gym.envs.feedback import ToldEpisodes
from adt_gym.envs.memory import OUTCOME_CODES, Array, CountedEpisodes, Envs, TabulatedEpisodes
from adt_gym.envs.native import NativeVectorEnv, many, shared
from adt_gym.envs.pictures import Pictures
from adt_gym.envs.settings import settings_of, takes_settings
from adt_gym.envs.sources import JsonSpec, Source, draw_episode, resolve
from adt_gym.envs.tally import Tally
from adt_gym.envs.thresholding import empty_info, observation_space_of
from adt_gym.mdp.mdp import ThresholdingMDP, mdp_of
from adt_gym.metrics.episode import EPISODE_METRICS

if TYPE_CHECKING:
    from adt_gym.envs.fused import FusedEpisodes

ALL = slice(None)

COMPILE = True
"""Whether environments made from now on use Numba where they can."""


class ThresholdingVectorEnv(JsonSpec, NativeVectorEnv):
    """N independent episodes of ADT-v0 stepped at once; see `ThresholdingEnv` for the MDP and its arguments.

    With ``hold`` above 1 the arrays of an info have the shape ``(num_envs, hold)``. ``feedback`` takes a rule of your
    own if it tells windows in their order and decisions do not change when.

    Where Numba is installed (``pip install "adt-gym[fast]"``), ``hold`` is 1, feedback is immediate and true, no cost
    term is on and the MDP is small enough to tabulate, steps run in compiled loops; the first step on a machine then
    waits a second or two for the compiler. Otherwise they run in NumPy. Both give the same results bit by bit.

    Args:
        num_envs: N, how many episodes run side by side.
        autoreset_mode: See `adt_gym.envs.native.NativeVectorEnv`, which also says how seeds and infos are.
        render_mode: None, or "rgb_array": see `render`.
        max_episode_steps: See there, too.
    """

    metadata = {**NativeVectorEnv.metadata, "render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012

    @takes_settings
    def __init__(
        self,
        num_envs: int = 1,
        series: Source = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        **settings: Any,
    ):
        self.settings = given = settings_of(settings)
        num_envs = many(num_envs, max(given.hold, given.k))
        if render_mode is not None:
            one_of("render_mode of a vector environment", render_mode, self.metadata["render_modes"])
        self.mdp = mdp_of(resolve(series), given.k, given.alpha, given.beta)
        spaces = action_space_of(given.levels), observation_space_of(given.observe_score)
        unjudged = empty_info(num_envs, *([given.hold] if given.hold > 1 else []))
        super().__init__(num_envs, *spaces, autoreset_mode, max_episode_steps, unjudged, len(EPISODE_METRICS))
        self.hold, self.feedback, self.observe_score = given.hold, given.told, given.observe_score
        self._levels = None if given.levels is None else np.array(given.levels)
        self._offsets = self.mdp.offsets.tolist()
        self._ledger = Ledger(given, self.mdp, num_envs) if given.charged else None
        plain = self.feedback.immediate and not given.charged
        self._tally = Tally(self.mdp, num_envs)
        self._fused = _fused(self.mdp, num_envs, self._tally) if plain and self.hold == 1 else None
        truth = self._fused or (TabulatedEpisodes if self.mdp.table else CountedEpisodes)(self.mdp, num_envs)
        self._truth = truth
        self._memory = truth if self.feedback.immediate else ToldEpisodes(truth, self.mdp, self.feedback, num_envs)
        self._offset, self._position, self._stop, self._end = np.zeros((4, num_envs), dtype=np.int64)
        self._series = self._start = np.zeros(num_envs, dtype=np.int64)
        self.render_mode = render_mode
        self._pictures = Pictures(self.mdp, num_envs, self.metadata["render_fps"]) if render_mode else None
        self._extend()

    def render(self) -> Any:
        """Return a picture per environment, shape ``(400, 600, 3)`` each, as Gymnasium's vector environments do.

        Of more than 16 environments the first 16 are drawn: every picture is then the same grid of them, of shape
        ``(800, 1200, 3)``. Gymnasium's `RecordVideo` for vectors films the pictures side by side; of more than 16 let
        it ``record_first_only``.
        """
        if self._pictures is None:
            gym.logger.warn('nothing to render: choose it with gym.make_vec("ADT-v0", 4, render_mode="rgb_array")')
            return None
        if not self._begun_once:
            raise ResetNeeded("nothing to render yet: call reset() first")
        return self._pictures.draw(self._series, self._start, self._position - self._offset)

    def _extend(self) -> None:
        """Make what a subclass has beside all this."""

    def told(self, env: Array, window: Array) -> NDArray[np.integer]:
        """Return what is told of windows, by position, that environments judged lately: 0, 1, or -1 for nothing."""
        if isinstance(self._memory, ToldEpisodes):
            return self._memory.told(env, window)
        return self.mdp.labels[window].astype(np.int8)

    def _read(self, actions: Any) -> Array:
        if self._levels is None:
            return continuous_thresholds(actions, self.action_space).astype(np.float64)
        return self._levels.take(self._numbers(actions, len(self._levels)))

    def _stopped(self) -> NDArray[np.bool_]:
        return self._position == self._stop

    def _terminated(self) -> NDArray[np.bool_]:
        return self._position == self._end

    def _observe(self) -> NDArray[np.float32]:
        observations = self._memory.observe(self._position)
        if self.observe_score:
            return np.column_stack((observations, self.mdp.scores.take(self._position)))
        return observations

    def _restart(self, envs: Array, options: dict[str, Any]) -> None:
        k, all_series, all_start = self.mdp.k, self._series.copy(), self._start.copy()
        for i in envs.tolist():
            drawn = draw_episode(self._randoms[i], self.mdp.series, k, self.settings.episode_windows, options)
            series, start, stop = drawn
            offset = self._offsets[series]
            all_series[i], all_start[i], self._offset[i] = series, start, offset
            self._position[i], self._stop[i] = offset + start + k, offset + stop
            self._end[i] = offset + len(self.mdp.series[series])
        self._series, self._start = shared(all_series), shared(all_start)
        self._memory.restart(envs, self._position[envs], self._randoms)
        self._tally.restart(envs)
        if self._pictures:
            self._pictures.restart(envs)
        if self._ledger:
            self._ledger.restart(envs)

    def _episodes(self) -> dict[str, Array]:
        return {"series": self._series, "start": self._start}

    def _metrics(self, envs: Array) -> NDArray[np.float64]:
        return self._tally.metrics(envs, self._offset[envs] + self._start[envs], self._position[envs])

    def _judge(self, read: Array) -> tuple[Array, dict[str, Array]]:
        if self._pictures:
            self._pictures.step()
        if self.hold > 1:
            return self._judge_held(read)
        # Stepping all is faster than picking: an episode that waits for its restart judges its last window again.
        if self._fused:
            rewards, judged = self._fused.judge(self._offset, self._position, read, self._done)
            return self._paid(ALL, rewards, judged), judged
        if self._any_done:
            if self.feedback.noise:  # what waits must draw nothing
                return self._judge_running(read)
            self._position -= self._done
        return self._judge_once(ALL, read)

    def _judge_running(self, levels: Array) -> tuple[Array, dict[str, Array]]:
        running = np.flatnonzero(~self._done)
        some_rewards, some_judged = self._judge_once(running, levels[running])
        rewards = self._nothing()
        judged = {key: np.zeros(self.num_envs, values.dtype) for key, values in some_judged.items()}
        rewards[running] = some_rewards
        for key, values in some_judged.items():
            judged[key][running] = values
        return rewards, judged

    def _judge_held(self, levels: Array) -> tuple[Array, dict[str, Array]]:
        all_rewards, info = self._nothing(), empty_info(self.num_envs, self.hold)
        for i in range(self.hold):
            running = np.flatnonzero((self._position < self._stop) & ~self._done)
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
            "outcome": OUTCOME_CODES.take((label << _ONE) | flag),
        }
        self._tally.judged(envs, label, decision)
        after = position + _ONE
        rewards = self._memory.push(envs, after, flag)
        if self._ledger:
            rewards = rewards + self._ledger.charge(envs, position, threshold, decision)
        self._position[envs] = after
        return self._paid(envs, rewards, judged), judged

    def _paid(self, envs: Envs, rewards: Array, judged: dict[str, Array]) -> Array:
        if self._pictures:
            self._pictures.judged(envs, judged["threshold"], rewards)
        return self._earned(envs, rewards)

    def _earned(self, envs: Envs, rewards: Array) -> Array:
        """Return the rewards of some environments for the window just judged, given ADT-v0's."""
        return rewards

    def _nothing(self) -> Array:
        """Return rewards of 0 for all environments."""
        return np.zeros(self.num_envs)


_ONE = np.array(1)


def _fused(mdp: ThresholdingMDP, num_envs: int, tally: Tally) -> "FusedEpisodes | None":
    """Return the episodes that Numba compiles, or None where there is no table or no Numba."""
    if COMPILE and mdp.table:
        with suppress(ImportError):
            from adt_gym.envs.fused import FusedEpisodes

            return FusedEpisodes(mdp, num_envs, tally)
    return None
