from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.vec_env import DummyVecEnv

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.vec_env import SB3VecEnv, as_vec_env

MakeSeries = Callable[..., ScoredSeries]
N = 5


def adapted(num_envs: int = N, **arguments: Any) -> SB3VecEnv:
    return SB3VecEnv(gym.make_vec("ADT-v0", num_envs, autoreset_mode="SameStep", **arguments))


def dummy(num_envs: int = N, **arguments: Any) -> DummyVecEnv:
    return DummyVecEnv([lambda: gym.make("ADT-v0", **arguments)] * num_envs)


@pytest.mark.parametrize(
    "arguments",
    [{"k": 2}, {"k": 2, "episode_windows": 9}, {"k": 3, "hold": 4}, {"k": 14}, {"k": 1, "alpha": 0.5, "beta": 0.5}],
    ids=str,
)
def test_transitions_equal_those_of_sb3s_own_vector(several: list[ScoredSeries], arguments: dict[str, Any]) -> None:
    ours, theirs = adapted(series=several, **arguments), dummy(series=several, **arguments)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.seed(11) == theirs.seed(11)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    np.testing.assert_equal(ours.reset_infos, theirs.reset_infos)
    random = np.random.default_rng(0)
    truncations: list[bool] = []
    for _ in range(120):
        actions = random.integers(2, size=N)
        observations, rewards, dones, infos = ours.step(actions)
        expected, their_rewards, their_dones, their_infos = theirs.step(actions)
        assert isinstance(expected, np.ndarray)
        np.testing.assert_array_equal(observations, expected)
        np.testing.assert_array_equal(rewards, their_rewards)
        assert rewards.dtype == their_rewards.dtype
        np.testing.assert_array_equal(dones, their_dones)
        for done, info, their_info in zip(dones, infos, their_infos, strict=True):
            np.testing.assert_equal(info, their_info if done else {})
            truncations += [info["TimeLimit.truncated"]] if done else []
        np.testing.assert_equal(ours.reset_infos, theirs.reset_infos)
    assert len(truncations) > N
    assert any(truncations) == ("episode_windows" in arguments)


def test_options_and_seeds_are_for_one_reset(several: list[ScoredSeries]) -> None:
    ours, theirs = adapted(series=several, episode_windows=6), dummy(series=several, episode_windows=6)
    for env in (ours, theirs):
        env.seed(1)
        env.set_options({"series": "random_2", "start": 7})
    for _ in range(3):
        np.testing.assert_array_equal(ours.reset(), theirs.reset())
        np.testing.assert_equal(ours.reset_infos, theirs.reset_infos)
    ours.set_options({"series": 2, "start": 7})
    ours.reset()
    assert [(info["series"], info["start"]) for info in ours.reset_infos] == [(2, 7)] * N


def test_options_that_differ_are_refused(make_series: MakeSeries) -> None:
    env = adapted(2, series=make_series())
    env.set_options([{"start": 1}, {"start": 2}])
    with pytest.raises(InputError, match="same options"):
        env.reset()


def test_results_are_not_overwritten_by_later_steps(make_series: MakeSeries) -> None:
    env = adapted(series=make_series(), episode_windows=6)
    env.reset()
    steps = [env.step(np.full(N, i % 2)) for i in range(2)]
    copies = [[np.array(array) for array in step[:3]] for step in steps]
    for _ in range(10):
        env.step(np.zeros(N, dtype=int))
    for step, copy in zip(steps, copies, strict=True):
        for array, kept in zip(step[:3], copy, strict=True):
            np.testing.assert_array_equal(array, kept)


def test_attributes_and_methods_are_those_of_all(make_series: MakeSeries) -> None:
    env = adapted(series=make_series(), k=3)
    assert [mdp.k for mdp in env.get_attr("mdp")] == [3] * N
    assert env.get_attr("hold", [0, 2]) == [1, 1]
    assert env.has_attr("mdp")
    assert not env.has_attr("no_such_thing")
    env.set_attr("note", "kept")
    assert env.get_attr("note", 1) == ["kept"]
    assert env.env_is_wrapped(TimeLimit) == [False] * N
    assert env.render_mode is None
    with pytest.raises(InputError, match="one object"):
        env.set_attr("note", "other", indices=[0])
    with pytest.raises(InputError, match="one object"):
        env.env_method("close", indices=0)
    assert env.env_method("close") == [None] * N
    assert env.env.closed


def test_another_autoreset_is_refused(make_series: MakeSeries) -> None:
    with pytest.raises(InputError, match='autoreset_mode="SameStep"'):
        SB3VecEnv(gym.make_vec("ADT-v0", 2, series=make_series()))


def test_finished_episodes_are_reported_with_their_return(make_series: MakeSeries) -> None:
    series = make_series()
    env: Any = as_vec_env(gym.make_vec("ADT-v0", 2, series=series, autoreset_mode="SameStep"))
    env.reset()
    rewards = []
    for _ in range(len(series) - 2):
        _, reward, dones, infos = env.step(np.array([0, 1]))
        rewards.append(reward)
    assert dones.all()
    for i, total in enumerate(np.sum(rewards, axis=0)):
        assert infos[i]["episode"]["r"] == pytest.approx(total, rel=1e-5)
        assert infos[i]["episode"]["l"] == len(series) - 2


def test_spaces_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="Discrete"):
        as_vec_env(gym.make("Pendulum-v1"))
