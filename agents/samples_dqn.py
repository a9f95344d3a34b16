"""The deep Q-learning classifier: a DQN that calls each sample of ADT-Samples-v0 normal or anomalous, in one file.

Two things set it apart from the reference agent: the network learns within an episode, after every few samples, and
epsilon decays by a factor per episode, so that training may be continued for any number of episodes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adt_gym.agents.hyperparameters import check
from adt_gym.agents.networks import outputs_of
from adt_gym.agents.reference_dqn import EpisodeReport, ReplayMemory
from adt_gym.agents.storage import Learner
from adt_gym.checks import InputError, whole
from adt_gym.threads import one_thread


@dataclass(frozen=True)
class SamplesSettings:
    """Settings of the deep Q-learning classifier, under SB3's names where SB3 has them.

    Args:
        learning_rate: Of Adam.
        buffer_size: Transitions kept in the replay memory.
        learning_starts: Transitions gathered before the first update.
        batch_size: Transitions of a minibatch.
        gamma: Discount factor. What an agent calls a sample does not change the samples that follow, so anything above
            0 adds to every target a term that no action can influence (docs/samples.md measures what that costs).
        train_freq: Transitions between two updates; the policy is fixed in between.
        target_update_interval: Transitions between two copies to the target network.
        exploration_initial_eps: Epsilon in the first episode.
        exploration_final_eps: Epsilon never falls below this.
        exploration_decay: Factor by which epsilon falls from one episode to the next.
        net_arch: Widths of the hidden layers.
        double: Let the network choose the next action that the target network values (van Hasselt, Guez and
            Silver, "Deep Reinforcement Learning with Double Q-learning", AAAI 2016).
    """

    learning_rate: float = 3e-4
    buffer_size: int = 10_000
    learning_starts: int = 100
    batch_size: int = 64
    gamma: float = 0.95
    train_freq: int = 4
    target_update_interval: int = 500
    exploration_initial_eps: float = 1.0
    exploration_final_eps: float = 0.01
    exploration_decay: float = 0.95
    net_arch: tuple[int, ...] = (64, 64)
    double: bool = False

    def __post_init__(self) -> None:
        check(self)

    def epsilon(self, episode: int) -> float:
        """Return epsilon in episode number ``episode``, counted from 0."""
        return max(self.exploration_final_eps, self.exploration_initial_eps * self.exploration_decay**episode)


class SamplesDQN(Learner):
    """Deep Q-network on ADT-Samples-v0, or on any environment with a flat Box observation and Discrete actions.

    Its arguments are those of `Learner`; its settings are `SamplesSettings`.
    """

    Settings = SamplesSettings

    def __init__(self, env: gym.Env[Any, Any] | None, seed: int = 0, **hyperparameters: Any):
        super().__init__(env, seed, **hyperparameters)
        if env is not None:
            env.reset(seed=seed)

    @one_thread()
    def learn(self, episodes: int, on_episode: Callable[[EpisodeReport], object] | None = None) -> "SamplesDQN":
        """Play ``episodes`` more episodes, epsilon-greedily, and learn from the replay memory all along."""
        if self.env is None:
            raise InputError("this agent has no environment to learn in: pass one to SamplesDQN")
        for _ in range(whole("episodes", episodes, least=0)):
            epsilon, begun = self.settings.epsilon(self.episodes), self.steps
            earned, losses = self._play(epsilon)
            self.episodes += 1
            if on_episode is not None:
                loss = float(np.mean(losses)) if losses else None
                on_episode(EpisodeReport(self.episodes, earned, epsilon, loss, self.steps - begun))
        return self

    def _play(self, epsilon: float) -> tuple[float, list[float]]:
        """Play one episode in stretches of ``train_freq`` samples, with an update after each."""
        assert self.env is not None
        settings, losses, earned = self.settings, [], 0.0
        observation, _ = self.env.reset()
        terminated = truncated = False
        while not (terminated or truncated):
            observations, actions, rewards = [observation], list[int](), list[float]()
            while len(actions) < settings.train_freq and not (terminated or truncated):
                action = self._act(observation, epsilon)
                observation, reward, terminated, truncated, _ = self.env.step(action)
                observations.append(observation)
                actions.append(action)
                rewards.append(float(reward))
            self.memory.add(np.array(observations), np.array(actions), np.array(rewards), terminated)
            earned += sum(rewards)
            if self.memory.added >= max(settings.learning_starts, settings.batch_size):
                losses.append(self._update())
            copies = self.steps // settings.target_update_interval
            self.steps += len(actions)
            if self.steps // settings.target_update_interval > copies:
                self.target.load_state_dict(self.network.state_dict())
        return earned, losses

    def _act(self, observation: NDArray[np.float32], epsilon: float) -> int:
        if self.random.random() < epsilon:
            return int(self.random.integers(self.n_actions))
        return int(self.q_values(observation).argmax())

    def _update(self) -> float:
        settings = self.settings
        rows = self.random.integers(len(self.memory), size=settings.batch_size)
        observations, actions, rewards, next_observations, terminated = self.memory.sample(rows)
        with torch.no_grad():
            next_values = self.target(next_observations)
            chosen = (self.network(next_observations) if settings.double else next_values).argmax(dim=1, keepdim=True)
            targets = rewards + settings.gamma * (1.0 - terminated) * next_values.gather(1, chosen)[:, 0]
        values = self.network(observations).gather(1, actions[:, None])[:, 0]
        loss = nn.functional.smooth_l1_loss(values, targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def q_values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return Q of every action, shape ``(n_actions,)`` or ``(n, n_actions)``, for one observation or n."""
        return outputs_of(self.network, observations)

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[NDArray[np.int64], None]:
        """Return the greedy actions for one observation ``(d,)`` or n ``(n, d)``, and None for the state (SB3's API).

        The policy is always greedy: ``state``, ``episode_start`` and ``deterministic`` are there for SB3's callers.
        """
        return self.q_values(np.asarray(observation, dtype=np.float32)).argmax(axis=-1), None

    def _build(self, n_features: int, n_actions: int) -> None:
        super()._build(n_features, n_actions)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.settings.learning_rate, fused=True)
        self.memory = ReplayMemory(self.settings.buffer_size, (n_features,))


def make_sb3_dqn(env: gym.Env[Any, Any], settings: SamplesSettings, seed: int = 0) -> Any:
    """Return SB3's DQN with the same settings.

    What differs: its epsilon falls linearly over the first half of training instead of by a factor per episode, it
    clips gradients at norm 10, and it knows no double Q-learning.

    Raises:
        InputError: If ``settings`` asks for double Q-learning.
    """
    from adt_gym.agents.sb3 import SmallDQN

    if settings.double:
        raise InputError("SB3's DQN knows no double Q-learning; leave double or sb3 out")
    return SmallDQN(
        "MlpPolicy",
        env,
        learning_rate=settings.learning_rate,
        buffer_size=settings.buffer_size,
        learning_starts=settings.learning_starts,
        batch_size=settings.batch_size,
        gamma=settings.gamma,
        train_freq=settings.train_freq,
        target_update_interval=settings.target_update_interval,
        exploration_fraction=0.5,
        exploration_initial_eps=settings.exploration_initial_eps,
        exploration_final_eps=settings.exploration_final_eps,
        policy_kwargs={"net_arch": list(settings.net_arch)},
        seed=seed,
        device="cpu",
    )
