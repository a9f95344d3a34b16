"""What page and API show of the state: queries that only read, each on a connection of its own."""

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from adt_gym.live.records import Kept
from adt_gym.live.state import State

SERIES_STATES = ("firing", "pending", "vanished", "warming up", "judged")
"""Of a series, by what asks for attention first: an alert of it fires; one is pending; it is silent; too few points
came so far to judge it; it is judged."""


class Line(NamedTuple):
    """A series as a list shows it.

    Args:
        id, key: Of the series.
        state: One of ``SERIES_STATES``.
        time: Of its newest point, in milliseconds since 1970; None where there is none.
        score, threshold, votes: Of the window that ends there; None where none does.
    """

    id: int
    key: str
    state: str
    time: int | None
    score: float | None
    threshold: float | None
    votes: int | None


@dataclass(frozen=True)
class Overview:
    """A page of the list of all series.

    Args:
        counts: How many series are in each state, whatever is searched for.
        found: How many are in all pages of this list.
        lines: Those of this page.
    """

    counts: dict[str, int]
    found: int
    lines: Sequence[Line]


@dataclass(frozen=True)
class Told:
    """A label of a series.

    Args:
        since, until: The windows that are meant end between these times, in milliseconds since 1970.
        verdict: Whether they are anomalous.
        received: When it came in.
        heard: Time of the newest point when the thresholds heard of it; None if they did not yet.
    """

    since: int
    until: int
    verdict: bool
    received: int
    heard: int | None


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that cannot write."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as db:
        yield db


def overview(
    path: Path, stale: float, search: str = "", state: str = "", offset: int = 0, limit: int = 200
) -> Overview:
    """Return a page of the list of series, those first that ask for attention.

    Args:
        path: The file of state.
        stale: A series that is silent for so many milliseconds, by the source's clock at the last step, has vanished.
        search: Only series whose key holds this text, in whatever case.
        state: Only series in this state, one of ``SERIES_STATES``; "" for all.
        offset, limit: Where the page begins, and how many series it has.
    """
    with _reading(path) as db:
        now = int((db.execute("SELECT value FROM meta WHERE key = 'stepped'").fetchone() or (0,))[0])
        rows = db.execute(
            "SELECT s.id, s.key, s.watched IS NOT NULL, up.firing, p.time, p.score, p.threshold, p.votes FROM series s "
            "LEFT JOIN points p ON p.series = s.id AND p.n = (SELECT max(n) FROM points WHERE series = s.id) "
            "LEFT JOIN (SELECT series, max(state = 'firing') AS firing FROM alerts "
            "WHERE state IN ('firing', 'pending') GROUP BY series) up ON up.series = s.id"
        ).fetchall()
    lines = []
    for id, key, watched, firing, time, *decided in rows:
        if firing is not None:
            is_in = "firing" if firing else "pending"
        elif time is not None and time < now - stale:
            is_in = "vanished"
        else:
            is_in = "judged" if watched else "warming up"
        lines.append(Line(id, key, is_in, time, *decided))
    counted = Counter(line.state for line in lines)
    search = search.casefold()
    found = [one for one in lines if state in ("", one.state) and search in one.key.casefold()]
    found.sort(key=lambda one: (SERIES_STATES.index(one.state), one.key))
    return Overview({name: counted[name] for name in SERIES_STATES}, len(found), found[offset : offset + limit])


def key_of(path: Path, series: int) -> tuple[str, tuple[str, ...]] | None:
    """Return key and columns of a series; None if there is none."""
    with _reading(path) as db:
        row = db.execute("SELECT key, columns FROM series WHERE id = ?", (series,)).fetchone()
    return None if row is None else (row[0], tuple(json.loads(row[1])))


def id_of(path: Path, key: str) -> int | None:
    """Return the number of a series; None if there is none."""
    with _reading(path) as db:
        row = db.execute("SELECT id FROM series WHERE key = ?", (key,)).fetchone()
    return None if row is None else int(row[0])


def told(path: Path, series: int, newest: int = 500) -> list[Told]:
    """Return the newest labels of a series in the order in which they came."""
    with _reading(path) as db:
        rows = db.execute(
            "SELECT since, until, verdict, received, after IS NOT NULL, (SELECT time FROM points "
            "WHERE series = l.series AND n = l.after - 1) FROM labels l WHERE series = ? ORDER BY id DESC LIMIT ?",
            (series, newest),
        ).fetchall()
    return [
        Told(since, until, bool(verdict), received, (received if time is None else time) if heard else None)
        for since, until, verdict, received, heard, time in reversed(rows)
    ]


def last_label(path: Path, series: int, since: int, until: int) -> tuple[int, tuple[int, int, bool, int]] | None:
    """Return number and content (since, until, flagged, verdict) of the last label that these times have a part in."""
    with _reading(path) as db:
        row = db.execute(
            "SELECT id, since, until, flagged, verdict FROM labels WHERE series = ? AND since <= ? AND until >= ? "
            "ORDER BY id DESC LIMIT 1",
            (series, until, since),
        ).fetchone()
    return None if row is None else (row[0], (row[1], row[2], bool(row[3]), row[4]))


def alerts_up(path: Path) -> dict[tuple[str, str], int]:
    """Return how many alerts are firing and pending, by severity and state."""
    with _reading(path) as db:
        rows = db.execute(
            "SELECT severity, state, count(*) FROM alerts WHERE state IN ('firing', 'pending') GROUP BY severity, state"
        )
        return {(severity, state): count for severity, state, count in rows}


def drawn(path: Path, series: int, key: str, columns: Sequence[str], since: int, newest: int) -> dict[str, Any]:
    """Return what a chart of a series draws, as JSON holds it.

    Args:
        path: The file of state.
        series, key, columns: The series.
        since: The first point, by its number; only the ``newest`` ones from there on.
        newest: How many points at most.
    """
    with State(path, owner=False) as state:
        kept: list[Kept] = state.points(series, since, newest)
        alerts = state.alerts(key=key, newest=200)
    return {
        "series": key,
        "next": kept[-1].n + 1 if kept else since,
        "times": [one.time for one in kept],
        "gaps": [one.gap for one in kept],
        "points": {name: [_finite(one.point[i]) for one in kept] for i, name in enumerate(columns)},
        "scores": [_finite(one.score) for one in kept],
        "thresholds": [_finite(one.threshold) for one in kept],
        "votes": [one.votes for one in kept],
        "alerts": [one.body() for one in alerts],
        "labels": [vars(one) for one in told(path, series)],
    }


def _finite(value: float | None) -> float | None:
    """Return a number that JSON can hold."""
    return value if value is not None and math.isfinite(value) else None
