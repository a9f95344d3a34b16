"""The rows of a series in the order of time, and the gaps between them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import Series

GAP = 1.5
"""More of the usual step than this between two points is a gap."""
LEAST_WINDOWS = 10
"""A piece between two gaps is kept if it has so many windows."""
HOUR = np.timedelta64(3600, "s")
SEASON = np.timedelta64(150, "D")
"""Clocks are put back less often than this."""


def in_order(times: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Return the rows of a series in the order of time, and how many of them repeat an hour.

    The sort is stable. A series that runs backwards throughout is turned round, so that equal times stay in
    their order.
    Where the clock is put back an hour (the end of daylight saving time), the rows stay as they are.

    Args:
        times: Shape ``(n,)``, datetime64 or numbers, in the order of the file.
    """
    rows = np.arange(len(times))
    for one in (rows, rows[::-1]):
        steps = np.diff(times[one])
        if (steps >= steps.dtype.type(0)).all():
            return one, 0
        if times.dtype.kind == "M" and (repeated := _repeated(times[one])):
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
    return int(np.count_nonzero(times[1:] <= np.maximum.accumulate(times)[:-1]))


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


def bounds(index: NDArray[np.datetime64] | None, points: int, window: int) -> list[slice]:
    """Return the pieces of a series between its gaps in time: no window that lies in one spans a gap.

    Args:
        index: Shape ``(n,)``, or None.
        points: n.
        window: tau; of a series with gaps, a piece of fewer than 10 windows is left out.
    """
    cuts = gaps(index)
    if not len(cuts):
        return [slice(0, points)]
    ends = zip([0, *cuts], [*cuts, points], strict=True)
    return [slice(int(start), int(stop)) for start, stop in ends if stop - start >= window + LEAST_WINDOWS - 1]


def pieces(series: Series, window: int) -> list[Series]:
    """Cut a series at its gaps in time; pieces of fewer than 10 windows are left out."""
    return [series[part] for part in bounds(series.index, len(series), window)]


def points_lost(series: Sequence[Series], window: int) -> int:
    """Count the points that `pieces` leaves out."""
    return sum(len(one) - sum(map(len, pieces(one, window))) for one in series)
