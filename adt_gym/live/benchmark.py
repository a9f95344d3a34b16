"""What `adt benchmark live` measures: the service's loop under load, on series that are made for it."""

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from adt_gym.checks import InputError
from adt_gym.live.config import Config, parse
from adt_gym.live.loop import Loop
from adt_gym.live.points import Arrival, Batch, Found, Point
from adt_gym.live.records import STATES
from adt_gym.live.state import State
from adt_gym.report.progress import bar
from adt_gym.settings import Settings, count

MINUTE, START = 60_000, 1_699_999_980_000
CONFIG = '[source]\nkind = "stdin"\npast = "6h"\n[model]\nlabel_delay = 3\n'
PAST = 360
"""Points of every series before the start: six hours."""


MOST_LABELS = 1_000
"""So many are left while the service is killed: on a busy machine they would come faster than it takes them in."""


@dataclass(frozen=True)
class LiveSettings(Settings):
    """How much load, on univariate series of a point a minute, with everything as a config has it by default."""

    series: int = count(10_000, "that have a point each in a step", 1, 10**6)
    steps: int = count(10, "that are timed")
    few: int = count(100, "series whose points come one by one", 1, 10**5)
    points: int = count(5_000, "that come one by one", 100)
    further: int = count(1_000, "series by which the memory grows", 10)
    kills: int = count(50, "at random moments", 0, 10**4)


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Args:
        begin: Seconds until all series were judged, their scorers learned.
        steps: Seconds of each step: points in, decisions out, state written.
        restart: Seconds until a new process could go on.
        state: Bytes of the file.
        p50, p99: Milliseconds from a point's arrival to its decision, written.
        memory: Bytes that a further series takes.
        kills: How often the service was killed, and went on.
        labels: That were left meanwhile.
        differences: Points, decisions, labels and alerts that are not as if it had never been killed.
    """

    begin: float
    steps: list[float]
    restart: float
    state: int
    p50: float
    p99: float
    memory: float
    kills: int
    labels: int
    differences: int


class Load:
    """Series that rise and fall with the day, with noise and now and then a jump.

    Args:
        series: How many.
        seed: Of the noise.
    """

    def __init__(self, series: int, seed: int = 0, first: int = 0):
        self.found = [Found("load", {"host": str(first + i)}, ("value",)) for i in range(series)]
        self._keys = [one.key for one in self.found]
        self._phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, series)

    def at(self, minute: int) -> list[Point]:
        """Return the points of a minute, the same whenever they are asked for."""
        random = np.random.default_rng(minute)
        day = np.sin(2 * np.pi * minute / 1440 + self._phase)
        values = day + 0.1 * random.standard_normal(len(day)) + 3 * (random.random(len(day)) < 0.01)
        time = START + minute * MINUTE
        return [Point(key, time, (value,)) for key, value in zip(self._keys, values.tolist(), strict=True)]

    def past(self) -> Arrival:
        """Return what came before the start."""
        points = [point for minute in range(PAST) for point in self.at(minute)]
        return Arrival(START + PAST * MINUTE, Batch(tuple(self.found), tuple(points)), past=True)

    def arrival(self, minute: int) -> Arrival:
        """Return what comes in a minute."""
        return Arrival(START + minute * MINUTE, Batch((), tuple(self.at(minute))))


def measure(settings: LiveSettings) -> Figures:
    """Measure all of it, each in a process of its own."""
    parts: list[tuple[str, Callable[..., dict[str, Any]]]] = [
        ("steps", _steps), ("one by one", _one_by_one), ("memory", _memory), ("kills", _kills),
    ]  # fmt: skip
    found: dict[str, Any] = {}
    with bar("live", len(parts)) as advance, TemporaryDirectory() as folder:
        for name, part in parts:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found |= pool.apply(part, (settings, Path(folder, f"{part.__name__}.sqlite")))
            advance(name)
    return Figures(**found)


def _config() -> Config:
    return parse(CONFIG)


def _steps(settings: LiveSettings, path: Path) -> dict[str, Any]:
    load = Load(settings.series)
    with State(path) as state:
        loop = Loop(_config(), state)
        begin = _seconds(loop.step, load.past())
        steps = [_seconds(loop.step, load.arrival(PAST + i)) for i in range(settings.steps)]
    size = path.stat().st_size
    with State(path) as state:
        restart = _seconds(Loop, _config(), state)
    return {"begin": begin, "steps": steps, "restart": restart, "state": size}


def _one_by_one(settings: LiveSettings, path: Path) -> dict[str, Any]:
    load, seconds = Load(settings.few), []
    with State(path) as state:
        loop = Loop(_config(), state)
        loop.step(load.past())
        for point in _points(load, settings.points):
            seconds.append(_seconds(loop.step, Arrival(point.time, Batch((), (point,)))))
    p50, p99 = (1000 * float(np.percentile(seconds, q)) for q in (50, 99))
    return {"p50": p50, "p99": p99}


def _points(load: Load, most: int) -> Iterator[Point]:
    for i in range(most):
        minute, place = divmod(i, len(load.found))
        if not place:
            points = load.at(PAST + minute)
        yield points[place]


def _memory(settings: LiveSettings, path: Path) -> dict[str, Any]:
    """Return by how much the process grows from some series to more, each of which was judged a few times."""
    with State(path) as state:
        loop, resident = Loop(_config(), state), []
        for first, series in ((0, 100), (100, settings.further)):
            load = Load(series, first=first)
            loop.step(load.past())
            for minute in range(PAST, PAST + 20):
                loop.step(load.arrival(minute))
            resident.append(_resident())
    return {"memory": (resident[1] - resident[0]) / settings.further}


def _kills(settings: LiveSettings, path: Path) -> dict[str, Any]:
    """Kill what works until it has come to its end, then hold it against what never was killed."""
    load, minutes, random = Load(20), PAST + 20 * max(settings.kills, 5), np.random.default_rng(0)
    kills, labels = 0, 0
    while True:
        child = os.fork()
        if not child:
            with suppress(BaseException):
                _work(path, load, minutes)
                os._exit(0)
            os._exit(1)
        deadline = time.monotonic() + random.uniform(0.05, 0.6)
        ended = 0
        while not ended and (time.monotonic() < deadline or kills == settings.kills):
            ended, status = os.waitpid(child, os.WNOHANG)
            if labels < MOST_LABELS:
                labels += _leave(path, labels)
            time.sleep(0.02)
        if ended:
            if status:
                raise ChildProcessError("the service ended with an error")
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
    return {"kills": kills, "labels": labels, "differences": _differences(path, load, minutes, labels)}


def _work(path: Path, load: Load, minutes: int) -> None:
    with State(path) as state:
        loop = Loop(_config(), state)
        if loop.since is None:
            loop.step(load.past())
        assert loop.since is not None
        for minute in range((loop.since - START) // MINUTE + 1, minutes):
            loop.step(load.arrival(minute))


def _leave(path: Path, number: int) -> bool:
    """Leave a verdict on an alert, as the page does; return whether there was one."""
    try:
        with State(path, owner=False) as state:
            alerts = state.alerts(["firing", "resolved"])
            return bool(alerts) and state.leave_verdict(alerts[number % len(alerts)].id, number % 2, f"{number}", 0)
    except InputError:  # the file is being made
        return False


def _differences(path: Path, load: Load, minutes: int, left: int) -> int:
    """Return how many points, decisions, alerts and labels differ from those of one that was never killed."""
    with State(path) as state, State(None) as other:
        Loop(_config(), state).step(Arrival(START + minutes * MINUTE))  # the labels that came last
        told = [label for row in state.series() for label in state.labels(row.id)]
        loop = Loop(_config(), other)
        loop.step(load.past())
        keys = {row.id: row.found.key for row in state.series()}
        for minute in range(PAST, minutes + 1):
            for label in sorted(told):
                if label.after == minute:
                    given = label.since, label.until, label.verdict, f"{label.id}", 0, label.flagged
                    other.leave_label(keys[label.series], *given)
            loop.step(load.arrival(minute) if minute < minutes else Arrival(START + minutes * MINUTE))
        differ = abs(left - len(told))
        for mine, its in zip(state.series(), other.series(), strict=True):
            points = state.points(mine.id), other.points(its.id)
            differ += sum(one != two for one, two in zip(*points, strict=False)) + abs(len(points[0]) - len(points[1]))
        ours, theirs = (
            {one.id: one.body() | {"verdict": None} for one in each.alerts(STATES)} for each in (state, other)
        )
        return differ + sum(ours.get(id) != theirs.get(id) for id in ours | theirs)


def _seconds(work: Callable[..., object], *given: object) -> float:
    started = time.perf_counter()
    work(*given)
    return time.perf_counter() - started


def _resident() -> float:
    """Return the bytes of this process that are in memory."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return float(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
