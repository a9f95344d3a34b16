"""A person plays: key events are posted to the window of `gymnasium.utils.play`, which no screen shows."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from typer.testing import CliRunner

from adt_gym import InputError, ScoredSeries
from adt_gym.experiments.play import draw_part
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.scripts.__main__ import app

pygame = pytest.importorskip("pygame")
MakeSeries = Callable[..., ScoredSeries]


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    yield
    pygame.quit()


def press(key: str) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=ord(key)))


def release(key: str) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=ord(key)))


@pytest.mark.parametrize(
    ("env_id", "keys"), [("ADT-v0", "0110"), ("ADT-Levels-v0", "09ak0"), ("ADT-Blind-v0", "k0"), ("mo-adt-v0", "01")]
)
def test_each_key_takes_its_action(env_id: str, keys: str, make_series: MakeSeries) -> None:
    play = pytest.importorskip("gymnasium.utils.play").play
    env = gym.make(env_id, series=make_series(), render_mode="rgb_array")
    mapping, taken = env.get_wrapper_attr("get_keys_to_action")(), []

    def follow(before: Any, after: Any, action: int, *others: Any) -> None:
        taken.append((action, others[-1]["threshold"]))
        release(keys[len(taken) - 1])
        if len(taken) == len(keys):
            pygame.event.post(pygame.event.Event(pygame.QUIT))
        else:
            press(keys[len(taken)])

    press(keys[0])
    play(env, callback=follow, fps=1_000, wait_on_player=True)
    actions = [mapping[(ord(key),)] for key in keys]
    assert [action for action, _ in taken] == actions
    assert [threshold for _, threshold in taken] == [env.get_wrapper_attr("levels")[action] for action in actions]


def test_what_has_no_keys_says_so() -> None:
    for env in (gym.make("ADT-Continuous-v0"), gym.make("ADT-v0", thresholds=np.linspace(0, 1, 37).tolist())):
        with pytest.raises(InputError, match=r"a key stands for a level, and (any threshold may be set|there are 37)"):
            env.get_wrapper_attr("get_keys_to_action")()


def adt(*words: object) -> Any:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, ["play", "--fps", "60", *map(str, words)])


def test_the_person_stands_beside_the_rivals(make_series: MakeSeries, tmp_path: Path) -> None:
    series = make_series(20)
    series.save(tmp_path / "one.npz")
    press("0")
    result = adt("--series", tmp_path / "one.npz", "--windows", 20)
    assert result.exit_code == 0, result.output
    assert "0: 0, flags the window; 1: 1, does not" in result.output
    lines = [line.split() for line in result.output.splitlines()]
    you = next(line for line in lines if line[:1] == ["you"])
    expected = precision_recall_f1(np.arange(20) >= 2, series.truth)  # the first two are judged in passive mode
    assert [you[i] for i in (5, 6, 3)] == [f"{value:.3f}" for value in expected]
    assert {"persistence(1)", "static"} <= {line[0] for line in lines if line}


def test_who_presses_nothing_is_told(make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(20).save(tmp_path / "one.npz")
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE))
    result = adt("--series", tmp_path / "one.npz")
    assert result.exit_code == 2
    assert "no window was judged" in result.output


def test_a_missing_pygame_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.delitem(sys.modules, "gymnasium.utils.play", raising=False)
    result = adt()
    assert result.exit_code == 2
    assert "pygame" in result.output
    assert "adt-gym[render]" in result.output


def test_the_part_that_is_played_holds_an_anomaly() -> None:
    normal = ScoredSeries(np.full(50, 0.5), np.zeros(50, bool), "normal")
    rare = ScoredSeries(np.full(50, 0.5), np.arange(50) == 47, "rare")
    for seed in range(30):
        part, i = draw_part([normal, rare], 10, np.random.default_rng(seed))
        assert (i, len(part), part.truth.sum()) == (1, 10, 1)
        part, i = draw_part([normal], 80, np.random.default_rng(seed))
        assert (i, len(part)) == (0, 50)
