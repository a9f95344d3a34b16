import pickle
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FrameStackObservation, NormalizeObservation
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

from adt_gym import InputError, ScoredSeries
from adt_gym.envs.context import ContextObservation
from adt_gym.envs.wrappers import OutcomeRewards, OutcomesEnv
from adt_gym.stream.context import LABEL_CONTEXT, SCORE_CONTEXT, label_context, score_context
from adt_gym.stream.feedback import Full

MakeSeries = Callable[..., ScoredSeries]
Steps = Iterator[tuple[Any, Any, bool, bool, dict[str, Any]]]

LABELS = np.array([0, 1, 0, 1, 1, 0, 0], dtype=bool)

MAKERS: list[Callable[..., gym.Env[Any, Any]]] = [
    lambda **arguments: OutcomeRewards(gym.make("ADT-v0", **arguments)),
    lambda **arguments: OutcomesEnv(**arguments),
]


@pytest.fixture(params=MAKERS, ids=["wrapper", "env"])
def make(request: pytest.FixtureRequest) -> Callable[..., gym.Env[Any, Any]]:
    maker: Callable[..., gym.Env[Any, Any]] = request.param
    return maker


def play(env: gym.Env[Any, Any], episodes: int = 2, seed: int = 3) -> Steps:
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(episodes):
        over = False
        while not over:
            step = env.step(env.action_space.sample())
            over = step[2] or step[3]
            yield step
        env.reset()


@settings(deadline=None, max_examples=60)
@given(
    maker=st.sampled_from(MAKERS),
    k=st.integers(1, 8),
    alpha=st.floats(0, 1),
    hold=st.integers(1, 6),
    cropped=st.booleans(),
    feedback=st.sampled_from(["full", "alerts", "none"]),
    seed=st.integers(0, 2**31),
)
def test_the_weighed_vector_is_the_reward_of_adt(
    make_series: MakeSeries, maker: Any, k: int, alpha: float, hold: int, cropped: bool, feedback: str, seed: int
) -> None:
    arguments: dict[str, Any] = {
        "series": [make_series(30, seed), make_series(21, seed + 1)],
        "k": k,
        "alpha": alpha,
        "beta": 1 - alpha,
        "hold": hold,
        "episode_windows": 15 if cropped else None,
        "feedback": feedback,
        "observe_score": feedback != "full",
    }
    weights = np.array([alpha, 1 - alpha, -alpha, -alpha])
    plain = gym.make("ADT-v0", **arguments)
    for many, one in zip(play(maker(**arguments)), play(plain), strict=True):
        np.testing.assert_array_equal(many[0], one[0])
        assert float(many[1] @ weights) == pytest.approx(one[1], abs=1e-9)
        assert many[2:4] == one[2:4]
        np.testing.assert_equal(many[4], one[4])


def test_counts_by_hand(make: Any) -> None:
    series = ScoredSeries(np.full(7, 0.5, np.float32), LABELS)
    env = make(series=series, k=2)
    env.reset(seed=0)  # windows 0 and 1 pass: TN, FN
    vectors = [env.step(action)[1].tolist() for action in (0, 0, 1, 1, 0)]  # FP, TP, FN, TN, FP
    assert vectors == [[0, 0, 1, 1], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1], [0, 1, 1, 0]]


def test_counts_with_hold_are_summed_by_hand(make: Any) -> None:
    series = ScoredSeries(np.full(7, 0.5, np.float32), LABELS)
    env = make(series=series, k=2, hold=3)
    env.reset(seed=0)
    assert env.step(0)[1].tolist() == [3, 0, 2, 1]  # FP, TP, TP after TN, FN
    assert env.step(1)[1].tolist() == [1, 3, 0, 0]  # TN, TN


def test_costs_are_left_out(make: Any, make_series: MakeSeries) -> None:
    series = make_series(30)
    plain, charged = (make(series=series, **costs) for costs in ({}, {"change_cost": 3.0, "alarm_budget": 0}))
    for one, other in zip(play(plain), play(charged), strict=True):
        np.testing.assert_array_equal(one[1], other[1])


def test_rewards_lie_in_their_space_and_are_fresh(make: Any, make_series: MakeSeries) -> None:
    env = make(series=make_series(40), k=3, hold=4)
    rewards = [step[1] for step in play(env)]
    assert (env.reward_dim, env.reward_space.shape) == (4, (4,))
    assert all(reward in env.reward_space for reward in rewards)
    env.reset()
    first = env.step(0)[1]
    kept = first.copy()
    env.step(0)[1][:] = -1
    np.testing.assert_array_equal(first, kept)


def test_a_pickled_env_goes_on_alike(make: Any, several: list[ScoredSeries]) -> None:
    env = make(series=several)
    env.reset(seed=1)
    env.step(0)
    copied = pickle.loads(pickle.dumps(env))  # noqa: S301  our own bytes
    for _ in range(3):
        np.testing.assert_equal(env.step(1), copied.step(1))
    np.testing.assert_equal(env.reset(), copied.reset())


def test_the_wrapper_stands_in_the_spec() -> None:
    env = OutcomeRewards(gym.make("ADT-v0", series="yahoo_like_1"))
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, OutcomeRewards)


def test_another_environment_is_refused() -> None:
    with pytest.raises(InputError, match="ADT-v0"):
        OutcomeRewards(gym.make("CartPole-v1"))


SCORED = 7 + len(SCORE_CONTEXT)
"""Columns of the observation of an ADT-v0 that observes the score, and of the context of the score."""


def in_context(**arguments: Any) -> ContextObservation:
    return ContextObservation(gym.make("ADT-v0", **{"observe_score": True, **arguments}))


def score_columns(series: ScoredSeries) -> np.ndarray:
    return np.append(score_context(series.scores), np.zeros((1, len(SCORE_CONTEXT)), np.float32), axis=0)


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(["full", "alerts", "none"]),
    delay=st.sampled_from([1, 2, 9, 100]),
    k=st.integers(1, 4),
    hold=st.sampled_from([1, 1, 4]),
    cropped=st.booleans(),
    chosen=st.sampled_from([None, {"series": 1}, {"series": 0, "start": 7}]),
    seed=st.integers(0, 1000),
)
def test_context_of_every_window_of_an_episode(
    make_series: MakeSeries,
    kind: str,
    delay: int,
    k: int,
    hold: int,
    cropped: bool,
    chosen: dict[str, Any] | None,
    seed: int,
) -> None:
    several = [make_series(50, seed), make_series(31, seed + 1)]
    arguments: dict[str, Any] = {"series": several, "k": k, "hold": hold, "feedback": kind, "feedback_delay": delay}
    arguments |= {"episode_windows": 20 if cropped else None, "thresholds": [0.0, 0.5, 1.0]}
    env, plain = in_context(**arguments), gym.make("ADT-v0", observe_score=True, **arguments)
    observation, info = env.reset(seed=seed, options=chosen)
    inner, _ = plain.reset(seed=seed, options=chosen)
    series, start = several[info["series"]], info["start"]
    told = [int(label) if kind == "full" else -1 for label in series.labels[start : start + k]]
    env.action_space.seed(seed)
    over = False
    while True:
        t = start + len(told)
        np.testing.assert_array_equal(observation[:7], inner)
        np.testing.assert_array_equal(observation[7:SCORED], score_columns(series)[t])
        if kind != "none":
            np.testing.assert_array_equal(observation[SCORED:], label_context(np.array([*told, -1]), Full(delay))[-1])
        assert observation in env.observation_space
        if over:
            break
        action = env.action_space.sample()
        observation, _, terminated, truncated, info = env.step(action)
        inner = plain.step(action)[0]
        judged = zip(*(np.atleast_1d(info[key]) for key in ("t", "label", "decision")), strict=True)
        told += [int(y) if kind == "full" or (kind == "alerts" and d) else -1 for i, y, d in judged if i >= 0]
        over = terminated or truncated


def test_context_of_labels_far_back_and_flipped(make_series: MakeSeries) -> None:
    env = in_context(series=make_series(2500, share=0.01), hold=60, feedback_delay=30, label_noise=0.01)
    steps = list(play(env, episodes=1))
    env.reset(seed=3)
    env.action_space.seed(3)
    for step in steps:
        env.step(env.action_space.sample())
        told = np.array([*env.unwrapped.seen(), -1])  # type: ignore[attr-defined]
        np.testing.assert_array_equal(step[0][SCORED:], label_context(told, Full(30))[-1])


def test_context_where_an_episode_ends(make_series: MakeSeries) -> None:
    series = make_series(30)
    for start, expected in ((0, score_columns(series)[10]), (20, np.zeros(len(SCORE_CONTEXT)))):
        env = in_context(series=series, episode_windows=10)
        env.reset(options={"start": start})
        *_, last = (env.step(0) for _ in range(8))
        assert last[2:4] == (start == 20, start == 0)
        np.testing.assert_array_equal(last[0][7:SCORED], expected)
        assert np.array_equal(last[0][SCORED:], label_context(np.append(series.labels[start:][:10], -1), Full())[-1])


def test_context_has_honest_bounds_and_fresh_observations(make_series: MakeSeries) -> None:
    env = in_context(series=make_series(40), feedback="alerts")
    space = env.observation_space
    assert isinstance(space, gym.spaces.Box)
    context = len(SCORE_CONTEXT) + len(LABEL_CONTEXT)
    assert space.dtype == np.float32
    assert space.low.tolist() == [0.0] * 7 + [-1.0] * context
    assert space.high.tolist() == [1.0] * (7 + context)
    first, _ = env.reset()
    first[:] = 5
    assert env.reset()[0] in space
    assert in_context(series=make_series(40), feedback="none").observation_space.shape == (SCORED,)


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("id", ["ADT-Levels-v0", "ADT-Blind-v0"])
def test_checkers_accept_context(several: list[ScoredSeries], id: str) -> None:
    for arguments in ({}, {"feedback_delay": 3, "label_noise": 0.2, "hold": 2, "episode_windows": 9}):
        check_env(ContextObservation(gym.make(id, series=several, **arguments)))
        check_env_for_sb3(ContextObservation(gym.make(id, series=several, **arguments)))


def test_context_stands_in_the_spec_and_in_a_pickle() -> None:
    env = ContextObservation(gym.make("ADT-Levels-v0", series="yahoo_like_1", feedback="alerts", feedback_delay=5))
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, ContextObservation)
    np.testing.assert_array_equal(env.reset(seed=0)[0], again.reset(seed=0)[0])
    copied = pickle.loads(pickle.dumps(env))  # noqa: S301  our own bytes
    for action in (0, 3, 20):
        np.testing.assert_equal(env.step(action), copied.step(action))


def test_context_in_a_vector_env(several: list[ScoredSeries]) -> None:
    arguments: dict[str, Any] = {"series": several, "feedback_delay": 4}
    many = gym.make_vec("ADT-Levels-v0", 3, vectorization_mode="sync", wrappers=[ContextObservation], **arguments)
    one = ContextObservation(gym.make("ADT-Levels-v0", **arguments))
    np.testing.assert_array_equal(many.reset(seed=[7, 8, 9])[0][1], one.reset(seed=8)[0])
    np.testing.assert_array_equal(many.step(np.array([1, 2, 3]))[0][1], one.step(2)[0])


def test_context_goes_around_wrappers_that_keep_the_shape(make_series: MakeSeries) -> None:
    env = ContextObservation(NormalizeObservation(gym.make("ADT-Levels-v0", series=make_series(30))))
    observation, _ = env.reset()
    assert observation in env.observation_space
    np.testing.assert_array_equal(observation[7:SCORED], score_context(make_series(30).scores)[2])


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (lambda: gym.make("ADT-v0"), "observe_score=True"),
        (lambda: gym.make("CartPole-v1"), "observe_score=True"),
        (lambda: FrameStackObservation(gym.make("ADT-Levels-v0"), 3), "shape"),
    ],
)
def test_context_refuses(env: Callable[[], gym.Env[Any, Any]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ContextObservation(env())
