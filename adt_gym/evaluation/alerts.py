"""The file of the alerts that a back-test comes to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from adt_gym.checks import InputError
from adt_gym.spreadsheet import read_csv

ALERTS = "alerts.csv"

COLUMNS = ("series", "severity", "state", "started", "fired", "ended", "score", "threshold", "metrics")


@dataclass(frozen=True)
class AlertLine:
    """A line of the file.

    Args:
        series: Its key.
        severity: Of its tier.
        state: One of `adt_gym.live.state.STATES`.
        started: When its first window was flagged, in milliseconds since 1970.
        fired, ended: When it did; None where it did not.
        score, threshold: Of its strangest window; NaN where they are unknown.
        metrics: The names of those that contributed most to that window, the strangest first.
    """

    series: str
    severity: str
    state: str
    started: int
    fired: int | None
    ended: int | None
    score: float
    threshold: float
    metrics: str


def read_alerts(folder: str | Path) -> list[AlertLine] | None:
    """Return the alerts in the folder of a back-test; None where the folder has no file of them.

    Raises:
        InputError: If the file is damaged.
    """
    path = Path(folder) / ALERTS
    if not path.is_file():
        return None
    try:
        header, rows = read_csv(path)
        if tuple(header) != COLUMNS:
            raise ValueError("it has other columns")
        return [_line(*row) for row in rows]
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path} does not hold the alerts of a back-test: {error}") from error


class Fired(Protocol):
    """What may have fired."""

    @property
    def fired(self) -> int | None:
        """When it did, in milliseconds since 1970."""


def by_hour(alerts: Iterable[Fired]) -> list[int]:
    """Return how many fired in each hour of the day, in UTC."""
    counts = Counter(datetime.fromtimestamp(one.fired / 1000, UTC).hour for one in alerts if one.fired is not None)
    return [counts[hour] for hour in range(24)]


def _line(
    series: str, severity: str, state: str, started: str, fired: str, ended: str, score: str, threshold: str, why: str
) -> AlertLine:
    return AlertLine(
        series=series,
        severity=severity,
        state=state,
        started=_milliseconds(started),
        fired=_milliseconds(fired) if fired else None,
        ended=_milliseconds(ended) if ended else None,
        score=float(score or "nan"),
        threshold=float(threshold or "nan"),
        metrics=why,
    )


def _milliseconds(time: str) -> int:
    return round(1000 * datetime.fromisoformat(time).timestamp())
