"""Reading of a run's folder: what `adt run` found, and what it takes to do so again."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError
from adt_gym.evaluation.alerts import AlertLine, read_alerts
from adt_gym.evaluation.compare import Measures
from adt_gym.evaluation.detections import load_detections
from adt_gym.files import replacing
from adt_gym.folders import is_whole
from adt_gym.reading import as_dataclass, read_json
from adt_gym.scored_files import load_scored
from adt_gym.series import Detection, ScoredSeries
from adt_gym.spreadsheet import original

CONFIG = "the config.json of a run"

CURVE_COLUMNS = ("episode", "reward", "epsilon", "loss")


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """What the training episodes came to: four arrays of shape ``(episodes,)``; the loss is NaN before updates."""

    episode: NDArray[np.float64]
    reward: NDArray[np.float64]
    epsilon: NDArray[np.float64]
    loss: NDArray[np.float64]

    def save(self, path: str | Path) -> None:
        """Write the curve to a CSV file, a row per episode."""
        rows = np.column_stack([self.episode, self.reward, self.epsilon, self.loss])
        with replacing(path) as temporary:
            np.savetxt(temporary, rows, fmt="%.9g", delimiter=",", header=",".join(CURVE_COLUMNS), comments="")

    @classmethod
    def load(cls, path: str | Path) -> "LearningCurve":
        """Read a curve that ``save`` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file is not one that ``save`` wrote.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no learning curve at {path}")
        try:
            columns = np.genfromtxt(path, delimiter=",", names=True, ndmin=1)
            return cls(*(columns[name] for name in CURVE_COLUMNS))
        except (ValueError, IndexError) as error:
            raise InputError(f"{path} is not the learning curve of a run: {error}") from error


@dataclass(frozen=True)
class RunConfig:
    """What config.json says: what the run depends on, the words of its command, and versions by package."""

    settings: dict[str, Any]
    command: tuple[str, ...]
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class RunResults:
    """The content of a run's folder.

    Args:
        name: The folder's name.
        settings: What the run depends on, nested as in its config.json.
        command: The words of the command that made it.
        versions: By the package's name.
        table: One row per method; without measures where labels are unknown.
        test: The series that were evaluated.
        detections: By the method's name, one per series of ``test``.
        curve: Of the agent's training; None where nothing was trained.
        alerts: Of a back-test; None of anything else.
    """

    name: str
    settings: Mapping[str, Any]
    command: tuple[str, ...]
    versions: Mapping[str, str]
    table: list[Measures]
    test: list[ScoredSeries]
    detections: dict[str, list[Detection]]
    curve: LearningCurve | None
    alerts: list[AlertLine] | None = None

    @property
    def labelled(self) -> bool:
        """Whether the labels of all series are known."""
        return all(one.labels is not None for one in self.test)


def read_run(folder: str | Path) -> RunResults:
    """Read the folder that `adt run` wrote.

    Raises:
        FileNotFoundError: If it is no such folder or a file is missing.
        InputError: If a file is damaged or the files are not of one run.
    """
    folder = Path(folder)
    if not is_whole(folder):
        raise InputError(f"the run in {folder} is being replaced, or that was interrupted: run its command again")
    config = _read_config(folder / "config.json")
    _require(folder, "scores-test.npz")
    _require(folder, "detections.npz")
    test = load_scored(folder / "scores-test.npz")
    detections = load_detections(folder / "detections.npz")
    if all(one.labels is not None for one in test):
        _require(folder, "table.csv")
        table = _read_table(folder / "table.csv")
    else:  # nothing was measured, and there were no labels to see
        table = [Measures(method, False, {}) for method in detections]
    series = [(one.name, len(one)) for one in test]
    of_one_run = list(detections) == [row.method for row in table] and all(
        series == [(one.name, len(one.decisions)) for one in each] for each in detections.values()
    )
    if not of_one_run:
        raise InputError(f"the table, scores and detections in {folder} are not of one run; make it again")
    training = folder / "training.csv"
    return RunResults(
        name=folder.resolve().name,
        settings=config.settings,
        command=config.command,
        versions=config.versions,
        table=table,
        test=test,
        detections=detections,
        curve=LearningCurve.load(training) if training.is_file() else None,
        alerts=read_alerts(folder),
    )


def _require(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise FileNotFoundError(f"the run in {folder} has no {name}; make it again with `adt run`")


def _read_config(path: Path) -> RunConfig:
    if not path.is_file():
        raise FileNotFoundError(f"no run in {path.parent}: it holds no config.json; `adt run` writes one")
    return as_dataclass(RunConfig, read_json(path, CONFIG), f"{path} is not {CONFIG}", others=True)


def _read_table(path: Path) -> list[Measures]:
    try:
        with path.open(newline="") as file:
            rows = [
                Measures(
                    original(row.pop("method")),
                    {"True": True, "False": False}[row.pop("saw_labels")],
                    {name: float(value) for name, value in row.items() if value != ""},
                )
                for row in csv.DictReader(file)
            ]
        if not rows:
            raise ValueError("it has no rows")
        return rows
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path} is not the table of a run: {error}") from error
