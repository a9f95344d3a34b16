from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import adt_gym
from adt_gym import InputError
from adt_gym.agents import zoo
from adt_gym.envs import task
from adt_gym.evaluation.bench import results
from adt_gym.evaluation.leaderboard import read_entry
from adt_gym.report.video import film

BOARD = Path(__file__).parents[2] / "docs" / "leaderboard"


def test_every_packaged_agent_is_of_a_condition() -> None:
    folder = Path(adt_gym.__file__).parent / "data" / "zoo"
    assert "alerts-10" in zoo.conditions()
    assert {one.name for one in folder.glob("*.npz")} == {f"dqn-{one}-0.npz" for one in zoo.conditions()}


@pytest.mark.parametrize("condition", zoo.conditions())
def test_a_packaged_agent_is_the_first_seed_of_the_leaderboard(condition: str) -> None:
    committed = read_entry(BOARD / "dqn.json").under(condition)
    assert committed is not None
    (found,) = results(zoo.actor(condition), [condition])
    assert found.composite_f1[0] == pytest.approx(committed.composite_f1[0], abs=1e-6)
    assert found.f1[0] == pytest.approx(committed.f1[0], abs=1e-6)


def test_as_a_method_it_does_what_it_does_in_the_environment() -> None:
    env: Any = gym.make("ADT-Bench-v0", split="test")
    actor, series = zoo.actor(), task.series_of("test")[20]
    observation, _ = env.reset(options={"series": series.name})
    thresholds, over = [1.0, 1.0], False
    while not over:
        observation, _, over, _, info = env.step(actor.predict(observation)[0])
        thresholds.append(info["threshold"])
    assert zoo.policy().detect(series).thresholds.tolist() == thresholds
    assert len(set(thresholds)) > 3


def test_an_agent_that_is_not_there() -> None:
    with pytest.raises(InputError, match="condition"):
        zoo.actor("full-2")


def test_a_film_has_a_frame_for_every_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    film(zoo.actor(), tmp_path / "agent.gif", "alerts-10", "yahoo_like_42", 5, 4)
    with Image.open(tmp_path / "agent.gif") as image:
        assert (image.n_frames, image.size) == (4, (600, 400))
        first = np.asarray(image.convert("RGB"))
        image.seek(3)
        assert (np.asarray(image.convert("RGB")) != first).any()
    assert (Path(__file__).parents[2] / "docs" / "figures" / "agent.gif").stat().st_size < 1.5e6
