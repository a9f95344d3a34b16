"""The reward terms of ADT-v0 that are off by default; tests/envs/test_feedback.py holds them against the naive MDP."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym import InputError, ScoredSeries

MakeSeries = Callable[..., ScoredSeries]

LABELS = [0, 1, 1, 1, 0, 0, 1, 1, 1, 1]


def extras(actions: list[int], start: int = 0, **arguments: Any) -> list[float]:
    """Return what the terms add to the reward of each step, by stepping the environment with and without them."""
    series = ScoredSeries(np.full(len(LABELS), 0.5), LABELS)
    rewards = []
    for terms in (arguments, {}):
        env = gym.make("ADT-v0", series=series, k=1, **terms)
        env.reset(options={"start": start})
        rewards.append([float(env.step(action)[1]) for action in actions])
    return np.subtract(*rewards).round(9).tolist()


def test_a_change_of_threshold_costs() -> None:
    # The first k windows were judged at threshold 1, action 1.
    assert extras([1, 1, 0, 0, 1, 0], change_cost=0.25) == [0, 0, -0.25, 0, -0.25, -0.25]


def test_two_actions_of_one_level_are_one_threshold() -> None:
    series = ScoredSeries(np.full(9, 0.5), np.zeros(9))
    env = gym.make("ADT-v0", series=series, thresholds=[0.0, 0.0, 1.0], change_cost=1.0)
    env.reset()
    free = gym.make("ADT-v0", series=series, thresholds=[0.0, 0.0, 1.0])
    free.reset()
    assert [env.step(action)[1] - free.step(action)[1] for action in (2, 0, 1)] == [0.0, -1.0, 0.0]  # type: ignore[operator]


def test_a_first_alarm_earns_less_the_later_it_comes() -> None:
    # Events begin at windows 1 and 6; the steps judge windows 1, 2, ...
    early = {"early_bonus": 8.0, "early_windows": 4}
    assert extras([0, 0, 0, 0, 0, 0, 0], **early) == [8, 0, 0, 0, 0, 8, 0]
    assert extras([1, 0, 0, 1, 1, 1, 1, 1, 0], **early) == [0, 6, 0, 0, 0, 0, 0, 0, 2]
    assert extras([1, 1, 0, 0], early_bonus=8.0, early_windows=1) == [0, 0, 0, 0]


def test_an_event_cut_by_the_start_counts_from_its_own_beginning() -> None:
    # The episode begins within the first event: window 1 is judged passively, the first step judges window 2.
    assert extras([0, 0], start=1, early_bonus=8.0, early_windows=4) == [6, 0]


def test_events_of_neighbouring_series_are_not_one() -> None:
    series = [ScoredSeries(np.full(4, 0.5), [0, 0, 1, 1], "one"), ScoredSeries(np.full(4, 0.5), [1, 1, 1, 1], "two")]
    env = gym.make("ADT-v0", series=series, k=1, early_bonus=10.0, early_windows=10, alpha=0, beta=1)
    env.reset(options={"series": 1})
    assert env.step(0)[1] == pytest.approx(9.0)  # one window after its event's first


def test_alarms_beyond_the_budget_cost() -> None:
    assert extras([0, 1, 0, 0, 1, 0], alarm_budget=2, alarm_cost=0.5) == [0, 0, 0, -0.5, 0, -0.5]
    assert extras([0, 1, 0], alarm_budget=0) == [-1, 0, -1]
    assert extras([0] * 9, alarm_cost=5.0) == [0] * 9


def test_every_episode_begins_with_a_clean_slate(make_series: MakeSeries) -> None:
    costs = {"change_cost": 0.5, "early_bonus": 3.0, "alarm_budget": 4}
    env = gym.make("ADT-v0", series=make_series(), **costs)
    runs = []
    for _ in range(2):
        env.reset()
        runs.append([env.step(action)[1] for action in [0, 1, 0, 0, 0] * 5])
    assert runs[0] == runs[1]


def test_a_hold_adds_them_up(make_series: MakeSeries) -> None:
    costs = {"change_cost": 0.5, "early_bonus": 3.0, "alarm_budget": 4}
    held = gym.make("ADT-v0", series=make_series(38), hold=6, **costs)
    stepped = gym.make("ADT-v0", series=make_series(38), **costs)
    held.reset()
    stepped.reset()
    for action in (0, 1, 0, 0, 1, 0):
        assert held.step(action)[1] == pytest.approx(sum(float(stepped.step(action)[1]) for _ in range(6)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"change_cost": -1.0}, r"change_cost.*-1\.0"),
        ({"early_bonus": float("nan")}, "early_bonus.*nan"),
        ({"early_windows": 0}, "early_windows must be at least 1, got 0"),
        ({"alarm_budget": -1}, "alarm_budget.*-1"),
        ({"alarm_cost": float("inf")}, "alarm_cost.*inf"),
    ],
    ids=str,
)
def test_bad_arguments(make_series: MakeSeries, changes: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gym.make("ADT-v0", series=make_series(), **changes)
    with pytest.raises(InputError, match=message):
        gym.make_vec("ADT-v0", 2, series=make_series(), **changes)
