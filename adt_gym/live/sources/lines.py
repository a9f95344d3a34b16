"""NDJSON on standard input: one point a line.

``{"series": "cpu", "labels": {"host": "a"}, "time": 1700000000.5, "value": 1.0}``, or with ``"values"`` the metrics of
one series: ``{"cpu": 1.0, "mem": null}``. Times are seconds since 1970, or ISO 8601 with a zone; null is missing.
"""

import json
import logging
import math
import queue
import threading
from collections.abc import Iterator
from typing import IO, Any

from adt_gym.checks import InputError, is_text, shown
from adt_gym.live.config import Config
from adt_gym.live.counters import Rates
from adt_gym.live.moments import moment, now
from adt_gym.live.points import Arrival, Batch, Found, Point, Shard

LONGEST = 1 << 20
"""Bytes of a line."""
WAITING = 10_000
"""Lines that are read ahead."""
MOST = 10_000
"""Points of one arrival."""

log = logging.getLogger(__name__)

Line = tuple[Found, Point]


def parse(line: bytes) -> Line:
    """Return the series and the point of a line.

    Raises:
        InputError: If it is none.
    """
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(line.decode(errors='replace'))} is no JSON") from error
    if not isinstance(given, dict):
        raise InputError(f"{shown(given)} is no object")
    if wrong := sorted(given.keys() - {"series", "labels", "time", "value", "values"}):
        raise InputError(f"{shown(wrong[0])} is unknown; known: series, labels, time, value, values")
    if ("value" in given) == ("values" in given):
        raise InputError("give either value or values")
    name, labels = given.get("series"), given.get("labels", {})
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"series must be a name, got {shown(name)}")
    if not isinstance(labels, dict) or not all(name and isinstance(one, str) for name, one in labels.items()):
        raise InputError(f"labels must be words by their names, got {shown(labels)}")
    values = given.get("values", {name: given.get("value")})
    if not isinstance(values, dict) or not values:
        raise InputError(f"values must be numbers by their names, got {shown(values)}")
    found = Found(name, labels, tuple(sorted(values)))
    if not is_text(found.key, *found.columns):
        raise InputError(f"{shown(found.key)} is no text: half of a character is missing")
    return found, Point(found.key, moment(given.get("time")), tuple(_number(values[one]) for one in found.columns))


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{shown(value)} is no number")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def numbered(stream: IO[bytes]) -> Iterator[tuple[int, Line | None]]:
    """Yield the number of each line, from 1, and what it says; None, and a warning, where that is nothing."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        long = len(line) == LONGEST and not line.endswith(b"\n")
        while long and (rest := stream.readline(LONGEST)):
            if rest.endswith(b"\n"):
                break
        if not line.strip():
            continue
        try:
            if long:
                raise InputError(f"it is longer than {LONGEST:,} bytes")
            yield number, parse(line)
        except InputError as error:
            log.warning("line %d is left out: %s", number, error)
            yield number, None


class Lines:
    """NDJSON on standard input, in whatever order it comes: the loop refuses what is late.

    There is no past. After a restart, what is piped in again is refused as a duplicate: nothing is judged twice.

    Args:
        config: Of the service.
        shard: The series that are handed on.
        stream: What is read instead of standard input.
    """

    def __init__(self, config: Config, shard: Shard, stream: IO[bytes] | None = None):
        self._counters, self._shard = config.source.counters, shard
        self._stream = _stdin() if stream is None else stream

    def arrivals(self, since: int | None, stop: threading.Event) -> Iterator[Arrival]:
        """See `adt_gym.live.sources.Source`."""
        lines: queue.Queue[Line | type[StopIteration] | None] = queue.Queue(WAITING)
        threading.Thread(target=self._read, args=(lines, stop), daemon=True, name="stdin").start()
        rates, clock = Rates(self._counters), since or 0
        waiting: list[Line] = []
        while True:
            if waiting and (lines.empty() or len(waiting) >= MOST):
                yield self._arrival(waiting, rates)
                waiting = []
            line = _next(lines, stop)
            if line is StopIteration:
                break
            if waiting and (line is None or line[1].time != waiting[0][1].time):
                yield self._arrival(waiting, rates)
                waiting = []
            if line is None:
                yield Arrival(clock, error="body")
                continue
            clock = _clock(line[1])
            waiting.append(line)
        if waiting:
            yield self._arrival(waiting, rates)

    def between(self, start: int, end: int) -> Iterator[Batch]:
        """Refuse: what is read once is no history.

        Raises:
            InputError: Always.
        """
        raise InputError('standard input cannot be back-tested; save it to a file.ndjson and set kind = "file"')

    def _arrival(self, lines: list[Line], rates: Rates) -> Arrival:
        mine = [(found, point) for found, point in lines if point.key in self._shard]
        found = {one.key: one for one, _ in mine}
        batch = Batch(tuple(found.values()), tuple(point for _, point in mine))
        return Arrival(_clock(lines[0][1]), rates(batch))

    def _read(self, lines: queue.Queue[Any], stop: threading.Event) -> None:
        try:
            for _, line in numbered(self._stream):
                _put(lines, line, stop)
                if stop.is_set():
                    return
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            log.warning("standard input ended: %s", error)
        _put(lines, StopIteration, stop)


def _clock(point: Point) -> int:
    """Return the time that a point says it is: one from the future lets no other series vanish."""
    return min(point.time, now())


def _stdin() -> IO[bytes]:
    """Return standard input by a door of its own: the interpreter could not end while a thread waits at its own one.

    Raises:
        InputError: If it is closed.
    """
    try:
        return open(0, "rb", closefd=False)
    except OSError as error:
        raise InputError("standard input is closed: pipe points into it, one line each") from error


def _put(lines: queue.Queue[Any], line: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return lines.put(line, timeout=0.2)
        except queue.Full:
            continue
    return None


def _next(lines: queue.Queue[Any], stop: threading.Event) -> Any:
    """Return the next line, StopIteration at the end."""
    while not stop.is_set():
        try:
            return lines.get(timeout=0.2)
        except queue.Empty:
            continue
    return StopIteration
