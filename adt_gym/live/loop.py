"""The loop that `adt watch` and `adt backtest` share: what arrives is judged, and written before anybody hears of it.

A step is computed in memory and then committed in one transaction. After a crash the state of every series is that of
its last snapshot, and the points and labels since then, which are kept, go the same way once more.
"""

import json
import logging
import zlib
from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np

from adt_gym.checks import InputError
from adt_gym.live.alerts import Change
from adt_gym.live.config import Config, milliseconds, seconds
from adt_gym.live.models import Models, packed, unpacked
from adt_gym.live.moments import LATEST
from adt_gym.live.points import Arrival, Found, Point, Shard
from adt_gym.live.records import Alert, Kept, Label
from adt_gym.live.state import State
from adt_gym.live.step import Decision, Step
from adt_gym.live.watched import Watched
from adt_gym.reading import parse_json
from adt_gym.series import Series
from adt_gym.stream.monitor import Monitor
from adt_gym.stream.state import state_of

SNAPSHOT = 120
"""Points of a series between two snapshots, which do not come at once for all series."""

DAY, HOUR = 86_400_000, 3_600_000

log = logging.getLogger(__name__)


class Loop:
    """All series of a config, judged step by step.

    Args:
        config: All rules.
        state: Where everything is kept; what it knows is gone on with.
        shard: The share of the series that is judged here.

    Raises:
        InputError: If the state belongs to another shard, or something in it is damaged.
    """

    def __init__(self, config: Config, state: State, shard: Shard = Shard()):  # noqa: B008  frozen
        self._config, self._state, self._shard = config, state, shard
        self._models = Models(config)
        self._series: dict[str, Watched] = {}
        self._by_id: dict[int, Watched] = {}
        self._waiting: dict[int, deque[Kept]] = {}
        """The points of series that are not judged yet, by number."""
        self._alerting: set[int] = set()
        self._kept_at: dict[int, int] = {}
        """How many points a series had at its last snapshot."""
        self._most = config.alerts.max_per_day
        self._fired = deque(state.fired(self._most), maxlen=max(self._most, 1))
        self._suppressed = {one.id for one in state.alerts(["suppressed"]) if one.ended is None}
        self._enough = config.source.min_past + self._models.window - 1
        self._past = max(round(seconds(config.source.past) / seconds(config.source.step)), self._enough)
        self._anew = False
        """Whether what judges was forgotten, so that series are judged again as soon as can be."""
        self._refit, self._keep = milliseconds(config.model.refit), milliseconds(config.service.keep)
        self._tidied = 0
        self._open()
        self._restored = {*self._series}
        """Series of a former life that have not come again yet."""
        self._next = max(self._by_id, default=0) + 1

    @property
    def since(self) -> int | None:
        """The time of the newest point of all, in milliseconds since 1970; None where there is none."""
        return max((one.last for one in self._series.values() if one.last is not None), default=None)

    @property
    def window(self) -> int:
        """tau: the points of a window."""
        return self._models.window

    @property
    def watched(self) -> int:
        """How many series are judged."""
        return len(self._series) - len(self._waiting)

    @property
    def warming(self) -> int:
        """How many series have too few points yet."""
        return len(self._waiting)

    def step(self, arrival: Arrival) -> Step:
        """Take in what arrived, and all labels that were left; return what came of it once it is written."""
        step, writing = Step(arrival.now), _Writing()
        self._tell(step, writing)
        for found in arrival.batch.found:
            self._find(found, writing)
        known = {one.key: one.columns for one in arrival.batch.found}  # of several with one key, the last one's
        step.resets = arrival.batch.resets
        for point in arrival.batch.points:
            if (watched := self._series.get(point.key)) is None:
                continue
            if known.get(point.key, watched.found.columns) != watched.found.columns:
                step.refused["columns"] += 1
                continue
            self._take(watched, point, arrival.past, step, writing)
        if arrival.past or self._anew:
            self._anew = False
            for id in [*self._waiting]:
                self._begin(self._by_id[id], writing)
        for id in [*self._alerting] if arrival.error is None else ():  # nobody knows of a source that is down
            self._changed(self._by_id[id], self._by_id[id].vanished(arrival.now), step, writing)
        self._write(step, writing)
        return step

    # What arrives

    def _tell(self, step: Step, writing: "_Writing") -> None:
        for label in self._state.labels():
            if watched := self._by_id.get(label.series):
                windows = self._state.windows(label.series, label.since, label.until, label.flagged)
                watched.tell(label, windows)
                writing.told.append((label, watched.n, windows))
                step.told += 1

    def _find(self, found: Found, writing: "_Writing") -> None:
        known = self._series.get(found.key)
        if known is not None and found.key in self._restored:
            self._restored.discard(found.key)
            if known.found.columns != found.columns:
                log.warning("series %s has other columns than before the restart: it begins anew", found.key)
                ended = [self._within_budget(*change) for change in known.vanished(LATEST)]
                writing.outgoing += [(alert, event) for event, alert in ended if event == "resolved"]
                self._drop(known)
                writing.gone.append(known.id)
                known = None
        if known is not None or found.key not in self._shard:
            return
        id = self._next
        self._next += 1
        self._add(Watched(id, found, self._config, self._models))
        self._waiting[id] = deque(maxlen=self._past)
        writing.found.append((id, found))

    def _add(self, watched: Watched) -> None:
        self._series[watched.found.key] = self._by_id[watched.id] = watched

    def _take(self, watched: Watched, point: Point, past: bool, step: Step, writing: "_Writing") -> None:
        if reason := watched.refusal(point):
            step.refused[reason] += 1
            return
        if self._refit and watched.monitors and point.time - watched.fitted >= self._refit:
            self._learn_anew(watched, point.time, writing)
        kept, changes = watched.take(point)
        step.accepted += 1
        step.gaps += kept.gap
        writing.points[watched.id].append(kept)
        if watched.id in self._waiting:
            self._waiting[watched.id].append(kept)
            enough = self._enough
            if not past and watched.n >= enough and (watched.n - enough) % max(enough // 10, 1) == 0:
                self._begin(watched, writing)
        elif kept.t is not None:
            step.decisions.append(Decision(point.key, kept))
        self._changed(watched, changes, step, writing)

    # Alerts

    def _changed(self, watched: Watched, changes: Iterable[Change], step: Step, writing: "_Writing") -> None:
        for event, alert in changes:
            event, alert = self._within_budget(event, alert)
            writing.alerts[alert.id] = (watched.id, alert)
            if alert.ended is None:
                self._alerting.add(watched.id)
            if event:
                step.events.append((event, alert))
            if event in ("firing", "resolved"):
                writing.outgoing.append((alert, event))
        if not watched.alerting:
            self._alerting.discard(watched.id)

    def _within_budget(self, event: str, alert: Alert) -> tuple[str, Alert]:
        """Suppress what fires when as many have fired within a day as may."""
        if event == "firing" and self._most:
            assert alert.fired is not None
            if len(self._fired) == self._most and alert.fired - self._fired[0] < DAY:
                self._suppressed.add(alert.id)
                event = "suppressed"
            else:
                self._fired.append(alert.fired)
        if alert.id in self._suppressed:
            if alert.ended is not None:
                self._suppressed.discard(alert.id)
            return ("suppressed" if event == "suppressed" else ""), replace(alert, state="suppressed", fired=None)
        return event, alert

    # Models

    def _begin(self, watched: Watched, writing: "_Writing") -> None:
        """Judge a series from the next point on, if it has enough of a past."""
        known = self._known(watched, self._waiting[watched.id])
        if known is None:
            return
        try:
            monitors = self._models.fit(known)
        except ValueError as error:  # of libraries, too: one series' numbers end no service
            log.warning("series %s is not judged yet: %s", watched.found.key, error)
            return
        watched.begin(monitors, known)
        watched.fitted -= self._refit * (watched.id % SNAPSHOT) // SNAPSHOT  # so that not all are refitted at once
        del self._waiting[watched.id]
        writing.models[watched.id] = [packed(one.scorer, known) for one in monitors]

    def _learn_anew(self, watched: Watched, now: int, writing: "_Writing") -> None:
        """Refit the scorers of a series, on its newest points without what was told to be anomalous."""
        points = [*self._state.points(watched.id, newest=self._past), *writing.points[watched.id]][-self._past :]
        known = self._known(watched, points, self._anomalous(watched, writing))
        watched.fitted = now
        writing.snapshots.add(watched.id)
        if known is None:
            return
        try:
            scorers = self._models.scorers(known)
        except ValueError as error:
            log.warning("series %s keeps its scorers: %s", watched.found.key, error)
            return
        watched.refit(scorers, known)
        writing.models[watched.id] = [packed(one, known) for one in scorers]

    def _known(
        self, watched: Watched, points: Iterable[Kept], anomalous: Collection[int] = frozenset()
    ) -> Series | None:
        """Return points as a series, without those that end anomalous windows; None if too few are left to learn from.

        What is left out is a gap.
        """
        normal = [kept for kept in points if kept.t not in anomalous]
        if not normal:
            return None
        apart = [kept.gap or before.n != kept.n - 1 for before, kept in pairwise(normal)]
        times = np.array([one.time for one in normal], "M8[ms]")
        breaks = np.flatnonzero(apart) + 1
        values = np.array([one.point for one in normal])
        known = Series(values, None, watched.found.key, times, watched.found.columns, breaks)
        return known if self._models.windows(known) >= self._config.source.min_past else None

    def _anomalous(self, watched: Watched, writing: "_Writing") -> set[int]:
        """Return the windows that were told to be anomalous; the last word counts."""
        verdicts = dict[int, int]()
        told = [(one, one.windows) for one in self._state.labels(watched.id)]
        told += [(one, tuple(windows)) for one, _, windows in writing.told if one.series == watched.id]
        for label, windows in told:
            verdicts |= dict.fromkeys(windows, label.verdict)
        return {t for t, verdict in verdicts.items() if verdict}

    # State

    def _write(self, step: Step, writing: "_Writing") -> None:
        """Commit all of a step."""
        for id in writing.points:
            watched = self._by_id[id]
            if watched.monitors and watched.n - self._kept_at.setdefault(id, watched.n - id % SNAPSHOT) >= SNAPSHOT:
                writing.snapshots.add(id)
        snapshots = [
            (id, self._by_id[id].n, _snapshot(self._by_id[id])) for id in writing.snapshots | {*writing.models}
        ]
        self._kept_at |= {id: n - (id % SNAPSHOT if id in writing.models else 0) for id, n, _ in snapshots}
        with self._state.transaction():
            for id in writing.gone:
                self._state.remove_series(id)
            for id, found in writing.found:
                self._state.add_series(id, found)
            self._state.add_points((id, kept) for id, points in writing.points.items() for kept in points)
            for label, after, windows in writing.told:
                self._state.set_told(label.id, after, windows)
            for id, models in writing.models.items():
                self._state.set_models(id, models)
                self._state.set_watched(id, self._by_id[id].n)
            self._state.set_snapshots(snapshots)
            for id, alert in writing.alerts.values():
                self._state.set_alert(id, alert)
            for alert, event in writing.outgoing:
                self._state.add_outgoing(alert, event)
            self._state.set_meta("stepped", str(step.now))
            self._tidy(step.now)

    def _tidy(self, now: int) -> None:
        """Every hour, forget what is older than is kept, and series that were silent for as long.

        Both are told by the newest point of all: a source that was down, or a clock that is ahead, makes nothing old.
        """
        if now - self._tidied < HOUR or (now := min(now, self.since or 0)) - self._tidied < HOUR:
            return
        self._tidied = now
        self._state.forget_points(now - self._keep)
        for watched in [one for one in self._series.values() if one.last is not None and one.last < now - self._keep]:
            self._drop(watched)
            self._state.remove_series(watched.id)

    def _drop(self, watched: Watched) -> None:
        del self._series[watched.found.key], self._by_id[watched.id]
        self._waiting.pop(watched.id, None)
        self._alerting.discard(watched.id)

    def _open(self) -> None:
        """Go on where the state says."""
        model = json.dumps([asdict(self._config.model), self._config.source.step], sort_keys=True)
        shard = f"{self._shard.number}/{self._shard.of}"
        if (self._state.meta("shard") or shard) != shard:
            raise InputError(
                f"{self._state.path} belongs to shard {self._state.meta('shard')}: give every shard a state of its own"
            )
        if (self._state.meta("model") or model) != model:
            log.warning("the config has another model or step than the state: every series begins anew")
            self._anew = True
            with self._state.transaction():
                self._state.forget_models()
        with self._state.transaction():
            self._state.set_meta("shard", shard)
            self._state.set_meta("model", model)
        for row in self._state.series():
            watched = Watched(row.id, row.found, self._config, self._models)
            self._add(watched)
            if row.watched is None:
                points = self._state.points(row.id, newest=self._past)
                self._waiting[row.id] = deque(points, maxlen=self._past)
                if points:
                    watched.n, watched.last = points[-1].n + 1, points[-1].time
            else:
                self._restore(watched)
        self._agree()

    def _agree(self) -> None:
        """End the alerts that nothing holds up any more: the config has another model, other tiers or other rules."""
        under_way = [one for one in self._state.alerts(("pending", "firing", "suppressed")) if one.ended is None]
        ids = {one.id for one in under_way}
        held = set[str]().union(*(watched.agree(ids) for watched in self._by_id.values()))
        self._alerting = {watched.id for watched in self._by_id.values() if watched.alerting}
        numbers = {watched.found.key: watched.id for watched in self._by_id.values()}
        with self._state.transaction():
            for alert in under_way:
                if alert.id in held:
                    continue
                state = {"pending": "dropped", "firing": "resolved"}.get(alert.state, alert.state)
                ended = replace(alert, state=state, ended=alert.last)
                self._state.set_alert(numbers[alert.key], ended)
                self._suppressed.discard(alert.id)
                if state == "resolved":
                    self._state.add_outgoing(ended, "resolved")

    def _restore(self, watched: Watched) -> None:
        """Bring a series to where it was: its last snapshot, then what came since."""
        snapshot = self._state.snapshot(watched.id)
        models = [unpacked(*one) for one in self._state.models(watched.id)]
        if snapshot is None or len(models) != len(self._models.members):
            raise InputError(f"{self._state.path}: series {watched.found.key} is damaged; restore the file's back-up")
        watched.monitors = [Monitor(scorer, self._models.method, past, history=0) for scorer, past in models]
        watched.restore(models[0][1], parse_json(zlib.decompress(snapshot[1]), "its state", nan=True))
        labels = deque(self._state.labels(watched.id, watched.told))
        for kept in self._state.points(watched.id, since=watched.n):
            while labels and (labels[0].after or 0) <= kept.n:
                watched.tell(labels[0], labels.popleft().windows)
            again, _ = watched.take(Point(watched.found.key, kept.time, kept.point))
            if again != kept:
                log.error("series %s: point %d was judged otherwise before the restart", watched.found.key, kept.n)
        for label in labels:
            watched.tell(label, label.windows)


class _Writing:
    """What a step is to write."""

    def __init__(self) -> None:
        self.gone: list[int] = []
        self.found: list[tuple[int, Found]] = []
        self.points: defaultdict[int, list[Kept]] = defaultdict(list)
        self.told: list[tuple[Label, int, list[int]]] = []
        self.models: dict[int, list[tuple[bytes, bytes]]] = {}
        self.snapshots: set[int] = set()
        self.alerts: dict[str, tuple[int, Alert]] = {}
        self.outgoing: list[tuple[Alert, str]] = []


def _snapshot(watched: Watched) -> bytes:
    return zlib.compress(json.dumps(state_of(watched)).encode(), 1)
