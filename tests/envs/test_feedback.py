"""ADT-v0 beyond the paper: feedback that is late, partial, noisy or absent, other thresholds, the score in sight."""

import copy
import itertools
import pickle
from collections.abc import Callable
from random import Random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import InvalidAction
from gymnasium.utils import seeding
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from mondays import Mondays, Urgent
from naive import NaiveMDP
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3
from vectors import assert_equal_outputs, run, sync

from adt_gym import InputError, ScoredSeries
from adt_gym.stream.feedback import OUTCOMES, feedback_of

MakeSeries = Callable[..., ScoredSeries]

IDS = ("ADT-v0", "ADT-Levels-v0", "ADT-Continuous-v0", "ADT-Blind-v0")
KINDS = ("full", "alerts", "none")
COSTS: dict[str, Any] = {"change_cost": 0.3, "early_bonus": 2.0, "early_windows": 4, "alarm_budget": 3}

ARGUMENTS: list[dict[str, Any]] = [
    {"feedback_delay": 3},
    {"feedback_delay": 200},
    {"feedback": "alerts", "hold": 3},
    {"feedback": "alerts", "feedback_delay": 5, "label_noise": 0.3, "k": 3},
    {"feedback": "none", "label_noise": 0.5},
    {"label_noise": 0.2, "episode_windows": 9},
    {"label_noise": 0.2, "hold": 4},
    {"label_noise": 1.0, "feedback_delay": 2, "k": 30, "series": None},
    {"feedback": Mondays(4), "k": 3},
    {"feedback": Mondays(7, alerts=True, noise=0.3), "episode_windows": 9, "hold": 2},
    {"thresholds": [0.0, 0.3, 0.9]},
    {"thresholds": [0.1, 0.5], "observe_score": True, "episode_windows": 9},
    {"thresholds": "continuous"},
    {"thresholds": "continuous", "hold": 2, "feedback": "alerts", "observe_score": True, "label_noise": 0.4},
    {"observe_score": True, "hold": 2},
    COSTS,
    {**COSTS, "hold": 3, "label_noise": 0.1, "thresholds": [0.2, 0.4, 0.6]},
]


def flips(seed: int, noise: float, windows: int) -> list[bool]:
    """Return what an environment with that seed flips when it draws no series and no start."""
    return (seeding.np_random(seed)[0].random(windows) < noise).tolist() if noise else []


def draw_rule(draw: st.DrawFn, k: int, in_order: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw feedback, as the arguments of the environment and as those of the naive MDP."""
    noise, delay = draw(st.sampled_from((0.0, 0.0, 0.3, 1.0))), draw(st.sampled_from((1, 2, 5, k + 1, 100)))
    if draw(st.booleans()):
        kind = draw(st.sampled_from(KINDS))
        naive = {"feedback": kind, "delay": delay}
        return {"feedback": kind, "feedback_delay": delay, "label_noise": noise}, naive
    week, alerts = draw(st.sampled_from((1, 3, 7, 50))), draw(st.booleans())
    own = {"feedback": "alerts" if alerts else "full", "delay": delay, "week": week}
    if in_order or draw(st.booleans()):
        return {"feedback": Mondays(week, alerts, noise)}, own
    return {"feedback": Urgent(week, False, noise, delay)}, {**own, "feedback": "full", "urgent": True}


@st.composite
def cases(draw: st.DrawFn, in_order: bool = False) -> tuple[ScoredSeries, dict[str, Any], Callable[[int], NaiveMDP]]:
    """Draw a series, the environment's arguments, and how to make the naive MDP of the episode with some seed."""
    k, hold = draw(st.integers(1, 12)), draw(st.sampled_from((1, 1, 2, 7)))
    windows = draw(st.integers(k + 2, k + 60))
    random = Random(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from((0.0, 0.2, 0.5, 1.0)))
    series = ScoredSeries(
        np.array([random.random() for _ in range(windows)]), np.array([random.random() < share for _ in range(windows)])
    )
    cropped, start = draw(st.none() | st.integers(k + 2, windows)), draw(st.integers(0, windows - k - 1))
    stop = None if cropped is None else min(start + cropped, windows)
    levels = draw(st.sampled_from(((0.0, 1.0), (0.0, 0.25, 0.5, 1.0), (1 / 3, 0.7), None)))
    rule, own = draw_rule(draw, k, in_order)
    noise = rule.get("label_noise", getattr(rule["feedback"], "noise", 0.0))
    shared: dict[str, Any] = {"observe_score": draw(st.booleans())}
    if draw(st.booleans()):
        shared |= {"change_cost": 0.5, "early_bonus": 3.0, "early_windows": draw(st.integers(1, 6))}
        shared |= {"alarm_budget": draw(st.none() | st.integers(0, 9)), "alarm_cost": 2.0}
    arguments = {"k": k, "hold": hold, "episode_windows": cropped, **rule}
    arguments |= {"thresholds": "continuous" if levels is None else levels, **shared}

    def naive(seed: int) -> NaiveMDP:
        rounded = None if levels is None else [float(np.float32(level)) for level in levels]
        scores, labels = series.scores.tolist(), series.labels.tolist()
        return NaiveMDP(
            scores, labels, k, 0.9, 0.1, hold, start, stop, rounded,
            flipped=flips(seed, noise, windows), **own, **shared,
        )  # fmt: skip

    return series, arguments, naive


def draw_action(random: Random, naive: NaiveMDP) -> float:
    if naive.levels is None:
        return float(np.float32(random.random()))
    return random.randrange(len(naive.levels))


@settings(deadline=None, max_examples=200)
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_the_scalar_env_equals_the_naive_mdp(case: Any, seed: int) -> None:
    series, arguments, make = case
    naive, random = make(seed), Random(seed)
    env = gym.make("ADT-v0", series=series, **arguments)
    observation, _ = env.reset(seed=seed, options={"start": naive.start})
    np.testing.assert_allclose(observation, naive.reset(), atol=1e-7)
    for action, expected in naive.play(iter(lambda: draw_action(random, naive), None)):
        given = np.array([action], np.float32) if naive.levels is None else action
        observation, reward, terminated, truncated, info = env.step(given)
        np.testing.assert_allclose(observation, expected.observation, atol=1e-7)
        assert observation in env.observation_space
        assert reward == pytest.approx(expected.reward, abs=1e-9)
        assert (terminated, truncated) == (expected.terminated, expected.truncated)
        assert np.atleast_1d(info["threshold"])[0] == expected.windows[0].threshold
        assert OUTCOMES[np.atleast_1d(info["outcome"])[0]] == expected.windows[0].outcome
        assert env.unwrapped.seen() == naive.seen()  # type: ignore[attr-defined]


@settings(deadline=None, max_examples=100)
@given(case=cases(in_order=True), seed=st.integers(0, 2**32 - 4))
def test_the_vector_env_equals_the_naive_mdp(case: Any, seed: int) -> None:
    series, arguments, make = case
    episodes, random, over = [make(seed + i) for i in range(3)], Random(seed), False
    env = gym.make_vec("ADT-v0", 3, series=series, autoreset_mode="Disabled", **arguments)
    observations, _ = env.reset(seed=seed, options={"start": episodes[0].start})
    np.testing.assert_allclose(observations, [naive.reset() for naive in episodes], atol=1e-7)
    while not over:
        actions = [draw_action(random, naive) for naive in episodes]
        expected = [naive.step(action) for naive, action in zip(episodes, actions, strict=True)]
        batch = np.array(actions, np.float32)[:, None] if episodes[0].levels is None else np.array(actions)
        observations, rewards, terminated, truncated, _ = env.step(batch)
        np.testing.assert_allclose(observations, [step.observation for step in expected], atol=1e-7)
        np.testing.assert_allclose(rewards, [step.reward for step in expected], atol=1e-9)
        assert observations.dtype == np.float32
        assert terminated.tolist() == [step.terminated for step in expected]
        assert truncated.tolist() == [step.truncated for step in expected]
        over = expected[0].terminated or expected[0].truncated


@pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_native_equals_sync_through_episode_ends(
    several: list[ScoredSeries], make_series: MakeSeries, mode: AutoresetMode, arguments: dict[str, Any]
) -> None:
    long = [make_series(windows, seed) for seed, windows in enumerate((43, 37, 60))]
    arguments = {**arguments, "series": long if "series" in arguments else several}
    outputs = run(gym.make_vec("ADT-v0", 5, autoreset_mode=mode, **arguments), 120)
    expected = run(sync(5, mode, **arguments), 120)
    for one, other in zip(outputs, expected, strict=True):
        assert_equal_outputs(one, other)
    assert sum(int((step[2] | step[3]).sum()) for step in outputs if len(step) == 5) >= 10


def test_the_vector_env_names_the_remedy_for_a_rule_it_cannot_follow(make_series: MakeSeries) -> None:
    arguments = {"series": make_series(), "feedback": Urgent(7)}
    with pytest.raises(InputError, match=r"feedback 'urgent'.*vectorization_mode=.sync"):
        gym.make_vec("ADT-v0", 2, **arguments)
    assert len(run(sync(2, AutoresetMode.NEXT_STEP, **arguments), 60)) == 61


# By hand


def told(env: gym.Env[Any, Any], actions: list[int]) -> list[list[float]]:
    """Return the shares of TP, TN, FP and FN before the first action and after each."""
    return [(env.reset()[0][2:] * 2).tolist()] + [(env.step(action)[0][2:] * 2).tolist() for action in actions]


BRIEF = ScoredSeries(np.full(6, 0.5), [0, 1, 1, 0, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[0, 1, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]]),
        ({"feedback_delay": 2}, [[0, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1]]),
        ({"feedback_delay": 4}, [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 1]]),
        ({"feedback": "alerts"}, [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]]),
        ({"feedback": "none"}, [[0, 0, 0, 0]] * 5),
        ({"label_noise": 1.0}, [[0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0]]),
        ({"feedback": Mondays(3)}, [[0, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1]]),
        ({"feedback": Urgent(6)}, [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0], [1, 0, 0, 1]]),
    ],
    ids=str,
)
def test_what_is_told_of_a_brief_series(arguments: dict[str, Any], expected: list[list[float]]) -> None:
    # Decisions: two passive windows, flagged, flagged, passed, flagged. Labels: 0 1, 1 0 1 1.
    assert told(gym.make("ADT-v0", series=BRIEF, **arguments), [0, 0, 1, 0]) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [0, 1, 1, 0]),
        ({"feedback_delay": 99}, [0, 1, 1, 0]),
        ({"label_noise": 1.0}, [1, 0, 0, 1]),
        ({"feedback": "alerts"}, [-1, -1, 1, -1]),
        ({"feedback": "none", "observe_score": True}, [-1, -1, -1, -1]),
    ],
    ids=str,
)
def test_seen_by_hand(arguments: dict[str, Any], expected: list[int]) -> None:
    env: Any = gym.make("ADT-v0", series=BRIEF, **arguments).unwrapped
    env.reset(seed=0)
    env.step(0)
    env.step(1)
    assert env.seen() == expected
    assert {type(label) for label in env.seen()} == {int}


def test_the_score_that_comes_next_is_seen_and_0_at_the_end() -> None:
    series = ScoredSeries([0.1, 0.2, 0.3, 0.4, 0.5], np.zeros(5))
    env = gym.make("ADT-v0", series=series, observe_score=True)
    shown = [env.reset()[0]] + [env.step(0)[0] for _ in range(3)]
    assert [observation[6] for observation in shown] == [np.float32(score) for score in (0.3, 0.4, 0.5, 0)]
    cropped = gym.make("ADT-v0", series=series, observe_score=True, episode_windows=4)
    cropped.reset(options={"start": 0})
    assert [cropped.step(0)[0][6] for _ in range(2)] == [np.float32(0.4), np.float32(0.5)]


def test_noise_changes_what_is_told_and_nothing_else(make_series: MakeSeries) -> None:
    true, noisy = (gym.make("ADT-v0", series=make_series(200), label_noise=noise) for noise in (0.0, 0.3))
    true.reset(seed=0)
    noisy.reset(seed=0)
    differences = 0
    for action in np.random.default_rng(0).integers(2, size=198):
        (shown, *one), (shown_noisily, *other) = true.step(action), noisy.step(action)
        np.testing.assert_equal(one, other)
        differences += bool((shown != shown_noisily).any())
        np.testing.assert_array_equal(shown[:2], shown_noisily[:2])
    assert differences > 20
    assert np.mean(np.array(true.unwrapped.seen()) != noisy.unwrapped.seen()) == pytest.approx(0.3, abs=0.1)  # type: ignore[attr-defined]


def test_levels_are_compared_as_float32_in_both_envs() -> None:
    series = ScoredSeries(np.full(9, 0.3, np.float32), np.zeros(9))  # the nearest float32 to 0.3 is above 0.3
    env = gym.make("ADT-v0", series=series, thresholds=(0.3, 0.29))
    env.reset()
    vector = gym.make_vec("ADT-v0", 2, series=series, thresholds=(0.3, 0.29))
    vector.reset()
    assert [env.step(action)[-1]["decision"] for action in (0, 1)] == [False, True]
    assert vector.step(np.array([0, 1]))[-1]["decision"].tolist() == [False, True]


# Registration, checkers, copies, rendering


@pytest.mark.filterwarnings("ignore:We recommend you to use a symmetric")  # a threshold lies in [0, 1]
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("id", IDS)
def test_gymnasium_and_sb3_accept_every_id(several: list[ScoredSeries], id: str) -> None:
    for changes in ({}, {"feedback": "alerts", "feedback_delay": 4, "label_noise": 0.2, **COSTS}):
        check_env(gym.make(id, series=several, **changes).unwrapped)
        check_env_for_sb3(gym.make(id, series=several, **changes).unwrapped)


@pytest.mark.parametrize("id", IDS)
def test_every_id_has_its_spaces_in_both_envs(id: str) -> None:
    env, vector = gym.make(id), gym.make_vec(id, 2)
    spaces = {
        "ADT-v0": gym.spaces.Discrete(2),
        "ADT-Levels-v0": gym.spaces.Discrete(21),
        "ADT-Continuous-v0": gym.spaces.Box(0, 1, (1,), np.float32),
        "ADT-Blind-v0": gym.spaces.Discrete(21),
    }
    assert env.action_space == vector.single_action_space == spaces[id]
    assert env.observation_space == vector.single_observation_space
    assert env.observation_space.shape == ((6,) if id == "ADT-v0" else (7,))
    assert type(vector.unwrapped).__name__ == "ThresholdingVectorEnv"
    assert env.unwrapped.feedback == feedback_of("none" if id == "ADT-Blind-v0" else "full")  # type: ignore[attr-defined]


def test_the_levels_are_21_steps_from_0_to_1() -> None:
    env: Any = gym.make("ADT-Levels-v0").unwrapped
    np.testing.assert_allclose(env.levels, np.linspace(0, 1, 21), atol=1e-7)


@pytest.mark.parametrize("id", IDS)
def test_every_spec_survives_json(id: str) -> None:
    changes: dict[str, Any] = {"feedback": "alerts", "feedback_delay": 7, "label_noise": 0.25, **COSTS}
    for spec in (gym.make(id).spec, gym.make(id, series="yahoo_like_1", **changes).spec):
        assert spec is not None
        again = gym.make(EnvSpec.from_json(spec.to_json()))
        assert again.spec == spec
        again.reset(seed=0)


@pytest.mark.parametrize("arguments", ARGUMENTS[2:], ids=str)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])  # noqa: S301
def test_a_copy_made_mid_episode_continues_identically(
    make_series: MakeSeries, arguments: dict[str, Any], copied: Callable[[Any], Any]
) -> None:
    arguments = {**arguments, "series": [make_series(50, 1), make_series(45, 2)]}
    for env in (gym.make_vec("ADT-v0", 3, **arguments), gym.wrappers.Autoreset(gym.make("ADT-v0", **arguments))):
        env.action_space.seed(0)
        env.reset(seed=1)
        for _ in range(5):
            env.step(env.action_space.sample())
        other = copied(env)
        for _ in range(60):
            action = env.action_space.sample()
            assert_equal_steps(env.step(action), other.step(action))


def assert_equal_steps(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_equal(a, b)


def test_every_level_can_be_drawn(make_series: MakeSeries) -> None:
    env = gym.make("ADT-Levels-v0", series=make_series(), render_mode="rgb_array")
    env.reset()
    frames: list[Any] = [env.render()]
    for action in (0, 7, 20):
        env.step(action)
        frames.append(env.render())
    assert all((one != other).any() for one, other in itertools.combinations(frames, 2))
    text = gym.make("ADT-Continuous-v0", series=make_series(), render_mode="ansi")
    text.reset()
    text.step(np.array([0.37], np.float32))
    assert "threshold 0.37" in str(text.render())


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feedback": "some"}, "'some'; known: full, alerts, none"),
        ({"feedback_delay": 0}, "at least 1, got 0"),
        ({"feedback_delay": "never"}, "'never'.*none"),
        ({"feedback_delay": 1.5}, r"1\.5"),
        ({"label_noise": -0.1}, r"label_noise.*-0\.1"),
        ({"label_noise": float("nan")}, "nan"),
        ({"thresholds": "any"}, "'any'.*continuous"),
        ({"thresholds": [0.5]}, "at least two"),
        ({"thresholds": [0.5, 0.5]}, "at least two"),
        ({"thresholds": []}, "at least two"),
        ({"thresholds": [0.5, 1.5]}, r"\[0, 1\].*1\.5"),
        ({"thresholds": [0.5, float("nan")]}, "nan"),
        ({"thresholds": ["low", "high"]}, r"thresholds must be in \[0, 1\], got 'low'"),
        ({"thresholds": 0.5}, r"0\.5"),
        ({"thresholds": None}, "None"),
    ],
    ids=str,
)
def test_bad_arguments(make_series: MakeSeries, changes: dict[str, Any], message: str) -> None:
    for make in (gym.make, lambda *args, **kwargs: gym.make_vec(*args, num_envs=2, **kwargs)):
        with pytest.raises(InputError, match=message):
            make("ADT-v0", series=make_series(), **changes)


@pytest.mark.parametrize("action", [[1.01], [-0.01], [float("nan")], 0.5, [0.1, 0.2], ["a"], None, [True]], ids=str)
def test_thresholds_outside_the_box(make_series: MakeSeries, action: Any) -> None:
    env, vector = (make("ADT-Continuous-v0", series=make_series()) for make in (gym.make, gym.make_vec))
    env.reset()
    vector.reset()
    with pytest.raises(InvalidAction):
        env.step(action)
    with pytest.raises(InvalidAction):
        vector.step(action if np.ndim(action) == 0 else [action])
    assert env.step(np.array([0.25]))[-1]["threshold"] == 0.25
    assert vector.step(np.array([[1]]))[-1]["threshold"] == [1.0]
