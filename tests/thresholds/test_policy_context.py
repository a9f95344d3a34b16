"""A policy that learned with context is shown, judging a series as if it were live, what the environment showed it."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from mondays import Mondays, Urgent
from numpy.typing import NDArray
from restored import thresholds_of_restored

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.actor import Actor
from adt_gym.envs.context import ContextObservation
from adt_gym.stream.replay import replay
from adt_gym.thresholds import Policy, load

MakeSeries = Callable[..., ScoredSeries]

LEVELS = [0.1, 0.3, 0.5, 0.7, 0.9]

RULES: list[dict[str, Any]] = [
    {},
    {"feedback_delay": 7},
    {"feedback": "alerts"},
    {"feedback": "alerts", "feedback_delay": 5, "label_noise": 0.2},
    {"feedback": "none"},
    {"label_noise": 0.4, "feedback_delay": 2},
    {"feedback": Mondays(3, alerts=True)},
    {"feedback": Urgent(7)},
]


class Recorder:
    """A policy that acts by all that it observes, and by how often it was asked since an episode began."""

    def __init__(self, continuous: bool = False):
        self.continuous, self.observed = continuous, list[list[float]]()
        self.weights = np.random.default_rng(5).random(35)

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Any, int]:
        assert deterministic
        assert bool(episode_start[0]) == (state is None)
        turn = 0 if state is None else state + 1
        self.observed.append(observation.tolist())
        value = float(observation @ self.weights[: len(observation)]) + turn / 7
        return (np.array([value % 1], np.float32) if self.continuous else np.int64(value * 7) % len(LEVELS)), turn


@pytest.mark.parametrize("env_kwargs", RULES, ids=str)
@pytest.mark.parametrize("hold", [1, 3])
@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_played_in_the_environment_and_replayed_it_does_the_same(
    make_series: MakeSeries, env_kwargs: dict[str, Any], hold: int, continuous: bool, wrapped: bool
) -> None:
    series, seed = make_series(90, 4), 9
    given = {"k": 3, "thresholds": "continuous" if continuous else LEVELS, "observe_score": True, **env_kwargs}
    if wrapped:
        env: Any = ContextObservation(gym.make("ADT-v0", series=series, **given))
    else:
        env = gym.make("ADT-Context-v0", series=series, **given)
    model = Recorder(continuous)
    policy = Policy(model, memoryless=False, context=True, hold=hold, seed=seed, **given)
    thresholds = replay(policy, series, policy.feedback, seed).thresholds.tolist()
    assert thresholds == policy.detect(series).thresholds.tolist()
    replayed = model.observed[: len(model.observed) // 2]

    player = Recorder(continuous)
    observation, _ = env.reset(seed=seed)
    played, over, state, action = [1.0] * 3, False, None, None
    while not over:
        if (len(played) - 3) % hold == 0:
            action, state = player.predict(observation, state, np.array([state is None]), deterministic=True)
        observation, _, over, _, info = env.step(action)
        played.append(info["threshold"])
    assert played == thresholds
    assert player.observed == replayed
    assert len(set(played)) > 4


def test_a_memory_begins_anew_with_every_series(several: list[ScoredSeries]) -> None:
    model = Recorder()
    policy = Policy(model, memoryless=False, context=True, thresholds=LEVELS)
    one_after_the_other = [policy.detect(one).thresholds.tolist() for one in several]
    alone = [
        Policy(Recorder(), memoryless=False, context=True, thresholds=LEVELS).detect(one).thresholds.tolist()
        for one in several
    ]
    assert one_after_the_other == alone


@pytest.mark.parametrize("env_kwargs", [RULES[0], RULES[3], RULES[4]], ids=str)
def test_a_session_goes_on_from_its_state(make_series: MakeSeries, env_kwargs: dict[str, Any]) -> None:
    series, columns = make_series(80, 4), 27 if env_kwargs.get("feedback") == "none" else 35
    random = np.random.default_rng(1)
    actor = Actor([random.normal(size=(5, columns)).astype(np.float32), np.zeros(5, np.float32)])
    policy = Policy(actor, context=True, thresholds=LEVELS, **env_kwargs)
    assert len(set(thresholds_of_restored(policy, series))) > 2


def test_a_policy_with_context_is_kept_whole(make_series: MakeSeries, tmp_path: Any) -> None:
    series, random = make_series(120, 2), np.random.default_rng(1)
    actor = Actor([random.normal(size=(5, 35)).astype(np.float32), np.zeros(5, np.float32)])
    policy = Policy(actor, context=True, name="mine", thresholds=LEVELS, feedback="alerts", feedback_delay=3)
    policy.save(tmp_path / "policy.npz")
    again = load(tmp_path / "policy.npz")
    assert again.detect(series).thresholds.tolist() == policy.detect(series).thresholds.tolist()


def test_context_holds_the_score() -> None:
    assert Policy(Recorder(), context=True).settings.observe_score
    with pytest.raises(InputError, match="context"):
        Policy(Recorder(), context=1)  # type: ignore[arg-type]
