import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner, Result

from adt_gym import ScoredSeries
from adt_gym.agents import sb3
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.metrics.episode import EPISODE_METRICS
from adt_gym.scored_files import save_scored
from adt_gym.scripts.__main__ import app


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    labels = np.zeros(120, dtype=bool)
    labels[20:35] = labels[60:64] = labels[90:99] = True
    path = tmp_path / "scored.npz"
    save_scored(path, [ScoredSeries(random.random(120), labels, name) for name in ("one", "two")])
    return path


def adt(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def train(out: Path, scored: Path, *more: object, episodes: int = 60) -> Result:
    return adt("train", "--series", scored, "--episodes", episodes, "--out", out, *more)


def weights(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if name != "header"}


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def start(out: Path, scored: Path, episodes: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "adt_gym.scripts", "train", "--series", scored, "--episodes", episodes]
    command += ["--out", out, "--checkpoint-seconds", 0.05]
    return subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


@pytest.mark.parametrize("hold", [1, 7])
def test_a_resumed_agent_equals_one_that_never_stopped(tmp_path: Path, scored: Path, hold: int) -> None:
    def make() -> gym.Env:
        return gym.make("ADT-v0", series=str(scored), episode_windows=50)

    settings = {"hold": hold, "batch_size": 32, "target_update_interval": 9, "learning_rate": 1e-3}
    whole = ReferenceDQN(make(), seed=3, **settings)
    whole_reports: list = []
    whole.learn(40, whole_reports.append)

    class Stop(Exception):
        pass

    half = ReferenceDQN(make(), seed=3, **settings)
    reports: list = []

    def until_17(report: object) -> None:
        reports.append(report)
        if len(reports) == 17:
            raise Stop

    with pytest.raises(Stop):
        half.learn(40, until_17)
    half.save_checkpoint(tmp_path / "checkpoint.pt")
    resumed = ReferenceDQN.resume(tmp_path / "checkpoint.pt", make())
    resumed.learn(40, reports.append, resumed=True)

    assert reports == whole_reports
    assert (resumed.episodes, resumed.steps) == (whole.episodes, whole.steps)
    for name in ("observations", "next_observations", "actions", "rewards", "terminated"):
        np.testing.assert_array_equal(getattr(resumed.memory, name), getattr(whole.memory, name))
    for part in ("network", "target"):
        for one, other in zip(getattr(resumed, part).parameters(), getattr(whole, part).parameters(), strict=True):
            assert torch.equal(one, other)
    assert resumed.random.random() == whole.random.random()


def test_ctrl_c_saves_and_resuming_ends_as_if_never_stopped(tmp_path: Path, scored: Path) -> None:
    assert train(tmp_path / "whole", scored, episodes=2000).exit_code == 0
    process = start(tmp_path / "run", scored, episodes=2000)
    wait_for(tmp_path / "run" / "checkpoint.pt", process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "--resume" in output
    assert "Traceback" not in output
    assert not (tmp_path / "run" / "policy.npz").exists()
    assert train(tmp_path / "run", scored, "--resume", episodes=2000).exit_code == 0
    assert_same_weights(tmp_path / "run" / "policy.npz", tmp_path / "whole" / "policy.npz")


def test_a_killed_run_leaves_a_whole_checkpoint(tmp_path: Path, scored: Path) -> None:
    assert train(tmp_path / "whole", scored, episodes=2000).exit_code == 0
    process = start(tmp_path / "run", scored, episodes=2000)
    wait_for(tmp_path / "run" / "checkpoint.pt", process)
    process.kill()
    process.communicate()
    agent = ReferenceDQN.resume(tmp_path / "run" / "checkpoint.pt", gym.make("ADT-v0", series=str(scored)))
    assert 0 < agent.episodes < 2000
    assert train(tmp_path / "run", scored, "--resume", episodes=2000).exit_code == 0
    assert_same_weights(tmp_path / "run" / "policy.npz", tmp_path / "whole" / "policy.npz")


@pytest.mark.parametrize("agent", ["reference", "sb3-dqn", "sb3-ppo"])
def test_every_agent_is_trained_and_evaluated(tmp_path: Path, scored: Path, agent: str) -> None:
    trained = train(tmp_path / "run", scored, "--agent", agent, "--num-envs", 4, episodes=40)
    assert trained.exit_code == 0, trained.output
    assert str(tmp_path / "run") in trained.output.replace("\n", "")
    evaluated = adt("evaluate", tmp_path / "run", "--series", "yahoo_like_1", "--deadline", 3, "--all")
    assert evaluated.exit_code == 0, evaluated.output
    assert "within 3 windows" in " ".join(evaluated.output.split())
    assert "F1 (point-adjusted" in evaluated.output
    header, *rows = (tmp_path / "run" / "table.csv").read_text().splitlines()
    assert header.startswith("method,saw_labels,precision,recall,f1")
    methods = [row.split(",")[0] for row in rows]
    assert methods[0] == "adt"
    assert {"static", "static (test labels)", "persistence(1)", "always", "never", "random"} <= set(methods)


def test_evaluate_reads_an_sb3_zip_as_sb3_does(tmp_path: Path, scored: Path) -> None:
    assert train(tmp_path / "run", scored, "--agent", "sb3-dqn", episodes=30).exit_code == 0
    ours = sb3.load_policy(tmp_path / "run" / "policy.zip", "dqn")
    theirs = sb3.HoldDQN.load(tmp_path / "run" / "policy.zip", device="cpu")
    observations = np.random.default_rng(0).random((200, 6), dtype=np.float32)
    np.testing.assert_array_equal(
        ours.predict(observations, deterministic=True)[0], theirs.predict(observations, deterministic=True)[0]
    )


def test_both_agents_share_the_names_of_their_tensorboard_scalars(tmp_path: Path, scored: Path) -> None:
    tags = {}
    for agent in ("reference", "sb3-dqn"):
        assert train(tmp_path / agent, scored, "--agent", agent, episodes=100).exit_code == 0
        tags[agent] = set(EventAccumulator(str(tmp_path / agent)).Reload().Tags()["scalars"])
    shared = {"rollout/ep_rew_mean", "rollout/ep_len_mean", "rollout/exploration_rate"}
    shared |= {"train/loss", "train/learning_rate", "time/fps"} | {f"episode/{name}" for name in EPISODE_METRICS}
    assert shared <= tags["reference"] & tags["sb3-dqn"]


def test_ppo_writes_the_episodes_metrics(tmp_path: Path, scored: Path) -> None:
    assert train(tmp_path / "run", scored, "--agent", "sb3-ppo", "--num-envs", 4, episodes=200).exit_code == 0
    written = EventAccumulator(str(tmp_path / "run")).Reload()
    for name in ("precision", "recall", "f1"):
        values = [scalar.value for scalar in written.Scalars(f"episode/{name}")]
        assert values
        assert all(0 <= value <= 1 for value in values)


def test_one_seed_gives_one_policy_and_another_another(tmp_path: Path, scored: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert train(tmp_path / name, scored, "--seed", seed).exit_code == 0
    assert_same_weights(tmp_path / "a" / "policy.npz", tmp_path / "b" / "policy.npz")
    with pytest.raises(AssertionError):
        assert_same_weights(tmp_path / "a" / "policy.npz", tmp_path / "c" / "policy.npz")


def test_bad_input_is_one_line(tmp_path: Path, scored: Path) -> None:
    def refused(result: Result, *words: str) -> None:
        assert result.exit_code == 2
        assert result.output.startswith("Error:")
        assert "Traceback" not in result.output
        for word in words:
            assert word in result.output.replace("\n", " ")

    assert train(tmp_path / "run", scored).exit_code == 0
    refused(train(tmp_path / "run", scored), "not empty", "--resume")
    refused(train(tmp_path / "run", scored, "--resume", "--k", 3), "k was 2, is 3")
    refused(train(tmp_path / "none", scored, "--resume"), "config.json")
    refused(train(tmp_path / "other", tmp_path / "missing.npz"), "missing.npz")
    refused(train(tmp_path / "other", scored, "--feedback", "some"), "unknown feedback 'some'")
    assert not (tmp_path / "other").exists(), "the same command, mended, must not find a folder that is not empty"
    refused(adt("evaluate", tmp_path / "nowhere", "--series", scored), "nowhere")
    refused(adt("evaluate", tmp_path / "run", "--series", "unheard_of"), "unheard_of")
    (tmp_path / "run" / "policy.npz").write_bytes(b"not a policy")
    refused(adt("evaluate", tmp_path / "run", "--series", scored), "policy.npz")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "speed": 9}))
    refused(adt("evaluate", tmp_path / "run", "--series", scored), "config.json")
