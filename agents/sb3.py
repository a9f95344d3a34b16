"""Stable-Baselines3 on ADT-v0: the DQN of Algorithm 1 with SB3's parts, PPO, and their policies on disk.

`make_dqn` mirrors `adt_gym.agents.reference_dqn`; `HoldDQN` says where it leaves SB3's DQN.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.type_aliases import MaybeCallback, RolloutReturn
from stable_baselines3.dqn import dqn as sb3_dqn
from torch import nn

from adt_gym.agents.hyperparameters import widths_of
from adt_gym.agents.networks import outputs_of, q_network
from adt_gym.agents.reference_dqn import Hyperparameters
from adt_gym.agents.sb3_zip import MALFORMED, policy_weights
from adt_gym.agents.vec_env import Env, as_vec_env
from adt_gym.checks import MAX_SEED, InputError, flag, made_of, one_of, whole
from adt_gym.saved import Saved
from adt_gym.threads import one_thread

NET_ARCH = Hyperparameters.net_arch


class SmallDQN(DQN):
    """SB3's DQN, learning in one thread."""

    @one_thread()
    def learn(self, *args: Any, **kwargs: Any) -> Any:
        """Learn."""
        return super().learn(*args, **kwargs)


class SmallPPO(PPO):
    """SB3's PPO, learning in one thread."""

    @one_thread()
    def learn(self, *args: Any, **kwargs: Any) -> Any:
        """Learn."""
        return super().learn(*args, **kwargs)


class HoldDQN(SmallDQN):
    """SB3's DQN on the clock of Algorithm 1: whatever SB3 counts in steps, this counts in episodes.

    - One gradient step per episode; for those of a vector that end together, as many in a row.
    - After them the target network is copied if the episodes passed a multiple of ``target_update_episodes``.
    - Under `learn_episodes` epsilon is constant within an episode and falls with the share of the episodes played.
      There is no warm-up of random actions, only of skipped gradient steps.
    - An action is kept for ``hold`` windows from an episode's start, and every window is a transition.
    - Every environment explores by a draw of its own, from a generator of the agent's own.

    Args:
        policy: SB3's, as are ``env`` and ``dqn``.
        env: SB3's.
        hold: l, for how many windows an action is kept.
        loss: "mse" (the paper) or "huber" (SB3).
        target_update_episodes: C, the episodes between two copies to the target network.
        shared_exploration: One draw decides for all environments of a vector whether they explore (SB3).
        seed: Of the network, the exploration, the replay (from NumPy's global generator) and the environments.
        dqn: Further arguments.
    """

    def __init__(
        self,
        policy: Any,
        env: Any,
        *,
        hold: int = 1,
        loss: str = "mse",
        target_update_episodes: int = 100,
        shared_exploration: bool = False,
        seed: int | None = None,
        **dqn: Any,
    ):
        self.hold, self.loss, self.shared_exploration = hold, loss, shared_exploration
        self.target_update_episodes = target_update_episodes
        self.total_episodes: int | None = None
        self.random = np.random.default_rng(seed)
        self.made_with: dict[str, Any] | None = None
        super().__init__(policy, env, seed=seed, target_update_interval=sys.maxsize, **dqn)

    def _setup_learn(
        self, total_timesteps: int, callback: MaybeCallback = None, reset_num_timesteps: bool = True, *others: Any
    ) -> Any:
        if reset_num_timesteps or self._last_obs is None:  # when SB3 resets the environments
            self._actions = np.zeros(self.n_envs, dtype=np.int64)
            self._to_keep = np.zeros(self.n_envs, dtype=np.int64)
        return super()._setup_learn(total_timesteps, callback, reset_num_timesteps, *others)

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> RolloutReturn:
        """Play an episode (a vector: a step), with its epsilon from the first step on."""
        if self.total_episodes is not None and self._episode_num >= self.total_episodes:
            return RolloutReturn(0, 0, continue_training=False)
        self._update_current_progress_remaining(self.num_timesteps, self._total_timesteps)
        self.exploration_rate = self.exploration_schedule(self._current_progress_remaining)
        rollout = super().collect_rollouts(*args, **kwargs)
        self.gradient_steps = rollout.n_episodes
        return rollout

    def _update_current_progress_remaining(self, num_timesteps: int, total_timesteps: int) -> None:
        if self.total_episodes is None:
            super()._update_current_progress_remaining(num_timesteps, total_timesteps)
        else:
            self._current_progress_remaining = 1.0 - self._episode_num / self.total_episodes

    def _sample_action(self, learning_starts: int, action_noise: Any = None, n_envs: int = 1) -> Any:
        deciding = self._to_keep == 0
        if deciding.any():
            self._actions = np.where(deciding, self._decide(n_envs), self._actions)
            self._to_keep[deciding] = self.hold
        self._to_keep -= 1
        return self._actions, self._actions

    def _decide(self, n_envs: int) -> NDArray[np.int64]:
        """Return an epsilon-greedy action for each environment."""
        assert isinstance(self.action_space, gym.spaces.Discrete)
        exploring = self.random.random(1 if self.shared_exploration else n_envs) < self.exploration_rate
        actions = self.random.integers(int(self.action_space.n), size=n_envs)
        if exploring.all():
            return actions
        assert isinstance(self._last_obs, np.ndarray)
        return np.where(exploring, actions, self.policy.predict(self._last_obs, deterministic=True)[0])

    def _store_transition(
        self, replay_buffer: Any, buffer_action: Any, new_obs: Any, reward: Any, dones: Any, infos: Any
    ) -> None:
        super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)
        self._to_keep[dones] = 0

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Update the network, and the target network when it is due."""
        if self.loss == "huber":
            super().train(gradient_steps, batch_size)
        else:  # SB3 names its loss inside train(): exchange what the name stands for in that module
            sb3_dqn.F = SimpleNamespace(smooth_l1_loss=nn.functional.mse_loss)  # type: ignore[assignment]
            try:
                super().train(gradient_steps, batch_size)
            finally:
                sb3_dqn.F = nn.functional
        if self._episode_num % self.target_update_episodes < gradient_steps:
            self.q_net_target.load_state_dict(self.q_net.state_dict())


def make_dqn(env: Env, seed: int = 0, shared_exploration: bool = False, **hyperparameters: Any) -> HoldDQN:
    """Return SB3's DQN with the settings of the reference DQN; train it with `learn_episodes`.

    Set otherwise than in SB3: the squared error (``loss="huber"`` brings SB3's back), no clipping of gradients, and
    what `HoldDQN` lists. Left as in SB3: the replay draws from NumPy's global generator, so two models that
    train in turns in one process disturb each other's draws.

    Args:
        env: ADT-v0, our vector environment with same-step autoreset, or any ``VecEnv``.
        seed: Of the network, the exploration, the replay and the environments.
        shared_exploration: See `HoldDQN`.
        hyperparameters: Fields of `adt_gym.agents.reference_dqn.Hyperparameters`; ``plan`` means nothing here.

    Raises:
        InputError: If a hyper-parameter is unknown or out of range, or the environment's spaces do not fit.
    """
    settings, seed = made_of(Hyperparameters, hyperparameters, "hyper-parameter"), whole("seed", seed, 0, MAX_SEED)
    vec_env = as_vec_env(env)
    model = HoldDQN(
        "MlpPolicy",
        vec_env,
        hold=settings.hold,
        loss=settings.loss,
        target_update_episodes=settings.target_update_interval,
        shared_exploration=flag("shared_exploration", shared_exploration),
        seed=seed,
        learning_rate=settings.learning_rate,
        buffer_size=settings.buffer_size,
        learning_starts=settings.batch_size - 1,
        batch_size=settings.batch_size,
        gamma=settings.gamma,
        train_freq=(1, "episode" if getattr(vec_env, "num_envs", 1) == 1 else "step"),
        exploration_initial_eps=settings.exploration_initial_eps,
        exploration_final_eps=settings.exploration_final_eps,
        exploration_fraction=settings.exploration_fraction,
        max_grad_norm=float("inf"),
        policy_kwargs={"net_arch": list(settings.net_arch)},
        device="cpu",
    )
    model.made_with = {"seed": seed, "shared_exploration": shared_exploration, **hyperparameters}
    return model


def learn_episodes(model: HoldDQN, episodes: int, callback: MaybeCallback = None, **options: Any) -> HoldDQN:
    """Train until ``episodes`` episodes are played; epsilon's schedule spans them.

    Environments of a vector that end together may add up to ``num_envs - 1`` episodes.

    Args:
        model: What `make_dqn` returned.
        episodes: With ``reset_num_timesteps=False`` those played before count among them.
        callback: SB3's; ``on_rollout_start`` comes before every episode, after the update of the one before.
        options: Further arguments of SB3's ``learn``.
    """
    model.total_episodes = whole("episodes", episodes, least=0)
    model.learn(sys.maxsize, callback, **options)
    model.total_episodes = None  # a plain model.learn() counts steps again
    return model


def make_ppo(env: Env, seed: int = 0, net_arch: Sequence[int] = NET_ARCH, **hyperparameters: Any) -> PPO:
    """Return SB3's PPO with the small network, once for the policy and once for the value.

    Args:
        env: As for `make_dqn`; PPO wants many environments.
        seed: Of the network, the actions, the minibatches and the environments.
        net_arch: Widths of the hidden layers.
        hyperparameters: SB3's. By default rollouts of 2,048 transitions but at least 16 steps, minibatches of 256.

    Raises:
        InputError: If a hyper-parameter is unknown or the environment's spaces do not fit.
    """
    vec_env, seed = as_vec_env(env), whole("seed", seed, 0, MAX_SEED)
    defaults = {"n_steps": max(2048 // getattr(vec_env, "num_envs", 1), 16), "batch_size": 256}
    policy = {"net_arch": list(widths_of("net_arch", net_arch)), "activation_fn": nn.ReLU}
    try:
        model: Any = SmallPPO(
            "MlpPolicy", vec_env, policy_kwargs=policy, seed=seed, device="cpu", **defaults | hyperparameters
        )
    except TypeError as error:
        raise InputError(f"PPO: {error}") from error
    model.made_with = {"seed": seed, "net_arch": list(net_arch), **hyperparameters}
    return model


_LAYERS = {"dqn": ("q_net.",), "ppo": ("mlp_extractor.policy_net.", "action_net.")}


class GreedyPolicy(Saved):
    """A network that takes the action with the highest output: what `load_policy` returns."""

    kind = "policy"

    def __init__(self, network: nn.Sequential):
        self.network = network

    def kept(self) -> dict[str, Any]:
        """Return the network's weights."""
        return {"values": {"weights": [tensor.numpy() for tensor in self.network.state_dict().values()]}}

    @classmethod
    def anew(cls, kept: Mapping[str, Any]) -> Self:
        """Make anew what `kept` tells.

        Raises:
            RuntimeError, ValueError, KeyError, TypeError: If that is no such policy.
        """
        return cls(_network_of([torch.from_numpy(array) for array in kept["values"]["weights"]]))

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[NDArray[np.int64], None]:
        """Return the actions for one observation ``(6,)`` or a batch ``(n, 6)``, and None for the state (SB3's API).

        Raises:
            InputError: If ``deterministic`` is False.
        """
        if not deterministic:
            raise InputError("a policy read from a file is greedy: predict with deterministic=True")
        return outputs_of(self.network, np.asarray(observation, dtype=np.float32)).argmax(axis=-1), None


def load_policy(path: str | Path, algorithm: str, net_arch: Sequence[int] = NET_ARCH) -> GreedyPolicy:
    """Read the weights in an SB3 ``.zip`` of `make_dqn` or `make_ppo`; nothing is unpickled, unlike in SB3's ``load``.

    Args:
        path: What ``model.save`` wrote.
        algorithm: "dqn" or "ppo".
        net_arch: Widths of the hidden layers.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file does not hold such a policy.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no policy at {path}")
    one_of("algorithm", algorithm, _LAYERS)
    net_arch = widths_of("net_arch", net_arch)
    try:
        tensors = [tensor for name, tensor in policy_weights(path).items() if name.startswith(_LAYERS[algorithm])]
        network = _network_of(tensors)
        if tuple(len(bias) for bias in tensors[1:-1:2]) != net_arch:
            raise ValueError("its layers have other widths")
    except MALFORMED as error:
        raise InputError(f"{path} is not an SB3 {algorithm} policy with net_arch {tuple(net_arch)}: {error}") from error
    return GreedyPolicy(network)


def _network_of(tensors: Sequence[torch.Tensor]) -> nn.Sequential:
    """Return the network of ReLU layers with these weights and biases, in turns."""
    network = q_network([weight.shape[1] for weight in tensors[::2]], len(tensors[-1]))
    network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
    return network
