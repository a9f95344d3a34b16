"""What SOURCE means on the command line: a data set's name or a file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from adt_gym import data
from adt_gym.evaluation.split import Split, split_at, split_by_anomalies, split_by_share
from adt_gym.files import visible
from adt_gym.folders import run_name
from adt_gym.series import InputError, Series

GENERATED = ("yahoo_like", "kubernetes")
TRAIN = "train"
QUARTER, HALF = 0.25, 0.5


@dataclass(frozen=True)
class SourceSettings:
    """Where the series come from and how they are cut.

    Args:
        source: ``yahoo_like`` or ``kubernetes``; the path of a CSV or Parquet file, of an ``.npz`` file with train,
            test and test_label or of a folder of them; or the name of a data set, with ``root``.
        value_columns, time_column, label_column, key_column, windows, delimiter: See `adt_gym.data.table.table`.
        window: tau, the points of a window.
        train_anomalies: Of one series: the training part is the shortest prefix with so many anomalous windows ...
        train_until: ... or ends before this time or row.
        train_share: The share of each series that is its training part; by default a quarter of each of many series,
            and half of the labelled part where the scorer has one of its own.
        root: The folder of a data set that is given by its name.
    """

    source: str
    value_columns: tuple[str, ...] = ()
    time_column: str | None = None
    label_column: str | None = None
    key_column: str | None = None
    windows: str | None = None
    delimiter: str | None = None
    window: int = 10
    train_anomalies: int = 20
    train_until: str | None = None
    train_share: float | None = None
    root: str | None = None

    @property
    def name(self) -> str:
        """What the run is called."""
        return run_name(self.source)


def source_of(settings: SourceSettings) -> str:
    """Return what tells two sources of one name apart."""
    path = Path(settings.source)
    return str(path.resolve()) if path.exists() else " in ".join(filter(None, (settings.source, settings.root)))


def load(settings: SourceSettings, seed: int = 0) -> list[Series]:
    """Return the series of the source; ``seed`` makes those of ``kubernetes``, all others are what they are.

    Raises:
        InputError: If it cannot be read, or none of it has labels.
        FileNotFoundError: If there is neither a data set nor a file of that name.
    """
    series = _load(settings, seed)
    if all(one.labels is None for one in series):
        raise InputError(
            f"{settings.source} has no labels: name their column (--label-column) or give a file of anomalous "
            "windows (--windows)"
        )
    return series


def _load(settings: SourceSettings, seed: int) -> list[Series]:
    path = Path(settings.source)
    if settings.source == "kubernetes":
        return data.load(settings.source, seed=seed)
    if settings.source == "yahoo_like":
        return data.load(settings.source)
    if settings.root is not None:
        return data.load(settings.source, root=settings.root)
    if path.is_dir():
        files = visible(path, "*.npz")
        if not files:
            raise FileNotFoundError(f"no .npz files in {path}")
        return [one for file in files for one in data.load("npz", source=file)]
    if path.suffix == ".npz":
        return data.load("npz", source=path)
    if not path.suffix:
        raise InputError(
            f"unknown source {settings.source!r}; give {' or '.join(GENERATED)}, the path of a .csv, .parquet or .npz "
            f"file, or one of {', '.join(sorted(set(data.names()) - set(GENERATED)))} with --root FOLDER"
        )
    return data.load(
        "table",
        source=path,
        value_columns=list(settings.value_columns) or None,
        time_column=settings.time_column,
        label_column=settings.label_column,
        key_column=settings.key_column,
        windows=settings.windows,
        delimiter=settings.delimiter,
    )


def split(settings: SourceSettings, series: list[Series]) -> Split:
    """Cut the series into what may be learned from and what is evaluated.

    Where a data set comes as a training and a test part, the scorer learns on the first, and the labelled second
    is cut in two.
    """
    history = [_without(TRAIN, one) for one in series if one.name.rpartition("/")[2].startswith(TRAIN)]
    labelled = [_without("test", one) for one in series if not one.name.rpartition("/")[2].startswith(TRAIN)]
    if settings.train_until is not None:
        if len(labelled) > 1:
            raise InputError("--train-until cuts one series; of several, --train-share is the training part of each")
        cut = split_at(labelled[0], _row(labelled[0], settings.train_until), settings.window)
    elif len(labelled) == 1 and settings.train_share is None and not history and settings.source not in GENERATED:
        cut = split_by_anomalies(labelled[0], settings.window, settings.train_anomalies)
    else:
        share = settings.train_share or (HALF if history or len(labelled) == 1 else QUARTER)
        cut = split_by_share(labelled, share, settings.window)
    return replace(cut, history=history)


def _without(part: str, series: Series) -> Series:
    """Name both parts of a data set alike: the scorer scales a series by what it has seen under that name."""
    name, slash, last = series.name.rpartition("/")
    return replace(series, name=name) if slash and last == part else series


def _row(series: Series, until: str) -> int:
    if until.isdecimal():
        return int(until)
    if series.index is None:
        raise InputError(f"--train-until {until!r}: series {series.name!r} has no times; give a row number")
    try:
        return int(np.searchsorted(series.index, np.datetime64(until)))
    except ValueError as error:
        raise InputError(f"--train-until {until!r} is neither a row number nor a time like 2014-02-01T12:00") from error
