"""The thread that hears labels where people already say them: Alertmanager's silences, and a file of incidents."""

import csv
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adt_gym.checks import InputError, shown
from adt_gym.live.config import Config, seconds
from adt_gym.live.moments import moment, now
from adt_gym.live.peer import Peer
from adt_gym.live.silences import silences_in
from adt_gym.live.sinks.alertmanager import labels_of
from adt_gym.live.state import State

VERDICTS = {"true": 1, "1": 1, "false": 0, "0": 0}
COLUMNS = ("series", "start", "end", "verdict")

log = logging.getLogger(__name__)


class Inbox(threading.Thread):
    """Looks for labels every so often, and leaves them in the state; nothing ends it but ``stop``.

    *Silences.* A silence whose comment says "false alarm" tells 0, one that says "true alarm" or "real alarm" tells 1,
    of the alerts that it matches and that were told of: those that were up while it held, and those that had ended
    before it began by no longer than they had been up. A comment that says both, that says "not a ...", or that asks
    with a question mark, tells nothing; so does any other.

    *Incidents.* A CSV file with the columns ``series`` (a key; empty or ``*`` for all), ``start``, ``end`` (ISO 8601
    with a zone, or seconds since 1970) and ``verdict`` (true or 1 for an anomaly, false or 0 for none). A row is told
    once its end has passed, of all windows that end in it, both ends included. A row that is corrected is told anew.

    Args:
        config: Of the service.
        path: Of the state.
        stop: Ends it.
        report: Is told "silences" or "incidents", and "label" for each new one or "failed" where one cannot be read.

    Raises:
        InputError: If the address of Alertmanager is none.
    """

    def __init__(self, config: Config, path: Path, stop: threading.Event, report: Callable[[str, str], None]):
        super().__init__(name="inbox", daemon=True)
        labels = config.labels
        self._path, self._halt, self._report, self._every = path, stop, report, seconds(labels.every)
        self._peer = Peer(labels.alertmanager, 10.0) if labels.alertmanager else None
        self._incidents = _Incidents(config.path(labels.incidents)) if labels.incidents else None

    def run(self) -> None:
        """Look until the end."""
        with State(self._path, owner=False) as state:
            while not self._halt.is_set():
                self.look(state)
                self._halt.wait(max(self._every, 0.1))
        if self._peer is not None:
            self._peer.close()

    def look(self, state: State) -> None:
        """Look once."""
        for origin, leave in (("silences", self._silences), ("incidents", self._rows)):
            try:
                for _ in leave(state):
                    self._report(origin, "label")
            except Exception as error:  # whatever people write, labels go on
                log.warning("%s: %s", origin, str(error) or type(error).__name__)
                self._report(origin, "failed")

    def _silences(self, state: State) -> Iterator[str]:
        """Leave what silences say; yield the origin of each new label."""
        if self._peer is None:
            return
        silences = silences_in(self._peer.ask("GET", "api/v2/silences"))
        if not silences:
            return
        found = {row.found.key: row.found for row in state.series()}
        alerts = [(one, labels_of(found[one.key], one.severity)) for one in state.alerts(("firing", "resolved"))]
        for silence in silences:
            for alert, labels in alerts:
                origin = f"silence:{silence.id}:{silence.verdict}:{alert.id}"
                if silence.is_about(alert, labels) and _left(
                    state.leave_verdict, alert.id, silence.verdict, origin, now()
                ):
                    yield origin

    def _rows(self, state: State) -> Iterator[str]:
        """Leave what incidents say; yield the origin of each new label."""
        if self._incidents is None:
            return
        for _ in range(self._incidents.read()):
            self._report("incidents", "failed")
        done, keys = self._incidents.done, {row.found.key: row.id for row in state.series()}
        newest: dict[str, int] = {}
        for row in self._incidents.rows:
            for key in keys if row.of_all else {row.series} & keys.keys():
                origin = f"incident:{row.digest}:{key}"
                if origin in done:
                    continue
                if key not in newest:
                    newest[key] = max((one.time for one in state.points(keys[key], newest=1)), default=0)
                if newest[key] < row.end:
                    continue
                done.add(origin)
                if _left(state.leave_label, key, row.start, row.end, row.verdict, origin, now()):
                    yield origin


def _left(leave: Callable[..., bool], *given: Any) -> bool:
    """Return whether a label is new; what is about no window that is known is none."""
    try:
        return leave(*given)
    except InputError:
        return False


@dataclass(frozen=True)
class Incident:
    """A row of the file of incidents.

    Args:
        series: The key of a series; empty or ``*`` for all.
        start, end: In milliseconds since 1970, both included.
        verdict: 1 for an anomaly, 0 for none.
    """

    series: str
    start: int
    end: int
    verdict: int

    @property
    def of_all(self) -> bool:
        """Whether it is about every series."""
        return self.series in ("", "*")

    @property
    def digest(self) -> str:
        """What tells it from another."""
        return hashlib.sha256(repr((self.series, self.start, self.end, self.verdict)).encode()).hexdigest()[:16]


def incidents_in(path: Path) -> list[Incident]:
    """Return the incidents of a file; see `Inbox`.

    Raises:
        FileNotFoundError: If it is not there.
        InputError: If a row cannot be read.
    """
    found = []
    for line, one in _rows_of(path):
        if isinstance(one, InputError):
            raise InputError(f"{path}, line {line}: {one}") from one
        found.append(one)
    return found


def _rows_of(path: Path) -> Iterator[tuple[int, Incident | InputError]]:
    """Yield the line of every row, and what it says or why it cannot be read.

    Raises:
        OSError: If the file cannot be read.
        InputError: If it lacks a column.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        table = csv.DictReader(file, skipinitialspace=True)
        if missing := [one for one in COLUMNS if one not in (table.fieldnames or ())]:
            raise InputError(f"{path} has no column {missing[0]}; it needs {','.join(COLUMNS)}")
        for row in table:
            try:
                yield table.line_num, _incident(row)
            except InputError as error:
                yield table.line_num, error


def _incident(given: Mapping[str, str | None]) -> Incident:
    words = {name: (given[name] or "").strip() for name in COLUMNS}
    if words["verdict"].lower() not in VERDICTS:
        raise InputError(f"verdict is true, false, 1 or 0, got {shown(words['verdict'])}")
    start, end = moment(words["start"]), moment(words["end"])
    if end < start:
        raise InputError("it ends before it starts")
    return Incident(words["series"], start, end, VERDICTS[words["verdict"].lower()])


class _Incidents:
    """The file of incidents as it was when it last changed."""

    def __init__(self, path: Path):
        self._path = path
        self._seen: tuple[int, int] | None = (-1, -1)
        self.rows: list[Incident] = []
        self.done: set[str] = set()

    def read(self) -> int:
        """Read the file if it has changed; return how many rows cannot be read, each of which is logged once."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size)
        except OSError:
            seen = None
        if seen == self._seen:
            return 0
        self._seen, self.rows, wrong = seen, [], 0
        if seen is None:
            log.warning("%s, the incidents, cannot be read: it is not there", self._path)
            return 1
        for line, one in _rows_of(self._path):
            if isinstance(one, Incident):
                self.rows.append(one)
            else:
                log.warning("%s, line %d is left out: %s", self._path, line, one)
                wrong += 1
        return wrong
