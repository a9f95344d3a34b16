import warnings
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3
from vectors import assert_equal_outputs, run

from adt_gym import InputError, ScoredSeries
from adt_gym.envs import task
from adt_gym.envs.bench import BenchVectorEnv
from adt_gym.envs.sources import resolve

TOLD = {  # written down a second time: whoever changes the task changes a promise
    "full-1": ("full", 1, 0.0),
    "full-10": ("full", 10, 0.0),
    "full-60": ("full", 60, 0.0),
    "noisy-10": ("full", 10, 0.1),
    "alerts-1": ("alerts", 1, 0.0),
    "alerts-10": ("alerts", 10, 0.0),
    "alerts-60": ("alerts", 60, 0.0),
    "never": ("none", 1, 0.0),
}
IDS = dict(task.ids())


@pytest.fixture
def families() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task.families, "_entries", dict(task.families._entries))
        yield


# The series


def test_no_series_is_in_two_splits() -> None:
    parts = {split: {one.name for one in task.series_of(split)} for split in ("fit", "validation", "test")}
    assert all(one.isdisjoint(other) for one, other in combinations(parts.values(), 2))
    assert {len(parts[split]) for split in parts} == {25, 9, 33}
    assert parts["test"] == {f"yahoo_like_{n}" for n in range(2, 68, 2)}
    assert parts["validation"] == {f"yahoo_like_{n}" for n in range(3, 68, 8)}
    train = [one.name for one in task.series_of("train")]
    assert sorted(train) == sorted(parts["fit"] | parts["validation"])


def test_no_score_of_a_test_series_is_in_a_training_series() -> None:
    """Not under another name either: no stretch of ten windows occurs in both."""

    def stretches(split: str) -> set[bytes]:
        every = [np.append(one.past, one.raw) for one in task.series_of(split)]
        return {one[i : i + 10].tobytes() for one in every for i in range(len(one) - 9)}

    assert not stretches("train") & stretches("test")


@pytest.mark.parametrize("split", task.SPLITS)
def test_the_past_is_what_the_scorer_learned_on_and_is_not_judged(split: str) -> None:
    whole = {one.name: one for one in resolve("yahoo_like")}
    for one in task.series_of(split):
        cut, all_of_it = one.meta["trained_on_points"], whole[one.name]
        np.testing.assert_array_equal(one.past, all_of_it.raw[:cut])
        np.testing.assert_array_equal(one.raw, all_of_it.raw[cut:])
        np.testing.assert_array_equal(one.truth, all_of_it.truth[cut:])
        assert 0.2 < cut / len(all_of_it) < 0.35


def test_a_family_of_series_can_be_added(families: None, several: list[ScoredSeries]) -> None:
    one, other, third = several
    task.families.register("mine", lambda: task.Parts((one,), (other,), (third,)))
    assert task.series_of("train", "mine") == (one, other)
    assert task.series_of("test", "mine") == (third,)
    env: Any = gym.make("ADT-Bench-v0", family="mine", split="validation")
    assert env.unwrapped.mdp.series == (other,)
    with pytest.raises(InputError, match="unknown family of series 'nobodys'"):
        task.series_of("test", "nobodys")


# The environments


def test_every_condition_has_an_id_for_levels_and_one_for_any_threshold() -> None:
    assert task.CONDITIONS == TOLD
    words = ["", *(f"-{one}" for one in TOLD)]
    assert set(IDS) == {f"ADT-Bench{one}{more}-v0" for one in words for more in ("", "-Continuous")}


@pytest.mark.parametrize("env_id", IDS)
def test_an_id_is_what_its_name_says(env_id: str) -> None:
    env: Any = gym.make(env_id)
    condition = env_id.removeprefix("ADT-Bench").removesuffix("-v0").removesuffix("-Continuous").strip("-")
    kind, delay, noise = TOLD[condition or "alerts-10"]
    given = env.unwrapped.settings
    assert (given.feedback, given.feedback_delay, given.label_noise) == (kind, delay, noise)
    assert (given.k, given.alpha, given.beta, given.hold, given.charged) == (2, 0.9, 0.1, 1, False)
    levels = None if "Continuous" in env_id else tuple(np.linspace(0, 1, 21, dtype=np.float32).tolist())
    assert given.levels == levels
    assert env.observation_space.shape == (27 if condition == "never" else 35,)
    assert env.unwrapped.mdp.series == task.series_of("train")


@pytest.mark.parametrize("env_id", ["ADT-Bench-v0", "ADT-Bench-never-v0", "ADT-Bench-noisy-10-Continuous-v0"])
def test_the_checkers_find_nothing(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id)
        check_env(env.unwrapped, skip_render_check=True)
        if isinstance(env.action_space, gym.spaces.Discrete):  # SB3 advises against thresholds from 0 to 1
            check_env_of_sb3(env.unwrapped)


@pytest.mark.parametrize(
    "arguments", [{}, {"condition": "full-60", "split": "test", "actions": "paper", "episode_windows": 50}], ids=str
)
def test_a_spec_is_json(arguments: dict[str, Any]) -> None:
    env = gym.make("ADT-Bench-v0", **arguments)
    assert env.spec is not None
    again: Any = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.settings == env.unwrapped.settings  # type: ignore[attr-defined]
    assert again.unwrapped.mdp.series == env.unwrapped.mdp.series  # type: ignore[attr-defined]
    np.testing.assert_array_equal(again.reset(seed=3)[0], env.reset(seed=3)[0])


@pytest.mark.parametrize("env_id", ["ADT-Bench-noisy-10-v0", "ADT-Bench-alerts-1-Continuous-v0", "ADT-Bench-never-v0"])
def test_native_is_sync(env_id: str) -> None:
    more: dict[str, Any] = {"split": "validation", "episode_windows": 20}
    native = gym.make_vec(env_id, 3, **more)
    assert isinstance(native, BenchVectorEnv)
    mode = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    sync = gym.make_vec(env_id, 3, vectorization_mode="sync", vector_kwargs=mode, **more)
    for ours, theirs in zip(run(native, 60), run(sync, 60), strict=True):
        assert_equal_outputs(ours, theirs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"condition": "full-2"}, "condition.*full-2"),
        ({"split": "tests"}, "split.*tests"),
        ({"actions": "five"}, "actions.*five"),
        ({"family": "iops"}, "family of series 'iops'"),
    ],
    ids=str,
)
def test_unknown_words_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gym.make("ADT-Bench-v0", **arguments)
