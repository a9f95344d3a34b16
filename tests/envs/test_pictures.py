"""Pictures of vector environments."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

import adt_gym  # noqa: F401
from adt_gym import ScoredSeries
from adt_gym.envs.pictures import grid
from adt_gym.envs.rendering import HEIGHT, WIDTH

MakeSeries = Callable[..., ScoredSeries]


def native(num_envs: int, env_id: str = "ADT-v0", **arguments: Any) -> Any:
    return gym.make_vec(env_id, num_envs, render_mode="rgb_array", **arguments)


@pytest.mark.parametrize("mode", list(AutoresetMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("arguments", [{}, {"hold": 3}, {"label_noise": 0.3, "change_cost": 0.5}], ids=str)
@pytest.mark.parametrize("env_id", ["ADT-v0", "mo-adt-v0"])
def test_pictures_are_those_of_sync(
    env_id: str, several: list[ScoredSeries], mode: AutoresetMode, arguments: dict[str, Any]
) -> None:
    made = {"series": several, "episode_windows": 9, **arguments}
    ours = native(3, env_id, autoreset_mode=mode, **made)
    sync = gym.make_vec(
        "ADT-v0",
        3,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        render_mode="rgb_array",
        **made,
    )
    over = np.zeros(3, dtype=bool)
    for env in (ours, sync):
        env.reset(seed=3)
    for i, actions in enumerate(np.random.default_rng(0).integers(2, size=(14, 3))):
        if mode is AutoresetMode.DISABLED and over.any():
            for env in (ours, sync):
                env.reset(options={"reset_mask": over.copy()})
        if i % 3 == 0:
            drawn, expected = ours.render(), sync.render()
            assert isinstance(drawn, tuple)
            assert len(drawn) == 3
            np.testing.assert_array_equal(drawn, expected)
        _, _, terminated, truncated, _ = ours.step(actions)
        sync.step(actions)
        over = terminated | truncated


def test_of_more_than_sixteen_there_is_a_grid_of_the_first(several: list[ScoredSeries]) -> None:
    many, few = native(20, series=several), native(16, series=several)
    for env in (many, few):
        env.reset(seed=1)
        env.step(np.arange(env.num_envs) % 2)
    drawn, alone = many.render(), few.render()
    assert len(drawn) == 20
    assert all(one is drawn[0] for one in drawn)
    assert (drawn[0].shape, drawn[0].dtype) == ((2 * HEIGHT, 2 * WIDTH, 3), np.uint8)
    for i, picture in enumerate(alone):
        top, left = i // 4 * (HEIGHT // 2), i % 4 * (WIDTH // 2)
        part = drawn[0][top : top + HEIGHT // 2, left : left + WIDTH // 2]
        assert np.abs(part.astype(int) - picture[::2, ::2]).mean() < 8
        assert part[7, 3].tolist() == (picture[14:16, 6:8].astype(int).sum(axis=(0, 1)) // 4).tolist()
    assert grid(list(alone)).tobytes() == drawn[0].tobytes()


@pytest.mark.parametrize(("num_envs", "first_only"), [(4, False), (20, True)])
def test_record_video_for_vectors_films_them(
    num_envs: int, first_only: bool, make_series: MakeSeries, tmp_path: Path
) -> None:
    wrappers = pytest.importorskip("gymnasium.wrappers.vector")
    if not hasattr(wrappers, "RecordVideo"):
        pytest.skip("Gymnasium before 1.2 films no vectors")
    env = wrappers.RecordVideo(
        native(num_envs, series=make_series(12)),
        str(tmp_path),
        episode_trigger=lambda episode: True,
        record_first_only=first_only,
    )
    env.reset(seed=0)
    for _ in range(12):
        env.step(env.action_space.sample())
    env.close()
    films = list(tmp_path.glob("*.mp4"))
    assert films
    assert all(film.stat().st_size > 0 for film in films)


def test_rendering_changes_nothing_and_without_it_there_is_none(several: list[ScoredSeries]) -> None:
    shown, plain = native(3, series=several), gym.make_vec("ADT-v0", 3, series=several)
    with pytest.raises(ResetNeeded):
        shown.render()
    np.testing.assert_equal(shown.reset(seed=0), plain.reset(seed=0))
    for actions in np.random.default_rng(0).integers(2, size=(40, 3)):
        np.testing.assert_equal(shown.step(actions), plain.step(actions))
    with pytest.warns(UserWarning, match="nothing to render"):
        assert plain.render() is None
