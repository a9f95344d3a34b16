"""The state of a service in one SQLite file: whatever ends the process, what was committed is all there is to know.

Points are written with what was decided on them, in one transaction with the alerts that follow from them. So nothing
is decided twice: what was not committed did not happen, and its points are asked for again.

A file belongs to one service at a time; others, such as the page, open it to read and to leave labels.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

from adt_gym.checks import InputError
from adt_gym.live.points import Found
from adt_gym.live.records import STATES, Alert, Kept, Label, Outgoing, SeriesRow

APPLICATION, VERSION = int.from_bytes(b"ADTw", "big"), 1
"""By what SQLite knows that a file is ours, and of which format."""

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, labels TEXT NOT NULL, columns TEXT NOT NULL,
    watched INTEGER  -- points that had come before it was judged; NULL while there are too few
);
CREATE TABLE points (
    series INTEGER NOT NULL, n INTEGER NOT NULL, time INTEGER NOT NULL, gap INTEGER NOT NULL, point BLOB NOT NULL,
    t INTEGER, score REAL, threshold REAL, votes INTEGER,  -- of the window that ends here, where one does
    PRIMARY KEY (series, n)
) WITHOUT ROWID;
CREATE INDEX points_by_time ON points (series, time);
CREATE TABLE models (series INTEGER NOT NULL, member INTEGER NOT NULL, scorer BLOB NOT NULL, past BLOB NOT NULL,
    PRIMARY KEY (series, member)) WITHOUT ROWID;
CREATE TABLE snapshots (series INTEGER PRIMARY KEY, n INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
    flagged INTEGER NOT NULL, verdict INTEGER NOT NULL, origin TEXT NOT NULL UNIQUE, received INTEGER NOT NULL,
    after INTEGER, windows TEXT  -- once it was told: after how many points, and of which windows
);
CREATE INDEX labels_by_series ON labels (series, after);
CREATE INDEX labels_waiting ON labels (id) WHERE after IS NULL;
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, series INTEGER NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL, started INTEGER NOT NULL,
    last INTEGER NOT NULL, fired INTEGER, ended INTEGER, why TEXT NOT NULL, verdict INTEGER
);
CREATE INDEX alerts_by_series ON alerts (series, started);
CREATE INDEX alerts_by_state ON alerts (state);
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL, event TEXT NOT NULL,
    body TEXT NOT NULL);
CREATE TABLE sinks (name TEXT PRIMARY KEY, sent INTEGER NOT NULL);
"""


class State:
    """An open file of state, in one thread.

    Args:
        path: The file; None for one in memory.
        owner: Whether the service itself opens it, which makes the file, and which no other may do at the same time.

    Raises:
        InputError: If the file is none of ours or of another version, or another service has it.
    """

    def __init__(self, path: Path | None, owner: bool = True):
        self.path = path
        if path is not None and not owner and not path.is_file():
            raise InputError(f"{path} is not there: start adt watch first")
        self._writing = nullcontext() if path is None else _lock(path, "write")
        owned = nullcontext() if path is None or not owner else _owned(_lock(path, "lock"), path)
        try:
            with ExitStack() as stack:
                place = ":memory:" if path is None else path
                self._db = stack.enter_context(closing(sqlite3.connect(place, timeout=60, isolation_level=None)))
                new = self._is_new()
                if new and not owner:
                    raise InputError(f"{path} is not there: start adt watch first")
                stack.enter_context(owned)
                self._prepare(new)
                self._open = stack.pop_all()
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} cannot be used as the state of adt watch: {error}") from error

    def _is_new(self) -> bool:
        """Return whether nothing is in the file yet.

        Raises:
            InputError: If what is in it is not ours.
        """
        marks = [self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if (tables or any(marks)) and marks != [APPLICATION, VERSION]:
            raise InputError(f"{self.path} is no state of this version of adt watch; name another file")
        return not tables

    def _prepare(self, new: bool) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        if new:
            with self._writing:
                self._db.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION}; "
                    f"PRAGMA user_version = {VERSION}; COMMIT;"
                )

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all that the block writes, or nothing.

        Writers wait for each other outside SQLite: before its version 3.51.3, two that commit and check-point at the
        same moment may damage a file in WAL mode (sqlite.org/wal.html, "The WAL-reset bug").
        """
        with self._writing:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        """Return what `set_meta` kept."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Keep a word."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # Series and points

    def series(self) -> list[SeriesRow]:
        """Return all series, in the order in which they came."""
        rows = self._db.execute("SELECT id, name, labels, columns, watched FROM series ORDER BY id")
        return [
            SeriesRow(id, Found(name, json.loads(labels), tuple(json.loads(columns))), watched)
            for id, name, labels, columns, watched in rows
        ]

    def add_series(self, id: int, found: Found) -> None:
        """Keep a series under a number."""
        values = (id, found.key, found.name, json.dumps(dict(found.labels)), json.dumps(found.columns))
        self._db.execute("INSERT INTO series VALUES (?, ?, ?, ?, ?, NULL)", values)

    def remove_series(self, id: int) -> None:
        """Forget all of a series."""
        for table in ("points", "models", "snapshots", "labels", "alerts"):
            self._db.execute(f"DELETE FROM {table} WHERE series = ?", (id,))
        self._db.execute("DELETE FROM series WHERE id = ?", (id,))

    def forget_models(self) -> None:
        """Forget what judges: every series begins anew, on the points that are kept."""
        self._db.execute("DELETE FROM models")
        self._db.execute("DELETE FROM snapshots")
        self._db.execute("UPDATE series SET watched = NULL")
        self._db.execute("UPDATE points SET t = NULL WHERE t IS NOT NULL")
        self._db.execute("UPDATE labels SET windows = '[]' WHERE after IS NOT NULL")  # they are counted anew

    def set_watched(self, series: int, points: int | None) -> None:
        """Keep that a series is judged from now on, after so many points."""
        self._db.execute("UPDATE series SET watched = ? WHERE id = ?", (points, series))

    def add_points(self, rows: Iterable[tuple[int, Kept]]) -> None:
        """Keep points, each behind the number of its series."""
        self._db.executemany(
            "INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (series, n, time, gap, np.array(point, "<f8").tobytes(), *decided)
                for series, (n, time, gap, point, *decided) in rows
            ),
        )

    def points(self, series: int, since: int = 0, newest: int | None = None) -> list[Kept]:
        """Return points of a series in their order, from the ``since``-th, or only the ``newest`` ones of these."""
        rows = self._db.execute(
            "SELECT n, time, gap, point, t, score, threshold, votes FROM points WHERE series = ? AND n >= ? "
            "ORDER BY n DESC LIMIT ?",
            (series, since, -1 if newest is None else newest),
        ).fetchall()
        return [
            Kept(n, time, gap, tuple(np.frombuffer(point, "<f8").tolist()), *decided)
            for n, time, gap, point, *decided in reversed(rows)
        ]

    def windows(self, series: int, since: int, until: int, flagged: bool = False) -> list[int]:
        """Return the windows that end between two times, both included."""
        rows = self._db.execute(
            "SELECT t FROM points WHERE series = ? AND time BETWEEN ? AND ? AND t IS NOT NULL AND votes >= ? "
            "ORDER BY n",
            (series, since, until, int(flagged)),
        )
        return [t for (t,) in rows]

    def forget_points(self, before: int) -> None:
        """Forget points and resolved alerts from before a time; those that a restart needs stay."""
        self._db.execute(
            "DELETE FROM points WHERE time < ? AND n < coalesce((SELECT n FROM snapshots WHERE "
            "snapshots.series = points.series), 0)",
            (before,),
        )
        self._db.execute("DELETE FROM alerts WHERE ended < ?", (before,))
        self._db.execute(_FORGET_SENT)

    # Models and snapshots

    def set_models(self, series: int, models: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep the scorer of every member, and the past that it began with."""
        self._db.execute("DELETE FROM models WHERE series = ?", (series,))
        rows = ((series, member, scorer, past) for member, (scorer, past) in enumerate(models))
        self._db.executemany("INSERT INTO models VALUES (?, ?, ?, ?)", rows)

    def models(self, series: int) -> list[tuple[bytes, bytes]]:
        """Return what `set_models` kept."""
        query = "SELECT scorer, past FROM models WHERE series = ? ORDER BY member"
        return self._db.execute(query, (series,)).fetchall()

    def set_snapshots(self, rows: Iterable[tuple[int, int, bytes]]) -> None:
        """Keep number, points taken in and state of series."""
        self._db.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", rows)

    def snapshot(self, series: int) -> tuple[int, bytes] | None:
        """Return what `set_snapshots` kept of a series: points taken in, and state."""
        found: tuple[int, bytes] | None = self._db.execute(
            "SELECT n, state FROM snapshots WHERE series = ?", (series,)
        ).fetchone()
        return found

    # Labels

    def leave_label(
        self, key: str, since: int, until: int, verdict: int, origin: str, received: int, flagged: bool = False
    ) -> bool:
        """Leave a label for the service.

        Args:
            key: Of the series.
            since, until: All its windows that end between these times are meant, both included.
            verdict: 1 for an anomaly, 0 for none.
            origin: A word of its own: a label of the same origin that came before is not repeated.
            received: When it came in.
            flagged: Whether only flagged windows are meant.

        Returns:
            Whether it is a new one.

        Raises:
            InputError: If there is no such series, or no window of it was judged then.
        """
        with self.transaction():
            return self._leave(key, since, until, verdict, origin, received, flagged)

    def leave_verdict(self, alert: str, verdict: int, origin: str, received: int) -> bool:
        """Leave a label for all flagged windows of an alert; see `leave_label`.

        Raises:
            InputError: If there is no such alert.
        """
        found = self.alert(alert)
        if found is None:
            raise InputError(f"there is no alert {alert}")
        with self.transaction():
            left = self._leave(found.key, found.started, found.last, verdict, origin, received, flagged=True)
            if left:
                self._db.execute("UPDATE alerts SET verdict = ? WHERE id = ?", (verdict, alert))
        return left

    def _leave(self, key: str, since: int, until: int, verdict: int, origin: str, received: int, flagged: bool) -> bool:
        row = self._db.execute("SELECT id FROM series WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise InputError(f"there is no series {key}")
        if not self.windows(row[0], since, until, flagged):
            raise InputError(f"series {key}: no window {'was flagged' if flagged else 'that was judged ends'} then")
        added = self._db.execute(
            "INSERT OR IGNORE INTO labels (series, since, until, flagged, verdict, origin, received) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row[0], since, until, int(flagged), verdict, origin, received),
        ).rowcount
        return bool(added)

    def labels(self, series: int | None = None, since: int = 0) -> list[Label]:
        """Return the labels of a series that were told, in their order, from behind number ``since`` on.

        Without a series, those of all series that were not told yet.
        """
        columns = "SELECT id, series, since, until, flagged, verdict, after, windows FROM labels WHERE"
        if series is None:
            rows = self._db.execute(f"{columns} after IS NULL ORDER BY id")
        else:
            rows = self._db.execute(
                f"{columns} series = ? AND after IS NOT NULL AND id > ? ORDER BY id", (series, since)
            )
        return [
            Label(id, one, first, last, bool(flagged), verdict, after, tuple(json.loads(windows or "[]")))
            for id, one, first, last, flagged, verdict, after, windows in rows
        ]

    def set_told(self, label: int, after: int, windows: Sequence[int]) -> None:
        """Keep that a label was told, after how many points of its series, and of which windows."""
        values = (after, json.dumps(list(windows)), label)
        self._db.execute("UPDATE labels SET after = ?, windows = ? WHERE id = ?", values)

    # Alerts

    def set_alert(self, series: int, alert: Alert) -> None:
        """Keep an alert as it is now; the verdict stays."""
        self._db.execute(
            "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET "
            "state = excluded.state, last = excluded.last, fired = excluded.fired, ended = excluded.ended, "
            "why = excluded.why",
            (
                alert.id, series, alert.severity, alert.state, alert.started, alert.last, alert.fired, alert.ended,
                json.dumps(alert.why),
            ),
        )  # fmt: skip

    def alerts(self, states: Sequence[str] = STATES, key: str | None = None, newest: int | None = None) -> list[Alert]:
        """Return alerts in one of these states, the newest first; of one series if its key is given."""
        rows = self._db.execute(
            f"SELECT {_ALERT} WHERE alerts.state IN ({','.join('?' * len(states))}) AND (? IS NULL OR series.key = ?) "
            "ORDER BY alerts.started DESC, alerts.id LIMIT ?",
            (*states, key, key, -1 if newest is None else newest),
        )
        return [_alert(row) for row in rows]

    def alert(self, id: str) -> Alert | None:
        """Return an alert."""
        row = self._db.execute(f"SELECT {_ALERT} WHERE alerts.id = ?", (id,)).fetchone()
        return None if row is None else _alert(row)

    def fired(self, newest: int) -> list[int]:
        """Return when the newest alerts that fired did, in order."""
        rows = self._db.execute(
            "SELECT fired FROM alerts WHERE fired IS NOT NULL ORDER BY fired DESC LIMIT ?", (newest,)
        )
        return [time for (time,) in reversed(rows.fetchall())]

    # What sinks are told

    def add_outgoing(self, alert: Alert, event: str) -> None:
        """Keep what every sink is to be told."""
        values = (alert.id, event, json.dumps(alert.body()))
        self._db.execute("INSERT INTO outbox (alert, event, body) VALUES (?, ?, ?)", values)

    def add_sink(self, name: str) -> None:
        """Keep a sink: what comes from now on is for it."""
        query = "INSERT OR IGNORE INTO sinks SELECT ?, coalesce((SELECT max(id) FROM outbox), 0)"
        with self.transaction():
            self._db.execute(query, (name,))

    def keep_sinks(self, names: Sequence[str]) -> None:
        """Forget other sinks, and what was kept for them."""
        with self.transaction():
            self._db.execute(
                "DELETE FROM sinks WHERE name NOT IN (SELECT value FROM json_each(?))", (json.dumps(names),)
            )
            self._db.execute(_FORGET_SENT)

    def unsent(self, sink: str) -> list[Outgoing]:
        """Return what a sink is still to be told, in order."""
        query = "SELECT id, event, body FROM outbox WHERE id > (SELECT sent FROM sinks WHERE name = ?) ORDER BY id"
        return [Outgoing(id, event, json.loads(body)) for id, event, body in self._db.execute(query, (sink,))]

    def set_sent(self, sink: str, last: int) -> None:
        """Keep that a sink was told all up to that one."""
        with self.transaction():
            self._db.execute("UPDATE sinks SET sent = ? WHERE name = ?", (last, sink))
            self._db.execute(_FORGET_SENT)


_FORGET_SENT = "DELETE FROM outbox WHERE id <= (SELECT coalesce(min(sent), 1 << 62) FROM sinks)"

_ALERT = (
    "alerts.id, series.key, alerts.severity, alerts.state, alerts.started, alerts.last, alerts.fired, alerts.ended, "
    "alerts.why, alerts.verdict FROM alerts JOIN series ON series.id = alerts.series"
)


def _alert(row: Sequence[Any]) -> Alert:
    id, key, severity, state, started, last, fired, ended, why, verdict = row
    return Alert(id, key, severity, state, started, last, fired, ended, json.loads(why), verdict)


@contextmanager
def _owned(lock: FileLock, path: Path) -> Iterator[None]:
    """Hold a lock until the block ends, or the process in whatever way.

    Raises:
        InputError: If another process holds it.
    """
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(f"{path} belongs to an adt watch that is running; stop it, or name another state") from error
    try:
        yield
    finally:
        lock.release()


def _lock(path: Path, name: str) -> FileLock:
    """Return a lock beside the file: an empty file, as ours are.

    Raises:
        InputError: If something else lies there, which a lock would empty.
    """
    place = path.with_name(f"{path.name}-{name}")
    if place.exists() and (not place.is_file() or place.stat().st_size):
        raise InputError(f"{place} is not ours, and a lock is needed there; move it, or name another state")
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(place, poll_interval=0.001)
