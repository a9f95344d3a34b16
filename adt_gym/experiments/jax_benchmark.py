"""What `adt benchmark jax` measures: the environment in JAX beside gymnax's CartPole, and PPO on it beside SB3's."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import gymnax
import jax
import jax.numpy as jnp
from stable_baselines3 import PPO

import adt_gym.jax
from adt_gym.agents import recurrent
from adt_gym.agents.sb3 import SmallPPO
from adt_gym.agents.vec_env import as_vec_env
from adt_gym.experiments.benchmarks import ACTION_ROWS, draw_actions, vector_stepping

OURS = "ADT-v0 in JAX"

ROLLOUT = 32
"""Steps of each environment between two updates of PPO."""


def steppers(n: int, steps: int) -> dict[str, Callable[[], int]]:
    """Return what steps n environments so often, ours first."""
    (ours, our_params), (theirs, their_params) = adt_gym.jax.make("ADT-v0"), gymnax.make("CartPole-v1")
    return {
        OURS: stepping(ours, our_params, n, steps),
        "CartPole-v1 in gymnax": stepping(theirs, their_params, n, steps),
        "ADT-v0's native vector env": vector_stepping(gym.make_vec("ADT-v0", n), steps),
    }


def learners(n: int, updates: int, sb3_steps: int) -> dict[str, Callable[[], int]]:
    """Return what learns by PPO in n environments: ours as wide and deep as SB3's, without a memory and with a GRU."""
    given = {"total_steps": n * ROLLOUT * updates, "num_envs": n, "num_steps": ROLLOUT}
    plain = recurrent.Settings(**given, width=64, memory=0)
    one = SmallPPO("MlpPolicy", gym.make("ADT-v0"), seed=0, device="cpu")
    same: dict[str, Any] = {
        "n_steps": ROLLOUT,
        "n_epochs": plain.epochs,
        "batch_size": n * ROLLOUT // plain.minibatches,
    }
    many = PPO(
        "MlpPolicy", as_vec_env(gym.make_vec("ADT-v0", n, autoreset_mode="SameStep")), seed=0, device="cpu", **same
    )
    return {
        OURS: learning(plain),
        "with a GRU": learning(recurrent.Settings(**given)),
        "SB3's PPO as it comes": lambda: learned(one, sb3_steps),
        "SB3's PPO, settings and N as ours": lambda: learned(many, n * ROLLOUT),
    }


def stepping(env: Any, params: Any, n: int, steps: int) -> Callable[[], int]:
    """Return what takes ``steps`` random actions, drawn beforehand, in each of n environments."""
    actions = jnp.asarray(draw_actions(env.action_space(params), (ACTION_ROWS, n)))

    def step(carry: Any, now: Any) -> Any:
        (state, total), (i, key) = carry, now
        keys = jax.random.split(key, n)
        observation, state, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(
            keys, state, actions[i % ACTION_ROWS], params
        )
        return (state, total + reward.sum() + observation.sum()), None

    @jax.jit
    def play(key: Any) -> Any:
        state = jax.vmap(env.reset, (0, None))(jax.random.split(key, n), params)[1]
        rows = jnp.arange(steps), jax.random.split(key, steps)
        return jax.lax.scan(step, (state, 0.0), rows)[0]

    def run() -> int:
        jax.block_until_ready(play(jax.random.key(0)))
        return n * steps

    run()
    return run


def learning(chosen: recurrent.Settings) -> Callable[[], int]:
    """Return what trains from the first step on."""
    learn = jax.jit(recurrent.learning(*adt_gym.jax.make("ADT-v0"), chosen))

    def run() -> int:
        jax.block_until_ready(learn(jax.random.key(0)))
        return chosen.updates * chosen.num_envs * chosen.num_steps

    run()
    return run


def learned(model: Any, steps: int) -> int:
    """Let a model of SB3's learn on; return the steps that it took."""
    before = model.num_timesteps
    model.learn(steps, reset_num_timesteps=False)
    return int(model.num_timesteps - before)


def device() -> str:
    """Return what the figures were measured on."""
    kind = jax.devices()[0]
    if kind.platform == "cpu":
        return "JAX ran on the CPU; figures of a GPU were not measured"
    return f"JAX ran on {kind.device_kind} ({kind.platform})"
