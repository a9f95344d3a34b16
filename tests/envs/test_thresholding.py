import copy
import itertools
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordVideo
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import NaiveMDP, Step
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

from adt_gym import InputError, ScoredSeries
from adt_gym.metrics.episode import EPISODE_METRICS
from adt_gym.scored_files import save_scored
from adt_gym.stream.feedback import OUTCOMES

MakeSeries = Callable[..., ScoredSeries]

ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"k": 1},
    {"k": 5, "alpha": 0.5, "beta": 0.5},
    {"hold": 5},
    {"hold": 100},
    {"episode_windows": 10},
    {"episode_windows": 10, "hold": 3, "k": 4},
]


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def play(env: gym.Env[Any, Any], actions: list[int]) -> list[tuple[Any, ...]]:
    """Return what every step returned, through as many episodes as the actions last."""
    steps: list[tuple[Any, ...]] = []
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2] or steps[-1][3]:
            steps.append(env.reset())
    return steps


def assert_equal_steps(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1:-1] == b[1:-1]
        np.testing.assert_equal(a[-1], b[-1])


def same_actions(n: int) -> list[int]:
    return np.random.default_rng(5).integers(2, size=n).tolist()


# The MDP


@st.composite
def episodes(draw: st.DrawFn) -> tuple[ScoredSeries, NaiveMDP, dict[str, Any]]:
    """Draw a series, the naive MDP of one episode in it, and the environment's arguments for the same."""
    k, hold = draw(st.integers(1, 50)), draw(st.integers(1, 100))
    windows = draw(st.integers(k + 2, k + 120))
    random = Random(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from((0.0, 0.05, 0.5, 1.0)))
    series = ScoredSeries(
        np.array([random.random() for _ in range(windows)]), np.array([random.random() < share for _ in range(windows)])
    )
    alpha = draw(st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0)) | st.floats(0, 1))
    cropped = draw(st.none() | st.integers(k + 2, windows))
    start = draw(st.integers(0, windows - k - 1))
    stop = None if cropped is None else min(start + cropped, windows)
    naive = NaiveMDP(series.scores.tolist(), series.labels.tolist(), k, alpha, 1 - alpha, hold, start, stop)
    return series, naive, {"k": k, "alpha": alpha, "beta": 1 - alpha, "hold": hold, "episode_windows": cropped}


@settings(deadline=None, max_examples=200)
@given(episode=episodes(), seed=st.integers(0, 2**32))
def test_env_equals_the_naive_mdp(episode: tuple[ScoredSeries, NaiveMDP, dict[str, Any]], seed: int) -> None:
    series, naive, arguments = episode
    env = gym.make("ADT-v0", series=series, **arguments)
    observation, info = env.reset(options={"series": 0, "start": naive.start})
    np.testing.assert_allclose(observation, naive.reset(), atol=1e-7)
    assert (info["series"], info["start"]) == (0, naive.start)
    random = Random(seed)
    for action, expected in naive.play(iter(lambda: random.randrange(2), None)):
        observation, reward, terminated, truncated, info = env.step(action)
        np.testing.assert_allclose(observation, expected.observation, atol=1e-7)
        assert reward == pytest.approx(expected.reward, abs=1e-12)
        assert (terminated, truncated) == (expected.terminated, expected.truncated)
        assert_infos_match(info, expected, naive.hold)


def assert_infos_match(info: dict[str, Any], expected: Step, hold: int) -> None:
    keys = ("t", "threshold", "decision", "label", "outcome")
    assert set(info) == {"series", "start", *keys, "episode_metrics"}
    judged = [{**vars(window), "outcome": OUTCOMES.index(window.outcome)} for window in expected.windows]
    if hold == 1:
        assert {key: info[key] for key in keys} == judged[0]
        return
    for key in keys:
        assert info[key].shape == (hold,)
        assert info[key][: len(judged)].tolist() == [window[key] for window in judged]
    assert (info["t"][len(judged) :] == -1).all()
    assert (info["outcome"][len(judged) :] == -1).all()


def test_first_observation_and_first_step_by_hand() -> None:
    series = ScoredSeries([0.2, 0.4, 0.9, 0.1], [False, True, True, False])
    env = gym.make("ADT-v0", series=series)
    observation, _ = env.reset()
    np.testing.assert_allclose(observation, [0.3, 0.02, 0.0, 0.5, 0.0, 0.5], atol=1e-7)
    observation, reward, terminated, truncated, info = env.step(0)
    np.testing.assert_allclose(observation, [0.65, 0.125, 0.5, 0.0, 0.0, 0.5], atol=1e-7)
    assert reward == pytest.approx(0.9 * (1 - 1))
    assert not terminated
    assert not truncated
    metrics = info.pop("episode_metrics")
    assert info == {
        "series": 0,
        "start": 0,
        "t": 2,
        "threshold": 0.0,
        "decision": True,
        "label": True,
        "outcome": OUTCOMES.index("TP"),
    }
    assert metrics.tolist() == [-1] * 6
    _, reward, terminated, truncated, info = env.step(1)
    assert reward == pytest.approx(0.9 * 1 + 0.1 * 1)
    assert terminated
    assert not truncated
    assert OUTCOMES[info["outcome"]] == "TN"
    # one of two anomalous windows flagged, no false one; both are one event, and it is found
    assert dict(zip(EPISODE_METRICS, info["episode_metrics"].tolist(), strict=True)) == {
        "precision": 1,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "events": 1,
        "events_found": 1,
        "false_alarms": 0,
    }


def test_types_that_users_build_on(make_series: MakeSeries) -> None:
    env = gym.make("ADT-v0", series=make_series())
    assert env.observation_space == gym.spaces.Box(0, 1, (6,), np.float32)
    assert env.action_space == gym.spaces.Discrete(2)
    env.reset()
    for action in (0, 1, np.int64(1), np.array(0)):
        observation, reward, terminated, truncated, info = env.step(action)
        assert observation.dtype == np.float32
        assert type(reward) is float
        assert type(terminated) is type(truncated) is bool
        assert [type(value) for value in info.values()] == [int, int, int, float, bool, bool, int, np.ndarray]
        assert info["episode_metrics"].dtype == np.float64


def test_observations_are_fresh_arrays(make_series: MakeSeries) -> None:
    env = gym.make("ADT-v0", series=make_series())
    seen = [env.reset()[0]] + [env.step(action)[0] for action in same_actions(20)]
    kept = copy.deepcopy(seen)
    for observation in seen:
        assert observation.base is None
        observation[:] = 0.5
    again = [env.reset()[0]] + [env.step(action)[0] for action in same_actions(20)]
    np.testing.assert_array_equal(again, kept)


# Checkers and registration


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_gymnasium_and_sb3_accept_it(several: list[ScoredSeries], arguments: dict[str, Any]) -> None:
    for series in (several, several[0]):
        check_env(gym.make("ADT-v0", series=series, **arguments).unwrapped)
        check_env_for_sb3(gym.make("ADT-v0", series=series, **arguments).unwrapped)


@pytest.mark.filterwarnings("error")
def test_the_packaged_default_runs() -> None:
    env = gym.make("ADT-v0")
    check_env(env.unwrapped)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)


@pytest.mark.filterwarnings("error")
def test_gymnasium_imports_the_module_that_the_id_names(make_series: MakeSeries) -> None:
    env = gym.make("adt_gym:ADT-v0", series=make_series())
    assert env.spec is not None
    assert env.spec.id == "ADT-v0"
    assert env.reset(seed=0)[1]["start"] == 0


def test_spec_survives_json(several: list[ScoredSeries], tmp_path: Path) -> None:
    save_scored(tmp_path / "several.npz", several)
    for source in (tmp_path, tmp_path / "several.npz"):
        env = gym.make("ADT-v0", series=str(source), k=3, hold=2, episode_windows=9)
        assert env.spec is not None
        again = gym.make(EnvSpec.from_json(env.spec.to_json()))
        assert again.spec == env.spec
        assert_equal_steps([env.reset(seed=4)], [again.reset(seed=4)])
        assert_equal_steps(play(env, same_actions(60)), play(again, same_actions(60)))


def test_spec_of_a_packaged_name_survives_json() -> None:
    spec = gym.make("ADT-v0", series="yahoo_like_1").spec
    assert spec is not None
    assert EnvSpec.from_json(spec.to_json()) == spec


# Episodes


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_two_envs_with_one_seed_are_equal_and_another_seed_differs(
    several: list[ScoredSeries], arguments: dict[str, Any]
) -> None:
    def run(seed: int) -> list[tuple[Any, ...]]:
        env = gym.make("ADT-v0", series=several, **arguments)
        return [env.reset(seed=seed), *play(env, same_actions(400))]

    assert_equal_steps(run(7), run(7))
    with pytest.raises(AssertionError):
        assert_equal_steps(run(7), run(8))


def test_every_series_and_every_start_is_drawn(several: list[ScoredSeries]) -> None:
    env = gym.make("ADT-v0", series=several, episode_windows=15)
    env.reset(seed=0)
    drawn = {(info["series"], info["start"]) for _, info in (env.reset() for _ in range(2000))}
    assert drawn == {(i, start) for i, one in enumerate(several) for start in range(len(one) - 15 + 1)}


@pytest.mark.parametrize("chosen", [2, np.int64(2), "random_2"])
def test_reset_options_pick_series_and_start(several: list[ScoredSeries], chosen: Any) -> None:
    env = gym.make("ADT-v0", series=several, episode_windows=8)
    for start in (0, 5, 32, 37):
        observation, info = env.reset(options={"series": chosen, "start": start})
        assert (info["series"], info["start"]) == (2, start)
        assert observation[0] == pytest.approx(several[2].scores[start : start + 2].mean())
        assert env.step(0)[-1]["t"] == start + 2


def test_an_option_that_is_given_does_not_stop_the_other_from_being_drawn(several: list[ScoredSeries]) -> None:
    env = gym.make("ADT-v0", series=several, episode_windows=8)
    env.reset(seed=0)
    assert len({env.reset(options={"series": 1})[1]["start"] for _ in range(200)}) == 17 - 8 + 1
    assert len({env.reset(options={"start": 3})[1]["series"] for _ in range(200)}) == 3


@pytest.mark.parametrize(
    ("start", "steps", "terminated"), [(0, 8, False), (29, 8, False), (30, 8, True), (35, 3, True), (37, 1, True)]
)
def test_a_cropped_episode_truncates_unless_it_reaches_the_end(
    make_series: MakeSeries, start: int, steps: int, terminated: bool
) -> None:
    env = gym.make("ADT-v0", series=make_series(40), episode_windows=10)
    env.reset(options={"start": start})
    flags = [env.step(1)[2:4] for _ in range(steps)]
    assert flags == [(False, False)] * (steps - 1) + [(terminated, not terminated)]


def test_a_whole_series_terminates(make_series: MakeSeries) -> None:
    env = gym.make("ADT-v0", series=make_series(40), k=3)
    env.reset()
    assert [env.step(0)[2:4] for _ in range(37)] == [(False, False)] * 36 + [(True, False)]


def test_an_episode_longer_than_its_series_is_the_whole_series(make_series: MakeSeries) -> None:
    env = gym.make("ADT-v0", series=make_series(12), episode_windows=500)
    env.reset()
    assert [env.step(0)[2:4] for _ in range(10)][-1] == (True, False)


# Copies


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])  # noqa: S301
def test_a_copy_made_mid_episode_continues_identically(
    several: list[ScoredSeries], arguments: dict[str, Any], copied: Callable[[Any], Any]
) -> None:
    env = gym.make("ADT-v0", series=several, **arguments)
    env.reset(seed=3)
    play(env, same_actions(41))
    other = copied(env)
    assert_equal_steps(play(env, same_actions(200)), play(other, same_actions(200)))


# Rendering


def test_ansi_rendering(make_series: MakeSeries) -> None:
    env = gym.make("ADT-v0", series=make_series(), render_mode="ansi")
    env.reset()
    before = env.render()
    env.step(0)
    after = env.render()
    assert isinstance(before, str)
    assert isinstance(after, str)
    assert "random_0" in after
    assert before != after


@pytest.mark.parametrize("arguments", [{}, {"hold": 5}, {"episode_windows": 10}], ids=str)
def test_rgb_array_rendering(several: list[ScoredSeries], arguments: dict[str, Any]) -> None:
    env = gym.make("ADT-v0", series=several, render_mode="rgb_array", **arguments)
    env.reset(seed=0)
    frames: list[Any] = [env.render()]
    for action in (0, 1):
        env.step(action)
        frames.append(env.render())
    for frame in frames:
        assert frame.dtype == np.uint8
        assert frame.shape == (400, 600, 3)
    for one, other in itertools.combinations(frames, 2):
        assert (one != other).any()
    env.close()


def test_human_rendering(make_series: MakeSeries) -> None:
    import pygame

    env = gym.make("ADT-v0", series=make_series(), render_mode="human")
    env.reset()
    first = pygame.surfarray.array3d(pygame.display.get_surface())
    env.step(0)
    assert env.render() is None
    second = pygame.surfarray.array3d(pygame.display.get_surface())
    assert (first != second).any()
    env.close()
    assert not pygame.display.get_init()


@pytest.mark.parametrize("mode", ["ansi", "rgb_array", "human"])
def test_rendering_changes_nothing(make_series: MakeSeries, mode: str) -> None:
    plain = gym.make("ADT-v0", series=make_series())
    shown = gym.make("ADT-v0", series=make_series(), render_mode=mode)
    plain.reset(seed=1)
    shown.reset(seed=1)
    assert_equal_steps(play(plain, same_actions(10)), play(shown, same_actions(10)))
    shown.close()


def test_record_video_makes_a_film(make_series: MakeSeries, tmp_path: Path) -> None:
    env = gym.make("ADT-v0", series=make_series(12), render_mode="rgb_array")
    env = RecordVideo(env, str(tmp_path / "films"), episode_trigger=lambda episode: True, disable_logger=True)
    env.reset(seed=0)
    play(env, [0] * 10)
    env.close()
    films = list((tmp_path / "films").glob("*.mp4"))
    assert films
    assert all(film.stat().st_size > 0 for film in films)


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"hold": 0}, "hold must be at least 1, got 0"),
        ({"alpha": 0.9, "beta": 0.9}, r"alpha and beta.*0\.9 and 0\.9"),
        ({"k": 4, "episode_windows": 5}, "at least k \\+ 2 = 6, got 5"),
        ({"k": 39}, r"'random_0' has 40 windows.*41"),
        ({"render_mode": "smoke"}, "'smoke'"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*render_mode:UserWarning")
def test_bad_arguments(make_series: MakeSeries, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gym.make("ADT-v0", series=make_series(40), **changes)


@pytest.mark.parametrize("source", ["no_such_series", "yahoo_like_999", [], [1, 2], ["nobody"]], ids=str)
def test_what_is_not_a_source_of_series(source: Any) -> None:
    last = source[0] if isinstance(source, list) and source else source
    with pytest.raises(InputError, match=re.escape(repr(last))):
        gym.make("ADT-v0", series=source)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.npz"):
        gym.make("ADT-v0", series=tmp_path / "missing.npz")
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        gym.make("ADT-v0", series=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"series": "nobody"}, "'nobody'.*random_0, random_1, random_2"),
        ({"series": 3}, "3 is outside 0 to 2"),
        ({"series": -1}, "-1 is outside 0 to 2"),
        ({"series": 0, "start": 21}, "start 21 is outside series 'random_0': 0 to 20"),
        ({"series": 0, "start": -1}, "'start'.*-1"),
        ({"start": "soon"}, "soon"),
        ({"start": 1.5}, r"1\.5"),
        ({"series": 0.5}, r"0\.5"),
        ({"serie": 0}, "'serie'"),
    ],
)
def test_bad_reset_options(several: list[ScoredSeries], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gym.make("ADT-v0", series=several).reset(options=options)


@pytest.mark.parametrize("action", [-1, 2, 0.5, 1.0, "a", None, np.array([1]), float("nan"), [0]], ids=str)
def test_an_action_outside_the_space(make_series: MakeSeries, action: Any) -> None:
    env = gym.make("ADT-v0", series=make_series())
    env.reset()
    with pytest.raises(InvalidAction) as error:
        env.step(action)
    assert repr(action) in str(error.value)
    assert env.step(1)[-1]["t"] == 2


@pytest.mark.parametrize("hold", [1, 7])
def test_no_step_before_reset_or_after_the_end(make_series: MakeSeries, hold: int) -> None:
    env = gym.make("ADT-v0", series=make_series(12), hold=hold)
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset()
    while not env.step(0)[2]:
        pass
    for _ in range(2):
        with pytest.raises(ResetNeeded):
            env.step(0)
    env.reset()
    env.step(0)


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_no_rendering_before_reset(make_series: MakeSeries, mode: str) -> None:
    env = gym.make("ADT-v0", series=make_series(), render_mode=mode)
    with pytest.raises(ResetNeeded):
        env.render()
