"""From the cells of a table to times: ISO 8601, the common formats, and seconds to nanoseconds since 1970."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import floats, is_numeric, require
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

DATES = (  # where both readings fit, the first one is taken
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%d.%m.%y"),
    *("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%Y%m%d", "%Y-%m-%d"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I:%M:%S.%f %p")
SERVERS = ("%d/%b/%Y:%H:%M:%S", "%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S", "%a %b %d %H:%M:%S %Y")
"""How web servers, mail and C's ctime write times."""
FORMATS = ("ISO8601", *(date + clock for date, clock in itertools.product(DATES, CLOCKS)), *SERVERS)
WRITTEN_DATES = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Dates and times written as one whole number, by its digits."""
OFFSET = r"\d{1,2}:\d{2}.*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
"""What a time looks like that says how far from UTC it is."""
TICKS = 6.3e17, 6.63e17
""".NET's ticks of the years 1997 to 2100, which are nanoseconds of 1990 too."""
LEAST_WRITTEN, LATEST_EPOCH = 20, 1_850_000_000
"""Whole numbers that all read YYMMDDHHMM are no seconds since 1970 if there are so many, or if they are later."""
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp][Mm])?"
SAMPLE = 20
"""Cells by which a column of an unknown name is taken for times."""
EPOCH_1990, EPOCH_2100 = 631_152_000, 4_102_444_800
EPOCH_UNITS: dict[Literal["s", "ms", "us", "ns"], float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def times_or_steps(column: pd.Series, where: str) -> tuple[NDArray[Any], NDArray[np.datetime64] | None]:
    """Return what to sort by, and the index: the same times, or None where the numbers only count steps.

    Raises:
        InputError: If a cell is not a time.
    """
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.to_datetime(column, utc=True)
    elif is_numeric(column):
        counted = floats(column)
        require(np.isfinite(counted), column, where, "not a time")
        written = dates_in_digits(counted)
        if written is None and np.median(counted) < EPOCH_1990:
            return counted, None
        if written is None:
            _refuse_other_digits(column, counted, where)
        times = _from_epoch(column, counted) if written is None else written
    else:
        times = _from_text(column.astype(str).str.strip(), where)
    index = _index(times, column, where, "2024-01-31 23:59:00")
    return index, index


def joined_times(date: pd.Series, clock: pd.Series, where: str) -> NDArray[np.datetime64]:
    """Return the times that a column of dates and one of times of the day say together.

    Raises:
        InputError: If a cell is not a date or not a time of the day.
    """
    import pandas as pd

    _, days = times_or_steps(date, where)
    if days is None:
        raise InputError(f"{where}, column {date.name!r} holds no dates")
    written = pd.Series(np.datetime_as_string(days, "D"), date.index) + " " + _clock_text(clock)
    _, index = times_or_steps(written.rename(f"{date.name} and {clock.name}"), where)
    if index is None:
        raise InputError(f"{where}: columns {date.name!r} and {clock.name!r} are not a date and a time of the day")
    return index


def times_in_columns(
    frame: pd.DataFrame, time: tuple[str, ...], where: str
) -> tuple[NDArray[Any], NDArray[np.datetime64] | None]:
    """Return what rows are sorted by, and their times, or None where there are none.

    Args:
        frame: The table.
        time: One column, one of dates and one of times of the day, or none.
        where: How messages call the table.

    Raises:
        InputError: If a cell is not a time.
    """
    match time:
        case (date, clock):
            index = joined_times(frame[date], frame[clock], where)
            return index, index
        case (column,):
            return times_or_steps(frame[column], where)
    return np.arange(len(frame)), None


def times_in(column: pd.Series, form: str, where: str) -> NDArray[np.datetime64]:
    """Return the times of a column that is written in one known format (`datetime.strptime`).

    Raises:
        InputError: If a cell is not a time in that format.
    """
    import pandas as pd

    times = pd.to_datetime(column.str.strip(), format=form, errors="coerce", utc=True)
    return _index(times, column, where, f"{pd.Timestamp('2024-01-31 23:59:00'):{form}}")


def _index(times: pd.Series, column: pd.Series, where: str, example: str) -> NDArray[np.datetime64]:
    import pandas as pd

    fits = times.between(pd.Timestamp.min.tz_localize("UTC"), pd.Timestamp.max.tz_localize("UTC"))
    require(fits.to_numpy(), column, where, f"not a time; write times like {example}")
    return times.dt.tz_localize(None).to_numpy("datetime64[ns]")


def epoch_unit(values: NDArray[np.float64]) -> Literal["s", "ms", "us", "ns"] | None:
    """Return the unit since 1970 in which the median lies between 1990 and 2100, or None."""
    median = np.median(values)
    return next((unit for unit, scale in EPOCH_UNITS.items() if EPOCH_1990 <= median / scale < EPOCH_2100), None)


def _from_epoch(column: pd.Series, values: NDArray[np.float64]) -> pd.Series:
    """Read seconds, milli-, micro- or nanoseconds since 1970, whichever puts the median between 1990 and 2100."""
    import pandas as pd

    unit = epoch_unit(values)
    if unit is None:
        return pd.Series(pd.NaT, range(len(values)), dtype="datetime64[ns, UTC]")
    scale = EPOCH_UNITS[unit]
    plausible = (EPOCH_1990 * scale <= values) & (values <= EPOCH_2100 * scale)
    if pd.api.types.is_integer_dtype(column):
        return pd.to_datetime(pd.Series(column.to_numpy()).where(plausible), unit=unit, utc=True)
    times = pd.to_datetime(pd.Series(values).where(plausible), unit=unit, utc=True)
    return times.dt.round("us")  # float64 holds no more digits


def dates_in_digits(values: NDArray[np.float64]) -> pd.Series | None:
    """Read whole numbers like 20240131 or 20240131235900; None where one of them is no date between 1990 and 2100."""
    import pandas as pd

    form = WRITTEN_DATES.get(len(f"{values[0]:.0f}"))
    if form is None or (values % 1).any() or values.min() < 0:
        return None
    times = pd.to_datetime(pd.Series(values).map("{:.0f}".format), format=form, errors="coerce", utc=True)
    return times if times.dt.year.between(1990, 2099).all() else None


def _refuse_other_digits(column: pd.Series, values: NDArray[np.float64], where: str) -> None:
    """Raise where whole numbers are dates in a form that is not read, though they could be counted since 1970."""
    import pandas as pd

    first, form = f"{values[0]:.0f}", None
    if (values >= TICKS[0]).all() and (values <= TICKS[1]).all():
        form = ".NET's ticks"
    elif (values % 1 == 0).all() and values.min() >= 1e9 and values.max() < 1e10:
        distinct = np.unique(values)
        if len(distinct) >= LEAST_WRITTEN or np.median(values) >= LATEST_EPOCH:
            digits = pd.Series(distinct).map("{:.0f}".format)
            if pd.to_datetime(digits, format="%y%m%d%H%M", errors="coerce").notna().all():
                form = "YYMMDDHHMM"
    if form is not None:
        raise InputError(
            f"{where}, column {column.name!r}: {first} looks like {form}, which is not read; write times like "
            "2024-01-31 23:59:00"
        )


def _plain(text: pd.Series) -> pd.Series:
    """Write the zone UTC as an offset, and fractions of a second with a point."""
    text = text.str.replace(r"(?<=\d) *(?:UTC|GMT|Z)$", "", regex=True)
    return text.str.replace(r"(:\d{2}),(\d+)", r"\1.\2", regex=True)


def _read(rows: pd.Series, form: str) -> pd.Series:
    import pandas as pd

    return pd.to_datetime(rows, format=form, errors="coerce", utc=True)


def _fitting(first: pd.Series) -> list[str]:
    return [form for form in FORMATS if _read(first, form).notna().all()] or ["ISO8601"]


def is_local(column: pd.Series) -> bool:
    """Return whether times are those of a clock on a wall, which is put back: they are dates without an offset."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return not isinstance(column.dtype, pd.DatetimeTZDtype)
    return not is_numeric(column) and not column.astype(str).str.strip().str.contains(OFFSET).any()


def _refuse_mixed_offsets(text: pd.Series, where: str) -> None:
    offset = text.str.contains(OFFSET).to_numpy()
    if offset.any():
        require(offset, text, where, "a time without an offset from UTC, and other rows have one; write all alike")


def holds_dates(column: pd.Series) -> bool:
    """Return whether text reads like dates or times of a day of a year, by its first cells."""
    text = _plain(column[:SAMPLE].astype(str).str.strip())
    if not len(text) or not text.str.match(r"\w{1,10},?[-/. :T]+\w{1,3}[-/. :,]").all():
        return False
    return any(_read(text, form).notna().all() for form in _fitting(text[:1]))


def holds_clock(column: pd.Series) -> bool:
    """Return whether text is the time of a day, without a date."""
    return bool(column.astype(str).str.strip().str.fullmatch(CLOCK).all())


def holds_clock_digits(values: NDArray[np.float64]) -> bool:
    """Return whether whole numbers are times of the day written HHMMSS, 235959 to 0; below 2400 they may be HHMM."""
    if not len(values) or not (values % 1 == 0).all() or not 2400 <= values.max() < 240_000 or values.min() < 0:
        return False
    return bool(((values % 100 < 60) & (values // 100 % 100 < 60)).all())


def _clock_text(clock: pd.Series) -> pd.Series:
    """Return times of the day as text, 220000 as 22:00:00."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(clock) and holds_clock_digits(floats(clock)):
        return clock.map("{:06.0f}".format).str.replace(r"(\d\d)(\d\d)(\d\d)", r"\1:\2:\3", regex=True)
    return clock.astype(str).str.strip()


def _from_text(text: pd.Series, where: str) -> pd.Series:
    """Read every row in one format: of those that fit the first row, the one that fits most rows."""
    _refuse_mixed_offsets(text, where)
    text = _plain(text)
    best, *others = sorted((_read(text, form) for form in _fitting(text[:1])), key=lambda times: times.isna().sum())
    for other in others:
        if other.notna().all() and (other != best).any():
            example = text[other != best].iloc[0]
            warnings.warn(
                f"{where}, column {text.name!r}: {example!r} is read month first; if days stand first, write ISO dates",
                UserWarning,
                stacklevel=4,
            )
    return best
