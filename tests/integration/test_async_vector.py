from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from adt_gym import ScoredSeries


def test_the_example_learns(assert_learns: Callable[[str, int], Any]) -> None:
    assert_learns("async_vector", 4_000)


def comparable(step: tuple[Any, ...]) -> tuple[Any, ...]:
    """NumPy compares lists of arrays, but not object arrays of them."""
    info = {key: list(value) if key == "final_obs" else value for key, value in step[-1].items()}
    return *step[:-1], info


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("env_id", ["ADT-v0", "ADT-Continuous-v0"])
def test_spawned_processes_equal_one_process(env_id: str, mode: AutoresetMode, easy: ScoredSeries) -> None:
    parts = [[easy[:n], replace(easy[n:60], name="rest")] for n in (20, 33)]
    makers = [partial(gym.make, f"adt_gym:{env_id}", series=series, k=3) for series in parts]
    spawned = AsyncVectorEnv(makers, context="spawn", autoreset_mode=mode)
    sync = SyncVectorEnv(makers, autoreset_mode=mode)
    try:
        assert (spawned.observation_space, spawned.action_space) == (sync.observation_space, sync.action_space)
        np.testing.assert_equal(spawned.reset(seed=4), sync.reset(seed=4))
        sync.action_space.seed(4)
        ends = 0
        for _ in range(90):
            actions = sync.action_space.sample()
            step = sync.step(actions)
            np.testing.assert_equal(comparable(spawned.step(actions)), comparable(step))
            ends += int((step[2] | step[3]).sum())
        assert ends >= 4
    finally:
        spawned.close()
        sync.close()
