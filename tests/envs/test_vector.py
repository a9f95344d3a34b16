import copy
import pickle
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from unittest.mock import patch

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import NaiveMDP
from numpy.typing import NDArray
from vectors import Outputs, assert_equal_outputs, run, sync

from adt_gym import InputError, ScoredSeries
from adt_gym.envs import vector
from adt_gym.envs.memory import CountedEpisodes, TabulatedEpisodes
from adt_gym.mdp import mdp
from adt_gym.stream.feedback import OUTCOMES

MakeSeries = Callable[..., ScoredSeries]

ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"episode_windows": 9},
    {"hold": 4},
    {"hold": 3, "episode_windows": 10, "k": 3},
    {"k": 1, "alpha": 0.3, "beta": 0.7},
    {"k": 10, "episode_windows": 12},
]
MODES = list(AutoresetMode)


@pytest.fixture(autouse=True, scope="module", params=["numba", "numpy"])
def compiled(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Everything in this file holds with and without the compiled loops."""
    if request.param == "numba":
        pytest.importorskip("numba")
    with patch.object(vector, "COMPILE", request.param == "numba"):
        yield vector.COMPILE


def native(num_envs: int, **arguments: Any) -> VectorEnv[Any, Any, Any]:
    return gym.make_vec("ADT-v0", num_envs=num_envs, **arguments)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize(
    ("num_envs", "max_table_rows"),
    [(1, mdp.MAX_TABLE_ROWS), (7, mdp.MAX_TABLE_ROWS), (7, 0)],
    ids=["1 tabulated", "7 tabulated", "7 counted"],
)
def test_native_equals_sync_through_episode_ends(
    several: list[ScoredSeries],
    monkeypatch: pytest.MonkeyPatch,
    mode: AutoresetMode,
    arguments: dict[str, Any],
    num_envs: int,
    max_table_rows: int,
) -> None:
    monkeypatch.setattr(mdp, "MAX_TABLE_ROWS", max_table_rows)
    env = native(num_envs, series=several, autoreset_mode=mode, **arguments)
    assert isinstance(env.unwrapped._memory, CountedEpisodes if max_table_rows == 0 else TabulatedEpisodes)  # type: ignore[attr-defined]
    outputs = run(env, 150)
    expected = run(sync(num_envs, mode, series=several, **arguments), 150)
    assert len(outputs) == len(expected)
    for one, other in zip(outputs, expected, strict=True):
        assert_equal_outputs(one, other)
    ends = sum(int((step[2] | step[3]).sum()) for step in outputs if len(step) == 5)
    assert ends >= 3 * num_envs


def test_native_equals_sync_for_one_series_and_a_list_of_seeds(make_series: MakeSeries) -> None:
    series, seeds = make_series(30), [5, 5, 9]
    arguments = {"series": series, "episode_windows": 8}
    outputs = run(native(3, **arguments), 60, seeds)
    expected = run(sync(3, AutoresetMode.NEXT_STEP, **arguments), 60, seeds)
    for one, other in zip(outputs, expected, strict=True):
        assert_equal_outputs(one, other)
    np.testing.assert_array_equal(outputs[0][0][0], outputs[0][0][1])


def test_native_equals_spawned_workers(several: list[ScoredSeries]) -> None:
    workers = gym.make_vec(
        "ADT-v0",
        2,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn"},
        series=several,
        episode_windows=9,
    )
    try:
        expected = run(workers, 40)
    finally:
        workers.close()
    for one, other in zip(run(native(2, series=several, episode_windows=9), 40), expected, strict=True):
        assert_equal_outputs(one, other)


@pytest.mark.parametrize(("arguments", "fused"), [({}, True), ({"hold": 2}, False), ({"k": 30}, False)], ids=str)
def test_which_environments_are_compiled(
    make_series: MakeSeries, compiled: bool, arguments: dict[str, Any], fused: bool
) -> None:
    memory = native(2, series=make_series(), **arguments).unwrapped._memory  # type: ignore[attr-defined]
    assert (type(memory).__name__ == "FusedEpisodes") == (compiled and fused)


def test_loops_compile_where_their_cache_has_no_place() -> None:
    pytest.importorskip("numba")
    from adt_gym.compiling import jit

    assert jit(eval("lambda number: number + 1"))(2) == 3  # typed in, so no folder to keep it beside


@st.composite
def naive_episodes(draw: st.DrawFn) -> tuple[ScoredSeries, list[NaiveMDP], dict[str, Any], int]:
    k, hold = draw(st.integers(1, 50)), draw(st.integers(1, 100))
    windows = draw(st.integers(k + 2, k + 80))
    random = Random(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from((0.0, 0.1, 0.5, 1.0)))
    series = ScoredSeries(
        np.array([random.random() for _ in range(windows)]), np.array([random.random() < share for _ in range(windows)])
    )
    alpha = draw(st.floats(0, 1))
    cropped = draw(st.none() | st.integers(k + 2, windows))
    start = draw(st.integers(0, windows - k - 1))
    stop = None if cropped is None else min(start + cropped, windows)
    scores, labels = series.scores.tolist(), series.labels.tolist()
    episodes = [NaiveMDP(scores, labels, k, alpha, 1 - alpha, hold, start, stop) for _ in range(3)]
    arguments = {"k": k, "alpha": alpha, "beta": 1 - alpha, "hold": hold, "episode_windows": cropped}
    # A table of this size serves small k; 0 leaves every k to the running counts.
    return series, episodes, arguments, draw(st.sampled_from((0, 1 << 16)))


@settings(deadline=None, max_examples=100)
@given(case=naive_episodes(), seed=st.integers(0, 2**32))
def test_env_equals_the_naive_mdp(case: tuple[ScoredSeries, list[NaiveMDP], dict[str, Any], int], seed: int) -> None:
    series, episodes, arguments, max_table_rows = case
    with patch.object(mdp, "MAX_TABLE_ROWS", max_table_rows):
        env = native(3, series=series, autoreset_mode="Disabled", **arguments)
    observations, info = env.reset(options={"start": episodes[0].start})
    np.testing.assert_allclose(observations, [naive.reset() for naive in episodes], atol=1e-7)
    assert info["start"].tolist() == [episodes[0].start] * 3
    random, over = Random(seed), False
    while not over:
        actions = [random.randrange(2) for _ in episodes]
        expected = [naive.step(action) for naive, action in zip(episodes, actions, strict=True)]
        observations, rewards, terminated, truncated, info = env.step(np.array(actions))
        np.testing.assert_allclose(observations, [step.observation for step in expected], atol=1e-7)
        np.testing.assert_allclose(rewards, [step.reward for step in expected], atol=1e-12)
        assert terminated.tolist() == [step.terminated for step in expected]
        assert truncated.tolist() == [step.truncated for step in expected]
        for i, step in enumerate(expected):
            for key in ("t", "threshold", "decision", "label", "outcome"):
                assert info[f"_{key}"][i]
                judged = np.atleast_1d(info[key][i])[: len(step.windows)].tolist()
                judged = [OUTCOMES[code] for code in judged] if key == "outcome" else judged
                assert judged == [getattr(window, key) for window in step.windows]
        over = expected[0].terminated or expected[0].truncated


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("arguments", [*ARGUMENTS, {"label_noise": 0.2, "episode_windows": 9}], ids=str)
def test_outcomes_are_adts_and_weighed_they_are_its_rewards(
    several: list[ScoredSeries], mode: AutoresetMode, arguments: dict[str, Any]
) -> None:
    arguments = {"series": several, "autoreset_mode": mode, **arguments}
    outcomes = run(gym.make_vec("mo-adt-v0", 5, **arguments), 100)
    alpha, beta = arguments.get("alpha", 0.9), arguments.get("beta", 0.1)
    for one, other in zip(outcomes, run(native(5, **arguments), 100), strict=True):
        if len(one) == 5:
            assert one[1].shape == (5, 4)
            assert one[1].dtype == np.float32
            one = (one[0], one[1] @ np.array([alpha, beta, -alpha, -alpha]), *one[2:])
        assert_equal_outputs(one, other)


# What users build on


@pytest.mark.filterwarnings("error")
def test_a_thousand_environments_on_the_packaged_default() -> None:
    env = gym.make_vec("ADT-v0", num_envs=1024)
    observations, _ = env.reset(seed=0)
    assert observations in env.observation_space
    assert env.observation_space.shape == (1024, 6)
    assert env.action_space.shape == (1024,)
    observations, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
    assert observations in env.observation_space
    assert rewards.dtype == np.float64
    assert terminated.dtype == truncated.dtype == bool
    assert rewards.shape == terminated.shape == truncated.shape == (1024,)


def test_it_is_native_and_next_step_by_default(make_series: MakeSeries) -> None:
    env = native(2, series=make_series())
    assert type(env.unwrapped).__module__ == "adt_gym.envs.vector"
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


@pytest.mark.parametrize("arguments", [{}, {"episode_windows": 9}], ids=str)
def test_environment_i_draws_as_the_scalar_one_with_seed_plus_i(
    several: list[ScoredSeries], arguments: dict[str, Any]
) -> None:
    env = native(4, series=several, **arguments)
    scalars = [gym.make("ADT-v0", series=several, **arguments) for _ in range(4)]
    for seed in (100, None, None, None, 7, None):
        _, info = env.reset(seed=seed)
        for i, scalar in enumerate(scalars):
            _, drawn = scalar.reset(seed=None if seed is None else seed + i)
            assert (info["series"][i], info["start"][i]) == (drawn["series"], drawn["start"])


def test_reset_options_pick_for_every_environment(several: list[ScoredSeries]) -> None:
    _, info = native(5, series=several, episode_windows=8).reset(options={"series": "random_2", "start": 6})
    assert info["series"].tolist() == [2] * 5
    assert info["start"].tolist() == [6] * 5


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("arguments", [{}, {"hold": 3}, {"k": 30}], ids=str)
def test_returned_arrays_are_fresh(make_series: MakeSeries, mode: AutoresetMode, arguments: dict[str, Any]) -> None:
    def scribbled(outputs: Outputs) -> Outputs:
        """Return a copy, and overwrite the original as a careless user may."""
        kept = copy.deepcopy(outputs)
        for array in [*outputs[:-1], *(v for v in outputs[-1].values() if isinstance(v, np.ndarray))]:
            assert array.base is None
            if not array.flags.writeable:
                continue  # what infos share cannot be overwritten
            array[...] = np.zeros((), dtype=array.dtype) if array.dtype != bool else ~array
        return kept

    series = [make_series(40, 1), make_series(45, 2)]
    env = native(3, series=series, autoreset_mode=mode, **arguments)
    other = native(3, series=series, autoreset_mode=mode, **arguments)
    assert_equal_outputs(scribbled(env.reset(seed=0)), other.reset(seed=0))
    for actions in np.random.default_rng(0).integers(2, size=(100, 3)):
        expected = other.step(actions)
        assert_equal_outputs(scribbled(env.step(actions)), expected)
        over = expected[2] | expected[3]
        if mode is AutoresetMode.DISABLED and over.any():
            mask = {"reset_mask": over.copy()}
            assert_equal_outputs(scribbled(env.reset(options=mask)), other.reset(options={"reset_mask": over}))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])  # noqa: S301
@pytest.mark.parametrize("arguments", [{}, {"hold": 3}, {"k": 30}], ids=str)
def test_a_copy_made_mid_episode_continues_identically(
    make_series: MakeSeries, arguments: dict[str, Any], copied: Callable[[Any], Any]
) -> None:
    env = native(3, series=[make_series(40, 1), make_series(45, 2)], **arguments)
    run(env, 20)
    other = copied(env)
    for actions in np.random.default_rng(0).integers(2, size=(100, 3)):
        assert_equal_outputs(other.step(actions), env.step(actions))


# Restarting by hand


def finish(env: VectorEnv[Any, Any, Any]) -> NDArray[np.bool_]:
    """Step until some episode is over; return which."""
    while True:
        _, _, terminated, truncated, _ = env.step(np.zeros(env.num_envs, dtype=np.int64))
        if (terminated | truncated).any():
            return terminated | truncated


def test_disabled_autoreset_refuses_to_step_what_is_over(several: list[ScoredSeries]) -> None:
    env = native(6, series=several, autoreset_mode="Disabled")
    env.reset(seed=1)
    over = finish(env)
    assert not over.all()
    with pytest.raises(ResetNeeded, match=str(int(over.argmax()))):
        env.step(np.zeros(6, dtype=np.int64))
    env.reset(options={"reset_mask": over})
    env.step(np.zeros(6, dtype=np.int64))


def test_a_masked_reset_leaves_the_others_alone(several: list[ScoredSeries]) -> None:
    env = native(6, series=several, autoreset_mode="Disabled")
    env.reset(seed=1)
    before, *_ = env.step(np.zeros(6, dtype=np.int64))
    mask = np.array([True, False, False, True, False, False])
    options = {"reset_mask": mask, "start": 4}
    after, info = env.reset(options=options)
    np.testing.assert_array_equal(after[~mask], before[~mask])
    np.testing.assert_array_equal(info["_start"], mask)
    assert info["start"][mask].tolist() == [4, 4]
    assert set(options) == {"reset_mask", "start"}
    *_, info = env.step(np.zeros(6, dtype=np.int64))
    assert info["t"].tolist() == [6, 3, 3, 6, 3, 3]


# Bad input


@pytest.mark.parametrize(
    "actions",
    [
        [0, 1],
        [0, 1, 2],
        [-1, 0, 1],
        [0.0, 1.0, 1.0],
        [0, None, 1],
        ["a", "b", "c"],
        [True, False, True],
        [[0], [1], [0]],
        1,
        None,
        np.array([0, 1, 2**40]),
    ],
    ids=str,
)
def test_actions_outside_the_space(make_series: MakeSeries, actions: Any) -> None:
    env = native(3, series=make_series())
    env.reset()
    with pytest.raises(InvalidAction):
        env.step(actions)
    assert env.step([0, 1, 1])[-1]["t"].tolist() == [2, 2, 2]


def test_no_step_before_reset(make_series: MakeSeries) -> None:
    env = native(2, series=make_series(), autoreset_mode="Disabled")
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(2, dtype=np.int64))
    with pytest.raises(ResetNeeded):
        env.reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize(
    "mask",
    [np.array([True]), np.array([0, 1, 1]), [True, False, True], np.zeros(3, dtype=bool)],
    ids=str,
)
def test_bad_reset_masks(make_series: MakeSeries, mask: Any) -> None:
    env = native(3, series=make_series(), autoreset_mode="Disabled")
    env.reset()
    with pytest.raises(InputError, match="reset_mask"):
        env.reset(options={"reset_mask": mask})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_envs": 0}, "num_envs must be at least 1, got 0"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"hold": 0}, "hold must be at least 1, got 0"),
        ({"alpha": 0.5, "beta": 0.4}, r"0\.5 and 0\.4"),
        ({"episode_windows": 3}, "got 3"),
        ({"k": 39}, "'random_0' has 40 windows"),
        ({"series": "nobody"}, "'nobody'"),
        ({"render_mode": "human"}, "render_mode of a vector environment.*rgb_array"),
    ],
)
def test_bad_arguments(make_series: MakeSeries, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gym.make_vec("ADT-v0", **{"num_envs": 2, "series": make_series(40), **changes})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1, 2]}, "2 seeds for 3"),
        ({"options": {"series": "nobody"}}, "'nobody'"),
        ({"options": {"start": 39}}, "start 39.*'random_0'"),
        ({"options": {"mask": None}}, "'mask'"),
    ],
)
def test_bad_resets(make_series: MakeSeries, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        native(3, series=make_series(40)).reset(**arguments)
