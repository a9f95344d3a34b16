"""Any table as series: a CSV or Parquet file or a pandas DataFrame, wide or long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import count_unordered, fill_gaps, flags, is_blank, is_numeric, numbers, require, warn_counts
from adt_gym.data.nab import window_labels
from adt_gym.data.reading import csv_header, csv_options, reading
from adt_gym.data.times import times_or_steps
from adt_gym.series import InputError, Series

if TYPE_CHECKING:
    import pandas as pd

TIME_NAMES = {"timestamp", "timestamps", "time", "date", "datetime", "ds"}
LABEL_NAMES = {"label", "labels", "anomaly", "anomalous", "isanomaly", "isanomalous"}


def table(
    source: str | Path | pd.DataFrame,
    *,
    value_columns: str | Sequence[str] | None = None,
    time_column: str | None = None,
    label_column: str | None = None,
    windows: str | Path | None = None,
    key_column: str | None = None,
    name: str | None = None,
    delimiter: str | None = None,
    max_gap: int = 0,
) -> list[Series]:
    """Read the series of a table, each in the order of time.

    Times that repeat or go back (a clock change) are kept, sorted stably, and counted in one warning.
    Rows in messages are counted from 0, the header and blank lines not counted.

    Args:
        source: The path of a .csv, .csv.gz (UTF-8) or .parquet file, or a DataFrame.
        value_columns: The metrics. By default every column of numbers that is not a time, label or key;
            a text column counts if more than half of its filled cells are numbers, so that a bad cell is reported.
        time_column: By default the only column named like a time (timestamp, time, date, datetime, ds) or
            the DataFrame's DatetimeIndex; without one the rows are in order. Dates in ISO 8601 or a common format
            (month first where 03/04/2015 could be either), or seconds to nanoseconds since 1970.
            Numbers too small for a time after 1990 count steps: the rows are sorted by them, ``index`` is None.
            Times with an offset become UTC.
        label_column: 1 or True where the row is anomalous. By default the only column named like a label
            (label, anomaly, is_anomaly); no column named so is ever a metric by default.
        windows: Labels as a JSON of intervals in NAB's format, instead of ``label_column``.
        key_column: Long format: one series per value of this column, named ``name/value``, in order of appearance.
        name: By default the file's name without its ending, or "table".
        delimiter: What separates the columns of a CSV file; a comma by default.
        max_gap: Up to this many consecutive missing or infinite values are filled forward, and counted in one warning.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the table cannot be read, has no rows, lacks a column, or holds a value, label or time that
            is not one; the message names the column and row.
    """
    if label_column is not None and windows is not None:
        raise InputError("labels come from label_column or from windows; give one of the two")
    if max_gap < 0:
        raise InputError(f"max_gap must be 0 or more rows, got {max_gap}")
    frame, name, where = _frame(source, name, delimiter, time_column, key_column)
    roles = _roles(frame, value_columns, time_column, label_column, key_column, where)
    remedy = "correct it or name the value_columns"
    values = np.column_stack([numbers(frame[column], where, remedy) for column in roles.values])
    order, index = times_or_steps(frame[roles.time], where) if roles.time else (np.arange(len(frame)), None)
    labels = None
    if windows is not None:
        labels = window_labels(index, where, windows)
    elif roles.label:
        labels = flags(frame[roles.label], where)

    series, unordered, filled = [], {}, {}
    for title, rows in _groups(frame, roles.key, name, where):
        unordered[title] = count_unordered(order[rows])
        rows = rows[np.argsort(order[rows], kind="stable")]
        part = values[rows]
        if not np.isfinite(part).all():
            filled[title] = fill_gaps(part, max_gap, where, roles.values, rows)
        truth = None if labels is None else labels[rows]
        series.append(Series(part, truth, title, None if index is None else index[rows], roles.values))
    warn_counts(unordered, filled)
    return series


@dataclass(frozen=True)
class _Roles:
    """Which column of the table is what."""

    values: tuple[str, ...]
    time: str | None
    label: str | None
    key: str | None


def _frame(
    source: str | Path | pd.DataFrame,
    name: str | None,
    delimiter: str | None,
    time_column: str | None,
    key_column: str | None,
) -> tuple[pd.DataFrame, str, str]:
    """Return the table, the name of its series, and how messages call it."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        frame, name = source, name or "table"
        where = name
    else:
        where, file = str(source), Path(source)
        frame = _read(file, delimiter, key_column)
        name = name or re.sub(r"\.(csv(\.gz)?|parquet)$", "", file.name, flags=re.IGNORECASE)
    if frame.empty:
        raise InputError(f"{where} has no rows" + (" below its header" if len(frame.columns) else ""))
    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    if isinstance(frame.index, pd.DatetimeIndex) and time_column in (None, frame.index.name):
        time = time_column or "timestamp"
        frame = frame if time in frame else frame.reset_index(names=time)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(f"{where} has two columns called {twice[0]!r}; rename one")
    return frame.reset_index(drop=True), name, where


def _read(path: Path, delimiter: str | None, key_column: str | None) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"no table at {path}; give the path of a .csv, .csv.gz or .parquet file")
    if not path.name.lower().endswith((".csv", ".csv.gz", ".parquet")):
        raise InputError(f"{path} is not a .csv, .csv.gz or .parquet file; save the table as one of them")
    with reading(path):
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        header = csv_header(path, delimiter or ",", "give delimiter={!r}")
        # As a converter, str keeps the key as it is written: 007 is no number and NA is not missing.
        keys = [column for column in header if column.strip() == key_column]
        return pd.read_csv(path, converters=dict.fromkeys(keys, str), **csv_options(delimiter or ","))


def _roles(
    frame: pd.DataFrame,
    values: str | Sequence[str] | None,
    time: str | None,
    label: str | None,
    key: str | None,
    where: str,
) -> _Roles:
    names = list(frame.columns)
    times = [name for name in names if name.lower() in TIME_NAMES]
    labels = [name for name in names if re.sub("[^a-z0-9]", "", name.lower()) in LABEL_NAMES]
    time = times[0] if time is None and len(times) == 1 else time
    label = labels[0] if label is None and len(labels) == 1 else label
    if values is None:
        others = {time, label, key, *times, *labels}
        free = [name for name in names if name not in others and not re.fullmatch(r"(Unnamed: \d+)?", name)]
        # Where no column looks like numbers, the first cell that is none makes the message.
        values = [name for name in free if is_numeric(frame[name])] or free
    values = (values,) if isinstance(values, str) else tuple(values)
    if not values:
        raise InputError(f"{where} has no column of values; its columns are {names}")
    used = [name for name in (*values, time, label, key) if name is not None]
    for name in used:
        if name not in names:
            raise InputError(f"{where} has no column {name!r}; its columns are {names}")
        if used.count(name) > 1:
            raise InputError(f"{where}: column {name!r} is used twice, among the values, time, label and key")
    return _Roles(values, time, label, key)


def _groups(frame: pd.DataFrame, key: str | None, name: str, where: str) -> list[tuple[str, NDArray[np.intp]]]:
    """Return the name and the rows of each series, in order of first appearance."""
    import pandas as pd

    if key is None:
        return [(name, np.arange(len(frame)))]
    require(~is_blank(frame[key]), frame[key], where, "no key; every row must name its series")
    codes, keys = pd.factorize(frame[key].astype(str).str.strip())
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return [(f"{name}/{value}", part) for value, part in zip(keys, rows, strict=True)]
