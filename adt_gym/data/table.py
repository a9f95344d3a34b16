"""Any table as series: a CSV, Parquet or Excel file, a folder of them or a pandas DataFrame, wide or long."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adt_gym import extras
from adt_gym.data.cells import count_unordered, fill_gaps, is_blank, read_labels, require, warn_counts
from adt_gym.data.columns import Asked, Columns, assign, leaks
from adt_gym.data.metrics import digits_lost
from adt_gym.data.nab import window_labels
from adt_gym.data.notation import may_be_grouped, notations
from adt_gym.data.opening import Opened, open_tables, with_clean_names, with_index
from adt_gym.data.order import gaps, in_order
from adt_gym.data.times import is_local, times_in_columns
from adt_gym.series import NO_BREAKS, InputError, Series

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """The series of a table, and what its columns were taken for."""

    series: list[Series]
    columns: Columns


def read_table(
    source: Any,
    *,
    value_columns: str | Sequence[str] | None = None,
    time_column: str | None = None,
    label_column: str | None = None,
    windows: str | Path | None = None,
    key_column: str | None = None,
    drop_columns: str | Sequence[str] = (),
    name: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    max_gap: int = 0,
    allow_gaps: bool = False,
) -> Table:
    r"""Read the series of a table, each in the order of time.

    Times that repeat or go back are kept, sorted stably, and counted in one warning; the hour that a clock change
    repeats stays in the order of the file. Rows in messages are counted from 0, the header and blank lines not counted.

    Args:
        source: The path of a .csv, .csv.gz, .zip (of one .csv), .parquet or .xlsx file; of a folder of such files, one
            series per file, or, if they are called part-... as Spark writes them, one table; or a DataFrame.
            CSV is read as UTF-8, or as UTF-16 with its mark.
        value_columns: The metrics. By default every column of numbers that is not a time, label, key, constant, row
            number, step of one size or id. Decimal commas, thousands, one unit per column ("12 MB") and two states (ON
            and OFF, True and False) are numbers too; a column that could be read in two ways is an error.
        time_column: By default the only column that is named like a time (timestamp, time, date, ts, epoch, ...) or,
            for want of one, holds dates, or numbers since 1970 with a word of time in its name, or steps of one size
            with such a word (step, elapsed, ...); a column of dates and one of times of the day are taken together; or
            the DataFrame's DatetimeIndex. Without one the rows are in order; numbers that may be times since 1970
            under another name are an error then, unless it says what they count (bytes, total, ...). Times are dates
            in ISO 8601 or a common format (month first where 03/04/2015 could be either), 2015030423 or
            20150304235900, or seconds to nanoseconds since 1970. Numbers too small for a time after 1990 count steps:
            the rows are sorted by them, ``index`` is None. Times with an offset become UTC.
        label_column: 1, True, yes or attack where the row is anomalous; of -1 and 1 the rarer. By default the only
            column named like a label (label, anomaly, is_anomaly), or the only one of two states with attack, outlier,
            ... in its name; no column named so is ever a metric by default.
        windows: Labels as a JSON of intervals in NAB's format, instead of ``label_column``.
        key_column: Long format: one series per value of this column, named ``name/value``, in order of appearance.
        drop_columns: Columns that are left out.
        name: By default the file's name without its ending, or "table".
        delimiter: What separates the columns of a CSV file; a comma by default. A first line ``sep=;`` is understood.
        decimal: The decimal mark, "." or ","; found out by default.
        thousands: What stands between thousands: ``,``, ``.``, a blank, ``'`` or ``_``; found out by default.
        max_gap: Up to this many consecutive missing or infinite values are filled forward, and counted in one warning.
        allow_gaps: Let windows span gaps in time, steps of more than one and a half of the median. Otherwise they are
            counted in one warning, and no window spans one.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the table cannot be read, has no rows, lacks a column, or holds a value, label or time that
            is not one; if a column that nobody named gives the label away, or its numbers differ in more digits than
            float64 holds. The message names the column and row.
    """
    if label_column is not None and windows is not None:
        raise InputError("labels come from label_column or from windows; give one of the two")
    if max_gap < 0:
        raise InputError(f"max_gap must be 0 or more rows, got {max_gap}")
    asked = Asked(
        None if value_columns is None else _words(value_columns),
        time_column, label_column, key_column, _words(drop_columns), windows is not None, notations(decimal, thousands),
    )  # fmt: skip
    opened, asked = _open(source, name, delimiter, asked)
    where = opened[0].where if len(opened) == 1 else str(source)
    frame, columns, metrics = _assign(opened, asked, where, as_text=decimal is not None or thousands is not None)
    order, index = times_in_columns(frame, columns.time, where)
    local = all(is_local(frame[column]) for column in columns.time)
    ends = np.cumsum([len(one.frame) for one in opened])
    files = np.split(np.arange(len(frame)), ends[:-1])
    labels = None
    if windows is not None:
        parts = (None if index is None else index[rows] for rows in files)
        labels = np.concatenate(
            [window_labels(part, one.where, windows) for part, one in zip(parts, opened, strict=True)]
        )
    elif columns.label is not None:
        labels, columns.notes[columns.label] = read_labels(frame[columns.label], where)
    if labels is not None and asked.values is None:
        _refuse_leaks(metrics, labels, where)
    values = np.column_stack([*metrics.values()])
    series, unordered, repeated, filled = [], {}, {}, {}
    for one, in_file in zip(opened, files, strict=True):
        for title, of_key in _groups(frame.iloc[in_file], columns.key, one.name, where):
            rows, repeats = in_order(order[in_file[of_key]], local)
            rows = in_file[of_key][rows]
            part = values[rows]
            filled[title] = fill_gaps(part, max_gap, one.where, columns.metrics, rows - in_file[0])
            flags, times = (None if array is None else array[rows] for array in (labels, index))
            breaks = NO_BREAKS if allow_gaps else gaps(times)
            series.append(Series(part, flags, title, times, columns.metrics, breaks))
            unordered[title] = 0 if repeats else count_unordered(order[in_file[of_key]])
            repeated[title] = repeats
    missing = {one.name: len(one.breaks) for one in series}
    warn_counts(unordered, filled, repeated, missing, stacklevel=4)
    return Table(series, columns)


def table(source: Any, **options: Any) -> list[Series]:
    """Return the series of a table; the arguments are those of `read_table`."""
    return read_table(source, **options).series


# What is read off the function, to check options, is that of the other one.
table.__annotations__ = {**read_table.__annotations__, "return": list[Series]}
table.__signature__ = inspect.signature(read_table).replace(return_annotation=list[Series])  # type: ignore[attr-defined]


def _words(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _open(
    source: str | Path | pd.DataFrame, name: str | None, delimiter: str | None, asked: Asked
) -> tuple[list[Opened], Asked]:
    """Return the tables of the source, and what is asked for with a DataFrame's DatetimeIndex as the time."""
    extras.require("a table", "pandas")
    import pandas as pd

    if not isinstance(source, pd.DataFrame):
        wanted = None if asked.values is None else [*asked.named, *asked.drop]
        opened = open_tables(Path(source), delimiter, asked.key, wanted)
        if name is not None:
            opened = [replace(one, name=f"{name}/{one.name}" if len(opened) > 1 else name) for one in opened]
        return opened, asked
    name = name or "table"
    if source.empty:
        raise InputError(f"{name} has no rows")
    if isinstance(source.index, pd.DatetimeIndex) and asked.time is None:
        asked = replace(asked, time=str(source.index.name or "timestamp").strip())
    return [Opened(with_clean_names(with_index(source), name), name, name)], asked


def _assign(
    opened: Sequence[Opened], asked: Asked, where: str, as_text: bool
) -> tuple[pd.DataFrame, Columns, dict[str, NDArray[np.float64]]]:
    """Return all rows, what the columns are, and the values of the metrics.

    What pandas took for numbers with a point is looked at again where 1.234 may be more than a thousand: in a file of
    decimal commas, and beside cells like 999; and where the numbers do not differ but their digits may.
    """
    import pandas as pd

    frame = _together(opened, as_text)
    groups = np.repeat(np.arange(len(opened)), [len(one.frame) for one in opened])
    fractions = [name for name in map(str, frame.columns) if pd.api.types.is_float_dtype(frame[name])]
    flat = [name for name in fractions if frame[name].nunique() == 1]
    mixed = [name for name in fractions if _mixes_whole_and_thousandths(frame[name])]
    text = frame
    if (flat or mixed) and all(one.as_text for one in opened):
        text = _together(opened, as_text=True)
    if text is not frame:
        grouped = [name for name in mixed if may_be_grouped(text[name].dropna().str.strip())]
        frame = frame.assign(**{name: text[name] for name in grouped})
    columns, values = assign(frame, asked, groups, where)
    if text is not frame:
        for name in flat:
            if name not in asked.drop and _differs(text[name]):
                raise InputError(digits_lost(name, where))
    if columns.decimal == "," and fractions and all(one.as_text for one in opened):
        text = _together(opened, as_text=True)
        columns, values = assign(frame.assign(**{name: text[name] for name in fractions}), asked, groups, where)
    return frame, columns, values


def _mixes_whole_and_thousandths(column: pd.Series) -> bool:
    """Return whether numbers below a thousand are whole or have three digits after the point, and some are whole."""
    values = column.to_numpy(np.float64, na_value=np.nan)
    values = values[np.isfinite(values)]
    whole = values % 1 == 0
    if not whole.any() or whole.all() or not (np.abs(values) < 1000).all():
        return False
    return bool((np.abs(values[~whole]) >= 1).all() and np.allclose(values * 1000, np.round(values * 1000), atol=1e-6))


def _differs(text: pd.Series) -> bool:
    """Return whether cells of text are more than one number."""
    cells = text.dropna().str.strip()
    return cells.nunique() > 1 and len(set(cells[cells.str.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?")].map(Decimal))) > 1


def _together(opened: Sequence[Opened], as_text: bool) -> pd.DataFrame:
    """Return the rows of all files; of several, the index says of which."""
    import pandas as pd

    frames = [one.as_text() if as_text and one.as_text else one.frame for one in opened]
    if len(frames) == 1:
        return frames[0]
    first = set(frames[0].columns)
    for one, frame in zip(opened, frames, strict=True):
        if differ := sorted(first ^ set(frame.columns)):
            raise InputError(
                f"{one.where} and {opened[0].where} differ in column {differ[0]!r}; files of one folder have the same"
            )
    rows = [f"{row} of {Path(one.where).name}" for one in opened for row in range(len(one.frame))]
    return pd.concat(frames, ignore_index=True).set_axis(rows)


def _refuse_leaks(metrics: Mapping[str, NDArray[np.float64]], labels: NDArray[np.bool_], where: str) -> None:
    for name, values in metrics.items():
        if leaks(values, labels):
            raise InputError(
                f"{where}, column {name!r} gives the label away: it has few values, and some of them stand for "
                f"anomalies only; leave it out with drop_columns={name!r}, or name the metrics with value_columns="
            )


def _groups(frame: pd.DataFrame, key: str | None, name: str, where: str) -> list[tuple[str, NDArray[np.intp]]]:
    """Return the name and the rows of each series, in order of first appearance."""
    import pandas as pd

    if key is None:
        return [(name, np.arange(len(frame)))]
    require(~is_blank(frame[key]), frame[key], where, "no key; every row must name its series")
    codes, keys = pd.factorize(frame[key].astype(str).str.strip())
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return [(f"{name}/{value}", part) for value, part in zip(keys, rows, strict=True)]
