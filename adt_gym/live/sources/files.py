"""A file that is replayed: CSV, Parquet or another table, or NDJSON with the lines of standard input."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adt_gym import extras
from adt_gym.checks import InputError
from adt_gym.live.config import Config, milliseconds
from adt_gym.live.counters import Rates, unknown
from adt_gym.live.points import Arrival, Batch, Found, Point, Shard
from adt_gym.live.sources.lines import numbered

KEY = "series"
"""The column that says, in a long table, to which series a row belongs."""
LINES = (".ndjson", ".jsonl")
CHUNK = 10_000
"""Points that the back-test is handed at once, or a few more."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A series of a file.

    Args:
        found: What it is.
        times: Shape ``(n,)``: milliseconds since 1970, in the order of the file.
        values: Shape ``(n, m)``; NaN where one is missing.
    """

    found: Found
    times: NDArray[np.int64]
    values: NDArray[np.float64]


class Replay:
    """The points of a file, in the order of their times; all that have one time arrive together.

    The clock is that of the points. A wide table is one series of all its metrics, named by the file; one with a column
    ``series`` is one of each of its values, told apart by the label ``series``. Other columns are taken for what
    `adt_gym.data.table.read_table` takes them for; labels are left out, missing values stay missing.

    Args:
        config: Of the service.
        shard: The series that are handed on.

    Raises:
        FileNotFoundError: If the file is not there.
        InputError: If it cannot be read, or a counter is none of its columns.
    """

    def __init__(self, config: Config, shard: Shard):
        source, path = config.source, config.path(config.source.path)
        self._wrong = 0
        if path.name.lower().endswith(LINES):
            series, self._wrong = read_lines(path)
        else:
            series = read_tables(path)
        columns = {one.found.name: one.found.columns for one in series}
        if wrong := unknown(source.counters, columns):
            raise InputError(f"source.counters: {wrong[0]} is no column of {path}")
        self._speed, self._past, self._counters = source.speed, milliseconds(source.past), source.counters
        self._series = [one for one in series if one.found.key in shard]
        owner = np.repeat(np.arange(len(self._series)), [len(one.times) for one in self._series])
        rows = np.concatenate([np.empty(0, np.intp), *(np.arange(len(one.times)) for one in self._series)])
        times = np.concatenate([np.empty(0, np.int64), *(one.times for one in self._series)])
        order = np.argsort(times, kind="stable")
        self._owner, self._rows, self._times = owner[order], rows[order].astype(np.intp), times[order]

    def arrivals(self, since: int | None, stop: threading.Event) -> Iterator[Arrival]:
        """See `adt_gym.live.sources.Source`."""
        rates = Rates(self._counters)
        first = int(self._times[0]) if len(self._times) else 0
        if since is None:
            past = self._batch(0, int(np.searchsorted(self._times, first + self._past)), rates)
            since = first + self._past - 1
            yield Arrival(past.points[-1].time if past.points else first, past, past=True)
        else:
            self._recall(int(np.searchsorted(self._times, since, "right")), rates)
        for _ in range(self._wrong):
            yield Arrival(since, error="body")
        begun, start = time.monotonic(), None
        for at, begin, end in self._moments(since + 1):
            start = at if start is None else start
            if self._speed:
                stop.wait(max(0.0, begun + (at - start) / 1000 / self._speed - time.monotonic()))
            if stop.is_set():
                return
            yield Arrival(at, self._batch(begin, end, rates))

    def between(self, start: int, end: int) -> Iterator[Batch]:
        """See `adt_gym.live.sources.Source`."""
        rates = Rates(self._counters)
        self._recall(int(np.searchsorted(self._times, start)), rates)
        begun = None
        for at, begin, stop in self._moments(start):
            if at >= end:
                break
            begun = begin if begun is None else begun
            if stop - begun >= CHUNK:
                yield self._batch(begun, stop, rates)
                begun = None
            last = stop
        if begun is not None:
            yield self._batch(begun, last, rates)

    def _moments(self, start: int) -> Iterator[tuple[int, int, int]]:
        """Yield every time from ``start`` on, and where its points begin and end."""
        times, counts = np.unique(self._times, return_counts=True)
        ends = np.cumsum(counts)
        for i in range(int(np.searchsorted(times, start)), len(times)):
            yield int(times[i]), int(ends[i] - counts[i]), int(ends[i])

    def _recall(self, end: int, rates: Rates) -> None:
        """Let the rates know what came before."""
        if self._counters:
            self._batch(0, end, rates)

    def _batch(self, begin: int, end: int, rates: Rates) -> Batch:
        found = [self._series[i] for i in np.unique(self._owner[begin:end])]
        points = []
        for owner, row, at in zip(
            self._owner[begin:end].tolist(),
            self._rows[begin:end].tolist(),
            self._times[begin:end].tolist(),
            strict=True,
        ):
            one = self._series[owner]
            points.append(Point(one.found.key, at, tuple(one.values[row].tolist())))
        return rates(Batch.of((one.found for one in found), points))


def read_lines(path: Path) -> tuple[list[Recorded], int]:
    """Return the series of an NDJSON file, and how many lines are wrong.

    Raises:
        FileNotFoundError: If it is not there.
        InputError: If no line is right.
    """
    series: dict[tuple[str, tuple[str, ...]], tuple[Found, list[Point]]] = {}
    wrong = 0
    with path.open("rb") as file:
        for _, line in numbered(file):
            if line is None:
                wrong += 1
                continue
            found, point = line
            series.setdefault((found.key, found.columns), (found, []))[1].append(point)
    if not series:
        raise InputError(f"{path} holds no point")
    return [
        Recorded(found, np.array([one.time for one in points], np.int64), np.array([one.values for one in points]))
        for found, points in series.values()
    ], wrong


def read_tables(path: Path) -> list[Recorded]:
    """Return the series of a table, or of a folder of tables.

    Raises:
        FileNotFoundError: If it is not there.
        InputError: If it cannot be read or has no times.
    """
    extras.require("a table", "pandas")
    import pandas as pd

    from adt_gym.data.columns import Asked, assign
    from adt_gym.data.notation import notations
    from adt_gym.data.opening import open_tables
    from adt_gym.data.times import times_in_columns

    series = []
    for one in open_tables(path, None, KEY, None):
        key = KEY if KEY in one.frame.columns else None
        asked = Asked(None, None, None, key, (), False, notations(None, None))
        columns, metrics = assign(one.frame, asked, np.zeros(len(one.frame), np.intp), one.where)
        _, index = times_in_columns(one.frame, columns.time, one.where)
        if index is None:
            raise InputError(f"{one.where} has no column of times: a replay needs when its rows were measured")
        times, values = index.astype("M8[ms]").astype(np.int64), np.column_stack([*metrics.values()])
        if key is None:
            series.append(Recorded(Found(one.name, {}, columns.metrics), times, values))
            continue
        codes, names = pd.factorize(one.frame[key].astype(str).str.strip())
        for code, name in enumerate(names):
            mine = codes == code
            series.append(Recorded(Found(one.name, {KEY: str(name)}, columns.metrics), times[mine], values[mine]))
    return series
