"""Infos in other array libraries: Gymnasium's wrappers for PyTorch and JAX, on one environment and on vectors."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym import ScoredSeries

pytest.importorskip("array_api_compat", reason="Gymnasium's array wrappers need array-api-compat")
wrappers = pytest.importorskip("gymnasium.wrappers.array_conversion", reason="Gymnasium before 1.2 has no such wrapper")
from gymnasium.wrappers import vector as vector_wrappers  # noqa: E402

IDS = ("ADT-v0", "ADT-Levels-v0", "ADT-Continuous-v0", "ADT-Blind-v0", "ADT-Context-v0", "ADT-Samples-v0")


Library = tuple[type, Callable[[Any], Any], Callable[[Any], Any]]
"""Its arrays, what makes one, and what wraps an environment."""


@pytest.fixture(params=["torch", "jax"])
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == "torch":
        torch = pytest.importorskip("torch")

        def to_torch(env: Any) -> Any:
            vectors = isinstance(env, gym.vector.VectorEnv)
            return (vector_wrappers if vectors else gym.wrappers).NumpyToTorch(env)

        return torch.Tensor, torch.as_tensor, to_torch
    jax = pytest.importorskip("jax")

    def to_jax(env: Any) -> Any:  # Gymnasium has no NumpyToJax: this is what it would be
        vectors = isinstance(env, gym.vector.VectorEnv)
        return (vector_wrappers if vectors else wrappers).ArrayConversion(env, np, jax.numpy)

    return jax.Array, jax.numpy.asarray, to_jax


def native(env_id: str, **arguments: Any) -> Any:
    return gym.make_vec(env_id, 3, **arguments)


def sync(env_id: str, **arguments: Any) -> Any:
    return gym.make_vec(env_id, 3, vectorization_mode="sync", **arguments)


@pytest.mark.parametrize("make", [gym.make, native, sync])
@pytest.mark.parametrize("changes", [{}, {"hold": 3}], ids=str)
@pytest.mark.parametrize("env_id", IDS)
def test_infos_are_arrays_of_the_other_library(
    env_id: str, changes: dict[str, Any], make: Callable[..., Any], library: Library, easy: ScoredSeries
) -> None:
    kind, array, convert = library
    samples = env_id == "ADT-Samples-v0"
    arguments = {"episode_samples": 6} if samples else {"series": easy, "episode_windows": 8, **changes}
    env, plain = convert(make(env_id, **arguments)), make(env_id, **arguments)

    def assert_same(info: dict[str, Any], expected: dict[str, Any]) -> None:
        assert set(info) == set(expected)
        for key, value in expected.items():
            assert isinstance(info[key], kind), key
            np.testing.assert_allclose(np.asarray(info[key]), value, rtol=1e-6, err_msg=key)

    assert_same(env.reset(seed=1)[1], plain.reset(seed=1)[1])
    plain.action_space.seed(0)
    for _ in range(12):
        action = plain.action_space.sample()
        *_, info = env.step(array(action))
        *_, terminated, truncated, expected = plain.step(action)
        assert_same(info, expected)
        if make is gym.make and (terminated or truncated):
            assert_same(env.reset()[1], plain.reset()[1])
