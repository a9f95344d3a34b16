"""The rows of a series in the order of time, and the gaps between them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

GAP = 1.5
"""More of the usual step than this between two points is a gap."""
HOUR = np.timedelta64(3600, "s")
SEASON = np.timedelta64(150, "D")
"""Clocks are put back less often than this."""
MONTHS = (2, 3, 4, 9, 10, 11)
"""They are put back on a Sunday in autumn: from September in the north, from February in the south."""


def in_order(times: NDArray[Any], local: bool = True) -> tuple[NDArray[np.intp], int]:
    """Return the rows of a series in the order of time, and how many of them repeat an hour.

    The sort is stable. A series that runs backwards throughout is turned round, so that equal times stay in
    their order.
    Where the clock is put back an hour (the end of daylight saving time), the rows stay as they are.

    Args:
        times: Shape ``(n,)``, datetime64 or numbers, in the order of the file.
        local: Whether these are the times of a clock that may be put back; UTC is not.
    """
    rows = np.arange(len(times))
    for one in (rows, rows[::-1]):
        steps = np.diff(times[one])
        if (steps >= steps.dtype.type(0)).all():
            return one, 0
        if local and times.dtype.kind == "M" and (repeated := _repeated(times[one])):
            return one, repeated
    return np.argsort(times, kind="stable"), 0


def _repeated(times: NDArray[np.datetime64]) -> int:
    """Count the rows of repeated hours, if nothing but clocks put back an hour breaks the order; else return 0."""
    steps = np.diff(times)
    back = steps[steps < np.timedelta64(0)]
    usual = usual_step(times)
    seasons = 1 + abs(times[-1] - times[0]) // SEASON
    if not 0 < len(back) <= seasons or usual is None or usual >= HOUR or (abs(HOUR - usual + back) > usual).any():
        return 0
    if not _may_be_put_back(times[:-1][steps < np.timedelta64(0)] + usual).all():
        return 0
    return int(np.count_nonzero(times[1:] <= np.maximum.accumulate(times)[:-1]))


def _may_be_put_back(times: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return which times lie on a day on which clocks are put back."""
    days = times.astype("M8[D]").astype(np.int64)
    months = times.astype("M8[M]").astype(np.int64) % 12 + 1
    return ((days + 3) % 7 == 6) & np.isin(months, MONTHS)  # 1970 began on a Thursday


def usual_step(index: NDArray[np.datetime64]) -> np.timedelta64 | None:
    """Return the median of the steps in time, whatever their direction, None where there is none."""
    steps = abs(np.diff(index))
    some = steps[steps > np.timedelta64(0)]
    return np.median(some.view(np.int64)).astype(np.int64).astype(some.dtype) if len(some) else None


def gaps(index: NDArray[np.datetime64] | None) -> NDArray[np.intp]:
    """Return the rows before which more than one and a half of the usual steps are missing.

    Args:
        index: Shape ``(n,)``: the time of each point; None has no gaps.
    """
    if index is None or (usual := usual_step(index)) is None:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.diff(index) / usual > GAP) + 1
