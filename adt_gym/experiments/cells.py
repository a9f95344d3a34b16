"""One runner for every experiment that is many cells: each is kept as it ends, and what is kept is not done again.

A cell is a frozen dataclass of settings and data; ``work``, a function of a module, makes of it a dataclass that JSON
can hold. With ``files`` it also takes a folder to leave files in.

    @dataclass(frozen=True)
    class Cell:
        seed: int
        series: tuple[ScoredSeries, ...]

    @dataclass(frozen=True)
    class Measured:
        f1: float

    def work(cell: Cell) -> Measured: ...

    with own_folder("runs/mine", "mine") as folder:
        outcomes = run_cells(folder, [Cell(seed, series) for seed in range(10)], work, jobs=4)
        measured = results(outcomes)  # raises if one failed

A finished cell is the file ``cells/KEY.json`` of the folder, beside the folder ``cells/KEY`` of what else it left. The
key is a digest of the cell's settings, of its data, and of the source files that ``work`` depends on, with those of all
that users registered and of feedback rules of their own: results of older code are never taken for new ones. Whatever
ends the process, Ctrl-C or kill -9, no more is lost than the running cells.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, get_type_hints

from adt_gym import data, metrics, scoring, thresholds
from adt_gym.checks import InputError
from adt_gym.dependencies import PACKAGE, code_digest
from adt_gym.experiments.keys import key_of, rules_in
from adt_gym.experiments.workers import Finished, finish, processes, ray_tasks
from adt_gym.folders import Folder
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.progress import bar, console
from adt_gym.written import CELLS, digest_of

C = TypeVar("C")
R = TypeVar("R")


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What became of a cell.

    Args:
        name: What messages call the cell.
        result: What its work returned; None if it failed.
        error: Why it failed.
        deaths: How many workers died over it.
        files: The folder of what else it left.
    """

    name: str
    result: R | None
    error: str | None
    deaths: int
    files: Path


@dataclass(frozen=True)
class _Kept:
    """What ``cells/KEY.json`` holds; ``files`` are the SHA-256 of what lies in the folder beside it."""

    key: str
    cell: str
    result: Any
    deaths: int
    files: dict[str, str]


@dataclass(frozen=True, eq=False)
class _Task:
    """A cell to be done, and the folder for its files while it is."""

    index: int
    cell: Any
    work: Callable[..., Any]
    place: Path | None

    def perform(self) -> Any:
        if self.place is None:
            return self.work(self.cell)
        shutil.rmtree(self.place, ignore_errors=True)  # of a worker that died
        self.place.mkdir()
        return self.work(self.cell, self.place)


@dataclass(frozen=True)
class _Failure:
    error: str


def _attempt(task: _Task) -> Any:
    """Do a cell in a worker, where an error is an outcome: it would come again, so it is not retried."""
    try:
        return task.perform()
    except Exception as error:
        return _Failure(f"{type(error).__name__}: {error}")


def run_cells(
    folder: Folder,
    cells: Sequence[C],
    work: Callable[..., R],
    jobs: int,
    *,
    ray: str | None = None,
    title: str = "cells",
    name: Callable[[C], str] = str,
    files: bool = False,
) -> list[Outcome[R]]:
    """Do the cells that the folder does not hold yet, keep each as it ends, and return what became of all, in order.

    A cell whose worker dies is started again, up to `adt_gym.experiments.workers.MOST_DEATHS` times; one that fails is
    not kept.

    Args:
        folder: Where they are kept.
        cells: Frozen dataclasses of settings and data.
        work: What to do with a cell; its annotation says of which class its results are.
        jobs: How many cells at a time, each in a process; 0 for one after the other in this process, without a progress
            bar and without a net: an error ends it.
        ray: The address of a Ray cluster to run on; "" for that of RAY_ADDRESS, or else one that is started here.
        title: What stands before the progress bar.
        name: What the progress bar and messages call a cell.
        files: Whether ``work`` takes, behind the cell, a folder to leave files in; not on Ray.
    """
    kind, code = get_type_hints(work)["return"], code_digest(work, *_of_the_user(cells))
    keys = [key_of(cell, code) for cell in cells]
    found = [_read(folder, key, kind, name(cell)) for key, cell in zip(keys, cells, strict=True)]
    if any(one is not None for one in found):
        console.print(f"{len(cells) - found.count(None)} of {len(cells)} cells were finished before")

    def end(ended: Finished) -> None:
        task: _Task = ended.task
        result, error = ended.result, ended.error
        if isinstance(result, _Failure):
            error, result = result.error, None
        key, called = keys[task.index], name(task.cell)
        if error is None:
            _write(folder, key, called, result, ended.deaths, task.place)
        found[task.index] = Outcome(called, result, error, ended.deaths, folder.path / CELLS / key)

    with folder.scratch() as scratch:
        tasks = [
            _Task(i, cell, work, scratch / keys[i] if files else None) for i, cell in enumerate(cells) if not found[i]
        ]
        if jobs and tasks:
            pool = processes(_attempt, min(jobs, len(tasks))) if ray is None else ray_tasks(_attempt, jobs, ray)
            with pool as workers, bar(title, len(tasks)) as advance:
                for ended in finish(workers, tasks):
                    end(ended)
                    advance(name(ended.task.cell))
        else:
            for task in tasks:
                end(Finished(task, task.perform(), 0))
    return cast(list[Outcome[R]], found)


def results(outcomes: Sequence[Outcome[R]]) -> list[R]:
    """Return the results.

    Raises:
        ChildProcessError: If a cell failed.
    """
    for one in outcomes:
        if one.error is not None:
            raise ChildProcessError(f"{one.name} failed: {one.error}")
    return [cast(R, one.result) for one in outcomes]


def _of_the_user(cells: Sequence[Any]) -> set[str]:
    """Return the modules, not of this package, of what is registered and of the feedback rules in cells."""
    registries = (data.registry, metrics.registry, scoring.registry, thresholds.registry)
    modules = set[str]().union(*(one.modules() for one in registries)) | {rule.__module__ for rule in rules_in(cells)}
    return {one for one in modules if one.partition(".")[0] != PACKAGE}


# The folder


def _write(folder: Folder, key: str, name: str, result: Any, deaths: int, place: Path | None) -> None:
    files = {}
    for source in sorted(place.iterdir()) if place else ():
        files[source.name] = digest_of(source)
        folder.place(f"{CELLS}{key}/{source.name}", source)
    with folder.writing(f"{CELLS}{key}.json") as temporary:  # last: it says that the cell is finished
        temporary.write_text(json.dumps(asdict(_Kept(key, name, asdict(result), deaths, files))) + "\n")


def _read(folder: Folder, key: str, kind: type[R], name: str) -> Outcome[R] | None:
    path, beside = folder.path / CELLS / f"{key}.json", folder.path / CELLS / key
    if not path.exists():
        return None
    complaint = f"{path} is damaged"
    try:
        kept = as_dataclass(_Kept, read_json(path, "a cell that was kept", nan=True), complaint)
        result = as_dataclass(kind, kept.result, complaint)
        if kept.key != key or any(digest_of(beside / file) != digest for file, digest in kept.files.items()):
            raise InputError(complaint)
    except (InputError, OSError) as error:
        warnings.warn(f"a cell is measured again: {error}", stacklevel=3)
        return None
    return Outcome(name, result, None, kept.deaths, beside)
