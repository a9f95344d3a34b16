"""What the tests of vector environments share: Gymnasium's own to hold them against, and comparisons step for step."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

Outputs = tuple[Any, ...]


def sync(num_envs: int, mode: AutoresetMode, **arguments: Any) -> VectorEnv[Any, Any, Any]:
    return gym.make_vec(
        "ADT-v0", num_envs, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **arguments
    )


def assert_equal_infos(info: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same keys, of the same types, hold for the same environments, with the same values there."""
    assert set(info) == set(expected)
    for key, wanted in expected.items():
        if key.startswith("_"):
            np.testing.assert_array_equal(info[key], wanted, err_msg=key)
        elif isinstance(wanted, dict):
            assert_equal_infos(info[key], wanted)
        else:
            mask = expected[f"_{key}"]
            assert (info[key].dtype, info[key].shape) == (wanted.dtype, wanted.shape), key
            for value, other in zip(info[key][mask], wanted[mask], strict=True):
                np.testing.assert_array_equal(value, other, err_msg=key)


def assert_equal_outputs(outputs: Outputs, expected: Outputs) -> None:
    assert len(outputs) == len(expected)
    for one, other in zip(outputs[:-1], expected[:-1], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    assert_equal_infos(outputs[-1], expected[-1])


def draw(env: VectorEnv[Any, Any, Any], random: np.random.Generator) -> Any:
    """Return an action for every environment."""
    space = env.single_action_space
    if isinstance(space, gym.spaces.Discrete):
        return random.integers(space.n, size=env.num_envs)
    return random.random((env.num_envs, 1), dtype=np.float32)


def run(env: VectorEnv[Any, Any, Any], steps: int, seed: Any = 11) -> list[Outputs]:
    """Return what reset and every step returned, restarting what is over where the environment does not."""
    random = np.random.default_rng(0)
    outputs: list[Outputs] = [env.reset(seed=seed)]
    for _ in range(steps):
        outputs.append(env.step(draw(env, random)))
        over = outputs[-1][2] | outputs[-1][3]
        if env.metadata["autoreset_mode"] is AutoresetMode.DISABLED and over.any():
            outputs.append(env.reset(options={"reset_mask": over}))
    return outputs
