"""What SOURCE means on the command line: a data set's name or a file."""

from dataclasses import dataclass
from pathlib import Path

from adt_gym import data
from adt_gym.evaluation.split import Split, split_at, split_by_anomalies, split_by_share
from adt_gym.series import InputError, Series


@dataclass(frozen=True)
class SourceSettings:
    """Where the series come from and how they are cut.

    Args:
        source: ``yahoo_like`` or the path of a CSV or Parquet file.
        value_columns, time_column, label_column, key_column, windows, delimiter: See `adt_gym.data.table.table`.
        window: tau, the points of a window.
        train_anomalies: Of one series: the training part is the shortest prefix with so many anomalous windows ...
        train_until: ... or ends before this time or row.
        train_share: Of many series: the share of each that is its training part.
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
    train_share: float = 0.25

    @property
    def name(self) -> str:
        """What the run is called."""
        return Path(self.source).name.split(".")[0]


def load(settings: SourceSettings) -> list[Series]:
    """Return the labelled series of the source.

    Raises:
        InputError: If it cannot be read or has no labels.
        FileNotFoundError: If there is neither a data set nor a file of that name.
    """
    if settings.source == "yahoo_like":
        return data.load("yahoo_like")
    path = Path(settings.source)
    if not path.suffix:
        raise InputError(f"unknown source {settings.source!r}; give yahoo_like or the path of a .csv or .parquet file")
    series = data.load(
        "table",
        source=path,
        value_columns=list(settings.value_columns) or None,
        time_column=settings.time_column,
        label_column=settings.label_column,
        key_column=settings.key_column,
        windows=settings.windows,
        delimiter=settings.delimiter,
    )
    if any(one.labels is None for one in series):
        raise InputError(
            f"{path} has no labels: name their column (--label-column) or give a file of anomalous windows (--windows)"
        )
    return series


def split(settings: SourceSettings, series: list[Series]) -> Split:
    """Cut the series into what may be learned from and what is evaluated."""
    if len(series) > 1:
        if settings.train_until is not None:
            raise InputError("--train-until cuts one series; of several, --train-share is the training part of each")
        return split_by_share(series, settings.train_share, settings.window)
    (only,) = series
    if settings.train_until is None:
        return split_by_anomalies(only, settings.window, settings.train_anomalies)
    return split_at(only, _row(only, settings.train_until), settings.window)


def _row(series: Series, until: str) -> int:
    if until.isdecimal():
        return int(until)
    if series.index is None:
        raise InputError(f"--train-until {until!r}: series {series.name!r} has no times; give a row number")
    import numpy as np

    try:
        return int(np.searchsorted(series.index, np.datetime64(until)))
    except ValueError as error:
        raise InputError(f"--train-until {until!r} is neither a row number nor a time like 2014-02-01T12:00") from error
