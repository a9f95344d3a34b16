"""PPO with a memory, in JAX: environment, network and learning in one compiled function, in one file.

The form is that of purejaxrl's `ppo_rnn.py` (Lu et al., NeurIPS 2022): everything stays on the device, so thousands of
environments cost little more than one, and `jax.vmap` trains on several seeds at once. PPO is that of Schulman et al.
(2017), the memory a GRU (Cho et al., 2014). It learns on any environment with gymnax's interface, a flat Box
observation, and Discrete actions or a Box of one number; an episode that is cut short counts as one that ends.

    env, params = adt_gym.jax.make("ADT-v0", feedback="alerts", feedback_delay=12)
    policy, metrics = train(env, params, Settings(total_steps=1_000_000), seed=0)
    thresholds.Policy(policy, memoryless=False, feedback="alerts", feedback_delay=12).detect(series)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from gymnax.environments import spaces

from adt_gym import settings
from adt_gym.agents.gru import RecurrentPolicy, Weights, layer, remembered
from adt_gym.checks import InputError
from adt_gym.settings import count, option, share


@dataclass(frozen=True)
class Settings(settings.Settings):
    """How it learns; the command line's options are these (`adt_gym.scripts.options`)."""

    total_steps: int = count(500_000, "steps of all environments together")
    num_envs: int = count(64, "that run side by side")
    num_steps: int = count(32, "of each between two updates; the memory is learned over as many")
    epochs: int = count(4, "passes over the steps of an update")
    minibatches: int = count(4, "of a pass; each has whole environments")
    learning_rate: float = option(3e-3, help="of Adam; falls linearly to 0", min=0.0, max=1.0, within=True)
    gamma: float = share(0.9, "discount factor")
    gae_lambda: float = share(0.95, "of generalised advantage estimation")
    clip: float = share(0.2, "how far the ratio of probabilities may leave 1")
    entropy: float = share(0.01, "weight of the entropy in the loss")
    value: float = share(0.5, "weight of the value's error in the loss")
    max_grad_norm: float = option(0.5, help="longest gradient", min=0.0, within=False)
    width: int = count(32, "of the layer before the memory", most=4096)
    memory: int = count(32, "units of the GRU; 0 for none, which is plain PPO", least=0, most=4096)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_envs % self.minibatches:
            raise InputError(f"num_envs must be a multiple of minibatches, {self.minibatches}, got {self.num_envs}")
        if self.total_steps < self.num_envs * self.num_steps:
            raise InputError(f"total_steps must be at least num_envs x num_steps, {self.num_envs * self.num_steps}")

    @property
    def updates(self) -> int:
        """How often the network is updated on new steps."""
        return self.total_steps // (self.num_envs * self.num_steps)


# The network: `adt_gym.agents.gru` has what NumPy does of it too.


def new_weights(key: jax.Array, observations: int, outputs: int, chosen: Settings) -> Weights:
    """Return the weights to begin with: orthogonal matrices, and heads near 0.

    Args:
        key: What they are drawn by.
        observations: Numbers of an observation.
        outputs: Of the head that acts: logits, or mean and logarithm of the deviation.
        chosen: The sizes.
    """
    width, memory = chosen.width, chosen.memory
    last = memory or width
    shapes = {"embed": (observations, width, np.sqrt(2)), "act": (last, outputs, 0.01), "value": (last, 1, 1.0)}
    if memory:
        shapes |= {"input": (width, 3 * memory, 1.0), "recur": (memory, 3 * memory, 1.0)}
    else:
        shapes |= {"second": (width, width, np.sqrt(2))}
    weights: Weights = {}
    for one, (name, (rows, columns, scale)) in zip(jax.random.split(key, len(shapes)), shapes.items(), strict=True):
        weights[name] = jax.nn.initializers.orthogonal(scale)(one, (rows, columns))
        weights[f"{name}_bias"] = jnp.zeros(columns)
    return weights


def forward(weights: Weights, observations: Any, starts: Any, hidden: Any) -> tuple[Any, Any, Any]:
    """Return what the network makes of T steps of n environments: actions' outputs, values and the last hidden state.

    Args:
        weights: Those of the network.
        observations: Shape ``(T, n, d)``.
        starts: Shape ``(T, n)``: where an episode begins, nothing is remembered.
        hidden: The state before, shape ``(n, memory)``.
    """
    embedded = jnp.tanh(layer(weights, "embed", observations))
    if "recur" not in weights:
        features = jnp.tanh(layer(weights, "second", embedded))
    else:

        def step(before: Any, now: Any) -> tuple[Any, Any]:
            embedded, start = now
            after = remembered(weights, embedded, jnp.where(start[:, None], 0.0, before), jnp)
            return after, after

        hidden, features = jax.lax.scan(step, hidden, (layer(weights, "input", embedded), starts))
    return layer(weights, "act", features), layer(weights, "value", features)[..., 0], hidden


# Actions: categorical, or a normal distribution of one threshold.


def log_prob(outputs: Any, actions: Any, discrete: bool) -> Any:
    """Return the logarithm of the actions' probability, or density."""
    if discrete:
        return jnp.take_along_axis(jax.nn.log_softmax(outputs), actions[..., None], axis=-1)[..., 0]
    mean, log_std = outputs[..., 0], outputs[..., 1]
    return -0.5 * jnp.square((actions - mean) / jnp.exp(log_std)) - log_std - 0.5 * jnp.log(2 * jnp.pi)


def entropy(outputs: Any, discrete: bool) -> Any:
    """Return the entropy of the actions."""
    if discrete:
        return -(jax.nn.softmax(outputs) * jax.nn.log_softmax(outputs)).sum(axis=-1)
    return outputs[..., 1] + 0.5 * jnp.log(2 * jnp.pi * jnp.e)


def sample(key: jax.Array, outputs: Any, discrete: bool) -> Any:
    """Draw actions."""
    if discrete:
        return jax.random.categorical(key, outputs)
    return outputs[..., 0] + jnp.exp(outputs[..., 1]) * jax.random.normal(key, outputs.shape[:-1])


# Learning


class Rollout(NamedTuple):
    """Steps of all environments, shape ``(T, n)``, and what the network said of them."""

    observation: Any
    start: Any
    action: Any
    log_prob: Any
    value: Any
    reward: Any
    done: Any


def advantages(rollout: Rollout, last_value: Any, chosen: Settings) -> Any:
    """Return generalised advantage estimates (Schulman et al., 2016), shape ``(T, n)``."""

    def step(carry: Any, now: Any) -> tuple[Any, Any]:
        later, next_value = carry
        reward, value, done = now
        going = chosen.gamma * (1.0 - done)
        estimate = reward + going * next_value - value + going * chosen.gae_lambda * later
        return (estimate, value), estimate

    first = jnp.zeros_like(last_value), last_value
    return jax.lax.scan(step, first, (rollout.reward, rollout.value, rollout.done), reverse=True)[1]


def loss(weights: Weights, batch: Any, chosen: Settings, discrete: bool) -> Any:
    """Return PPO's loss on a minibatch: rollout, advantages, value targets and the hidden state before."""
    rollout, advantage, target, hidden = batch
    outputs, value, _ = forward(weights, rollout.observation, rollout.start, hidden)
    ratio = jnp.exp(log_prob(outputs, rollout.action, discrete) - rollout.log_prob)
    scaled = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    clipped = jnp.clip(ratio, 1 - chosen.clip, 1 + chosen.clip)
    policy = -jnp.minimum(ratio * scaled, clipped * scaled).mean()
    error = 0.5 * jnp.square(value - target).mean()
    return policy + chosen.value * error - chosen.entropy * entropy(outputs, discrete).mean()


def learning(env: Any, params: Any, chosen: Settings) -> Callable[[jax.Array], tuple[Weights, Any]]:
    """Return the pure function from a key to the weights learned, and the mean reward of a step in each update.

    Raises:
        InputError: If the environment's spaces do not fit.
    """
    space, actions = env.observation_space(params), env.action_space(params)
    discrete = isinstance(actions, spaces.Discrete)
    if len(space.shape) != 1 or not (discrete or actions.shape == (1,)):
        raise InputError("it needs a flat observation, and Discrete actions or a Box of one number")
    outputs = actions.n if discrete else 2
    n = chosen.num_envs
    rate = optax.linear_schedule(chosen.learning_rate, 0.0, chosen.updates * chosen.epochs * chosen.minibatches)
    optimizer = optax.chain(optax.clip_by_global_norm(chosen.max_grad_norm), optax.adam(rate, eps=1e-5))
    reset, step_all = jax.vmap(env.reset, (0, None)), jax.vmap(env.step, (0, 0, 0, None))

    def play(weights: Weights, carry: Any, key: jax.Array) -> tuple[Any, Rollout]:
        state, observation, start, hidden = carry
        key_action, key_step = jax.random.split(key)
        out, value, hidden = forward(weights, observation[None], start[None], hidden)
        action = sample(key_action, out[0], discrete)
        given = action if discrete else action[:, None]
        reached, state, reward, terminated, truncated, _ = step_all(jax.random.split(key_step, n), state, given, params)
        done = terminated | truncated
        rollout = Rollout(observation, start, action, log_prob(out[0], action, discrete), value[0], reward, done)
        return (state, reached, done, hidden), rollout

    def minibatch(learner: Any, batch: Any) -> tuple[Any, None]:
        weights, optimized = learner
        gradient = jax.grad(loss)(weights, batch, chosen, discrete)
        changes, optimized = optimizer.update(gradient, optimized)
        return (optax.apply_updates(weights, changes), optimized), None

    def update(carry: Any, key: jax.Array) -> tuple[Any, Any]:
        learner, before = carry
        key_play, key_epochs = jax.random.split(key)
        keys = jax.random.split(key_play, chosen.num_steps)
        after, rollout = jax.lax.scan(lambda now, one: play(learner[0], now, one), before, keys)
        _, observation, start, hidden = after
        last_value = forward(learner[0], observation[None], start[None], hidden)[1][0]
        estimates = advantages(rollout, last_value, chosen)
        batch = rollout, estimates, estimates + rollout.value, before[3][None]

        def epoch(learner: Any, key: jax.Array) -> tuple[Any, None]:
            order = jax.random.permutation(key, n).reshape(chosen.minibatches, -1)
            return jax.lax.scan(
                lambda now, envs: minibatch(now, _first_axis(jax.tree.map(lambda x: x[:, envs], batch))), learner, order
            )

        learner, _ = jax.lax.scan(epoch, learner, jax.random.split(key_epochs, chosen.epochs))
        return (learner, after), rollout.reward.mean()

    def learn(key: jax.Array) -> tuple[Weights, Any]:
        key_weights, key_reset, key_updates = jax.random.split(key, 3)
        weights = new_weights(key_weights, space.shape[0], outputs, chosen)
        if not discrete:  # begin about the middle
            weights["act_bias"] = jnp.array([0.5, -1.0])
        observation, state = reset(jax.random.split(key_reset, n), params)
        first = state, observation, jnp.ones(n, bool), jnp.zeros((n, chosen.memory))
        carry = (weights, optimizer.init(weights)), first
        ((weights, _), _), rewards = jax.lax.scan(update, carry, jax.random.split(key_updates, chosen.updates))
        return weights, rewards

    return learn


def _first_axis(batch: Any) -> Any:
    """Return a minibatch whose hidden state has lost the axis of time, which it has only to be picked from."""
    *rest, hidden = batch
    return *rest, hidden[0]


def train(env: Any, params: Any, chosen: Settings | None = None, seed: int = 0) -> tuple[RecurrentPolicy, Any]:
    """Learn from one seed.

    Args:
        env: With gymnax's interface, such as `adt_gym.jax.make` returns.
        params: Its parameters.
        chosen: How it learns.
        seed: Of all that is drawn.

    Returns:
        The policy, and the mean reward of a step in each update, shape ``(updates,)``.

    Raises:
        InputError: If the environment's spaces do not fit.
    """
    (policy,), rewards = train_seeds(env, params, chosen, [seed])
    return policy, rewards[0]


def train_seeds(
    env: Any, params: Any, chosen: Settings | None, seeds: Sequence[int]
) -> tuple[list[RecurrentPolicy], Any]:
    """Learn from several seeds at once; see `train`. The rewards have the shape ``(seeds, updates)``."""
    learn = jax.vmap(lambda key, given: learning(env, given, chosen or Settings())(key), (0, None))
    keys = jax.vmap(jax.random.key)(jnp.array(seeds))
    weights, rewards = jax.tree.map(np.asarray, jax.jit(learn)(keys, params))  # as an argument, it is not compiled
    discrete = isinstance(env.action_space(params), spaces.Discrete)
    policies = [RecurrentPolicy(discrete, {name: one[i] for name, one in weights.items()}) for i in range(len(seeds))]
    return policies, rewards
