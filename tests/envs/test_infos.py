"""Infos: the same keys and types in every step of every environment, and the metrics of an episode at its end."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import TimeLimit
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors import assert_equal_outputs, run

import adt_gym  # noqa: F401
from adt_gym import Detection, InputError, ScoredSeries
from adt_gym.envs import vector
from adt_gym.envs.tally import Tally
from adt_gym.mdp.mdp import mdp_of
from adt_gym.metrics.episode import EPISODE_METRICS, episode_metrics
from adt_gym.metrics.events import find_events
from adt_gym.metrics.windows import precision_recall_f1

MakeSeries = Callable[..., ScoredSeries]

IDS = ("ADT-v0", "ADT-Levels-v0", "ADT-Continuous-v0", "ADT-Blind-v0", "ADT-Context-v0", "mo-adt-v0", "ADT-Samples-v0")
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"episode_windows": 9, "label_noise": 0.3},
    {"hold": 3, "episode_windows": 10, "k": 3},
    {"feedback_delay": 4, "change_cost": 0.5},
]
MODES = list(AutoresetMode)
UNTOLD = [-1] * len(EPISODE_METRICS)

flags = st.lists(st.booleans(), min_size=1, max_size=60).map(lambda given: np.array(given, dtype=bool))


def arguments_of(env_id: str, series: list[ScoredSeries]) -> dict[str, Any]:
    """Return what lets an episode of this environment be short."""
    return {"episode_samples": 7} if env_id == "ADT-Samples-v0" else {"series": series}


def kinds(info: dict[str, Any]) -> dict[str, Any]:
    return {key: getattr(value, "dtype", type(value)) for key, value in info.items()}


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("hold", [1, 4])
def test_reset_and_steps_have_the_same_keys_and_types(env_id: str, hold: int, several: list[ScoredSeries]) -> None:
    arguments = arguments_of(env_id, several)
    if hold > 1:
        if env_id == "ADT-Samples-v0":
            return
        arguments["hold"] = hold
    env = gym.make(env_id, **arguments)
    env.action_space.seed(0)
    _, first = env.reset(seed=0)
    over = False
    while not over:
        *_, terminated, truncated, info = env.step(env.action_space.sample())
        assert list(kinds(info).items()) == list(kinds(first).items())
        over = terminated or truncated
        assert (info["episode_metrics"].tolist()[0] >= 0) == over


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("env_id", IDS)
def test_native_infos_are_those_of_sync(env_id: str, mode: AutoresetMode, several: list[ScoredSeries]) -> None:
    variants = [{}] if env_id == "ADT-Samples-v0" else ARGUMENTS
    for changes in variants:
        arguments = {**arguments_of(env_id, several), **changes}
        native = gym.make_vec(env_id, 3, autoreset_mode=mode, **arguments)
        scalar_id = "ADT-v0" if env_id == "mo-adt-v0" else env_id  # SyncVectorEnv has no place for vectors of rewards
        sync = gym.make_vec(
            scalar_id, 3, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **arguments
        )
        for one, other in zip(run(native, 70), run(sync, 70), strict=True):
            if scalar_id != env_id and len(one) == 5:
                one, other = (outputs[:1] + outputs[2:] for outputs in (one, other))
            assert_equal_outputs(one, other)


# The metrics of an episode


@given(decisions=flags, seed=st.integers(0, 2**32))
def test_the_metrics_are_those_of_the_metrics_room(decisions: np.ndarray, seed: int) -> None:
    labels = np.random.default_rng(seed).random(len(decisions)) < 0.4
    events = find_events([Detection(np.zeros(len(labels), np.float32), decisions, labels)])
    assert dict(zip(EPISODE_METRICS, episode_metrics(decisions, labels).tolist(), strict=True)) == {
        **dict(zip(("precision", "recall", "f1"), precision_recall_f1(decisions, labels), strict=True)),
        "events": events.found + events.missed,
        "events_found": events.found,
        "false_alarms": events.false_segments,
    }


@st.composite
def episodes(draw: st.DrawFn) -> tuple[ScoredSeries, int, list[tuple[int, int]], int]:
    """Draw a series, k, and of several episodes in it the start and the number of windows."""
    labels, k = draw(flags.filter(lambda given: len(given) > 3)), draw(st.integers(1, 3))
    k = min(k, len(labels) - 2)
    starts = draw(st.lists(st.integers(0, len(labels) - k - 1), min_size=1, max_size=4))
    spans = [(start, draw(st.integers(k, len(labels) - start))) for start in starts]
    return ScoredSeries(np.full(len(labels), 0.5), labels), k, spans, draw(st.integers(0, 2**32))


@settings(deadline=None)
@given(episodes())
def test_a_tally_counts_what_the_metrics_room_measures(
    case: tuple[ScoredSeries, int, list[tuple[int, int]], int],
) -> None:
    series, k, spans, seed = case
    random = np.random.default_rng(seed)
    tally, n = Tally(mdp_of((series,), k, 0.9, 0.1), len(spans)), len(spans)
    tally.restart(np.arange(n))
    decided = [np.zeros(k, dtype=bool) for _ in spans]
    for t in range(k, max(windows for _, windows in spans)):
        envs = np.array([i for i, (_, windows) in enumerate(spans) if t < windows])
        decisions = random.random(len(envs)) < 0.5
        tally.judged(envs, np.array([series.labels[spans[i][0] + t] for i in envs]), decisions)
        for i, decision in zip(envs, decisions, strict=True):
            decided[i] = np.append(decided[i], decision)
    start = np.array([start for start, _ in spans])
    found = tally.metrics(np.arange(n), start, start + [windows for _, windows in spans])
    for i, (first, windows) in enumerate(spans):
        assert found[i].tolist() == episode_metrics(decided[i], series.labels[first : first + windows]).tolist()


@pytest.mark.parametrize("compiled", [True, False], ids=["numba", "numpy"])
def test_at_an_episodes_end_there_are_its_metrics(several: list[ScoredSeries], compiled: bool) -> None:
    with patch.object(vector, "COMPILE", compiled):
        env = gym.make_vec("ADT-v0", 3, series=several, episode_windows=12)
    _, info = env.reset(seed=5)
    assert info["episode_metrics"].tolist() == [UNTOLD] * 3
    random, ends = np.random.default_rng(0), 0
    decided: list[list[bool]] = [[False, False] for _ in range(3)]
    for _ in range(100):
        _, _, terminated, truncated, info = env.step(random.integers(2, size=3))
        for i in range(3):
            if info["t"][i] < 0:
                decided[i] = [False, False]
                continue
            decided[i].append(info["decision"][i])
            if terminated[i] or truncated[i]:
                start = info["start"][i]
                labels = several[info["series"][i]].truth[start : start + len(decided[i])]
                assert len(labels) == len(decided[i])
                expected = episode_metrics(np.array(decided[i]), labels)
                assert info["episode_metrics"][i].tolist() == expected.tolist()
                ends += 1
            else:
                assert info["episode_metrics"][i].tolist() == UNTOLD
    assert ends > 12


# max_episode_steps


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("env_id", ["ADT-v0", "ADT-Context-v0", "ADT-Samples-v0"])
@pytest.mark.parametrize("changes", [{}, {"hold": 3}, {"label_noise": 0.3}, {"hold": 3, "label_noise": 0.3}], ids=str)
def test_a_limit_of_steps_truncates_as_a_time_limit_does(
    env_id: str, mode: AutoresetMode, changes: dict[str, Any], several: list[ScoredSeries]
) -> None:
    """But for the metrics, which a wrapper that ends the episode cannot ask for."""
    arguments = arguments_of(env_id, several) | (changes if env_id != "ADT-Samples-v0" else {})
    limit = 5
    native = gym.make_vec(env_id, 3, autoreset_mode=mode, max_episode_steps=limit, **arguments)
    sync = gym.make_vec(
        env_id,
        3,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        max_episode_steps=limit,
        **arguments,
    )
    assert isinstance(sync.unwrapped.envs[0], TimeLimit)  # type: ignore[attr-defined]
    truncations = 0
    for one, other in zip(run(native, 60), run(sync, 60), strict=True):
        for info in (one[-1], other[-1]):
            for told in (info, info.get("final_info", {})):
                told.pop("episode_metrics", None)
        assert_equal_outputs(one, other)
        truncations += int(one[3].sum()) if len(one) == 5 else 0
    assert truncations > 12


@pytest.mark.parametrize("env_id", [one for one in gym.registry if one.startswith(("ADT-", "mo-adt-"))])
def test_every_id_takes_a_limit_of_steps(env_id: str) -> None:
    env = gym.make_vec(env_id, 2, max_episode_steps=3)
    env.reset(seed=0)
    truncated = [env.step(env.action_space.sample())[3].tolist() for _ in range(3)]
    assert truncated == [[False] * 2, [False] * 2, [True] * 2]


def test_a_limit_of_steps_ends_an_episode_with_its_metrics(make_series: MakeSeries) -> None:
    series = make_series(40)
    env = gym.make_vec("ADT-v0", 2, series=series, max_episode_steps=6)
    env.reset(seed=0)
    for _ in range(6):
        *_, terminated, truncated, info = env.step(np.zeros(2, dtype=np.int64))
    assert (terminated.tolist(), truncated.tolist()) == ([False] * 2, [True] * 2)
    flagged = np.arange(8) >= 2
    assert info["episode_metrics"].tolist() == [episode_metrics(flagged, series.truth[:8]).tolist()] * 2


def test_a_limit_beyond_the_end_changes_nothing_and_minus_one_is_none(several: list[ScoredSeries]) -> None:
    plain = run(gym.make_vec("ADT-v0", 2, series=several), 60)
    for limit in (10_000, -1, None):
        for one, other in zip(
            plain, run(gym.make_vec("ADT-v0", 2, series=several, max_episode_steps=limit), 60), strict=True
        ):
            assert_equal_outputs(one, other)
    for limit in (0, -2, 1.5, "five"):
        with pytest.raises(InputError, match="max_episode_steps"):
            gym.make_vec("ADT-v0", 2, series=several, max_episode_steps=limit)
