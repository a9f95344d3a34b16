"""Every argument of every environment and wrapper, given what it cannot be."""

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym.checks import InputError, shown
from adt_gym.envs.context import ContextObservation
from adt_gym.envs.wrappers import OutcomeRewards
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.series import ScoredSeries
from adt_gym.stream.feedback import feedback_of
from adt_gym.thresholds import Policy

MakeSeries = Callable[..., ScoredSeries]

HUGE = 10**12
NO_COUNTS: tuple[Any, ...] = (2.0, 1.5, True, "x", math.nan, math.inf, -3, HUGE, [2], np.float64(2), np.array([2]), {})
COUNTS = (*NO_COUNTS, 0, None)
NUMBERS = (True, "x", None, math.nan, math.inf, -1.0, 1j, [0.5], np.array([0.5, 0.5]), 10**400)
SHARES = (*NUMBERS, 1.5, HUGE)
FLAGS: tuple[Any, ...] = (0, 1, "yes", None, 1.0, [])
WORDS: tuple[Any, ...] = ("some", 5, None, ["full"], {}, math.nan)

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "k": COUNTS,
    "hold": COUNTS,
    "feedback_delay": COUNTS,
    "early_windows": COUNTS,
    "episode_windows": (*NO_COUNTS, 0),
    "alarm_budget": NO_COUNTS,
    "alpha": SHARES,
    "beta": SHARES,
    "label_noise": SHARES,
    "change_cost": NUMBERS,
    "early_bonus": NUMBERS,
    "alarm_cost": NUMBERS,
    "observe_score": FLAGS,
    "feedback": WORDS,
    "thresholds": (0.5, 5, None, "x", [], [0.5], [0, 2], [0, math.nan], [[0, 1], [0, 1]], ["0", "1"], [False, True]),
    "series": (5, 0.5, True, [], [5], "x", {}, "a" * 5000, "\0", np.zeros(3), b"x", print),
}
CASES = [(name, bad) for name, every in ARGUMENTS.items() for bad in every]


def assert_named(name: str, make: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize(("name", "bad"), CASES, ids=lambda value: shown(value)[:30])
@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_an_argument_of_adt_v0_is_named(make: Any, make_series: MakeSeries, name: str, bad: Any) -> None:
    assert_named(name, lambda: make("ADT-v0", **{"series": make_series(40), name: bad}))


@pytest.mark.parametrize("make", [gym.make, gym.make_vec, lambda _, **given: Policy(Says(), **given)])
def test_an_unknown_argument_of_adt_v0_is_named_and_the_known_are_listed(make: Any) -> None:
    with pytest.raises(InputError, match=r"unknown argument of ADT-v0 'label_nois'; known: .*label_noise"):
        make("ADT-v0", label_nois=0.1)


class Says:
    def predict(self) -> None: ...


@pytest.mark.parametrize("id", ["ADT-v0", "mo-adt-v0"])
def test_a_constructor_shows_its_arguments(id: str) -> None:
    for entry in (gym.spec(id).entry_point, gym.spec(id).vector_entry_point):
        parameters = inspect.signature(gym.envs.registration.load_env_creator(entry)).parameters  # type: ignore[arg-type]
        assert parameters["series"].default is None
        assert (parameters["k"].default, parameters["feedback"].default) == (2, "full")
        assert parameters["alarm_cost"].default == 1.0
        assert "settings" not in parameters
        assert "told" not in parameters


@pytest.mark.parametrize("bad", COUNTS, ids=repr)
def test_k_of_the_mdp_is_named(make_series: MakeSeries, bad: Any) -> None:
    assert_named("k", lambda: ThresholdingMDP([make_series(40)], k=bad))


@pytest.mark.parametrize("bad", COUNTS, ids=repr)
def test_the_delay_of_feedback_is_named(bad: Any) -> None:
    assert_named("feedback_delay", lambda: feedback_of(delay=bad))


@pytest.mark.parametrize("name", ["ADT-v0", "ADT-Samples-v0"])
def test_arguments_of_vectors_are_named(name: str) -> None:
    for bad in COUNTS:
        assert_named("num_envs", partial(native, name, num_envs=bad))
    for bad in WORDS:
        assert_named("autoreset_mode", partial(native, name, num_envs=2, autoreset_mode=bad))


def native(name: str, **arguments: Any) -> object:
    """Call the vector environment itself: Gymnasium has looked at ``num_envs`` before."""
    entry = gym.spec(name).vector_entry_point
    assert isinstance(entry, str)
    return gym.envs.registration.load_env_creator(entry)(**arguments)


@pytest.mark.parametrize("arguments", [{"hold": 10**5}, {"feedback_delay": 10**6}, {"feedback": "none", "hold": 10**5}])
def test_what_would_not_fit_into_memory_is_refused(make_series: MakeSeries, arguments: dict[str, Any]) -> None:
    series = make_series(10**4 + 1)
    assert_named("num_envs", lambda: gym.make_vec("ADT-v0", 10**4, series=series, **arguments))


def test_numpys_numbers_are_as_good_as_pythons(make_series: MakeSeries) -> None:
    numpys = {"k": np.int64(3), "hold": np.int8(2), "alpha": np.float32(0.9), "beta": np.float32(0.1)}
    pythons = {"k": 3, "hold": 2, "alpha": 0.9, "beta": 0.1}
    one, other = (gym.make("ADT-v0", series=make_series(), **given) for given in (numpys, pythons))
    np.testing.assert_array_equal(one.reset(seed=3)[0], other.reset(seed=3)[0])
    assert one.step(0)[1] == pytest.approx(other.step(0)[1])


SAMPLES: dict[str, tuple[Any, ...]] = {
    "features": (5, [], b"x", 0.5, np.zeros((3, 2))),
    "samples": ("x", ""),
    "episode_samples": (*NO_COUNTS, 0),
    "shuffle": FLAGS,
    "reward": ("x", 5, None, [], {}, (1, 2, 3), *((1, 2, 3, bad) for bad in ("4", math.nan, True, 10**400))),
}
SAMPLES_CASES = [(name, bad) for name, every in SAMPLES.items() for bad in every]


@pytest.mark.parametrize(("name", "bad"), SAMPLES_CASES, ids=lambda value: shown(value)[:30])
@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_an_argument_of_samples_is_named(make: Any, name: str, bad: Any) -> None:
    argument = "features" if name == "samples" else name
    assert_named(name, lambda: make("ADT-Samples-v0", **{argument: bad}))


@pytest.mark.parametrize("wrapper", [OutcomeRewards, ContextObservation])
@pytest.mark.parametrize("env", [None, 5, "ADT-v0", print, gym.Env], ids=repr)
def test_wrappers_name_what_they_go_around(wrapper: Any, env: Any) -> None:
    assert_named("ADT-v0", lambda: wrapper(env))
