"""Observations with context: what the past beyond the last k windows tells of the window that is judged next."""

from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from adt_gym.checks import InputError, shown
from adt_gym.envs.feedback import Arrivals
from adt_gym.envs.memory import Array, Envs
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.envs.vector import ThresholdingVectorEnv
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import HISTORY, HORIZONS, LABEL_CONTEXT, SCORE_CONTEXT, LabelContext, score_context, since
from adt_gym.stream.feedback import Feedback

Vector = NDArray[np.float32]


class EpisodeContext:
    """The context of one episode's windows.

    The columns of `adt_gym.stream.context.SCORE_CONTEXT`, then, unless no label is ever told, those of
    `adt_gym.stream.context.LABEL_CONTEXT`; all lie in [-1, 1]. The scores' past begins with the series, the labels'
    with the episode, its first k windows included. At a series' end, where no window comes next, the score's columns
    are 0, as the score is that ADT-v0 observes there.

    Args:
        env: The environment whose episodes are followed.
    """

    def __init__(self, env: ThresholdingEnv):
        self._env = env

    def restart(self) -> Vector:
        """Begin an episode; return the context of the first window that is decided on."""
        self._labels, self._t = LabelContext(self._env.feedback), self._env.episode.start
        self._scores = score_context_of(self._env.mdp.series[self._env.episode.series])
        return self._go_on([False] * self._env.mdp.k)

    def after(self, info: dict[str, Any]) -> Vector:
        """Return the context after the windows that ``info`` tells of."""
        t, decisions = (np.atleast_1d(info[key]) for key in ("t", "decision"))
        return self._go_on(decisions[t >= 0].tolist())

    def _go_on(self, decisions: list[bool]) -> Vector:
        scores, labels = self._scores, self._labels
        if not self._env.feedback.tells:
            self._t += len(decisions)
            return scores[self._t]
        for decision, told in zip(decisions, self._env.seen(self._t - self._env.episode.start), strict=True):
            labels.judged(self._t, decision)
            if told >= 0:
                labels.tell(self._t, bool(told))
            self._t += 1
            row = labels.push(self._t)
        return np.concatenate((scores[self._t], row))


class ContextObservation(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Appends to ADT-v0's observation the context of the window judged next; see `EpisodeContext`.

    Args:
        env: ADT-v0 with ``observe_score=True``, or a preset that has it, in any wrappers that keep the observation's
            shape. ``ADT-Context-v0`` is that without a wrapper, with a native vector environment.

    Raises:
        InputError: If it is another environment, does not observe the score, or its observation has another shape.
    """

    def __init__(self, env: gym.Env[Any, Any]):
        adt = env.unwrapped if isinstance(env, gym.Env) else None
        if not isinstance(adt, ThresholdingEnv) or not adt.observe_score:
            wanted = 'wrap gym.make("ADT-v0", observe_score=True)'
            raise InputError(f"the context holds the score: {wanted}, got {shown(env)}")
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        inner = env.observation_space
        if not isinstance(inner, Box) or inner.shape != adt.observation_space.shape:
            raise InputError(f"the context goes inside wrappers that change the observation's shape, got {shown(env)}")
        self._context, self.observation_space = EpisodeContext(adt), with_context(inner, adt.feedback)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return np.concatenate((observation, self._context.restart()), dtype=np.float32), info

    def step(self, action: Any) -> tuple[Vector, Any, bool, bool, dict[str, Any]]:
        """Step; the observation has the context."""
        observation, *rest, info = self.env.step(action)
        return np.concatenate((observation, self._context.after(info)), dtype=np.float32), *rest, info  # type: ignore[return-value]


class ContextEnv(ThresholdingEnv):
    """``ADT-Context-v0``: ADT-v0 that observes the score, with the context of `EpisodeContext` after it.

    Takes the arguments of `ThresholdingEnv`, but for ``observe_score``, which must be True.
    """

    def _extend(self) -> None:
        require_score(self)
        self._context = EpisodeContext(self)
        self.observation_space = with_context(self.observation_space, self.feedback)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """Start an episode."""
        observation, info = super().reset(seed=seed, options=options)
        return np.concatenate((observation, self._context.restart())), info

    def step(self, action: Any) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """Judge the next windows."""
        observation, reward, terminated, truncated, info = super().step(action)
        return np.concatenate((observation, self._context.after(info))), reward, terminated, truncated, info


class ContextVectorEnv(ThresholdingVectorEnv):
    """N episodes of ``ADT-Context-v0`` stepped at once; takes the arguments of `ThresholdingVectorEnv`."""

    def _extend(self) -> None:
        require_score(self)
        self.single_observation_space = with_context(self.single_observation_space, self.feedback)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._scored = np.concatenate([score_context_of(one) for one in self.mdp.series])
        self._labels = LabelContexts(self) if self.feedback.tells else None

    def _restart(self, envs: Array, options: dict[str, Any]) -> None:
        super()._restart(envs, options)
        if self._labels:
            self._labels.restart(envs, self._position[envs])

    def _judge_once(self, envs: Envs, threshold: Array) -> tuple[Array, dict[str, Array]]:
        judged = super()._judge_once(envs, threshold)
        if self._labels:
            self._labels.take_in(np.arange(self.num_envs)[envs], self._position[envs])
        return judged

    def _observe(self) -> Vector:
        parts = [super()._observe(), self._scored.take(self._position, axis=0)]
        if self._labels:
            self._labels.take_in(np.arange(self.num_envs), self._position)
            parts.append(self._labels.rows(self._position))
        return np.concatenate(parts, axis=1)


class LabelContexts:
    """The label context of N episodes in arrays: counts by horizon, and a ring of the labels that came in last.

    Args:
        env: The environment whose episodes are followed.
    """

    def __init__(self, env: ThresholdingVectorEnv):
        self._env, self._arrivals = env, Arrivals.of(env.mdp, env.feedback)
        self._ring = np.full((env.num_envs, HISTORY), -1, dtype=np.int8)
        self._counts = np.zeros((2, env.num_envs, len(HORIZONS)), dtype=np.int64)
        self._first, self._next, self._positive = np.zeros((3, env.num_envs), dtype=np.int64)

    def restart(self, envs: Array, position: Array) -> None:
        """Begin episodes that stand at ``position`` after their first k windows."""
        self._ring[envs], self._counts[:, envs], self._positive[envs] = -1, 0, 0
        self._first[envs] = self._next[envs] = self._arrivals.place_of(position - self._env.mdp.k)
        self.take_in(envs, position)

    def take_in(self, env: Array, position: Array) -> None:
        """Take in what is in before ``position``."""
        for some, place, window in self._arrivals.coming(self._next, env, position):
            label = self._env.told(some, window)
            for j, horizon in enumerate(HORIZONS):
                old = place - horizon
                leaving = np.where(old < self._first[some], -1, self._ring[some, old % HISTORY])
                self._counts[0, some, j] += (label == 1) * 1 - (leaving == 1)
                self._counts[1, some, j] += (label >= 0) * 1 - (leaving >= 0)
            self._ring[some, place % HISTORY] = label
            self._positive[some] = np.where(label == 1, self._arrivals.due[place], self._positive[some])

    def rows(self, position: Array) -> Vector:
        """Return the rows at ``position``, shape ``(num_envs, len(LABEL_CONTEXT))``."""
        rows = np.empty((len(position), len(LABEL_CONTEXT)), np.float32)
        newest = self._ring[np.arange(len(position)), (self._next - 1) % HISTORY]
        positives, told = self._counts
        rows[:, 0] = np.where(self._next > self._first, newest, -1)
        rows[:, 1:-2] = positives / np.maximum(told, 1)
        rows[:, -2] = told[:, -1] / HISTORY
        rows[:, -1] = np.where(positives[:, -1] > 0, since(position - self._positive), 1.0)
        return rows


def with_context(inner: Any, feedback: Feedback) -> Any:
    """Return the space of an observation, a Box of one axis, with its context."""
    bound = np.ones(len(SCORE_CONTEXT) + (len(LABEL_CONTEXT) if feedback.tells else 0), dtype=np.float32)
    return Box(np.append(inner.low, -bound), np.append(inner.high, bound), dtype=np.float32)


def require_score(env: ThresholdingEnv | ThresholdingVectorEnv) -> None:
    """Refuse an environment that does not observe the score, which the context holds.

    Raises:
        InputError: If it does not.
    """
    if not env.observe_score:
        raise InputError("the context holds the score: leave observe_score=False out, or make ADT-v0")


@lru_cache(maxsize=64)
def score_context_of(series: ScoredSeries) -> Vector:
    """Return shape ``(T + 1, len(SCORE_CONTEXT))``, the last row 0; environments of the same series share it."""
    return np.append(score_context(series.scores), np.zeros((1, len(SCORE_CONTEXT)), np.float32), axis=0)
