"""The reference agent: Algorithm 1 of the ADT paper (Yang, Howley and Schukat, ALA 2023), in one file.

The paper updates the network once per episode, with one minibatch. So the policy is fixed within an episode, and
an episode can be planned (adt_gym.mdp.plan) instead of stepped: the same transitions, many times faster.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adt_gym.agents.hyperparameters import check
from adt_gym.agents.networks import outputs_of
from adt_gym.agents.storage import Learner
from adt_gym.checks import InputError, whole
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.mdp.plan import MAX_STATES_PER_DECISION, outputs, roll_out, states_per_decision
from adt_gym.metrics.episode import episode_metrics
from adt_gym.threads import one_thread

MAX_NUMBERS = 10**8
"""That the observations of a replay memory may have."""


@dataclass(frozen=True)
class Hyperparameters:
    """Settings of the reference DQN under SB3's names; the defaults are those of the authors' public code.

    Args:
        learning_rate: Of Adam.
        buffer_size: Transitions kept in the replay memory.
        batch_size: Transitions of the one minibatch per episode.
        gamma: Discount factor.
        target_update_interval: C, the episodes between two copies to the target network.
        exploration_initial_eps: Epsilon in the first episode.
        exploration_final_eps: Epsilon at the end.
        exploration_fraction: Share of the episodes over which epsilon falls linearly.
        net_arch: Widths of the hidden layers.
        hold: l, for how many windows the agent keeps an action; every window is a transition.
        loss: "mse" (the paper) or "huber" (what SB3 uses).
        plan: Plan episodes where that is possible and faster; False steps through every one.
    """

    learning_rate: float = 1e-4
    buffer_size: int = 20_000
    batch_size: int = 256
    gamma: float = 0.99
    target_update_interval: int = 100
    exploration_initial_eps: float = 1.0
    exploration_final_eps: float = 0.001
    exploration_fraction: float = 0.99
    net_arch: tuple[int, ...] = (32, 32, 16)
    hold: int = 1
    loss: str = "mse"
    plan: bool = True

    def __post_init__(self) -> None:
        check(self)

    def epsilon(self, progress: float) -> float:
        """Return epsilon after the share ``progress`` of the episodes."""
        start, end = self.exploration_initial_eps, self.exploration_final_eps
        if progress >= self.exploration_fraction:
            return end
        return start + (end - start) * progress / self.exploration_fraction


@dataclass(frozen=True)
class EpisodeReport:
    """What one training episode came to; ``metrics`` are ADT-v0's ``episode_metrics``, None of other environments."""

    episode: int
    reward: float
    epsilon: float
    loss: float | None
    transitions: int
    metrics: NDArray[np.float64] | None = field(default=None, compare=False)


class ReplayMemory:
    """The newest ``size`` transitions, in arrays that are overwritten in a ring."""

    def __init__(self, size: int, observation_shape: tuple[int, ...]):
        whole("buffer_size x observation", size * math.prod(observation_shape), most=MAX_NUMBERS)
        self.observations = np.zeros((size, *observation_shape), dtype=np.float32)
        self.next_observations = np.zeros_like(self.observations)
        self.actions = np.zeros(size, dtype=np.int64)
        self.rewards = np.zeros(size, dtype=np.float32)
        self.terminated = np.zeros(size, dtype=np.float32)
        self.added = 0

    def __len__(self) -> int:
        return min(self.added, len(self.actions))

    def add(self, observations: Any, actions: Any, rewards: Any, terminated: bool) -> None:
        """Append the n transitions between n + 1 successive observations; only the last can terminate."""
        size, n = len(self.actions), len(actions)
        kept = slice(max(n - size, 0), n)
        first, last = (self.added + kept.start) % size, (self.added + n - 1) % size
        slots = slice(first, last + 1) if first <= last else np.arange(first, last + 1 + size) % size
        self.observations[slots] = observations[:-1][kept]
        self.next_observations[slots] = observations[1:][kept]
        self.actions[slots] = actions[kept]
        self.rewards[slots] = rewards[kept]
        self.terminated[slots] = 0.0
        self.terminated[last] = terminated
        self.added += n

    def sample(self, rows: NDArray[np.int64]) -> list[torch.Tensor]:
        """Return observations, actions, rewards, next observations and terminations of the given rows."""
        arrays = (self.observations, self.actions, self.rewards, self.next_observations, self.terminated)
        return [torch.from_numpy(array.take(rows, axis=0)) for array in arrays]


class ReferenceDQN(Learner):
    """Deep Q-network on ADT-v0, or on any environment with a flat Box observation and a Discrete action space.

    Its arguments are those of `Learner`; its settings are `Hyperparameters`.
    """

    Settings = Hyperparameters

    @one_thread()
    def learn(
        self, episodes: int, on_episode: Callable[[EpisodeReport], object] | None = None, resumed: bool = False
    ) -> "ReferenceDQN":
        """Algorithm 1: play episodes with a falling epsilon, one minibatch update after each.

        Args:
            episodes: How many; epsilon's schedule spans them.
            on_episode: Called after each.
            resumed: Whether those already played count among them; with an agent of `resume` learning goes on bit for
                bit.
        """
        if self.env is None:
            raise InputError("this agent has no environment to learn in: pass one to ReferenceDQN or load()")
        whole("episodes", episodes, least=0)
        settings, play = self.settings, self._play_planned if self._can_plan() else self._play
        for episode in range(self.episodes if resumed else 0, episodes):
            epsilon = settings.epsilon(episode / episodes)
            observation, _ = self.env.reset(seed=self.seed if self.episodes == 0 else None)
            observations, actions, rewards, terminated, metrics = play(observation, epsilon)
            self.memory.add(observations, actions, rewards, terminated)
            loss = self._update() if len(self.memory) >= settings.batch_size else None
            self.episodes += 1
            self.steps += len(actions)
            if self.episodes % settings.target_update_interval == 0:
                self.target.load_state_dict(self.network.state_dict())
            if on_episode is not None:
                earned = float(np.sum(rewards))
                on_episode(EpisodeReport(self.episodes, earned, epsilon, loss, len(actions), metrics))
        return self

    def _play(self, observation: NDArray[np.float32], epsilon: float) -> tuple[Any, Any, Any, bool, Any]:
        """Play one episode step by step; return observations, actions, rewards, whether it terminated, its metrics."""
        assert self.env is not None
        observations = [observation]
        actions: list[int] = []
        rewards: list[float] = []
        terminated = truncated = False
        while not (terminated or truncated):
            if len(actions) % self.settings.hold == 0:
                action = self._explore(self.random.random(), epsilon)
                if action < 0:
                    action = int(self._greedy(observation))
            observation, reward, terminated, truncated, info = self.env.step(action)
            observations.append(observation)
            actions.append(action)
            rewards.append(float(reward))
        metrics = info.get("episode_metrics")
        return np.array(observations), np.array(actions), np.array(rewards), terminated, metrics

    def _play_planned(self, observation: NDArray[np.float32], epsilon: float) -> tuple[Any, Any, Any, bool, Any]:
        """Do the same without stepping: the greedy action of every state in one batch, then look-ups."""
        env = self.env
        assert isinstance(env, ThresholdingEnv)
        assert env.levels is not None
        mdp, hold, view, (start, stop) = env.mdp, self.settings.hold, env.foresee(), env.span
        explored = self._explore(self.random.random(-(-(stop - start) // hold)), epsilon)
        actions = roll_out(mdp, start, stop, self._greedy, env.levels, hold, explored, view)
        decisions = mdp.scores[start:stop] > np.array(env.levels)[actions]
        observations, rewards = outputs(mdp, start, decisions, view)
        metrics = episode_metrics(np.append(np.zeros(mdp.k, bool), decisions), mdp.labels[start - mdp.k : stop])
        return observations, actions, rewards, stop == env.end, metrics

    def _can_plan(self) -> bool:
        env = self.env
        return (
            self.settings.plan
            and type(env) is ThresholdingEnv  # a wrapper or a subclass may change what an agent sees or earns
            and env.hold == 1
            and not env.settings.charged
            and states_per_decision(env.mdp, env.feedback) <= MAX_STATES_PER_DECISION
        )

    def _explore(self, uniform: Any, epsilon: float) -> Any:
        """Return a random action where ``uniform`` falls below epsilon, else -1: one draw serves both."""
        return np.where(uniform < epsilon, np.floor(uniform / max(epsilon, 1e-12) * self.n_actions), -1).astype(
            np.int64
        )

    def _greedy(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        return outputs_of(self.network, observations).argmax(axis=-1)

    @torch.inference_mode()
    def _update(self) -> float:
        """Take one step down the gradient of the loss, and return it."""
        settings = self.settings
        rows = self.random.integers(len(self.memory), size=settings.batch_size)
        observations, actions, rewards, next_observations, terminated = self.memory.sample(rows)
        best_next = self.target(next_observations).amax(dim=1)
        targets = rewards + settings.gamma * (1.0 - terminated) * best_next
        activations, chosen = self._forward(observations), actions[:, None]
        errors = activations[-1].gather(1, chosen)[:, 0] - targets
        if settings.loss == "mse":
            loss, slopes = errors.square().mean(), 2 * errors
        else:
            loss, slopes = nn.functional.huber_loss(errors, torch.zeros_like(errors)), errors.clamp(-1, 1)
        slopes /= len(errors)
        self._backward(activations, torch.zeros_like(activations[-1]).scatter_(1, chosen, slopes[:, None]))
        self.optimizer.step()
        return float(loss)

    # Back-propagation is spelled out: for so small a network autograd's engine costs more than the arithmetic.

    def _forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return the inputs ``(n, d)``, what comes out of each hidden layer, and the outputs."""
        activations = [inputs]
        for layer in self.layers:
            if len(activations) > 1:
                activations[-1].relu_()
            activations.append(layer(activations[-1]))
        return activations

    def _backward(self, activations: list[torch.Tensor], slopes: torch.Tensor) -> None:
        """Set the gradients, given the loss's derivatives by the outputs."""
        for i, layer in reversed(list(enumerate(self.layers))):
            torch.mm(slopes.t(), activations[i], out=layer.weight.grad)
            torch.sum(slopes, dim=0, out=layer.bias.grad)
            if i > 0:
                slopes = torch.mm(slopes, layer.weight).mul_(activations[i].sign())  # after a ReLU the sign is 0 or 1

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[np.int64], None]:
        """Return the actions for one observation ``(6,)`` or a batch ``(n, 6)``, and None for the state (SB3's API).

        Not deterministic means epsilon-greedy with the final epsilon.
        """
        observations = np.asarray(observation, dtype=np.float32)
        actions = self._greedy(observations)
        if not deterministic:
            explored = self._explore(self.random.random(actions.shape), self.settings.exploration_final_eps)
            actions = np.where(explored >= 0, explored, actions)
        return actions, None

    def _build(self, n_observations: int, n_actions: int) -> None:
        super()._build(n_observations, n_actions)
        self.layers = [layer for layer in self.network if isinstance(layer, nn.Linear)]
        # All parameters are views of one tensor, and so are their gradients: the optimizer has one to step.
        parameters = list(self.network.parameters())
        everything = nn.Parameter(nn.utils.parameters_to_vector(parameters).detach())
        nn.utils.vector_to_parameters(everything, parameters)
        everything.grad = torch.zeros_like(everything)
        gradients = everything.grad.split([parameter.numel() for parameter in parameters])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.view_as(parameter)
        self.optimizer = torch.optim.Adam([everything], lr=self.settings.learning_rate, fused=True)
        self.memory = ReplayMemory(self.settings.buffer_size, (n_observations,))
