from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.logger import configure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import adt_gym  # noqa: F401
from adt_gym import ScoredSeries
from adt_gym.agents.callbacks import EpisodeMetrics, log_metrics
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.agents.vec_env import SB3VecEnv
from adt_gym.metrics.episode import EPISODE_METRICS, UNTOLD

MakeSeries = Callable[..., ScoredSeries]


class Follows(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps the metrics of the episodes that end."""

    def __init__(self, env: gym.Env[Any, Any]):
        super().__init__(env)
        self.ended: list[list[float]] = []

    def step(self, action: Any) -> Any:
        *others, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self.ended.append(info["episode_metrics"].tolist())
        return *others, terminated, truncated, info


def written(folder: Path) -> dict[str, list[float]]:
    events = EventAccumulator(str(folder)).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith("episode/")]
    return {tag: [scalar.value for scalar in events.Scalars(tag)] for tag in tags}


def test_the_event_file_holds_the_means_of_the_episodes(make_series: MakeSeries, tmp_path: Path) -> None:
    env = Follows(gym.make("ADT-v0", series=make_series(60), episode_windows=22))
    model = DQN("MlpPolicy", env, seed=0, learning_starts=10_000, device="cpu")
    model.set_logger(configure(str(tmp_path), ["tensorboard"]))
    model.learn(200, EpisodeMetrics(), log_interval=5)
    assert len(env.ended) == 10
    means = np.array(env.ended).reshape(2, 5, -1).mean(axis=1)
    found = written(tmp_path)
    assert set(found) == {f"episode/{name}" for name in EPISODE_METRICS}
    for i, name in enumerate(EPISODE_METRICS):
        assert found[f"episode/{name}"] == pytest.approx(means[:, i], rel=1e-6)


def test_vectors_and_samples_are_logged_too(make_series: MakeSeries, tmp_path: Path) -> None:
    vectors: dict[str, Any] = {
        "series": gym.make_vec("ADT-v0", 3, series=make_series(30), autoreset_mode="SameStep"),
        "samples": gym.make_vec("ADT-Samples-v0", 3, episode_samples=10, autoreset_mode="SameStep"),
    }
    names = {"series": EPISODE_METRICS, "samples": EPISODE_METRICS[:3]}
    for name, env in vectors.items():
        model = A2C("MlpPolicy", SB3VecEnv(env), n_steps=40, device="cpu")
        model.set_logger(configure(str(tmp_path / name), ["tensorboard"]))
        model.learn(240, EpisodeMetrics(), log_interval=1)
        assert set(written(tmp_path / name)) == {f"episode/{one}" for one in names[name]}


def test_what_is_not_told_is_not_logged(make_series: MakeSeries, tmp_path: Path) -> None:
    env = gym.make("ADT-v0", series=make_series(60), max_episode_steps=10)
    model = DQN("MlpPolicy", env, learning_starts=10_000, device="cpu")
    model.set_logger(configure(str(tmp_path), ["tensorboard"]))
    model.learn(60, EpisodeMetrics(), log_interval=1)
    logger = configure(str(tmp_path), ["tensorboard"])
    log_metrics(logger, None)
    log_metrics(logger, np.full(6, UNTOLD))
    logger.dump(1)
    assert written(tmp_path) == {}


def test_the_reference_agent_reports_the_same_planned_and_stepped(make_series: MakeSeries) -> None:
    def reports(plan: bool) -> list[list[float]]:
        found: list[list[float]] = []
        env = gym.make("ADT-v0", series=make_series(60), episode_windows=22)
        agent = ReferenceDQN(env, seed=3, plan=plan, exploration_final_eps=0.5)
        agent.learn(15, lambda report: found.append(report.metrics.tolist()))  # type: ignore[union-attr]
        return found

    assert reports(plan=True) == reports(plan=False)
