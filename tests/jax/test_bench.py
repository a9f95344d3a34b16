"""ADT-Bench in JAX: the packaged series under named conditions, step by step what the environment in NumPy does."""

import gymnasium as gym
import jax
import numpy as np
import pytest

import adt_gym.jax


@pytest.mark.parametrize("env_id", ["ADT-Bench-v0", "ADT-Bench-full-60-Continuous-v0", "ADT-Bench-never-v0"])
def test_the_fixed_task_is_the_same_in_jax(env_id: str) -> None:
    env, params = adt_gym.jax.make(env_id)
    key, random = jax.random.key(3), np.random.default_rng(0)
    observation, state = env.reset(key, params)
    series = int(np.searchsorted(np.asarray(params.offsets), int(state.position), side="right")) - 1
    other = gym.make(env_id)
    expected, _ = other.reset(seed=0, options={"series": series})
    np.testing.assert_allclose(observation, expected, atol=1e-6)
    step = jax.jit(env.step)
    for _ in range(200):
        any_threshold = isinstance(other.action_space, gym.spaces.Box)
        action = random.random(1, np.float32) if any_threshold else np.int64(random.integers(21))
        expected, reward, *ends, info = other.step(action)
        _, state, earned, terminated, truncated, told = step(key, state, action, params)
        np.testing.assert_allclose(told["final_observation"], expected, atol=1e-6)
        assert float(earned) == pytest.approx(reward, abs=1e-5)
        assert ([bool(terminated), bool(truncated)], int(told["outcome"])) == (ends, info["outcome"])
