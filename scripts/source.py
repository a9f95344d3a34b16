"""What SOURCE means on the command line: a data set's name, a file or a folder."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from adt_gym import data
from adt_gym.checks import MOST
from adt_gym.data.columns import Columns
from adt_gym.data.order import gaps
from adt_gym.data.table import read_table
from adt_gym.folders import run_name
from adt_gym.report.progress import console
from adt_gym.scripts.options import argument, option
from adt_gym.series import InputError, Series

GENERATED = ("yahoo_like", "kubernetes")
SHOWN = 30
"""Columns of one kind that are printed; config.json has all."""


@dataclass(frozen=True)
class SourceSettings:
    """Where the series come from and how they are cut; also the options of every command that reads a source.

    Args:
        source: ``yahoo_like`` or ``kubernetes``; the path of a table, of an ``.npz`` file with train, test and
            test_label, or of a folder of either; or the name of a data set, with ``root``.
        value_columns, time_column, label_column, key_column, drop_columns, windows, delimiter, decimal, thousands: See
            `adt_gym.data.table.read_table`.
        max_gap: Missing values in a row that are filled; None for what the reader of the data set takes.
        allow_gaps: Whether windows span gaps in time.
        window: tau, the points of a window.
        train_anomalies: Of one series: the training part is the shortest prefix with so many anomalous windows ...
        train_until: ... or ends before this time or row.
        train_share: The share of each series that is its training part; by default a quarter of each of many series,
            and half of the labelled part where the scorer has one of its own.
        root: The folder of a data set that is given by its name.

    Raises:
        InputError: If an option is empty or out of its range, or two contradict each other.
    """

    source: str = argument("yahoo_like, kubernetes, a table, an .npz file, a folder of them, or a name with --root")
    value_columns: tuple[str, ...] = option((), help="the metrics; repeat the option")
    time_column: str | None = option(None, help="found by its name or content by default")
    label_column: str | None = option(None, help="1 or true where anomalous")
    key_column: str | None = option(None, help="tells several series in one file apart")
    drop_columns: tuple[str, ...] = option((), help="columns to leave out; repeat the option")
    windows: str | None = option(None, help="anomalous windows in NAB's JSON format")
    delimiter: str | None = option(None, help="between the columns of a CSV file; a comma by default")
    decimal: str | None = option(None, help="the decimal mark, . or ,; found out by default")
    thousands: str | None = option(None, help="between thousands; found out by default")
    max_gap: int | None = option(None, min=0, max=MOST, help="fill up to so many missing values in a row")
    allow_gaps: bool = option(False, "--allow-gaps", help="let windows span gaps in time")
    window: int = option(10, min=1, max=MOST, help="points of a window (tau)")
    train_anomalies: int = option(
        20, min=1, max=MOST, help="one series: train on the shortest prefix with so many anomalous windows"
    )
    train_until: str | None = option(None, help="one series: train up to this time or row instead")
    train_share: float | None = option(None, help="train on this share of each series")
    root: str | None = option(None, help="the folder of a data set given by its name")

    def __post_init__(self) -> None:
        for one in fields(self)[1:]:
            value = getattr(self, one.name)
            if value == "" or (isinstance(value, tuple) and "" in value):
                raise InputError(f"{as_option(one.name)} is empty; give it a value or leave it out")
        if self.train_share is not None and not 0 < self.train_share < 1:
            raise InputError(f"--train-share {self.train_share:g}: the training share must lie between 0 and 1")
        if self.train_share is not None and self.train_until is not None:
            raise InputError("--train-share and --train-until both end the training part; give one of the two")

    @property
    def name(self) -> str:
        """What the run is called."""
        return run_name(self.source)

    @property
    def drawn(self) -> bool:
        """Whether the series depend on the seed."""
        return self.source == "kubernetes"

    @property
    def about(self) -> str:
        """What tells it from another source of that name."""
        return source_of(self.source, self.root)


def source_of(source: str, root: str | None = None) -> str:
    """Return what tells two sources of one name apart."""
    path = Path(source)
    return str(path.resolve()) if path.exists() else " in ".join(filter(None, (source, root)))


TABLE_ONLY = (
    *("value_columns", "time_column", "label_column", "key_column", "drop_columns", "windows", "delimiter", "decimal"),
    "thousands",
)


@dataclass(frozen=True)
class Summary:
    """What a source was taken for: printed before a command works, and written to its config.json.

    Args:
        source: As it was given.
        series, points: How many.
        anomalous: Share of the labelled points; None where nobody knows labels.
        gaps: Steps in time longer than one and a half of the usual ones.
        left_out: Windows that span a gap.
        labelled_by: Where labels come from that are no column.
        columns: What each column of a table is; of other sources its metrics.
    """

    source: str
    series: int
    points: int
    anomalous: float | None
    gaps: int
    left_out: int
    labelled_by: str
    columns: Columns = field(default_factory=Columns)

    def show(self) -> None:
        """Print it as a block."""
        for line in self._lines():
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _lines(self) -> list[str]:
        columns, notes = self.columns, self.columns.notes
        metrics = [f"{name} ({notes[name]})" if name in notes else name for name in columns.metrics]
        label = columns.label or (self.labelled_by if self.anomalous is not None else "none")
        if said := notes.get(columns.label or ""):
            label += f": {said} is anomalous"
        if self.anomalous is not None:
            label += f" ({self.anomalous:.2%} of the points are anomalous)"
        return [
            f"{self.source}: {self.series:,} series, {self.points:,} points",
            f"  time      {' and '.join(columns.time) or 'none: the order of the rows'}",
            f"  label     {label}",
            f"  metrics   {_some(metrics)}",
            f"  not used  {_some([f'{name} ({in_options(why)})' for name, why in columns.unused.items()]) or 'none'}",
            *(
                [f"  gaps      {self.gaps:,} in time, {self.left_out:,} windows that span one left out"]
                if self.gaps
                else []
            ),
        ]


def _some(words: Sequence[str]) -> str:
    more = f", and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


@dataclass(frozen=True, eq=False)
class Source:
    """The series of a source, and what it was taken for."""

    series: list[Series]
    summary: Summary


def load(settings: SourceSettings, seed: int = 0) -> Source:
    """Return the series of the source, after printing what it was taken for.

    Args:
        settings: The source.
        seed: Of the series of ``kubernetes``; all others are what they are.

    Raises:
        InputError: If it cannot be read, or none of it has labels.
        FileNotFoundError: If there is neither a data set nor a file of that name.
    """
    try:
        series, columns = _load(settings, seed)
    except InputError as error:
        raise InputError(in_options(str(error))) from error
    cuts = sum(len(gaps(one.index)) for one in series)
    if not settings.allow_gaps:
        series = [replace(one, breaks=gaps(one.index)) for one in series]
    labelled = [one.labels for one in series if one.labels is not None]
    summary = Summary(
        settings.source,
        len(series),
        sum(map(len, series)),
        float(np.concatenate(labelled).mean()) if labelled else None,
        cuts,
        sum(_spanning(one, settings.window) for one in series),
        settings.windows or "those of the data set",
        columns or Columns(("that of the data set",) if series[0].index is not None else (), metrics=series[0].columns),
    )
    summary.show()
    if not labelled:
        raise InputError(
            f"{settings.source} has no labels: name their column (--label-column) or give a file of anomalous "
            "windows (--windows)"
        )
    return Source(series, summary)


def _spanning(series: Series, window: int) -> int:
    """Count the windows that span a gap in time."""
    if len(series) < window or not len(series.breaks):
        return 0
    return len(series) - window + 1 - len(series.window_starts(window))


def as_option(name: str) -> str:
    """Return a setting as the command line calls it."""
    return f"--{name.replace('_', '-')}"


def in_options(message: str) -> str:
    """Return a message of the package in the words of the command line: ``max_gap=3`` is ``--max-gap 3`` there."""
    names = "|".join(one.name for one in fields(SourceSettings)[1:])
    message = re.sub(rf"(?<![\w/'\"-])({names})=(?=\S)", lambda found: f"{as_option(found[1])} ", message)
    message = re.sub(rf"(?<![\w/'\"-])({names})=", lambda found: as_option(found[1]), message)
    spelled = "|".join(one.name for one in fields(SourceSettings)[1:] if "_" in one.name)
    return re.sub(rf"(?<![\w/'\"-])({spelled})(?![\w'\"])", lambda found: as_option(found[1]), message)


def _load(settings: SourceSettings, seed: int) -> tuple[list[Series], Columns | None]:
    if not settings.source:
        raise InputError("the source is empty; give the path of a table or the name of a data set")
    path = Path(settings.source)
    gap: dict[str, Any] = {} if settings.max_gap is None else {"max_gap": settings.max_gap}
    if settings.source in GENERATED:
        _refuse(settings, *TABLE_ONLY, "max_gap", "root")
        return data.load(settings.source, **({"seed": seed} if settings.drawn else {})), None
    if settings.root is not None:
        _refuse(settings, *TABLE_ONLY)
        return data.load(settings.source, root=settings.root, **gap), None
    if arrays := arrays_at(path):
        _refuse(settings, *TABLE_ONLY)
        return [one for file in arrays for one in data.load("npz", source=file, **gap)], None
    if not path.suffix and not path.is_dir():
        raise InputError(
            f"unknown source {settings.source!r}; give {' or '.join(GENERATED)}, the path of a .csv, .parquet or .npz "
            f"file, or one of {', '.join(sorted(set(data.names()) - set(GENERATED)))} with --root FOLDER"
        )
    asked: dict[str, Any] = {name: getattr(settings, name) for name in TABLE_ONLY}
    asked["value_columns"] = settings.value_columns or None
    read = read_table(path, **asked, **gap, allow_gaps=settings.allow_gaps)
    return read.series, read.columns


def arrays_at(path: Path) -> list[Path]:
    """Return the ``.npz`` files that a path means, hidden ones left alone; none where it means something else.

    Raises:
        FileNotFoundError: If a folder is empty.
        InputError: If it holds tables beside them.
    """
    if path.suffix.lower() == ".npz" and not path.is_dir():
        return [path]
    if not path.is_dir():
        return []
    seen = sorted(one for one in path.iterdir() if not one.name.startswith((".", "_")))
    arrays = [one for one in seen if one.suffix.lower() == ".npz"]
    tables = [one for one in seen if one.name.lower().endswith((".csv", ".csv.gz", ".parquet"))]
    if arrays and tables:
        raise InputError(f"{path} holds both {arrays[0].name} and {tables[0].name}; give a folder of one kind")
    if not seen:
        raise FileNotFoundError(f"no .npz files and no tables in {path}")
    return arrays


def _refuse(settings: SourceSettings, *names: str) -> None:
    """Raise where an option is given that means nothing for this source."""
    for name in names:
        if getattr(settings, name) not in (None, ()):
            raise InputError(f"{as_option(name)} means nothing for {settings.source}; leave it out")
