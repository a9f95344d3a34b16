"""Cells of the tests of the runner, in a module that every worker can import."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adt_gym import ScoredSeries
from adt_gym.stream.feedback import IMMEDIATE, Feedback


@dataclass(frozen=True)
class Cell:
    seed: int
    series: tuple[ScoredSeries, ...] = ()
    feedback: Feedback = IMMEDIATE
    does: str = ""

    def __str__(self) -> str:
        return f"cell {self.seed}"


@dataclass(frozen=True)
class Squared:
    value: float
    series: list[str] = field(default_factory=list)


def work(cell: Cell) -> Squared:
    if cell.does == "fails":
        raise ValueError("it cannot be done")
    if cell.does == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if cell.does == "sleeps":
        time.sleep(600)
    return Squared(float(cell.seed) ** 2 or float("nan"), [one.name for one in cell.series])


def work_with_files(cell: Cell, folder: Path) -> Squared:
    if cell.does == "dies once" and not folder.parent.with_name("died").exists():
        (folder / "half.txt").touch()
        folder.parent.with_name("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    np.savez(folder / "array.npz", seeds=np.full(3, cell.seed))
    (folder / "note.txt").write_text(f"of {cell.seed}")
    return work(cell)
