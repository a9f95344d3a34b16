"""What is known of series: points and what was decided on them, labels, alerts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from adt_gym.live.points import Found

STATES = ("pending", "firing", "resolved", "suppressed", "dropped")
"""Of an alert: waiting out its minimum duration; told of; over; over the budget of the day; ended while pending."""


class Kept(NamedTuple):
    """A point as it is kept, and what was decided on the window that ends with it.

    Args:
        n: Which point of its series, from 0.
        time: Milliseconds since 1970 in UTC.
        gap: Points that are missing before it.
        point: Its metrics.
        t: Which window, from 0; None where none ends here.
        score, threshold: Of the member that stands highest above its threshold.
        votes: How many members flag the window.
    """

    n: int
    time: int
    gap: int
    point: tuple[float, ...]
    t: int | None = None
    score: float | None = None
    threshold: float | None = None
    votes: int | None = None


@dataclass(frozen=True)
class SeriesRow:
    """A series that is kept."""

    id: int
    found: Found
    watched: int | None


@dataclass(frozen=True)
class Alert:
    """An alert: one for an event and a severity.

    Args:
        id: Made of series, severity and start: the same whenever the same points come.
        key: Of the series.
        severity: Of its tier.
        state: One of ``STATES``.
        started: When the first window was flagged, in milliseconds since 1970.
        last: When the newest was.
        fired, ended: When it did; None where it did not yet.
        why: Of its strangest window: ``score``, ``threshold``, ``members`` and ``columns``.
        verdict: What it was told to be: 1 an anomaly, 0 a false alarm, None nothing yet.
    """

    id: str
    key: str
    severity: str
    state: str
    started: int
    last: int
    fired: int | None = None
    ended: int | None = None
    why: Mapping[str, Any] | None = None
    verdict: int | None = None

    def body(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


class Label(NamedTuple):
    """A label that somebody has left: all windows of a series that end from ``since`` to ``until``.

    Args:
        id: Its number.
        series: That of the series.
        since, until: Milliseconds since 1970 in UTC.
        flagged: Whether only flagged windows are meant.
        verdict: 1 for an anomaly, 0 for none.
        after: After how many points it was told; None if it was not yet.
        windows: Of which windows it was then.
    """

    id: int
    series: int
    since: int
    until: int
    flagged: bool
    verdict: int
    after: int | None
    windows: tuple[int, ...]


class Outgoing(NamedTuple):
    """What a sink is still to be told: ``event`` is "firing" or "resolved", ``body`` that of `Alert`."""

    id: int
    event: str
    body: dict[str, Any]
