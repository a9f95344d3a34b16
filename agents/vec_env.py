"""Our vector environment as the vector environment that Stable-Baselines3 expects."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvStepReturn
from stable_baselines3.common.vec_env.vec_monitor import VecMonitor

from adt_gym.checks import InputError, shown

Env = gym.Env[Any, Any] | VectorEnv[Any, Any, Any] | VecEnv


class SB3VecEnv(VecEnv):
    """N environments stepped as arrays, behind SB3's ``VecEnv``: transitions equal those of its ``DummyVecEnv``.

    The info of an environment is empty until its episode ends. Then it holds what the last step told,
    ``terminal_observation`` and ``TimeLimit.truncated``.

    The environments are one object: ``get_attr`` returns the same for each, ``set_attr`` and ``env_method`` act
    once, on all of them.

    Args:
        env: With same-step autoreset, e.g. ``gym.make_vec("ADT-v0", 256, autoreset_mode="SameStep")``.

    Raises:
        InputError: If it resets in another way.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]):
        mode = env.metadata.get("autoreset_mode") if isinstance(env, VectorEnv) else None
        if mode != AutoresetMode.SAME_STEP:
            raise InputError(
                f"SB3 restarts an episode in the step that ends it, this environment does not ({mode}): make it with "
                'autoreset_mode="SameStep"'
            )
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Start an episode everywhere, with the seeds and options set since the last reset.

        Raises:
            InputError: If the options differ from one environment to another.
        """
        if any(options != self._options[0] for options in self._options):
            raise InputError("all environments must be reset with the same options")
        seeds: Any = self._seeds  # vector environments take one per environment, their signature does not say so
        observations, info = self.env.reset(seed=seeds, options=self._options[0])
        self.reset_infos = [_row(info, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Keep the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step all environments."""
        observations, rewards, terminated, truncated, info = self.env.step(self._actions)
        dones = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(dones):
            infos[i] = {
                **_row(info["final_info"], i),
                "terminal_observation": info["final_obs"][i],
                "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
            }
            self.reset_infos[i] = _row({key: info[key] for key in info if "final_" not in key}, i)
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close the environments."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return the attribute once for each of the environments."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set the attribute of all environments.

        Raises:
            InputError: If ``indices`` leaves some out.
        """
        self._require_all(indices)
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call the method once, on all environments; return its result once for each.

        Raises:
            InputError: If ``indices`` leaves some out.
        """
        self._require_all(indices)
        return [getattr(self.env, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Any = None) -> list[bool]:
        """Return False for each: scalar wrappers do not fit."""
        return [False for _ in self._get_indices(indices)]

    def _require_all(self, indices: VecEnvIndices) -> None:
        if set(self._get_indices(indices)) != set(range(self.num_envs)):
            raise InputError("the environments are one object: leave indices out, or use SB3's DummyVecEnv")


def _row(info: dict[str, Any], i: int) -> dict[str, Any]:
    """Return what a vector info (an array and a mask per key) says of environment ``i``."""
    return {key: values[i] for key, values in info.items() if not key.startswith("_") and info[f"_{key}"][i]}


def as_vec_env(env: Env) -> gym.Env[Any, Any] | VecEnv:
    """Return what SB3's algorithms take: a vector environment adapted and monitored, others as they are.

    Raises:
        InputError: If a DQN cannot handle the spaces, or a vector environment lacks same-step autoreset.
    """
    if not isinstance(env, gym.Env | VectorEnv | VecEnv):
        raise InputError(f'an environment is needed, such as gym.make("ADT-v0"), got {shown(env)}')
    if isinstance(env, VectorEnv):
        env = VecMonitor(SB3VecEnv(env))
    if not isinstance(env.action_space, gym.spaces.Discrete) or len(env.observation_space.shape or ()) != 1:
        raise InputError(f"these agents need a Box observation of one dimension and Discrete actions, got {env}")
    return env
