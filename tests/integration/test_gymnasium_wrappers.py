from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation, NormalizeObservation, RecordEpisodeStatistics, TimeLimit

from adt_gym import ScoredSeries

Play = Callable[[gym.Env[Any, Any], int], Iterator[tuple[Any, ...]]]


def test_the_example_learns(assert_learns: Callable[[str, int], Any]) -> None:
    assert_learns("gymnasium_wrappers", 4_000)


@pytest.fixture(params=["ADT-v0", "ADT-Levels-v0", "ADT-Continuous-v0", "ADT-Blind-v0"])
def make(request: pytest.FixtureRequest, easy: ScoredSeries) -> Callable[[], gym.Env[Any, Any]]:
    return lambda: gym.make(request.param, series=easy[:60])


def test_episode_statistics(make: Callable[[], gym.Env[Any, Any]], play: Play) -> None:
    env = RecordEpisodeStatistics(make())
    rewards = [step[2] for step in list(play(env, 0))[1:]]
    assert list(env.return_queue) == pytest.approx([sum(rewards)])
    assert list(env.length_queue) == [len(rewards)] == [58]


def test_normalized_observations(make: Callable[[], gym.Env[Any, Any]], play: Play) -> None:
    env = NormalizeObservation(make())
    list(play(env, 0))
    observations = [step[0] if len(step) == 1 else step[1] for step in play(make(), 0)]
    np.testing.assert_allclose(env.obs_rms.mean, np.mean(observations, axis=0), atol=1e-4)
    np.testing.assert_allclose(env.obs_rms.var, np.var(observations, axis=0), atol=1e-2)


def test_stacked_observations(make: Callable[[], gym.Env[Any, Any]], play: Play) -> None:
    env = FrameStackObservation(make(), 3)
    stacked = [step[0] if len(step) == 1 else step[1] for step in play(env, 0)]
    plain = [step[0] if len(step) == 1 else step[1] for step in play(make(), 0)]
    for t in range(2, len(plain)):
        np.testing.assert_array_equal(stacked[t], plain[t - 2 : t + 1])


def test_a_time_limit_truncates(make: Callable[[], gym.Env[Any, Any]], play: Play) -> None:
    steps = list(play(TimeLimit(make(), 10), 0))[1:]
    assert [step[3:] for step in steps] == [(False, False)] * 9 + [(False, True)]
    for limited, plain in zip(steps, list(play(make(), 0))[1:], strict=False):
        np.testing.assert_array_equal(limited[1], plain[1])
