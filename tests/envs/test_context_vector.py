from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from vectors import assert_equal_outputs, run

from adt_gym import InputError, ScoredSeries
from adt_gym.envs.context import ContextEnv, ContextObservation, ContextVectorEnv
from adt_gym.stream.feedback import Feedback


class Weekly(Feedback):
    """All labels of seven windows come before the next seven; of every third window none ever does."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return None if t % 3 == 2 else (t // 7 + 1) * 7


ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"feedback": "alerts", "feedback_delay": 5, "label_noise": 0.2},
    {"feedback_delay": 40, "episode_windows": 12, "k": 3},
    {"feedback": "none", "hold": 3},
    {"feedback": "alerts", "hold": 4, "label_noise": 0.3},
    {"feedback": Weekly(), "episode_windows": 20},
    {"feedback_delay": 2, "thresholds": "continuous", "k": 20, "episode_windows": 23},
]


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda one: ",".join(one) or "paper")
def test_native_is_sync_through_episode_ends(
    several: list[ScoredSeries], arguments: dict[str, Any], mode: AutoresetMode
) -> None:
    series = [one for one in several if len(one) > arguments.get("k", 2) + 2]
    native = gym.make_vec("ADT-Context-v0", 4, series=series, autoreset_mode=mode, **arguments)
    assert isinstance(native, ContextVectorEnv)
    sync = gym.make_vec(
        "ADT-Context-v0",
        4,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        series=series,
        **arguments,
    )
    assert native.observation_space == sync.observation_space
    for ours, theirs in zip(run(native, 90), run(sync, 90), strict=True):
        assert_equal_outputs(ours, theirs)
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_the_environment_is_the_wrapper(several: list[ScoredSeries]) -> None:
    arguments: dict[str, Any] = {"series": several, "feedback": "alerts", "feedback_delay": 3, "hold": 2}
    env = gym.make("ADT-Context-v0", **arguments)
    wrapped = ContextObservation(gym.make("ADT-Levels-v0", **arguments))
    assert env.observation_space == wrapped.observation_space
    np.testing.assert_array_equal(env.reset(seed=0)[0], wrapped.reset(seed=0)[0])
    over = False
    while not over:
        ours, theirs = env.step(3), wrapped.step(3)
        np.testing.assert_equal(ours, theirs)
        over = bool(ours[2])


@pytest.mark.filterwarnings("error")
def test_the_checker_accepts_it(several: list[ScoredSeries]) -> None:
    check_env(gym.make("ADT-Context-v0", series=several).unwrapped)


@pytest.mark.parametrize("kind", [ContextEnv, ContextVectorEnv])
def test_without_the_score_there_is_no_context(kind: Any, several: list[ScoredSeries]) -> None:
    with pytest.raises(InputError, match="observe_score"):
        kind(series=several)
