"""PPO as gymnax's users write it, in purejaxrl's form: the same code on CartPole and on ADT-v0, by a name alone."""

import sys
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import gymnax
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState
from gymnax.wrappers import FlattenObservationWrapper, LogWrapper

import adt_gym.jax

NUM_ENVS, NUM_STEPS = 64, 32
EPOCHS, MINIBATCHES = 4, 4
LEARNING_RATE = 2.5e-3
GAMMA, GAE_LAMBDA = 0.95, 0.95
CLIP, ENTROPY, VALUE = 0.2, 0.01, 0.5


def make(name: str) -> tuple[Any, Any]:
    """Return an environment and its parameters: ours, or one of gymnax's."""
    env, params = adt_gym.jax.make(name) if name.startswith("ADT") else gymnax.make(name)
    return LogWrapper(FlattenObservationWrapper(env)), params


class ActorCritic(nn.Module):
    """Logits of the actions, and the value."""

    actions: int

    @nn.compact
    def __call__(self, x: Any) -> tuple[Any, Any]:
        """Return both, of any number of observations."""
        for_actor = nn.tanh(nn.Dense(64)(nn.tanh(nn.Dense(64)(x))))
        for_critic = nn.tanh(nn.Dense(64)(nn.tanh(nn.Dense(64)(x))))
        return nn.Dense(self.actions)(for_actor), nn.Dense(1)(for_critic)[..., 0]


class Transition(NamedTuple):
    """A step of every environment."""

    observation: Any
    action: Any
    log_prob: Any
    value: Any
    reward: Any
    done: Any


def log_prob_of(logits: Any, action: Any) -> Any:
    """Return the logarithm of the action's probability."""
    return jnp.take_along_axis(nn.log_softmax(logits), action[..., None], axis=-1)[..., 0]


def loss(weights: Any, network: Any, batch: tuple[Transition, Any]) -> Any:
    """Return PPO's clipped loss."""
    steps, advantage = batch
    logits, value = network.apply(weights, steps.observation)
    ratio = jnp.exp(log_prob_of(logits, steps.action) - steps.log_prob)
    scaled = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    policy = jnp.minimum(ratio * scaled, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * scaled).mean()
    entropy = -(nn.softmax(logits) * nn.log_softmax(logits)).sum(axis=-1).mean()
    return VALUE * jnp.square(value - advantage - steps.value).mean() - policy - ENTROPY * entropy


@partial(jax.jit, static_argnames=("env", "updates"))
def train(env: Any, params: Any, updates: int, key: Any) -> tuple[Any, Any]:
    """Return the weights, and after each update the mean return of the episodes that ended last."""
    network = ActorCritic(env.action_space(params).n)
    key, key_weights, key_reset = jax.random.split(key, 3)
    observation, state = jax.vmap(env.reset, (0, None))(jax.random.split(key_reset, NUM_ENVS), params)
    optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(LEARNING_RATE, eps=1e-5))
    learner = TrainState.create(apply_fn=network.apply, params=network.init(key_weights, observation), tx=optimizer)

    def play(carry: Any, key: Any) -> tuple[Any, Transition]:
        weights, state, observation = carry
        key_action, key_step = jax.random.split(key)
        logits, value = network.apply(weights, observation)
        action = jax.random.categorical(key_action, logits)
        reached, state, reward, terminated, truncated, _ = jax.vmap(env.step, (0, 0, 0, None))(
            jax.random.split(key_step, NUM_ENVS), state, action, params
        )
        done = terminated | truncated
        step = Transition(observation, action, log_prob_of(logits, action), value, reward, done)
        return (weights, state, reached), step

    def estimate(carry: Any, step: Transition) -> tuple[Any, Any]:
        later, next_value = carry
        going = GAMMA * (1 - step.done)
        advantage = step.reward + going * next_value - step.value + going * GAE_LAMBDA * later
        return (advantage, step.value), advantage

    def update(carry: Any, key: Any) -> tuple[Any, Any]:
        learner, state, observation = carry
        key_play, key_epochs = jax.random.split(key)
        first = learner.params, state, observation
        (_, state, observation), steps = jax.lax.scan(play, first, jax.random.split(key_play, NUM_STEPS))
        last = jnp.zeros(NUM_ENVS), network.apply(learner.params, observation)[1]
        advantage = jax.lax.scan(estimate, last, steps, reverse=True)[1]
        batch = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (steps, advantage))

        def minibatch(learner: TrainState, rows: Any) -> tuple[TrainState, None]:
            some = jax.tree.map(lambda x: x[rows], batch)
            return learner.apply_gradients(grads=jax.grad(loss)(learner.params, network, some)), None

        orders = jax.vmap(lambda key: jax.random.permutation(key, NUM_ENVS * NUM_STEPS))
        rows = orders(jax.random.split(key_epochs, EPOCHS)).reshape(EPOCHS * MINIBATCHES, -1)
        learner, _ = jax.lax.scan(minibatch, learner, rows)
        return (learner, state, observation), state.returned_episode_returns.mean()

    (learner, *_), returns = jax.lax.scan(update, (learner, state, observation), jax.random.split(key, updates))
    return learner.params, returns


def main(name: str = "ADT-v0", steps: int = 300_000) -> Any:
    """Train, and print the returns."""
    env, params = make(name)
    returns = train(env, params, max(steps // (NUM_ENVS * NUM_STEPS), 1), jax.random.key(0))[1]
    for i in range(0, len(returns), max(len(returns) // 10, 1)):
        print(f"{name}: {i * NUM_ENVS * NUM_STEPS:>9,} steps, return of the last episodes {returns[i]:8.1f}")
    return returns


if __name__ == "__main__":
    main(*sys.argv[1:2])
