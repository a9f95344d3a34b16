import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import yaml

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.actor import ALGORITHMS, Actor
from adt_gym.envs import task
from adt_gym.evaluation.bench import results
from adt_gym.evaluation.leaderboard import read_entry
from adt_gym.experiments import zoo, zoo_tuning
from adt_gym.registry import load
from adt_gym.threads import one_thread

ROOT = Path(__file__).parents[2]
FILES = ROOT / "zoo" / "hyperparams"


@pytest.fixture
def short_series() -> Iterator[None]:
    """The packaged family cut short, so that judging takes no time."""

    def cut(split: str, count: int) -> tuple[ScoredSeries, ...]:
        busiest = sorted(task.series_of(split), key=lambda one: -one.truth.sum())[:count]
        return tuple(one[max(int(np.argmax(one.truth)) - 60, 0) :][:150] for one in busiest)

    parts = task.Parts(cut("fit", 3), cut("validation", 2), cut("test", 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task.families, "_entries", dict(task.families._entries))
        task.families._entries.pop("yahoo_like")
        task.families.register("yahoo_like", lambda: parts)
        yield


def quick(algorithm: str, condition: str, steps: int = 256) -> dict[str, Any]:
    """Return the hyper-parameters of the zoo for a training of no time."""
    settings = zoo.hyperparameters(FILES / f"{algorithm}.yml", zoo.id_of(algorithm, condition))
    settings |= {"n_timesteps": steps, "learning_starts": 64, "n_steps": 16, "batch_size": 32, "n_epochs": 1}
    known = {"dqn": ("n_steps", "n_epochs"), "ppo": ("learning_starts",), "ppo_lstm": ("learning_starts",)}
    for name in known.get(algorithm, ("n_steps", "n_epochs")):
        del settings[name]
    return settings


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_there_are_hyper_parameters_for_every_condition(algorithm: str) -> None:
    for condition in task.CONDITIONS:
        env_id = zoo.id_of(algorithm, condition)
        settings = zoo.hyperparameters(FILES / f"{algorithm}.yml", env_id)
        assert settings["n_timesteps"] >= 25_000
        continuous = isinstance(gym.make(env_id).action_space, gym.spaces.Box)
        assert continuous == (algorithm in ("sac", "tqc"))


def test_rl_zoo3_on_the_command_line_trains_what_the_zoo_trains(tmp_path: Path) -> None:
    file = tmp_path / "dqn.yml"
    file.write_text(yaml.safe_dump({"ADT-Bench-full-10-v0": quick("dqn", "full-10")}))
    words = [*zoo.words_of("dqn", "full-10", 3, file), "--log-folder", str(tmp_path / "theirs")]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-P", "-m", "rl_zoo3.train", *words], check=True, env=os.environ | path, capture_output=True
    )
    with one_thread():
        ours = zoo.train("dqn", "full-10", 3, file, tmp_path / "ours")
    theirs = Actor.of_zip(tmp_path / "theirs/dqn/ADT-Bench-full-10-v0_1/ADT-Bench-full-10-v0.zip", "dqn", 21)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    again = Actor(ours.weights)
    assert any((one != 0).any() for one in again.weights)


@pytest.mark.parametrize("algorithm", ["qrdqn", "ppo_lstm", "sac"])
def test_training_fills_in_what_the_leaderboard_lacks(
    algorithm: str, short_series: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, board, out = tmp_path / "files", tmp_path / "board", tmp_path / "out"
    files.mkdir()
    settings = quick(algorithm, "never")
    ids = [zoo.id_of(algorithm, one) for one in ("never", "full-60")]
    (files / f"{algorithm}.yml").write_text(yaml.safe_dump(dict.fromkeys(ids, settings)))

    def train(conditions: list[str], seeds: int) -> None:
        with one_thread():
            zoo.train_all([algorithm], conditions, range(seeds), files, out, board, 0, tmp_path / "agents")

    train(["never"], 2)
    entry = read_entry(board / f"{algorithm}.json")
    (found,) = entry.results
    assert (found.seeds, found.saw_labels, entry.sort) == ([0, 1], False, "zoo")
    assert entry.settings == {"never": settings}
    kept = sorted(out.glob("cells/*/agent.npz"))
    assert len(kept) == 2
    named = sorted((tmp_path / "agents").glob("*.npz"))
    assert [one.name for one in named] == [f"{algorithm}-never-{seed}.npz" for seed in (0, 1)]
    actors = [Actor.load(path) for path in kept]
    assert {one.inputs for one in actors} == {27}
    judged = [results(one, ["never"])[0].composite_f1[0] for one in actors]
    assert sorted(judged) == pytest.approx(sorted(found.composite_f1), abs=1e-6)
    train(["never"], 2)
    assert "were finished" not in capsys.readouterr().out  # nothing was lacking
    train(["never", "full-60"], 3)
    assert "2 of 3 cells were finished before" in capsys.readouterr().out
    assert [one.condition for one in read_entry(board / f"{algorithm}.json").results] == ["full-60", "never"]


def test_tuning_reads_training_series_alone(
    short_series: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()
    series_of = task.series_of
    monkeypatch.setattr(task, "series_of", lambda *words: asked.add(words[0]) or series_of(*words))
    monkeypatch.setattr("adt_gym.envs.bench.series_of", task.series_of)
    said = list[str]()
    file = tmp_path / "dqn.yml"
    with one_thread():
        figure = zoo_tuning.tune("dqn", "full-10", 2, 1200, file, said.append)
    assert asked == {"fit", "validation"}
    assert len(said) == 2
    assert 0 <= figure <= 1
    text = file.read_text()
    assert "the best of 2 trials of 1,200 steps under full-10" in text
    known = yaml.safe_load(text)
    assert set(known) == {zoo.id_of("dqn", one) for one in task.CONDITIONS}
    assert json.dumps(known["ADT-Bench-never-v0"]) == json.dumps(known["ADT-Bench-full-1-v0"])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        zoo.hyperparameters(tmp_path / "none.yml", "ADT-Bench-v0")
    (tmp_path / "dqn.yml").write_text("other: {}\n")
    with pytest.raises(InputError, match="adt zoo tune"):
        zoo.hyperparameters(tmp_path / "dqn.yml", "ADT-Bench-v0")
    with pytest.raises(InputError, match="algorithm"):
        zoo.train("a2c", "never", 0, tmp_path / "dqn.yml", tmp_path)


def test_the_agent_in_jax_is_trained_and_judged_like_the_others(short_series: None, tmp_path: Path) -> None:
    files, board = tmp_path / "files", tmp_path / "board"
    files.mkdir()
    settings = {"total_steps": 256, "num_envs": 4, "num_steps": 16, "width": 4, "memory": 3}
    (files / "gru.yml").write_text(yaml.safe_dump({"ADT-Bench-full-60-v0": settings}))
    zoo.train_all(["gru"], ["full-60"], range(2), files, tmp_path / "out", board, 0, tmp_path / "agents")
    entry = read_entry(board / "gru.json")
    (found,) = entry.results
    assert entry.settings == {"full-60": settings}
    policies = [load("policy", tmp_path / "agents" / f"gru-full-60-{seed}.npz") for seed in (0, 1)]
    assert (policies[0].inputs, policies[0].outputs) == (35, 21)
    assert results(policies, ["full-60"])[0].f1 == pytest.approx(found.f1, abs=1e-6)
    for condition in task.CONDITIONS:
        zoo.hyperparameters(FILES / "gru.yml", zoo.id_of("gru", condition))
