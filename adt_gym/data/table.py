"""Any table as series: a CSV or Parquet file or a pandas DataFrame, wide or long."""

from __future__ import annotations

import itertools
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.nab import window_labels
from adt_gym.series import InputError, Series

if TYPE_CHECKING:
    import pandas as pd

TIME_NAMES = {"timestamp", "timestamps", "time", "date", "datetime", "ds"}
LABEL_NAMES = {"label", "labels", "anomaly", "anomalous", "isanomaly", "isanomalous"}
TRUTH = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
DATES = (  # where both readings fit, the first one is taken
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%d.%m.%y"),
    *("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d %Y", "%b %d, %Y"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I:%M:%S.%f %p")
TIME_FORMATS = ("ISO8601", *(date + clock for date, clock in itertools.product(DATES, CLOCKS)))
EPOCH_1990, EPOCH_2100 = 631_152_000, 4_102_444_800
EPOCH_UNITS: dict[Literal["s", "ms", "us", "ns"], float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


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
    values = np.column_stack([_numbers(frame[column], where) for column in roles.values])
    order, index = _times(frame[roles.time], where) if roles.time else (np.arange(len(frame)), None)
    labels = None
    if windows is not None:
        labels = window_labels(index, where, windows)
    elif roles.label:
        labels = _labels(frame[roles.label], where)

    series, unordered, filled = [], {}, {}
    for title, rows in _groups(frame, roles.key, name, where):
        unordered[title] = _count_unordered(order[rows])
        rows = rows[np.argsort(order[rows], kind="stable")]
        part = values[rows]
        if not np.isfinite(part).all():
            part, filled[title] = _fill(part, max_gap, frame[list(roles.values)].iloc[rows], where)
        truth = None if labels is None else labels[rows]
        series.append(Series(part, truth, title, None if index is None else index[rows], roles.values))
    _warn_counts(unordered, "rows whose time repeats or goes back, kept and sorted stably by time")
    _warn_counts(filled, "missing or infinite values, filled with the value before")
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
    return frame, name, where


def _read(path: Path, delimiter: str | None, key_column: str | None) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"no table at {path}; give the path of a .csv, .csv.gz or .parquet file")
    if not path.name.lower().endswith((".csv", ".csv.gz", ".parquet")):
        raise InputError(f"{path} is not a .csv, .csv.gz or .parquet file; save the table as one of them")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return _read_csv(path, delimiter or ",", key_column)
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not encoded as UTF-8; save it again as UTF-8 ({error})") from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty") from error
    except pd.errors.ParserWarning as error:
        raise InputError(f"{path} has rows with more fields than its header; is delimiter= right?") from error
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read as a table: {str(error).strip()}") from error


def _read_csv(path: Path, delimiter: str, key_column: str | None) -> pd.DataFrame:
    import pandas as pd

    options: dict[str, Any] = {"sep": delimiter, "engine": "c", "encoding": "utf-8-sig", "index_col": False}
    header = list(pd.read_csv(path, nrows=0, **options).columns)
    if len(header) == 1:
        for other in (",", ";", "\t", "|"):
            if other != delimiter and other in header[0]:
                raise InputError(f"{path} has one column, {header[0]!r}; give delimiter={other!r}")
    # As a converter, str keeps the key as it is written: 007 is no number and NA is not missing.
    keys = [column for column in header if column.strip() == key_column]
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(path, low_memory=False, converters=dict.fromkeys(keys, str), **options)


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
        values = [name for name in free if _is_numeric(frame[name])] or free
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


def _floats(column: pd.Series) -> NDArray[np.float64]:
    """Return the column as float64, NaN where a cell is no number."""
    import pandas as pd

    cells = column if pd.api.types.is_numeric_dtype(column) else column.astype(object)
    return pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def _is_numeric(column: pd.Series) -> bool:
    """Return whether this is a column of numbers: by its type, or because more than half of its cells are."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return True
    return bool((~np.isnan(_floats(column))).sum() > (~_is_blank(column)).sum() / 2)


def _require(valid: NDArray[np.bool_], column: pd.Series, where: str, problem: str) -> None:
    wrong = np.flatnonzero(~valid)
    if len(wrong):
        row = int(wrong[0])
        cell = "an empty cell" if _is_blank(column)[row] else repr(column.tolist()[row])
        raise InputError(f"{where}, column {column.name!r}, row {row}: {cell} is {problem}")


def _is_blank(column: pd.Series) -> NDArray[np.bool_]:
    return np.asarray(column.isna() | (column.astype(str).str.strip() == ""))


def _numbers(column: pd.Series, where: str) -> NDArray[np.float32]:
    """Return the column as numbers, not finite where a cell is missing or infinite."""
    numbers = _floats(column)
    unread = np.isnan(numbers)
    if unread.any():
        _require(~unread | _is_blank(column), column, where, "not a number; correct it or name the value_columns")
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _labels(column: pd.Series, where: str) -> NDArray[np.bool_]:
    truth = column.map({cell: TRUTH.get(str(cell).strip().lower()) for cell in column.unique()})
    _require(truth.notna().to_numpy(), column, where, "no label; write 0 or False (normal), 1 or True (anomalous)")
    return truth.to_numpy(bool)


def _groups(frame: pd.DataFrame, key: str | None, name: str, where: str) -> list[tuple[str, NDArray[np.intp]]]:
    """Return the name and the rows of each series, in order of first appearance."""
    import pandas as pd

    if key is None:
        return [(name, np.arange(len(frame)))]
    _require(~_is_blank(frame[key]), frame[key], where, "no key; every row must name its series")
    codes, keys = pd.factorize(frame[key].astype(str).str.strip())
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return [(f"{name}/{value}", part) for value, part in zip(keys, rows, strict=True)]


def _times(column: pd.Series, where: str) -> tuple[NDArray[Any], NDArray[np.datetime64] | None]:
    """Return what to sort by, and the index: the same times, or None where the numbers only count steps."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.to_datetime(column, utc=True)
    elif _is_numeric(column):
        numbers = _floats(column)
        _require(np.isfinite(numbers), column, where, "not a time")
        if np.median(numbers) < EPOCH_1990:
            return numbers, None
        times = _times_from_epoch(pd.Series(numbers))
    else:
        times = _times_from_text(column.astype(str).str.strip(), where)
    fits = times.between(pd.Timestamp.min.tz_localize("UTC"), pd.Timestamp.max.tz_localize("UTC"))
    _require(fits.to_numpy(), column, where, "not a time; write times like 2024-01-31 23:59:00")
    index = times.dt.tz_localize(None).to_numpy("datetime64[ns]")
    return index, index


def _times_from_epoch(numbers: pd.Series) -> pd.Series:
    """Read seconds, milli-, micro- or nanoseconds since 1970, whichever puts the median between 1990 and 2100."""
    import pandas as pd

    for unit, scale in EPOCH_UNITS.items():
        if EPOCH_1990 <= numbers.median() / scale < EPOCH_2100:
            plausible = numbers.between(EPOCH_1990 * scale, EPOCH_2100 * scale)
            times = pd.to_datetime(numbers.where(plausible), unit=unit, utc=True)
            return times.dt.round("us")  # float64 holds no more digits
    return pd.Series(pd.NaT, numbers.index, dtype="datetime64[ns, UTC]")


def _times_from_text(text: pd.Series, where: str) -> pd.Series:
    """Read every row in one format: of those that fit the first row, the one that fits most rows."""
    import pandas as pd

    def read(rows: pd.Series, form: str) -> pd.Series:
        return pd.to_datetime(rows, format=form, errors="coerce", utc=True)

    formats = [form for form in TIME_FORMATS if read(text[:1], form).notna().all()] or ["ISO8601"]
    best, *others = sorted((read(text, form) for form in formats), key=lambda times: times.isna().sum())
    for other in others:
        if other.notna().all() and (other != best).any():
            example = text[other != best].iloc[0]
            _warn(
                f"{where}, column {text.name!r}: {example!r} is read month first; if days stand first, write ISO dates"
            )
    return best


def _count_unordered(order: NDArray[Any]) -> int:
    """Count the rows that are not later than every row before them."""
    return int(np.count_nonzero(order[1:] <= np.maximum.accumulate(order)[:-1]))


def _fill(
    values: NDArray[np.float32], max_gap: int, cells: pd.DataFrame, where: str
) -> tuple[NDArray[np.float32], int]:
    """Fill short gaps with the value before; return the values and how many were filled.

    ``cells`` are the cells that ``values`` were read from, with their row numbers as index.
    """
    import pandas as pd

    gaps = ~np.isfinite(values)
    filled = pd.DataFrame(np.where(gaps, np.nan, values))
    if max_gap:
        filled = filled.ffill(limit=max_gap)
    left = np.argwhere(filled.isna().to_numpy())
    if len(left):
        row, j = left[0]
        row -= max_gap if row else 0  # ffill has filled the first rows of the gap
        raise InputError(
            f"{where}, column {cells.columns[j]!r}, row {cells.index[row]}: {cells.iloc[row, j]!s} is not finite, and "
            f"the gap is longer than max_gap={max_gap} or begins the series; drop or fill such rows, or raise max_gap"
        )
    return filled.to_numpy(np.float32), int(gaps.sum())


def _warn_counts(counts: dict[str, int], what: str) -> None:
    """Say once, for all series, how many rows or values were put right."""
    parts = [f"{count} in series {name!r}" for name, count in counts.items() if count]
    if parts:
        _warn(f"{what}: {', '.join(parts)}")


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
