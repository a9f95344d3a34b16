"""From the cells of a table to times: ISO 8601, the common formats, and seconds to nanoseconds since 1970."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import floats, is_numeric, require

if TYPE_CHECKING:
    import pandas as pd

DATES = (  # where both readings fit, the first one is taken
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%d.%m.%y"),
    *("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d %Y", "%b %d, %Y"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I:%M:%S.%f %p")
FORMATS = ("ISO8601", *(date + clock for date, clock in itertools.product(DATES, CLOCKS)))
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
        if np.median(counted) < EPOCH_1990:
            return counted, None
        times = _from_epoch(pd.Series(counted))
    else:
        times = _from_text(column.astype(str).str.strip(), where)
    index = _index(times, column, where, "2024-01-31 23:59:00")
    return index, index


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


def _from_epoch(numbers: pd.Series) -> pd.Series:
    """Read seconds, milli-, micro- or nanoseconds since 1970, whichever puts the median between 1990 and 2100."""
    import pandas as pd

    for unit, scale in EPOCH_UNITS.items():
        if EPOCH_1990 <= numbers.median() / scale < EPOCH_2100:
            plausible = numbers.between(EPOCH_1990 * scale, EPOCH_2100 * scale)
            times = pd.to_datetime(numbers.where(plausible), unit=unit, utc=True)
            return times.dt.round("us")  # float64 holds no more digits
    return pd.Series(pd.NaT, numbers.index, dtype="datetime64[ns, UTC]")


def _from_text(text: pd.Series, where: str) -> pd.Series:
    """Read every row in one format: of those that fit the first row, the one that fits most rows."""
    import pandas as pd

    def read(rows: pd.Series, form: str) -> pd.Series:
        return pd.to_datetime(rows, format=form, errors="coerce", utc=True)

    formats = [form for form in FORMATS if read(text[:1], form).notna().all()] or ["ISO8601"]
    best, *others = sorted((read(text, form) for form in formats), key=lambda times: times.isna().sum())
    for other in others:
        if other.notna().all() and (other != best).any():
            example = text[other != best].iloc[0]
            warnings.warn(
                f"{where}, column {text.name!r}: {example!r} is read month first; if days stand first, write ISO dates",
                UserWarning,
                stacklevel=4,
            )
    return best
