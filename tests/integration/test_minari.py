from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym import ScoredSeries

minari = pytest.importorskip("minari", reason="Minari is not installed")
pytest.importorskip("pyarrow", reason="Minari keeps data sets in Arrow files here")

Play = Callable[[gym.Env[Any, Any], int], Iterator[tuple[Any, ...]]]
SERIES = "yahoo_like_1"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


def assert_holds(episode: Any, played: list[tuple[Any, ...]]) -> None:
    """The episode read from disk is the one that was played, entry for entry."""
    (first,), *steps = played
    actions, observations, rewards, terminated, truncated = zip(*steps, strict=True)
    np.testing.assert_array_equal(episode.observations, [first, *observations])
    np.testing.assert_array_equal(episode.actions, actions)
    np.testing.assert_array_equal(episode.rewards, rewards)
    np.testing.assert_array_equal(episode.terminations, terminated)
    np.testing.assert_array_equal(episode.truncations, truncated)


def test_the_example_learns(
    assert_learns: Callable[[str, int], Any],
    example: Callable[[str], Any],
    easy: ScoredSeries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    easy.save(tmp_path / "easy.npz")
    monkeypatch.setattr(example("minari_offline"), "SOURCE", str(tmp_path / "easy.npz"))
    assert_learns("minari_offline", 4_000)


def test_a_data_set_of_buffers_is_read_as_it_was_played(example: Callable[[str], Any], play: Play) -> None:
    offline = example("minari_offline")
    offline.collect([SERIES], steps=3 * offline.EPISODE_WINDOWS)
    dataset = minari.load_dataset(offline.DATASET)
    assert dataset.total_episodes == 3
    env = gym.make("ADT-v0", episode_windows=offline.EPISODE_WINDOWS)
    env.action_space.seed(offline.SEED)
    for i, episode in enumerate(dataset.iterate_episodes()):
        played: list[tuple[Any, ...]] = [(env.reset(seed=i, options={"series": SERIES})[0],)]
        for action in episode.actions:
            assert action == env.action_space.sample()
            played.append((action, *env.step(action)[:4]))
        assert_holds(episode, played)
        assert episode.terminations[-1] or episode.truncations[-1]


def test_the_environment_comes_back_from_the_data_set(example: Callable[[str], Any]) -> None:
    offline = example("minari_offline")
    dataset = offline.collect([SERIES], steps=offline.EPISODE_WINDOWS)
    env = minari.load_dataset(offline.DATASET).recover_environment()
    assert env.spec.id == "ADT-v0"
    assert env.unwrapped.settings.episode_windows == offline.EPISODE_WINDOWS
    assert (dataset.observation_space, dataset.action_space) == (env.observation_space, env.action_space)


@pytest.mark.parametrize("env_id", ["ADT-v0", "ADT-Continuous-v0", "ADT-Context-v0"])
@pytest.mark.parametrize("hold", [1, 3])
def test_the_collector_keeps_what_was_played_and_told(env_id: str, hold: int, play: Play) -> None:
    pytest.importorskip("jax", reason="minari.DataCollector needs JAX (the extra minari[create])")
    arguments: dict[str, Any] = {"series": SERIES, "episode_windows": 30, "hold": hold}
    plain, told = gym.make(env_id, **arguments), gym.make(env_id, **arguments)
    collector = minari.DataCollector(gym.make(env_id, **arguments), data_format="arrow", record_infos=True)
    for seed in range(3):
        list(play(collector, seed))
    collector.create_dataset("adt/collected-v0", eval_env=plain)
    for seed, episode in enumerate(minari.load_dataset("adt/collected-v0").iterate_episodes()):
        assert_holds(episode, list(play(plain, seed)))
        infos = [told.reset(seed=seed)[1], *(told.step(action)[-1] for action in episode.actions)]
        assert set(episode.infos) == set(infos[0])
        for key, values in episode.infos.items():
            np.testing.assert_array_equal(values, [info[key] for info in infos], err_msg=key)
