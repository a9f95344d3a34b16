import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym import ScoredSeries
from adt_gym.evaluation.compare import Row

EXAMPLES = Path(__file__).parents[2] / "examples"


def in_long_runs(name: str, seed: int) -> ScoredSeries:
    """Return 300 windows in runs of about 20, easy both by the last label and by the score."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(30) % 3 == 1, random.integers(10, 31, size=30))[:300]
    scores = 0.2 + 0.5 * labels + 0.1 * random.random(len(labels))
    return ScoredSeries(scores.astype(np.float32), labels, name)


@pytest.fixture
def easy() -> ScoredSeries:
    return in_long_runs("train", 0)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import an example by its name, the easy series in place of the packaged ones."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def load(name: str) -> Any:
        module = importlib.import_module(name)
        series = [in_long_runs("train", 0)], [in_long_runs("test", 1)]
        monkeypatch.setattr(module, "split", lambda: series)
        return module

    return load


@pytest.fixture
def assert_learns(example: Callable[[str], Any]) -> Callable[[str, int], list[Row]]:
    """Run an example on the easy series; its agents must beat the rules that look at nothing."""

    def run(name: str, steps: int) -> list[Row]:
        rows: list[Row] = example(name).main(steps=steps)
        f1 = {row.method: row.f1 for row in rows}
        dull = max(f1.pop("always"), f1.pop("never"))
        assert {"persistence(1)", "static"} < set(f1)
        assert min(f1.values()) > dull + 0.1, f1
        return rows

    return run


@pytest.fixture
def play() -> Callable[[gym.Env[Any, Any], int], Iterator[tuple[Any, ...]]]:
    """Play one episode at random: yield the reset's observation, then action, observation, reward and the two ends."""

    def episode(env: gym.Env[Any, Any], seed: int) -> Iterator[tuple[Any, ...]]:
        env.action_space.seed(seed)
        yield (env.reset(seed=seed)[0],)
        over = False
        while not over:
            action = env.action_space.sample()
            observation, reward, terminated, truncated, _ = env.step(action)
            over = terminated or truncated
            yield action, observation, reward, terminated, truncated

    return episode
