"""What is not the MDP itself: other rewards and observations, and, as environments, the presets that need them."""

from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from adt_gym.checks import InputError, shown
from adt_gym.envs.memory import Envs
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.envs.vector import ThresholdingVectorEnv
from adt_gym.stream.feedback import OUTCOME_NUMBERS, OUTCOMES

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
        self._recent: deque[int] = deque(maxlen=env.mdp.k)
        self.space = reward_space_of(env.mdp.k, env.hold)

    def restart(self) -> None:
        """Begin with the outcomes of the episode's first k windows, which are judged in passive mode."""
        begin = self._env.span[0]
        passive = self._env.mdp.labels[begin - self._env.mdp.k : begin].tolist()
        self._recent.extend(OUTCOME_NUMBERS[label][False] for label in passive)

    def after(self, info: dict[str, Any]) -> Vector:
        """Return the counts after the window that ``info`` tells of; with ``hold`` their sum over its windows."""
        total = np.zeros(len(OUTCOMES), dtype=np.float32)
        for outcome in np.atleast_1d(info["outcome"]):
            if outcome >= 0:
                self._recent.append(outcome)
                total += [self._recent.count(one) for one in range(len(OUTCOMES))]
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

    def _extend(self) -> None:
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

    def _extend(self) -> None:
        self.reward_space, self.reward_dim = reward_space_of(self.mdp.k, self.hold), len(OUTCOMES)

    def _earned(self, envs: Envs, rewards: NDArray[Any]) -> NDArray[Any]:
        shares = self._truth.observe(self._position)[envs, 2:]
        return np.rint(shares * self.mdp.k)

    def _nothing(self) -> NDArray[Any]:
        return np.zeros((self.num_envs, len(OUTCOMES)), dtype=np.float32)
