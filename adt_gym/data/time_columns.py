"""Which column of a table holds its times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import floats, is_blank, is_numeric, is_text, listed, plain, steps_within
from adt_gym.data.times import EPOCH_UNITS, epoch_unit, holds_clock, holds_dates, times_or_steps
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

TIME_NAMES = {
    *("timestamp", "timestamps", "time", "date", "datetime", "ds", "ts", "epoch", "unix", "unixtime", "unixtimestamp"),
    *("epochtime", "epochms", "epochseconds", "timems", "timens", "timestampms", "timestampns", "tsms", "tsns"),
    *("timeutc", "dateutc", "datetimeutc", "timestamputc", "utctime", "eventtime", "localtime", "clock"),
}
"""A column that is called so holds times."""
TIME_WORDS = {"time", "timestamp", "ts", "date", "datetime", "epoch", "unix"}
"""A column with such a word in its name holds times if its numbers may be times."""
LEAST_UNEQUAL, LEAST_REGULAR = 0.95, 0.5
"""Numbers of an unknown name are times if, put in order, so many differ from the one before, so many of them by the
usual step."""
LONGEST = 30 * 366 * 86_400
"""Seconds that a column of an unknown name may span to be taken for times."""


def choose_time(
    frame: pd.DataFrame, free: Sequence[str], asked: str | None, groups: NDArray[np.intp], where: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the column of times, or of dates and of times of the day, and why other times are not used.

    Args:
        frame: The table.
        free: The columns that are nothing else yet.
        asked: The column that the user names, or None.
        groups: Shape ``(n,)``: the number of each row's series.
        where: How messages call the table.

    Raises:
        InputError: If several columns hold times, or one may hold times or count something.
    """
    by_name = [name for name in free if plain(name) in TIME_NAMES]
    by_content = [name for name in free if name not in by_name and _holds_times(frame[name], groups)]
    if asked is not None:
        chosen: tuple[str, ...] = (asked,)
    else:
        chosen = _among(frame, by_name or by_content, where)
    if not chosen:
        _refuse_counter_or_time(frame, free, groups, where)
    return chosen, {name: "times" for name in (*by_name, *by_content) if name not in chosen}


def _among(frame: pd.DataFrame, candidates: Sequence[str], where: str) -> tuple[str, ...]:
    if len(candidates) < 2:
        return tuple(candidates)
    clocks = [name for name in candidates if is_text(frame[name]) and holds_clock(frame[name])]
    dates = [name for name in candidates if name not in clocks]
    if len(clocks) == len(dates) == 1 and _whole_days(frame[dates[0]], where):
        return dates[0], clocks[0]
    raise InputError(
        f"{where} has {len(candidates)} columns of times, {listed(candidates)}: name the one to use, time_column="
        f"{candidates[0]!r} or another; the others are left out"
    )


def _whole_days(column: pd.Series, where: str) -> bool:
    try:
        _, index = times_or_steps(column, where)
    except InputError:
        return False
    return index is not None and bool((index == index.astype("M8[D]")).all())


def _holds_times(column: pd.Series, groups: NDArray[np.intp]) -> bool:
    """Return whether a column of any name holds times: dates, or numbers since 1970 that go on as a clock does."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_bool_dtype(column):
        return False
    if is_text(column):
        return not is_numeric(column[:100]) and holds_dates(column[~is_blank(column)])
    values = floats(column)
    if not _in_epoch(values):
        return False
    words = re.split("[^a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", str(column.name)).lower())
    rows = np.argsort(values, kind="stable")
    steps = steps_within(values[rows], groups[rows])
    if TIME_WORDS & set(words) or len(steps) < 3:
        return bool(TIME_WORDS & set(words))
    forward = steps[steps > 0]
    unequal = len(forward) >= LEAST_UNEQUAL * len(steps)
    return unequal and bool((forward == np.median(forward)).mean() >= LEAST_REGULAR)


def _in_epoch(values: NDArray[np.float64]) -> bool:
    """Return whether all numbers are times since 1970 in one unit, within 30 years."""
    if not np.isfinite(values).all() or (unit := epoch_unit(values)) is None:
        return False
    ends = np.array([values.min(), values.max()])
    within = all(epoch_unit(end[None]) == unit for end in ends)
    return within and bool(np.ptp(ends) <= LONGEST * EPOCH_UNITS[unit])


def _refuse_counter_or_time(frame: pd.DataFrame, free: Sequence[str], groups: NDArray[np.intp], where: str) -> None:
    """Raise where, for want of another time, rising whole numbers could be times."""
    import pandas as pd

    for name in free:
        column = frame[name]
        if pd.api.types.is_integer_dtype(column) and _in_epoch(values := floats(column)):
            steps = steps_within(values, groups)
            if len(steps) > 2 and ((steps > 0).all() or (steps < 0).all()):
                raise InputError(
                    f"{where}, column {name!r}: these rising numbers may be times since 1970 or a counter; name it in "
                    f"time_column={name!r} or value_columns={name!r}, or leave it out with drop_columns={name!r}"
                )
