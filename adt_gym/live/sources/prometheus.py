"""Prometheus: the answers of PromQL queries, at times that are multiples of the step.

Prometheus answers with the newest sample of the last five minutes where a target has not vanished; who wants a gap
after fewer asks for ``last_over_time(metric[1m])``.
"""

import json
import logging
import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adt_gym.checks import InputError, is_text, shown
from adt_gym.live import moments
from adt_gym.live.config import Config, Query, milliseconds, seconds
from adt_gym.live.counters import Rates, unknown
from adt_gym.live.peer import Backoff, Peer, Trouble
from adt_gym.live.points import Arrival, Batch, Found, Point, Shard

CHUNK = 2_000
"""Points of a series that are asked for at once; Prometheus refuses more than 11,000."""

log = logging.getLogger(__name__)


class Prometheus:
    """A Prometheus, or what speaks its HTTP API.

    Whatever it does, no exception ends `arrivals` once it has answered: trouble is an arrival with an error, and what
    was missed is asked for again, up to ``backfill``.

    Args:
        config: Of the service.
        shard: The series that are handed on.
        peer: Who is asked instead of what the config says.

    Raises:
        InputError: If a file to get in with cannot be read, or a counter is none of the columns.
    """

    def __init__(self, config: Config, shard: Shard, peer: Peer | None = None):
        source = self._source = config.source
        self._peer = peer or Peer(
            source.url,
            seconds(source.timeout),
            bearer_token_file=config.path_if_named(source.bearer_token_file),
            username=source.username,
            password_file=config.path_if_named(source.password_file),
            ca_file=config.path_if_named(source.ca_file),
        )
        self._queries = [_Columns(one, shard) for one in config.series]
        self._step, self._past, self._offset, self._backfill = (
            milliseconds(one) for one in (source.step, source.past, source.offset, source.backfill)
        )
        if wrong := unknown(source.counters, {one.query.name: tuple(one.promql) for one in self._queries}):
            raise InputError(f"source.counters: {wrong[0]} is no column of any series")
        self._answered: set[str] = set()
        self.clock = moments.now

    def arrivals(self, since: int | None, stop: threading.Event) -> Iterator[Arrival]:
        """See `adt_gym.live.sources.Source`."""
        asked, wait = None if since is None else self._floor(since), Backoff(min(1.0, self._step / 1000))
        while not stop.is_set():
            newest = self._floor(self.clock() - self._offset)
            if asked is None:
                start = newest - self._floor(self._past)
            elif asked < newest or asked - newest > self._backfill:  # the clock was set back
                start = max(min(asked + self._step, newest), newest - self._floor(self._backfill))
            else:
                until = asked + self._step + self._offset - self.clock()
                stop.wait(min(max(until, 1), self._step) / 1000)
                continue
            try:
                batch = self._fetched(start, newest)
            except Trouble as trouble:
                log.warning("%s; it is asked again", trouble)
                yield Arrival(newest, error=trouble.kind)
                stop.wait(wait.after())
                continue
            wait.reset()
            yield Arrival(newest, batch, past=asked is None)
            asked = newest
        self._peer.close()

    def between(self, start: int, end: int) -> Iterator[Batch]:
        """See `adt_gym.live.sources.Source`."""
        for first in range(-self._floor(-start), end, CHUNK * self._step):
            last = min(first + CHUNK * self._step, end) - 1
            try:
                yield self._fetched(first, self._floor(last))
            except Trouble as trouble:
                raise InputError(f"{trouble}; see source.url and source.timeout") from trouble

    def _floor(self, time: int) -> int:
        return time // self._step * self._step

    def _fetched(self, start: int, end: int) -> Batch:
        """Return the points at all multiples of the step between two such, both included.

        With counters the point before is asked for too. So rates depend on nothing that was asked before, and are the
        same after a restart.

        Raises:
            Trouble: If one of the queries is not answered.
            InputError: If Prometheus refuses one that it has never answered.
        """
        counters = self._source.counters
        begin = start - self._step if counters else start
        found: list[Found] = []
        points: list[Point] = []
        for columns in self._queries:
            answers = {name: self._answer(promql, begin, end) for name, promql in columns.promql.items()}
            try:
                series, more = columns.joined(answers)
            except InputError as error:
                if columns.whole:
                    raise Trouble("body", str(error)) from error
                raise
            found += series
            points += more
        return Rates(counters, self._step)(Batch.of(found, points), since=start)

    def _answer(self, promql: str, start: int, end: int) -> list[Any]:
        """Return the series of an answer as Prometheus has them, however many requests that takes."""
        whole: list[Any] = []
        for first in range(start, end + 1, CHUNK * self._step):
            whole += self._halved(promql, first, min(first + (CHUNK - 1) * self._step, end))
        return whole

    def _halved(self, promql: str, start: int, end: int) -> list[Any]:
        """Return an answer; one that is too large is asked for in halves."""
        form = {"query": promql, "start": f"{start / 1000:.3f}", "end": f"{end / 1000:.3f}", "step": f"{self._step}ms"}
        try:
            answer = _series(self._peer.ask("POST", "api/v1/query_range", data=form), promql)
        except Trouble as trouble:
            if trouble.large and end > start:
                middle = self._floor((start + end) // 2)
                return self._halved(promql, start, middle) + self._halved(promql, middle + self._step, end)
            if promql not in self._answered:
                _refuse(trouble, promql)
            raise
        self._answered.add(promql)
        return answer


@dataclass
class _Columns:
    """The queries that are the columns of series.

    Args:
        query: The config's.
        shard: The series that are handed on.
        whole: Series of which every column was seen: from then on, one that is missing is NaN.
        said: What was warned of.
    """

    query: Query
    shard: Shard
    whole: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    @property
    def promql(self) -> Mapping[str, str]:
        """The queries by the names of the columns; the one of a series of one metric is called as the series."""
        return self.query.columns or {self.query.name: self.query.query}

    def joined(self, answers: Mapping[str, list[Any]]) -> tuple[list[Found], list[Point]]:
        """Return the series and their points, from the answer of every column.

        Raises:
            InputError: If two series become one.
        """
        names = tuple(answers)
        series: dict[str, Found] = {}
        values: dict[str, dict[int, list[float]]] = {}
        seen: dict[str, set[int]] = {}
        for j, name in enumerate(names):
            origin: dict[str, Any] = {}
            for one in answers[name]:
                found = self._found(one["metric"], names)
                if origin.setdefault(found.key, one["metric"]) != one["metric"]:
                    raise InputError(
                        f"series {self.query.name}: column {name} has two series for {found.key}; aggregate them in "
                        "the query, or name with by= the labels that tell them apart"
                    )
                if found.key not in self.shard:
                    continue
                series[found.key] = found
                seen.setdefault(found.key, set()).add(j)
                rows = values.setdefault(found.key, {})
                for time, value in one["values"]:
                    rows.setdefault(time, [math.nan] * len(names))[j] = value
        self.whole |= {key for key, columns in seen.items() if len(columns) == len(names)}
        whole = [one for key, one in series.items() if key in self.whole]
        for name in names:
            if not answers[name]:
                self._say(f"query of {name} is answered with no series yet")
        if seen and not self.whole:
            self._say("columns have no labels in common yet: name with by= those by which they belong together")
        return whole, [Point(one.key, time, tuple(row)) for one in whole for time, row in values[one.key].items()]

    def _say(self, what: str) -> None:
        """Say once what a slip in the config may be the reason of."""
        if what not in self.said:
            self.said.add(what)
            log.warning("series %s: the %s", self.query.name, what)

    def _found(self, metric: Mapping[str, str], names: tuple[str, ...]) -> Found:
        kept = self.query.by or metric
        labels = {name: metric[name] for name in kept if name in metric and name != "__name__"}
        return Found(self.query.name, labels, names)


def _series(body: bytes, promql: str) -> list[Any]:
    """Return the series of a range query's answer, their times in milliseconds and their values as numbers.

    Raises:
        Trouble: If it is none.
    """
    try:
        answer = json.loads(body)
        if answer["status"] != "success" or answer["data"]["resultType"] != "matrix":
            raise ValueError
        series = []
        for one in answer["data"]["result"]:
            if "values" not in one and "histograms" in one:
                raise Trouble("body", f"{shown(promql)} answers native histograms: take histogram_quantile of them")
            metric = {str(name): str(value) for name, value in one["metric"].items()}
            if not is_text(*metric, *metric.values()):
                raise ValueError
            values = [(round(time * 1000), float(value)) for time, value in one["values"]]
            series.append({"metric": metric, "values": values})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise Trouble("body", f"{shown(promql)} was answered with no series of Prometheus's API") from error
    return series


def _refuse(trouble: Trouble, promql: str) -> None:
    """Raise where asking again does not help: nobody has ever answered this query.

    Raises:
        InputError: If the query is wrong or we are not let in.
    """
    if trouble.status in (401, 403):
        raise InputError(
            f"{trouble}: it lets nobody in like this; set source.bearer_token_file, or source.username and "
            "source.password_file"
        ) from trouble
    if trouble.status == 400:
        try:
            answer = json.loads(trouble.body)
            wrong = str(answer["error"]) if answer["errorType"] == "bad_data" else None
        except (ValueError, KeyError, TypeError):
            wrong = None
        if wrong is not None:
            raise InputError(f"Prometheus refuses the query {shown(promql)}: {shown(wrong)}") from trouble
