"""Series of points for the tests of the live service, and what a plain Monitor makes of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from adt_gym import Monitor, Series, scoring, thresholds
from adt_gym.live import loop as loop_module
from adt_gym.live.config import Config, parse
from adt_gym.live.points import Arrival, Batch, Found, Point
from adt_gym.live.records import Kept, Label
from adt_gym.live.state import State

MINUTE = 60_000
START = 1_700_000_000_000 // MINUTE * MINUTE
PAST = 150
"""Points of every series before the start."""

CONFIG = """
[source]
kind = "stdin"
min_past = 50
past = "150m"
[model]
window = 5
label_delay = 3
[alerts]
keep_firing = "2m"
"""


def config(more: str = "", text: str = CONFIG) -> Config:
    """Return a config; what is said more comes in place of what is there."""
    return parse(text + more)


def values(series: int, points: int, columns: int = 1) -> np.ndarray:
    """Return shape ``(points, columns)``: noise about a slow wave, and now and then a jump."""
    random = np.random.default_rng(series)
    wave = np.sin(np.arange(points) / 40)[:, None] + random.normal(0, 0.2, (points, columns))
    for start in range(PAST + 20, points, 60):
        wave[start : start + 6] += random.uniform(2, 4)
    return wave


class Streams:
    """Several series whose points come every minute.

    Args:
        count: How many.
        points: Of each, the past among them.
    """

    def __init__(self, count: int = 3, points: int = PAST + 200):
        self.found = [Found("cpu", {"host": str(i)}, ("value",)) for i in range(count)]
        self.values = [values(i, points) for i in range(count)]
        self.points = points

    def at(self, i: int) -> list[Point]:
        """Return the i-th point of all."""
        return [
            Point(found.key, START + i * MINUTE, tuple(given[i].tolist()))
            for found, given in zip(self.found, self.values, strict=True)
        ]

    def past(self) -> Arrival:
        """Return what came before the start."""
        points = [point for i in range(PAST) for point in self.at(i)]
        return Arrival(START + PAST * MINUTE, Batch.of(self.found, points), past=True)

    def arrivals(self, start: int = PAST, stop: int | None = None) -> Iterator[Arrival]:
        """Yield the points from the ``start``-th on, minute by minute."""
        for i in range(start, self.points if stop is None else stop):
            yield Arrival(START + i * MINUTE, Batch.of(self.found, self.at(i)))


def judged_plainly(rules: Config, given: np.ndarray, labels: Sequence[Label] = ()) -> list[Kept]:
    """Return what a Monitor by itself makes of a series, told each label where it was told."""
    model = rules.model
    times = np.array([START + i * MINUTE for i in range(len(given))], "M8[ms]")
    past = Series(given[:PAST], index=times[:PAST])
    scorer = scoring.make(model.scorers[0], window=model.window, scaling="tail").fit([past])
    method = thresholds.make(model.method, feedback=model.feedback, delay=model.label_delay)
    monitor, kept = Monitor(scorer, method, past), []
    for i in range(PAST - model.window + 1, PAST):
        monitor.prime(times[i], given[i])
    for i in range(PAST, len(given)):
        for label in labels:
            if label.after == i:
                for t in label.windows:
                    monitor.tell(t, bool(label.verdict))
        one = monitor.push(times[i], given[i])
        assert one is not None
        time = START + i * MINUTE
        kept.append(Kept(i, time, 0, tuple(given[i].tolist()), one.t, one.score, one.threshold, int(one.decision)))
    return kept


def watch_all(path: Path, points: int, ready: Path) -> None:
    """Watch to the end, in a process that may be killed; say when it begins."""
    loop_module.SNAPSHOT = 7
    streams = Streams(4, points)
    with State(path) as state:
        loop = loop_module.Loop(config(), state)
        if loop.since is None:
            loop.step(streams.past())
        assert loop.since is not None
        ready.touch()
        for arrival in streams.arrivals((loop.since - START) // MINUTE + 1):
            loop.step(arrival)
