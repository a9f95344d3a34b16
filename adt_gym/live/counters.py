"""From counters, which only ever rise, to their rates per second."""

import math
from collections.abc import Collection, Mapping

from adt_gym.live.points import Batch, Found, Point


class Rates:
    """What counters of series rise by a second, from each point to the next.

    A counter that fell began anew at 0, as Prometheus has it: its rate is its value over the time, and the reset is
    counted. A series' first point has no rate, and is left out; so is the first after a gap longer than ``longest``.
    Where either of the two values is missing, so is the rate.

    Args:
        counters: Columns; or the names of series that have only one.
        longest: Milliseconds that a rate spans at most; None for any time.
    """

    def __init__(self, counters: Collection[str], longest: int | None = None):
        self._counters, self._longest = frozenset(counters), longest
        self._last: dict[str, Point] = {}

    def __call__(self, batch: Batch, since: int | None = None) -> Batch:
        """Return the batch with rates for counters.

        Args:
            batch: The next points.
            since: Points before it are only there so that those after them have rates; None for none.
        """
        if not self._counters:
            return batch
        columns = {one.key: self._of(one) for one in batch.found}
        points, resets = [], 0
        for point in batch.points:
            found = columns.get(point.key, ())
            rated, fell = self._rated(point, found) if found else (point, 0)
            if rated is not None and (since is None or point.time >= since):
                points.append(rated)
                resets += fell
        return Batch(batch.found, tuple(points), batch.resets + resets)

    def _of(self, found: Found) -> tuple[int, ...]:
        """Return which columns of a series are counters."""
        if len(found.columns) == 1 and found.name in self._counters:
            return (0,)
        return tuple(i for i, name in enumerate(found.columns) if name in self._counters)

    def _rated(self, point: Point, columns: tuple[int, ...]) -> tuple[Point | None, int]:
        """Return a point with its rates, None where there are none, and how many counters began anew."""
        last = self._last.get(point.key)
        late = last is not None and point.time <= last.time
        if not late:
            self._last[point.key] = point
        if last is None or (self._longest is not None and point.time - last.time > self._longest):
            return None, 0
        values, resets = list(point.values), 0
        for i in columns:
            before, now = (one.values[i] if i < len(one.values) else math.nan for one in (last, point))
            known = not late and math.isfinite(before) and math.isfinite(now)
            resets += known and now < before
            seconds = (point.time - last.time) / 1000
            values[i : i + 1] = [(now - before * (now >= before)) / seconds if known else math.nan]
        return point._replace(values=tuple(values)), resets


def unknown(counters: Collection[str], found: Mapping[str, Collection[str]]) -> list[str]:
    """Return the counters that no series has, by the columns of each name."""
    known = set().union(*found.values()) | {name for name, columns in found.items() if len(columns) == 1}
    return sorted(set(counters) - known)
