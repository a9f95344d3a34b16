"""The life of an alert: pending, firing, resolved; one for an event and a severity, however many windows it lasts."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from adt_gym.live.config import Alerts, milliseconds
from adt_gym.live.records import Alert


class Change(NamedTuple):
    """What a window did to an alert.

    Args:
        event: "pending", "firing", "resolved" or "dropped"; "" where it only went on.
        alert: As it is now.
    """

    event: str
    alert: Alert


class LifeCycle:
    """The alerts of one tier on one series, one after the other.

    Args:
        key: Of the series.
        severity: Of the tier.
        rules: When alerts fire and end.

    Attributes:
        state: See `adt_gym.stream.state`.
    """

    state: ClassVar = ("severity", "_started", "_last", "_fired", "_height", "_why")

    def __init__(self, key: str, severity: str, rules: Alerts):
        self._key, self.severity = key, severity
        self._minimum = milliseconds(rules.minimum_duration)
        self._keep = milliseconds(rules.keep_firing)
        self._started: int | None = None
        self._last, self._height = 0, 0.0
        self._fired: int | None = None
        self._why: dict[str, Any] | None = None

    @property
    def up(self) -> bool:
        """Whether an alert is pending or firing."""
        return self._started is not None

    @property
    def id(self) -> str | None:
        """Of the alert that is pending or firing; None where none is."""
        if self._started is None:
            return None
        return hashlib.sha256(f"{self._key}\n{self.severity}\n{self._started}".encode()).hexdigest()[:16]

    def forget(self) -> None:
        """Let no alert be pending or firing; nobody is told."""
        self._started = self._fired = self._why = None
        self._last, self._height = 0, 0.0

    def judged(
        self, time: int, up: bool, still: bool, height: float, why: Callable[[], Mapping[str, Any]]
    ) -> list[Change]:
        """Take in a window; return what it did to the alert, if there is one.

        Args:
            time: When it ends, in milliseconds since 1970.
            up: Whether it is flagged.
            still: Whether a firing alert stays up: the score is above the recovery threshold.
            height: By how much the score is above the threshold: the strangest window says why.
            why: Tells it.
        """
        if self._started is None:
            if not up:
                return []
            self._started, self._height, self._why = time, height, dict(why())
            self._last = time
            return self._grown(time, "pending")
        if self._fired is None:
            if not up:
                return [self._over("dropped", time)]
        elif not (up or still):
            return [self._over("resolved", time)] if time - self._last >= self._keep else []
        self._last = time
        if up and height > self._height:
            self._height, self._why = height, dict(why())
        return self._grown(time, "")

    def vanished(self, time: int) -> list[Change]:
        """Take in that the series has vanished at a time: what has not fired is dropped, what fires is resolved."""
        if self._started is None:
            return []
        return [self._over("dropped" if self._fired is None else "resolved", time)]

    def _grown(self, time: int, otherwise: str) -> list[Change]:
        assert self._started is not None
        if self._fired is None and time - self._started >= self._minimum:
            self._fired = time
            return [Change("firing", self._alert("firing"))]
        return [Change(otherwise, self._alert("pending" if self._fired is None else "firing"))]

    def _over(self, event: str, time: int) -> Change:
        alert = self._alert(event, time)
        self.forget()
        return Change(event, alert)

    def _alert(self, state: str, ended: int | None = None) -> Alert:
        assert self._started is not None
        assert self.id is not None
        return Alert(self.id, self._key, self.severity, state, self._started, self._last, self._fired, ended, self._why)
