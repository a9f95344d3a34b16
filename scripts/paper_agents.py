"""Training the agents of the paper's experiments in several processes; finished ones are kept and found again."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import gymnasium as gym

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.experiments.workers import finish, processes
from adt_gym.files import unsealed
from adt_gym.folders import Folder
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.progress import bar
from adt_gym.scripts.paper import Setting
from adt_gym.series import ScoredSeries
from adt_gym.thresholds import Policy
from adt_gym.written import CELLS


@dataclass(frozen=True, eq=False)
class Cell:
    """One agent to train: a point of an experiment's grid.

    Args:
        setting: k, l and alpha.
        seed: Of the agent, and of the draw of its labelled windows.
        episodes: Of its training.
        labelled: What it is trained on.
        folder: Of the experiment, where it is kept among the cells: its policy (.npz) and its record (.json).
        work: Where both are written first.
    """

    setting: Setting
    seed: int
    episodes: int
    labelled: list[ScoredSeries]
    folder: Path
    work: Path

    @property
    def name(self) -> str:
        """What its files are called."""
        s = self.setting
        return f"k{s.k}-l{s.hold}-alpha{s.alpha:g}-seed{self.seed}"

    @property
    def policy(self) -> Path:
        """The file of the policy."""
        return self.folder / CELLS / f"{self.name}.npz"

    @property
    def record(self) -> Path:
        """The file that says how it was trained and how that went; written last."""
        return self.folder / CELLS / f"{self.name}.json"

    def settings(self) -> dict[str, Any]:
        """Return all that the agent depends on; the data as a digest."""
        digest = sha256()
        for one in self.labelled:
            digest.update(one.scores.tobytes() + one.truth.tobytes())
        return {**asdict(self.setting), "seed": self.seed, "episodes": self.episodes, "data": digest.hexdigest()}

    def finished(self) -> bool:
        """Return whether it has been trained with the same settings."""
        try:
            unsealed(self.policy)
            return Record.read(self.record).settings == self.settings()
        except (OSError, ValueError):  # a damaged one is trained again
            return False


@dataclass(frozen=True)
class Record:
    """How an agent was trained, and how that went; see `TrainedAgent`."""

    settings: dict[str, Any]
    seconds: float
    rewards: list[float]

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Return what a file keeps.

        Raises:
            InputError: If it is damaged.
        """
        what = "the record of a trained agent"
        return as_dataclass(cls, read_json(path, what), f"{path} is not {what}")


@dataclass(frozen=True, eq=False)
class TrainedAgent:
    """A trained agent.

    Args:
        cell: What it was trained for.
        seconds: Processor time that took.
        rewards: Shape ``(episodes,)``: the reward of each training episode, exploration included.
    """

    cell: Cell
    seconds: float
    rewards: list[float]

    @classmethod
    def load(cls, cell: Cell) -> "TrainedAgent":
        """Read the record of a finished cell."""
        record = Record.read(cell.record)
        return cls(cell, record.seconds, record.rewards)

    def thresholder(self) -> Policy:
        """Return the agent as a thresholder."""
        return Policy(
            ReferenceDQN.load(self.cell.policy), hold=self.cell.setting.hold, **env_options(self.cell.setting)
        )


def env_options(setting: Setting) -> dict[str, Any]:
    """Return the options of ADT-v0."""
    return {"k": setting.k, "alpha": setting.alpha, "beta": 1 - setting.alpha}


def train_agents(cells: Sequence[Cell], jobs: int, folder: Folder) -> list[TrainedAgent]:
    """Train the agents that are not finished yet, ``jobs`` at a time, under a progress bar; keep and return all."""
    missing = [cell for cell in cells if not cell.finished()]
    with bar("agents", len(cells)) as advance:
        for _ in range(len(cells) - len(missing)):
            advance("found")
        for cell in _train_all(missing, jobs):
            for kept in (cell.policy, cell.record):  # the record comes last: it says that the cell is finished
                folder.place(CELLS + kept.name, cell.work / kept.name)
            advance(cell.name)
    return [TrainedAgent.load(cell) for cell in cells]


def _train_all(cells: Sequence[Cell], jobs: int) -> Iterator[Cell]:
    if min(jobs, len(cells)) <= 1:
        yield from map(train_cell, cells)
        return
    with processes(train_cell, min(jobs, len(cells))) as workers:
        for end in finish(workers, cells):
            if end.error:
                raise ChildProcessError(f"agent {end.task.name} could not be trained: {end.error}")
            yield end.result


def train_cell(cell: Cell) -> Cell:
    """Train one agent with the authors' hyper-parameters and write it down."""
    env = gym.make("ADT-v0", series=tuple(cell.labelled), **env_options(cell.setting))
    agent = ReferenceDQN(env, cell.seed, hold=cell.setting.hold)
    rewards: list[float] = []
    started = time.process_time()  # not the clock's: other agents train at the same time
    agent.learn(cell.episodes, lambda report: rewards.append(round(report.reward, 6)))
    seconds = time.process_time() - started
    agent.save(cell.work / cell.policy.name)
    record = {"settings": cell.settings(), "seconds": seconds, "rewards": rewards}
    (cell.work / cell.record.name).write_text(json.dumps(record))
    return cell


def available_jobs() -> int:
    """Return how many processors this machine has."""
    return os.cpu_count() or 1
