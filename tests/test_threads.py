"""Torch keeps the number of threads that the user chose; our small networks learn and score in one."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

from adt_gym import ScoredSeries, Series, scoring
from adt_gym.agents import sb3
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.agents.samples_dqn import SamplesDQN, SamplesSettings, make_sb3_dqn
from adt_gym.scoring.training import Objective
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def seen() -> Iterator[set[int]]:
    """Three threads, and a set for the numbers seen while something learns."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    numbers: set[int] = set()
    yield numbers
    assert torch.get_num_threads() == 3
    assert numbers == {1}
    torch.set_num_threads(before)


def test_our_agents(seen: set[int], make_series: Callable[..., ScoredSeries]) -> None:
    series = make_series(40)
    agent = ReferenceDQN(gym.make("ADT-v0", series=series), batch_size=8)
    agent.learn(3, lambda _: seen.add(torch.get_num_threads()))
    Policy(agent).detect(series)
    SamplesDQN(gym.make("ADT-Samples-v0")).learn(1, lambda _: seen.add(torch.get_num_threads()))


def test_sb3s(seen: set[int], make_series: Callable[..., ScoredSeries]) -> None:
    class Look(BaseCallback):
        def _on_step(self) -> bool:
            seen.add(torch.get_num_threads())
            return True

    env = gym.make("ADT-v0", series=make_series(40))
    sb3.learn_episodes(sb3.make_dqn(env), 2, Look())
    sb3.make_ppo(env, n_steps=16, batch_size=16).learn(16, Look())
    make_sb3_dqn(gym.make("ADT-Samples-v0"), SamplesSettings()).learn(8, callback=Look())


def test_a_scorer(seen: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer: Any = scoring.make("autoencoder", window=4, epochs=1)
    series = Series(np.random.default_rng(0).random((80, 1)), np.zeros(80, dtype=bool), "noise")
    errors = Objective.errors

    def look(*args: Any) -> Any:
        seen.add(torch.get_num_threads())
        return errors(*args)

    monkeypatch.setattr(Objective, "errors", look)
    scorer.fit([series], on_epoch=lambda _: seen.add(torch.get_num_threads()))
    scorer.score(series)


def test_nothing_else_sets_it(seen: set[int]) -> None:
    folders = ("adt_gym", "agents", "scripts", "examples")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    setting = {path.name for path in files if re.search(r"set_num_(interop_)?threads", path.read_text())}
    assert setting == {"threads.py"}
    seen.add(1)


def test_threads_that_overlap_all_get_the_users_number_back(seen: set[int]) -> None:
    first, second = one_thread(), one_thread()
    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as fresh:
        first.__enter__()
        other.submit(second.__enter__).result()
        first.__exit__(None, None, None)
        assert torch.get_num_threads() == 3
        seen.add(other.submit(torch.get_num_threads).result())
        other.submit(second.__exit__, None, None, None).result()
        for thread in (other, fresh):
            assert thread.submit(torch.get_num_threads).result() == 3


def test_blocks_may_lie_in_one_another(seen: set[int]) -> None:
    with one_thread():
        with one_thread():
            seen.add(torch.get_num_threads())
        seen.add(torch.get_num_threads())
