"""What is not the MDP itself: other rewards and observations, and, as environments, the presets that need them."""

from collections import deque
from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from adt_gym.checks import InputError, shown
from adt_gym.envs.memory import Envs
from adt_gym.envs.settings import takes_settings
from adt_gym.envs.sources import Source
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.envs.vector import ThresholdingVectorEnv
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import HISTORY, LABEL_CONTEXT, SCORE_CONTEXT, label_context, score_context
from adt_gym.stream.feedback import OUTCOME_OF, OUTCOMES, Full

Vector = NDArray[np.float32]


def reward_space_of(k: int, hold: int) -> Box:
    """Return the space of how many of k windows had each outcome, summed over ``hold`` windows."""
    return Box(0.0, k * hold, (len(OUTCOMES),), np.float32)


class OutcomeCounts:
    """How many of the last k windows of an episode were TP, TN, FP and FN.

    Args:
        env: The environment whose episodes are followed.
    """

    def __init__(self, env: ThresholdingEnv):
        self._env = env
        self._recent: deque[str] = deque(maxlen=env.mdp.k)
        self.space = reward_space_of(env.mdp.k, env.hold)

    def restart(self) -> None:
        """Begin with the outcomes of the episode's first k windows, which are judged in passive mode."""
        begin = self._env.span[0]
        passive = self._env.mdp.labels[begin - self._env.mdp.k : begin].tolist()
        self._recent.extend(OUTCOME_OF[label][False] for label in passive)

    def after(self, info: dict[str, Any]) -> Vector:
        """Return the counts after the window that ``info`` tells of; with ``hold`` their sum over its windows."""
        total = np.zeros(len(OUTCOMES), dtype=np.float32)
        for outcome in np.atleast_1d(info["outcome"]):
            if outcome:
                self._recent.append(outcome)
                total += [self._recent.count(one) for one in OUTCOMES]
        return total


class OutcomeRewards(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """The reward of ADT-v0 before it is weighed: the counts (nTP, nTN, nFP, nFN) of the last k windows, float32.

    Their dot product with (alpha, beta, -alpha, -alpha) is the reward of equation 8 (Yang et al., ALA 2023); costs
    that the environment takes off or adds are left out. With ``hold`` it is the sum over the windows of a step.

    MO-Gymnasium's own wrappers ask the unwrapped environment for its reward space: make ``mo-adt-v0`` for those.

    Args:
        env: ADT-v0, in any wrappers that keep its info.

    Raises:
        InputError: If it is another environment.
    """

    def __init__(self, env: gym.Env[Any, Any]):
        if not isinstance(env, gym.Env) or not isinstance(env.unwrapped, ThresholdingEnv):
            raise InputError(f'only ADT-v0 tells outcomes to count, got {shown(env)}: gym.make("ADT-v0") and wrap that')
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._counts = OutcomeCounts(env.unwrapped)
        self.reward_space, self.reward_dim = self._counts.space, len(OUTCOMES)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._counts.restart()
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step; the reward is the vector of counts."""
        observation, _, terminated, truncated, info = self.env.step(action)
        return observation, self._counts.after(info), terminated, truncated, info


class OutcomesEnv(ThresholdingEnv):
    """``mo-adt-v0``: ADT-v0 with the reward vector of `OutcomeRewards`, by MO-Gymnasium's conventions.

    Takes the arguments of `ThresholdingEnv`. The unwrapped environment has ``reward_space``, a Box of shape ``(4,)``,
    and ``reward_dim``, 4; ``mo_gymnasium.wrappers.LinearReward`` with the weights (alpha, beta, -alpha, -alpha) makes
    it ADT-v0 again.

    ``gym.make_vec("mo-adt-v0", num_envs=1024)`` is native: see `OutcomesVectorEnv`.
    """

    @takes_settings
    def __init__(self, series: Source = None, render_mode: str | None = None, **settings: Any):
        super().__init__(series, render_mode, **settings)
        self._counts = OutcomeCounts(self)
        self.reward_space, self.reward_dim = self._counts.space, len(OUTCOMES)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """Start an episode."""
        observation, info = super().reset(seed=seed, options=options)
        self._counts.restart()
        return observation, info

    def step(self, action: Any) -> tuple[Vector, Vector, bool, bool, dict[str, Any]]:  # type: ignore[override]
        """Judge the next windows; the reward is the vector of counts."""
        observation, _, terminated, truncated, info = super().step(action)
        return observation, self._counts.after(info), terminated, truncated, info


class OutcomesVectorEnv(ThresholdingVectorEnv):
    """N episodes of ``mo-adt-v0`` stepped at once; rewards have the shape ``(num_envs, 4)`` and are float32.

    Takes the arguments of `ThresholdingVectorEnv`; ``reward_space`` and ``reward_dim`` are those of one environment.
    """

    @takes_settings
    def __init__(
        self,
        num_envs: int = 1,
        series: Source = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: None = None,
        **settings: Any,
    ):
        super().__init__(num_envs, series, autoreset_mode, render_mode, **settings)
        self.reward_space, self.reward_dim = reward_space_of(self.mdp.k, self.hold), len(OUTCOMES)

    def _earned(self, envs: Envs, rewards: NDArray[Any]) -> NDArray[Any]:
        shares = self._truth.observe(self._position)[envs, 2:]
        return np.rint(shares * self.mdp.k)

    def _nothing(self) -> NDArray[Any]:
        return np.zeros((self.num_envs, len(OUTCOMES)), dtype=np.float32)


class ContextObservation(gym.ObservationWrapper[Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Appends to ADT-v0's observation what the past beyond the last k windows tells of the window judged next.

    First the columns of `adt_gym.stream.context.SCORE_CONTEXT`, then, unless the feedback is "none", those of
    `adt_gym.stream.context.LABEL_CONTEXT`; all lie in [-1, 1]. The scores' past begins with the series, the labels'
    with the episode, its first k windows included; a label counts from when it is told. At a series' end, where no
    window comes next, the score's columns are 0, as the score is that ADT-v0 observes there.

    The vector environment takes it as ``gym.make_vec(id, vectorization_mode="sync", wrappers=[ContextObservation])``.

    Args:
        env: ADT-v0 with ``observe_score=True``, or a preset that has it, in any wrappers that keep the observation's
            shape.

    Raises:
        InputError: If it is another environment, does not observe the score, or its observation has another shape.
    """

    def __init__(self, env: gym.Env[Any, Any]):
        adt = env.unwrapped if isinstance(env, gym.Env) else None
        if not isinstance(adt, ThresholdingEnv) or not adt.observe_score:
            wanted = 'wrap gym.make("ADT-v0", observe_score=True)'
            raise InputError(f"the context holds the score: {wanted}, got {shown(env)}")
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        inner = env.observation_space
        if not isinstance(inner, Box) or inner.shape != adt.observation_space.shape:
            raise InputError(f"the context goes inside wrappers that change the observation's shape, got {shown(env)}")
        self._adt = adt
        columns = len(SCORE_CONTEXT) + (len(LABEL_CONTEXT) if adt.feedback.tells else 0)
        bound = np.ones(columns, dtype=np.float32)
        self.observation_space = Box(np.append(inner.low, -bound), np.append(inner.high, bound), dtype=np.float32)

    def observation(self, observation: Vector) -> Vector:
        """Return the observation with the context of the window judged next."""
        adt, seen = self._adt, self._adt.seen
        parts = [observation, _score_context_of(adt.mdp.series[adt.episode.series])[adt.episode.start + len(seen)]]
        if adt.feedback.tells:
            delay = adt.feedback.delay
            told = np.array([*seen[-delay - HISTORY :], -1])  # of the window judged next nothing is told yet
            parts.append(label_context(told, Full(delay))[-1])
        return np.concatenate(parts, dtype=np.float32)


@lru_cache(maxsize=64)
def _score_context_of(series: ScoredSeries) -> Vector:
    """Return shape ``(T + 1, len(SCORE_CONTEXT))``, the last row 0; environments of the same series share it."""
    return np.append(score_context(series.scores), np.zeros((1, len(SCORE_CONTEXT)), np.float32), axis=0)
