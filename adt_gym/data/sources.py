"""What a user's word for a source of series names: a data set, a file or a folder."""

import inspect
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from adt_gym import data
from adt_gym.data.columns import Columns
from adt_gym.data.order import gaps
from adt_gym.data.table import read_table
from adt_gym.folders import run_name
from adt_gym.series import InputError, Series
from adt_gym.settings import Settings, argument, count, option, share

GENERATED = ("yahoo_like", "kubernetes")


@dataclass(frozen=True)
class SourceSettings(Settings):
    """Where the series come from and how they are cut; also the options of every command that reads one.

    Args:
        source: ``yahoo_like`` or ``kubernetes``; the path of a table, of an ``.npz`` file with train, test and
            test_label, or of a folder of either; or the name of a data set, with ``root`` if it needs
            one.
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
    max_gap: int | None = count(None, "fill up to so many missing values in a row", 0)
    allow_gaps: bool = option(False, help="let windows span gaps in time")
    window: int = count(10, "points of a window (tau)")
    train_anomalies: int = count(20, "one series: train on the shortest prefix with so many anomalous windows")
    train_until: str | None = option(None, help="one series: train up to this time or row instead")
    train_share: float | None = share(None, "train on this share of each series", within=True)
    root: str | None = option(None, help="the folder of a data set given by its name")

    def __post_init__(self) -> None:
        super().__post_init__()
        for one in fields(self)[1:]:
            value = getattr(self, one.name)
            if value == "" or (isinstance(value, tuple) and "" in value):
                raise InputError(f"{one.name}= is empty; give it a value or leave it out")
        if self.train_share is not None and self.train_until is not None:
            raise InputError("train_share and train_until both end the training part; give one of the two")

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
    """What a source was taken for: what commands print before they work, and write to their config.json.

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


@dataclass(frozen=True, eq=False)
class Source:
    """The series of a source, and what it was taken for."""

    series: list[Series]
    summary: Summary

    def require_labels(self) -> None:
        """Refuse a source without a label.

        Raises:
            InputError: If nobody knows any.
        """
        if self.summary.anomalous is None:
            raise InputError(
                f"{self.summary.source} has no labels, so that there is nothing to evaluate on: name their column "
                "(label_column=) or give a file of anomalous windows (windows=)"
            )


def load(settings: SourceSettings, seed: int = 0) -> Source:
    """Return the series of the source, and what it was taken for.

    Args:
        settings: The source.
        seed: Of the series of ``kubernetes``; all others are what they are.

    Raises:
        InputError: If it cannot be read.
        FileNotFoundError: If there is neither a data set nor a file of that name.
    """
    series, columns = _load(settings, seed)
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
    return Source(series, summary)


def _spanning(series: Series, window: int) -> int:
    """Count the windows that span a gap in time."""
    if len(series) < window or not len(series.breaks):
        return 0
    return len(series) - window + 1 - len(series.window_starts(window))


def _load(settings: SourceSettings, seed: int) -> tuple[list[Series], Columns | None]:
    if not settings.source:
        raise InputError("the source is empty; give the path of a table or the name of a data set")
    path = Path(settings.source)
    gap: dict[str, Any] = {} if settings.max_gap is None else {"max_gap": settings.max_gap}
    if settings.source in GENERATED or (settings.root is None and _stands_alone(settings.source)):
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
            f"file, or one of {', '.join(sorted(set(data.names()) - set(GENERATED)))} with root=FOLDER"
        )
    asked: dict[str, Any] = {name: getattr(settings, name) for name in TABLE_ONLY}
    asked["value_columns"] = settings.value_columns or None
    read = read_table(path, **asked, **gap, allow_gaps=settings.allow_gaps)
    return read.series, read.columns


def _stands_alone(name: str) -> bool:
    """Return whether a data set of that name needs nothing else to be loaded."""
    if name not in data.names():
        return False
    taken = inspect.signature(data.registry[name].load()).parameters.values()
    return all(one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in taken)


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
            raise InputError(f"{name}= means nothing for {settings.source}; leave it out")
