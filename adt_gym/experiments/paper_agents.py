"""An agent of the paper's experiments: a cell, which leaves the policy that it trains."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.experiments.paper import Setting
from adt_gym.series import ScoredSeries
from adt_gym.thresholds import Policy

POLICY = "policy.npz"
"""The file that a cell leaves."""


@dataclass(frozen=True)
class Cell:
    """One agent to train: a point of an experiment's grid.

    Args:
        setting: k, l and alpha.
        seed: Of the agent, and of the draw of its labelled windows.
        episodes: Of its training.
        labelled: What it is trained on.
    """

    setting: Setting
    seed: int
    episodes: int
    labelled: list[ScoredSeries]

    def __str__(self) -> str:
        s = self.setting
        return f"k{s.k}-l{s.hold}-alpha{s.alpha:g}-seed{self.seed}"


@dataclass(frozen=True)
class Trained:
    """How a training went.

    Args:
        seconds: Processor time that it took.
        rewards: Shape ``(episodes,)``: the reward of each training episode, exploration included.
    """

    seconds: float
    rewards: list[float]


def train(cell: Cell, folder: Path) -> Trained:
    """Train one agent with the authors' hyper-parameters, and leave its policy in the folder."""
    env = gym.make("ADT-v0", series=tuple(cell.labelled), **env_options(cell.setting))
    agent = ReferenceDQN(env, cell.seed, hold=cell.setting.hold)
    rewards: list[float] = []
    started = time.process_time()  # not the clock's: other agents train at the same time
    agent.learn(cell.episodes, lambda report: rewards.append(round(report.reward, 6)))
    seconds = time.process_time() - started
    agent.save(folder / POLICY)
    return Trained(seconds, rewards)


def thresholder(cell: Cell, folder: Path) -> Policy:
    """Return the agent whose policy a cell left in a folder."""
    return Policy(ReferenceDQN.load(folder / POLICY), hold=cell.setting.hold, **env_options(cell.setting))


def env_options(setting: Setting) -> dict[str, Any]:
    """Return the options of ADT-v0."""
    return {"k": setting.k, "alpha": setting.alpha, "beta": 1 - setting.alpha}
