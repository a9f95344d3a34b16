"""One series at work: its points are checked, judged by every member, and become alerts."""

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from adt_gym.checks import InputError
from adt_gym.live.alerts import Change, LifeCycle
from adt_gym.live.config import Config, milliseconds
from adt_gym.live.models import Models, strangest, usual
from adt_gym.live.points import Found, Point
from adt_gym.live.records import Kept, Label
from adt_gym.scoring.votes import votes_needed
from adt_gym.series import Series
from adt_gym.stream.monitor import Judged, Monitor
from adt_gym.stream.state import restore, state_of


class Watched:
    """A series of a config.

    Args:
        id: Its number in the state.
        found: What the source says of it.
        config: All rules.
        models: Make what judges.

    Attributes:
        state: See `adt_gym.stream.state`.
        monitors: Its members; none while it has too few points.
        n: Points that were taken in.
        last: When the newest came, in milliseconds since 1970.
        told: The number of the last label that was told.
        fitted: When the scorers learned, on the same clock.
    """

    state: ClassVar = ("n", "last", "told", "fitted", "_t", "_newest", "monitors", "_cycles")

    def __init__(self, id: int, found: Found, config: Config, models: Models):
        self.id, self.found, self._models = id, found, models
        self._step = milliseconds(config.source.step)
        self._stale = config.stale
        self._recovery = config.alerts.recovery
        self._needed = [votes_needed(one.votes, config.model.members) for one in config.alerts.tiers]
        self._cycles = [LifeCycle(found.key, one.severity, config.alerts) for one in config.alerts.tiers]
        self.monitors: list[Monitor] = []
        self.n, self._t, self.told, self.fitted = 0, 0, 0, 0
        self.last: int | None = None
        self._usual: tuple[Any, Any] | None = None
        self._newest: deque[tuple[float, ...]] = deque(maxlen=models.window)

    def begin(self, monitors: Sequence[Monitor], past: Series) -> None:
        """Judge from the next point on, by members that know the past."""
        self.monitors, self._usual = list(monitors), usual(past)
        for monitor in monitors:
            self._prime(monitor, past)
        self.fitted = self.last or 0

    def refit(self, scorers: Sequence[Any], past: Series) -> None:
        """Go on with other scorers; what the members have learned of labels stays."""
        for monitor, scorer in zip(self.monitors, scorers, strict=True):
            monitor.refit(scorer, past)
            self._prime(monitor, past)
        self._usual, self.fitted = usual(past), self.last or 0

    def restore(self, past: Series, kept: dict[str, Any]) -> None:
        """Go on with a past and a state that were kept; a tier that is new has no alerts under way."""
        self._usual = usual(past)
        cycles = {one["severity"]: one for one in kept["_cycles"]}
        restore(self, {**kept, "_cycles": [cycles.get(one.severity) or state_of(one) for one in self._cycles]})

    def _prime(self, monitor: Monitor, past: Series) -> None:
        """Show the newest points of the past, so that the next one ends a window; none from before a gap."""
        after = int(past.breaks[-1]) if len(past.breaks) else 0
        first = max(after, len(past) - self._models.window + 1)
        assert past.index is not None
        if int(past.index[-1].astype("datetime64[ms]").astype(np.int64)) == self.last:
            for time, values in zip(past.index[first:], past.values[first:], strict=True):
                monitor.prime(time, values)

    def refusal(self, point: Point) -> str | None:
        """Return why a point cannot be taken in, as `adt_gym.live.step.REFUSED` has it; None if it can."""
        if len(point.values) != len(self.found.columns):
            return "columns"
        if self.last is not None and point.time <= self.last:
            return "duplicate" if point.time == self.last else "late"
        return None if all(map(math.isfinite, point.values)) else "missing"

    def take(self, point: Point) -> tuple[Kept, list[Change]]:
        """Take in a point that is not refused; return it, with what was decided, and what became of alerts.

        Raises:
            InputError: If a member finds no score; the message names the series.
        """
        gap, changes = 0, list[Change]()
        if self.last is not None:
            gap = max(round((point.time - self.last) / self._step) - 1, 0)
            changes = self.vanished(point.time)
        if gap:
            for monitor in self.monitors:
                monitor.gap()
        self.last = point.time
        self._newest.append(point.values)
        kept = Kept(self.n, point.time, gap, point.values)
        self.n += 1
        judged = self._push(point)
        if judged:
            kept, changes = self._decide(kept, judged, changes)
        return kept, changes

    def _push(self, point: Point) -> list[Judged]:
        """Return what every member says of the window that ends here; nothing where none does."""
        time = np.datetime64(point.time, "ms")
        try:
            pushed = [monitor.push(time, point.values) for monitor in self.monitors]
        except InputError as error:
            raise InputError(f"series {self.found.key}: {error}") from error
        judged = [one for one in pushed if one is not None]
        if judged and len(judged) < len(pushed):
            raise InputError(f"series {self.found.key}: its scorers need different pasts; take other scorers")
        return judged

    def _decide(self, kept: Kept, judged: list[Judged], changes: list[Change]) -> tuple[Kept, list[Change]]:
        shown = max(judged, key=lambda one: one.score - one.threshold)
        votes = sum(one.decision for one in judged)
        above = sum(one.score > self._recovery * one.threshold for one in judged)
        for cycle, needed in zip(self._cycles, self._needed, strict=True):
            changes += cycle.judged(
                kept.time, votes >= needed, above >= needed, shown.score - shown.threshold,
                lambda: self._why(kept, judged, shown),
            )  # fmt: skip
        kept = kept._replace(t=self._t, score=shown.score, threshold=shown.threshold, votes=votes)
        self._t += 1
        return kept, changes

    def _why(self, kept: Kept, judged: list[Judged], shown: Judged) -> Mapping[str, Any]:
        assert self._usual is not None
        members = zip(self._models.members, judged, strict=True)
        return {
            "time": kept.time,
            "score": shown.score,
            "threshold": shown.threshold,
            "members": [
                {"scorer": by.scorer, "seed": by.seed, "score": one.score, "threshold": one.threshold,
                 "flagged": bool(one.decision), "says": "" if one.why is None else str(one.why)}
                for by, one in members
            ],
            "columns": strangest(self._newest, self.found.columns, *self._usual),
        }  # fmt: skip

    def tell(self, label: Label, windows: Sequence[int]) -> None:
        """Tell all members a label."""
        for t in windows:
            for monitor in self.monitors:
                monitor.tell(t, bool(label.verdict))
        self.told = label.id

    def agree(self, under_way: Collection[str]) -> set[str]:
        """Forget alerts that are none of those under way, such as those of a tier that is new; return the others."""
        for cycle in self._cycles:
            if cycle.id not in under_way:
                cycle.forget()
        return {cycle.id for cycle in self._cycles if cycle.id is not None}

    @property
    def alerting(self) -> bool:
        """Whether an alert is pending or firing."""
        return any(cycle.up for cycle in self._cycles)

    def vanished(self, now: int) -> list[Change]:
        """End the alerts if the series was silent for too long before ``now``; as often as one likes."""
        if self.last is None or now - self.last <= self._stale:
            return []
        return [change for cycle in self._cycles for change in cycle.vanished(self.last + self._stale)]
