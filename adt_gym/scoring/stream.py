"""Scores of a series whose points come one by one."""

import math
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.scaling import Scaling
from adt_gym.series import MIN_SCORE, NO_PAST, InputError

MOST = float(np.finfo(np.float32).max)
"""An error too large for float32 is the largest one, as in `ScoredSeries.scaled`."""


class Tracker:
    """What follows a series point by point, and knows no more of it than the next value needs.

    Attributes:
        state: The names of what changes while it runs; see `adt_gym.stream.state`.
        needs: The points that a value depends on, with its own; None for all since the last gap in time.
        why: What is to tell of the newest value beside it.
    """

    state: ClassVar[tuple[str, ...]] = ()
    needs: int | None = 1
    why: Any = None

    def step(self, values: NDArray[np.float64], time: Any) -> float | None:
        """Return the value at the next point, of shape ``(m,)``; None while there are too few points for one."""
        raise NotImplementedError

    def forget(self) -> None:
        """Forget the points: time is missing before the next one."""


class Newest(Tracker):
    """What is found in the newest points.

    Args:
        find: Takes shape ``(length, m)``.
        length: How many points.
        columns: m.
    """

    state = ("_points", "_count")

    def __init__(self, find: Callable[[NDArray[np.float64]], float], length: int, columns: int):
        self._find, self.needs = find, length
        self._points, self._count = np.zeros((length, columns)), 0

    def step(self, values: NDArray[np.float64], time: Any) -> float | None:
        """Return it; None for the first points."""
        self._points[:-1] = self._points[1:]
        self._points[-1] = values
        self._count = min(self._count + 1, len(self._points))
        return float(self._find(self._points)) if self._count == len(self._points) else None

    def forget(self) -> None:
        """Forget the points."""
        self._count = 0


class Largest(Tracker):
    """The largest of the last tau values of another tracker; one that is not known counts as 0."""

    state = ("_of", "_last")

    def __init__(self, of: Tracker, window: int):
        self._of, self._last = of, deque[float](maxlen=window)
        self.needs = None if of.needs is None else of.needs + window - 1

    def step(self, values: NDArray[np.float64], time: Any) -> float | None:
        """Return it; None for the first tau - 1 points."""
        self._last.append(self._of.step(values, time) or 0.0)
        return max(self._last) if len(self._last) == self._last.maxlen else None

    def forget(self) -> None:
        """Forget the points."""
        self._of.forget()
        self._last.clear()


class ScoreStream:
    """The raw scores of a series, point by point: those that the scorer's ``score`` finds in all of them at once.

    Args:
        columns: m, the metrics of a point.
        tracker: Finds the scores.
        past: Shape ``(p,)``: the raw scores of the past.
        scaling: How raw scores become scaled ones; None where they are the same.

    Attributes:
        state: The names of what changes while it runs; see `adt_gym.stream.state`.
    """

    state: ClassVar[tuple[str, ...]] = ("_tracker",)

    def __init__(self, columns: int, tracker: Tracker, past: ArrayLike = NO_PAST, scaling: Scaling | None = None):
        self._columns, self._tracker = columns, tracker
        self.past, self.scaling = np.asarray(past, dtype=np.float32), scaling

    @property
    def needs(self) -> int | None:
        """The points that the newest score depends on; None for all since the last gap in time."""
        return self._tracker.needs

    @property
    def why(self) -> Any:
        """What the scorer tells of the newest window beside its score: an ensemble an `Explanation`, others None."""
        return self._tracker.why

    def push(self, point: ArrayLike, time: Any = None) -> float | None:
        """Return the raw score of the window that ends at the next point; None while there are too few points for one.

        Args:
            point: Shape ``(m,)``, or one number where there is one metric.
            time: Of the point; only some scorers want it.

        Raises:
            InputError: If the point has another shape, a value or the score is not finite, or the time is wanted and
                missing. But for the score, nothing has changed then.
        """
        try:
            values = np.atleast_1d(np.asarray(point, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise InputError(f"a point must be numbers: {error}") from error
        if values.shape != (self._columns,):
            raise InputError(f"a point has shape {values.shape}, the scorer knows {self._columns} columns")
        if not np.isfinite(values).all():
            raise InputError(f"a point is not finite: {values.tolist()}; leave it out, and call gap()")
        raw = self._tracker.step(values, time)
        if raw is None:
            return None
        if math.isnan(raw):
            raise InputError("the score of a point is not finite; use another scorer")
        return float(np.float32(min(max(raw, -MOST), MOST)))

    def scaled(self, raw: float) -> float:
        """Return the score, in (0, 1), that a raw one becomes, as `ScoredSeries` has it."""
        score = raw if self.scaling is None else self.scaling(raw)
        return max(float(np.float32(score)), MIN_SCORE)

    def gap(self) -> None:
        """Forget the points, because time is missing before the next one: no window spans a gap."""
        self._tracker.forget()
