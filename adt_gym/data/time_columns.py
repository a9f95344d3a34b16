"""Which column of a table holds its times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import floats, is_blank, is_numeric, is_text, listed, plain, steps_within
from adt_gym.data.times import (
    EPOCH_UNITS,
    dates_in_digits,
    epoch_unit,
    holds_clock,
    holds_clock_digits,
    holds_dates,
    times_in_columns,
)
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

TIME_NAMES = {
    *("timestamp", "timestamps", "time", "date", "datetime", "ds", "ts", "epoch", "unix", "unixtime", "unixtimestamp"),
    *("epochtime", "epochms", "epochseconds", "timems", "timens", "timestampms", "timestampns", "tsms", "tsns"),
    *("timeutc", "dateutc", "datetimeutc", "timestamputc", "utctime", "eventtime", "localtime", "clock"),
}
"""A column that is called so holds times."""
EPOCH_WORDS = {
    *("time", "times", "timestamp", "ts", "date", "datetime", "epoch", "unix", "datum", "zeit", "uhrzeit", "t", "when"),
    *("at", "created", "updated", "received", "recorded", "logged", "observed", "measured", "sampled", "scraped"),
}
"""A column with such a word in its name holds times if its numbers may be times since 1970."""
STEP_WORDS = {
    *("t", "time", "times", "timestamp", "ts", "timestep", "timesteps", "step", "steps", "tick", "ticks", "elapsed"),
    *("seconds", "minutes", "hours", "frame", "frames", "cycle", "cycles", "datum", "zeit", "date", "datetime"),
    "clock",
}
"""A column with such a word in its name counts steps if its numbers, in order, rise by the same amount."""
CLOCK_WORDS = {"time", "clock", "tod", "uhrzeit", "zeit", "hora", "heure"}
"""A column of times of the day has such a word in its name."""
UNIT_WORDS = {"s", "sec", "secs", "ms", "us", "ns", "min", "h", "hr", "in"}
COUNTER_WORDS = {
    *("bytes", "mem", "memory", "total", "count", "counter", "used", "free", "conns", "connections", "requests"),
    *("packets", "errors", "size", "heap", "rss", "octets"),
}
"""A column with such a word in its name was measured, whatever its numbers look like."""
MOSTLY, NARROW = 0.9, 0.005
"""Numbers since 1970 of an unknown name may be times if so many of their moves go one way; or if whole numbers that lie
so near to each other are, once in order, so often about as far apart."""
LEAST_RAMP = 10
"""Rows of which numbers that rise by the same amount are steps."""
MOST_APART = 2
"""Times of an unknown name span at most so many times as long as the column of times, or as short."""
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
    clocks = [name for name in free if _is_clock(frame[name])]
    by_name = [name for name in free if plain(name) in TIME_NAMES and name not in clocks]
    others = [name for name in free if name not in by_name and name not in clocks]
    by_content = [name for name in others if _holds_times(frame[name])]
    others = [name for name in others if name not in by_content]
    steps = [name for name in others if counts_steps(frame[name], groups)]
    unsure = [name for name in others if name not in steps and _may_be_times(frame[name], groups)]
    if asked is not None:
        chosen: tuple[str, ...] = (asked,)
    else:
        chosen = _with_clock(frame, _among(by_name or by_content, where), clocks, groups, where)
    if not chosen and unsure:
        raise InputError(
            f"{where}, column {unsure[0]!r}: these numbers may be times or a counter; name it in "
            f"time_column={unsure[0]!r} or value_columns={unsure[0]!r}, or leave it out with "
            f"drop_columns={unsure[0]!r}"
        )
    if not chosen and steps:
        orders = [np.argsort(floats(frame[name]), kind="stable") for name in steps]
        same = all(np.array_equal(order, orders[0]) for order in orders)
        chosen = (steps[0],) if same else _among(steps, where)
    unsure = [name for name in unsure if _runs_as_fast(frame, name, chosen, where)]
    return chosen, {name: "times" for name in (*clocks, *by_name, *by_content, *steps, *unsure) if name not in chosen}


def _runs_as_fast(frame: pd.DataFrame, name: str, time: tuple[str, ...], where: str) -> bool:
    """Return whether numbers read as times span about as long as the times do: a counter has a speed of its own."""
    index, other = _times(frame, time, where), _times(frame, (name,), where)
    if index is None or other is None:
        return True
    span, of_other = (float(np.ptp(one.astype(np.int64))) for one in (index, other))
    return span == 0 or 1 / MOST_APART <= of_other / span <= MOST_APART


def _among(candidates: Sequence[str], where: str) -> tuple[str, ...]:
    if len(candidates) < 2:
        return tuple(candidates)
    raise InputError(
        f"{where} has {len(candidates)} columns of times, {listed(candidates)}: name the one to use, time_column="
        f"{candidates[0]!r} or another; the others are left out"
    )


def _is_clock(column: pd.Series) -> bool:
    """Return whether a column holds times of the day: 23:59[:59], or 235959 if its name speaks of time."""
    if is_text(column):
        filled = column[~is_blank(column)]
        return len(filled) > 0 and holds_clock(filled)
    return _is_called_clock(str(column.name)) and holds_clock_digits(floats(column))


def _is_called_clock(name: str) -> bool:
    return bool(CLOCK_WORDS & words_in(name)) or plain(name) in TIME_NAMES


def _with_clock(
    frame: pd.DataFrame, chosen: tuple[str, ...], clocks: Sequence[str], groups: NDArray[np.intp], where: str
) -> tuple[str, ...]:
    """Return the column of dates with that of the times of the day, where dates alone do not tell the rows apart."""
    import pandas as pd

    if not chosen or not clocks or not _whole_days(frame, chosen[0], where):
        return chosen or _among([name for name in clocks if plain(name) in TIME_NAMES], where)
    if not pd.DataFrame({"date": frame[chosen[0]], "group": groups}).duplicated().any():
        clocks = [name for name in clocks if _is_called_clock(name)]
    return chosen + _among(clocks, where)


def _times(frame: pd.DataFrame, columns: tuple[str, ...], where: str) -> NDArray[np.datetime64] | None:
    """Return the times of columns, None where they hold none."""
    try:
        return times_in_columns(frame, columns, where)[1]
    except InputError:
        return None


def _whole_days(frame: pd.DataFrame, column: str, where: str) -> bool:
    index = _times(frame, (column,), where)
    return index is not None and bool((index == index.astype("M8[D]")).all())


def words_in(name: str) -> set[str]:
    """Return the words of a column's name, in small letters: of ``timeStep_ms`` time, step and ms."""
    return set(filter(None, re.split("[^a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower())))


def is_counter(name: str) -> bool:
    """Return whether a name says that a column was measured."""
    return bool(COUNTER_WORDS & words_in(name))


def _holds_times(column: pd.Series) -> bool:
    """Return whether a column holds times: dates, or numbers since 1970 if its name speaks of time."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_bool_dtype(column):
        return False
    if is_text(column):
        return not is_numeric(column[:100]) and holds_dates(column[~is_blank(column)])
    name = str(column.name)
    if not EPOCH_WORDS & words_in(name) or is_counter(name):
        return False
    values = floats(column)
    return _in_epoch(values) or dates_in_digits(values) is not None


def counts_steps(column: pd.Series, groups: NDArray[np.intp]) -> bool:
    """Return whether numbers whose name speaks of time or steps rise as steps do.

    They rise by the same amount, or, if the name says nothing else, by any.
    """
    words, name = words_in(str(column.name)), str(column.name)
    if not STEP_WORDS & words or is_counter(name) or is_text(column) or not is_numeric(column):
        return False
    values = floats(column)
    if "uptime" in words or (_in_epoch(values) and not EPOCH_WORDS & words):
        return False
    if is_ramp(values, groups):
        return True
    steps = steps_within(values, groups)
    return words <= STEP_WORDS | UNIT_WORDS and len(steps) + 1 >= LEAST_RAMP and bool((steps > 0).all())


def is_ramp(values: NDArray[np.float64], groups: NDArray[np.intp]) -> bool:
    """Return whether numbers, once in order, go up by exactly the same amount, in each series or in all together."""
    if len(values) < LEAST_RAMP or not np.isfinite(values).all():
        return False
    rows = np.argsort(values, kind="stable")
    ordered = values[rows]
    rounding = 4 * np.spacing(np.abs(ordered[[0, -1]]).max())
    for steps in (np.diff(ordered), steps_within(ordered, groups[rows])):
        if len(steps) and steps.min() > 0 and np.ptp(steps) <= max(rounding, 1e-9 * steps[0]):
            return True
    return False


def _may_be_times(column: pd.Series, groups: NDArray[np.intp]) -> bool:
    """Return whether numbers of an unknown name could be times since 1970."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or is_counter(str(column.name)):
        return False
    values = floats(column)
    known = np.isfinite(values)
    values, groups = values[known], groups[known]
    if len(values) >= LEAST_RAMP and np.ptp(values) > 0 and dates_in_digits(values) is not None:
        return True
    if len(values) < 4 or not _in_epoch(values) or np.ptp(values) == 0:
        return False
    steps = steps_within(values, groups)
    moves = steps[steps != 0]
    if len(moves) and max((moves > 0).mean(), (moves < 0).mean()) >= MOSTLY:
        return True
    rows = np.argsort(values, kind="stable")
    steps = steps_within(values[rows], groups[rows])
    usual = np.median(steps) if len(steps) else 0.0
    regular = usual > 0 and (abs(steps - usual) <= usual / 2).mean() >= MOSTLY
    return bool(regular and (values % 1 == 0).all() and np.ptp(values) <= NARROW * np.median(values))


def _in_epoch(values: NDArray[np.float64]) -> bool:
    """Return whether all numbers are times since 1970 in one unit, within 30 years."""
    values = values[np.isfinite(values)]
    if not len(values) or (unit := epoch_unit(values)) is None:
        return False
    ends = np.array([values.min(), values.max()])
    within = all(epoch_unit(end[None]) == unit for end in ends)
    return within and bool(np.ptp(ends) <= LONGEST * EPOCH_UNITS[unit])
