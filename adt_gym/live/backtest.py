"""What `adt watch` would have done: the same loop over points that are known already, labels told as is assumed."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adt_gym.live.config import Config, milliseconds
from adt_gym.live.inbox import Incident, incidents_in
from adt_gym.live.loop import Loop
from adt_gym.live.points import Arrival, Batch, Shard
from adt_gym.live.records import Alert
from adt_gym.live.sources import open_source
from adt_gym.live.state import State
from adt_gym.live.step import Step
from adt_gym.stream.feedback import Feedback, Waiting, feedback_of
from adt_gym.stream.state import packed_array, unpacked_array


class Told(NamedTuple):
    """What is assumed to be told.

    Args:
        labels: A CSV file of incidents, as `adt_gym.live.inbox` reads it: what is in none of them is no anomaly; None
            where nobody knows.
        feedback: "full", "alerts" or "none".
        delay: Windows after which a label is told.
    """

    labels: Path | None = None
    feedback: str = "alerts"
    delay: int = 10


@dataclass(frozen=True)
class Task:
    """A back-test of a share of the series.

    Args:
        config: As `adt watch` takes it.
        told: What is assumed to be told.
        start, end: In milliseconds since 1970; None for all of a file.
        shard: The share.
        data: What tells other contents of the same files.
    """

    config: Config
    told: Told
    start: int | None
    end: int | None
    shard: Shard = Shard()  # noqa: RUF009  frozen
    data: str = ""

    def __str__(self) -> str:
        return f"shard {self.shard.number}/{self.shard.of}"


@dataclass(frozen=True, eq=False)
class History:
    """What was decided on a series.

    Args:
        key: Of the series.
        times: Shape ``(T,)``: when its windows end, in milliseconds since 1970.
        scores, thresholds: Shape ``(T,)``: of the member that stands highest above its threshold.
        votes: Shape ``(T,)``: members that flag the window.
        labels: Shape ``(T,)``: what is true; None where nobody knows.
    """

    key: str
    times: NDArray[np.int64]
    scores: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    votes: NDArray[np.int64]
    labels: NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a back-test came to.

    Args:
        series: Of those that were judged.
        alerts: In the order of their starts, pending ones too.
        accepted, refused, gaps, told: See `Step`.
        warming: Series that had too few points.
    """

    series: tuple[History, ...]
    alerts: tuple[Alert, ...]
    accepted: int
    refused: Mapping[str, int]
    gaps: int
    told: int
    warming: int


def backtest(task: Task) -> Outcome:
    """Go through a share of the series.

    Raises:
        FileNotFoundError: If a file is not there.
        InputError: If the source cannot be read, or what judges cannot be made.
    """
    told, rule, truth = task.told, feedback_of(task.told.feedback, task.told.delay), None
    config = replace(task.config, service=replace(task.config.service, keep="99999d"))
    with State(None) as state:
        loop, total = Loop(config, state, task.shard), Step(0)
        if told.labels is not None:
            truth = _Truth(incidents_in(told.labels), loop.window, milliseconds(task.config.source.step))
        teller = _Teller(state, truth, rule) if truth and rule.tells else None
        for arrival in _arrivals(task):
            if teller:
                teller.tell(arrival)
            step = loop.step(arrival)
            if teller:
                teller.judged(step)
            total.accepted += step.accepted
            total.refused += step.refused
            total.gaps += step.gaps
            total.told += step.told
        return Outcome(
            tuple(_histories(state, truth)),
            tuple(reversed(state.alerts())),
            total.accepted,
            dict(total.refused),
            total.gaps,
            total.told,
            loop.warming,
        )


def _arrivals(task: Task) -> Iterator[Arrival]:
    """Yield what `adt watch` would have been told: the past at once, then all that has one time together."""
    source = open_source(replace(task.config, source=replace(task.config.source, speed=0.0)), task.shard)
    if task.start is None:
        for arrival in source.arrivals(None, threading.Event()):
            if task.end is not None and arrival.now >= task.end:
                break
            yield arrival
        return
    assert task.end is not None
    before = list(source.between(task.start - milliseconds(task.config.source.past), task.start))
    found = {one.key: one for batch in before for one in batch.found}
    past = Batch.of(found.values(), (point for batch in before for point in batch.points))
    yield Arrival(task.start, past, past=True)
    for batch in source.between(task.start, task.end):
        for time, points in groupby(batch.points, key=lambda one: one.time):
            yield Arrival(time, replace(batch, points=tuple(points)))


class _Truth:
    """Which windows are anomalous: those with a point in an incident that was one.

    Args:
        incidents: What is known.
        window: tau, the points of a window.
        step: Milliseconds between two points.
    """

    def __init__(self, incidents: Sequence[Incident], window: int, step: int):
        self._spans, self._ago = [one for one in incidents if one.verdict], step * np.arange(window)

    def of(self, key: str, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return shape ``(T,)``: whether the windows of a series that end at these times are anomalous."""
        anomalous = np.zeros(len(ends), np.bool_)
        for one in self._spans:
            if one.of_all or one.series == key:
                points = ends[:, None] - self._ago
                anomalous |= ((points >= one.start) & (points <= one.end)).any(axis=1)
        return anomalous


class _Teller:
    """Leaves labels as they are assumed to come: of a window when its series has come as far as the rule says."""

    def __init__(self, state: State, truth: _Truth, rule: Feedback):
        self._state, self._truth, self._rule = state, truth, rule
        self._waiting: dict[str, Waiting] = {}
        self._ends: dict[str, dict[int, int]] = {}
        self._next: dict[str, int] = {}

    def tell(self, arrival: Arrival) -> None:
        """Leave the labels that are in before the windows that end with these points are judged."""
        for key in {point.key for point in arrival.batch.points} & self._waiting.keys():
            for window, is_told in self._waiting[key].come(self._next[key]):
                end = self._ends[key].pop(window)
                if is_told:
                    verdict = int(self._truth.of(key, np.array([end]))[0])
                    self._state.leave_label(key, end, end, verdict, f"assumed:{key}:{window}", arrival.now)

    def judged(self, step: Step) -> None:
        """Take in what was decided."""
        for key, kept in step.decisions:
            assert kept.t is not None
            waiting = self._waiting.setdefault(key, Waiting(self._rule))
            self._next[key] = kept.t + 1
            waiting.judged(kept.t, bool(kept.votes))
            self._ends.setdefault(key, {})[kept.t] = kept.time


def _histories(state: State, truth: _Truth | None) -> Iterator[History]:
    for row in state.series():
        judged = [kept for kept in state.points(row.id) if kept.t is not None]
        if judged:
            times = np.array([kept.time for kept in judged])
            yield History(
                row.found.key,
                times,
                np.array([kept.score for kept in judged], np.float32),
                np.array([kept.threshold for kept in judged], np.float32),
                np.array([kept.votes for kept in judged]),
                None if truth is None else truth.of(row.found.key, times),
            )


@dataclass(frozen=True)
class Packed:
    """An outcome as JSON can hold it, to be kept or to travel.

    Args:
        series: By key its times, scores, thresholds, votes and labels, in base64 (`adt_gym.stream.state`).
        alerts: As dictionaries.
        counts: The other fields of `Outcome`.
    """

    series: dict[str, list[Any]]
    alerts: list[dict[str, Any]]
    counts: dict[str, Any]


def packed_backtest(task: Task) -> Packed:
    """Return what `backtest` does, packed."""
    outcome = backtest(task)
    series = {
        one.key: [packed_array(array) for array in (one.times, one.scores, one.thresholds, one.votes, one.labels)]
        for one in outcome.series
    }
    counts = {name: getattr(outcome, name) for name in ("accepted", "refused", "gaps", "told", "warming")}
    return Packed(series, [one.body() for one in outcome.alerts], counts)


def unpacked_outcome(given: Packed) -> Outcome:
    """Return the outcome that was packed."""
    series = [History(key, *map(unpacked_array, arrays)) for key, arrays in given.series.items()]
    return Outcome(tuple(series), tuple(Alert(**one) for one in given.alerts), **given.counts)
