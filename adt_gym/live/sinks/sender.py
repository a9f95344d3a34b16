"""The thread that tells one sink what is in the outbox."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from adt_gym.checks import InputError
from adt_gym.live.config import Config
from adt_gym.live.peer import Backoff, Trouble
from adt_gym.live.points import Found
from adt_gym.live.records import Alert
from adt_gym.live.sinks import Sink, open_sink
from adt_gym.live.sinks.notice import Notice
from adt_gym.live.state import State

POLL = 0.25
"""Seconds between two looks into the outbox."""

REFUSALS = (400, 413, 415, 422)
"""What a server answers that will never take what it was told."""

log = logging.getLogger(__name__)


class Sender(threading.Thread):
    """Tells one sink what is in the outbox, in its order.

    Each entry is marked as sent once, after the sink has taken it: exactly once for the state and at least once for
    the sink, which is told again what it took while the process died. Trouble is waited out, from a second to a minute;
    only what a sink refuses for what it says (400, 413, 415, 422) is logged and passed over, lest it hold up all that
    follow.

    Args:
        config: Of the service.
        sink: The sink; it is closed at the end.
        path: Of the state, in which the sink is noted at once.
        stop: Ends it, after one last look into the outbox.
        report: Is told the sink's name, and "sent" or "failed", each time.
    """

    def __init__(
        self, config: Config, sink: Sink, path: Path, stop: threading.Event, report: Callable[[str, str], None]
    ):
        super().__init__(name=sink.name, daemon=True)
        self._address, self._sink, self._path, self._halt, self._report = (
            config.service.address, sink, path, stop, report,
        )  # fmt: skip
        self._found: dict[str, Found] = {}
        self._again = 0.0
        with State(path, owner=False) as state:
            state.add_sink(sink.name)

    def run(self) -> None:
        """Tell the sink until the end."""
        wait = Backoff()
        try:
            with State(self._path, owner=False) as state:
                while True:
                    last = self._halt.is_set()
                    pause = POLL
                    try:
                        self._tell(state)
                        wait.reset()
                    except Exception as error:  # whatever happens, alerts go on
                        why = str(error) or type(error).__name__
                        log.warning("sink %s: %s; it is told again", self._sink.name, why)
                        self._report(self._sink.name, "failed")
                        pause = wait.after()
                    if last:
                        return
                    self._halt.wait(pause)
        finally:
            self._sink.close()

    def _tell(self, state: State) -> None:
        """Tell all that is in the outbox, and what fires again where it is time to.

        Raises:
            Trouble: If the sink does not take it now.
        """
        for one in state.unsent(self._sink.name):
            self._send(state, one.id, one.event, Alert(**one.body))
            state.set_sent(self._sink.name, one.id)
        if self._sink.resend is None or time.monotonic() < self._again:
            return
        for alert in state.alerts(("firing",)):
            self._send(state, None, "firing", alert)
        self._again = time.monotonic() + self._sink.resend

    def _send(self, state: State, id: int | None, event: str, alert: Alert) -> None:
        if alert.key not in self._found:
            self._found = {row.found.key: row.found for row in state.series()}
        link = f"{self._address}/alerts/{quote(alert.id, safe='')}"
        try:
            found = self._found.get(alert.key, Found(alert.key, {}, ()))
            self._sink.send(Notice(id, event, alert, found, link))
        except Trouble as trouble:
            if trouble.status not in REFUSALS:
                raise
            log.error("sink %s does not take alert %s (%s): %s", self._sink.name, alert.id, event, trouble)
            self._report(self._sink.name, "failed")
            return
        if id is not None:
            self._report(self._sink.name, "sent")


def senders(config: Config, path: Path, stop: threading.Event, report: Callable[[str, str], None]) -> list[Sender]:
    """Return the sender of every sink of a config, none of them started; the state must be there.

    Raises:
        InputError: If a sink cannot be used, or two are the same.
    """
    opened = [open_sink(config, one) for one in config.sinks]
    if len({one.name for one in opened}) != len(opened):
        raise InputError("sinks: two of them are the same; leave one out")
    with State(path, owner=False) as state:
        state.keep_sinks([one.name for one in opened])
    return [Sender(config, one, path, stop, report) for one in opened]
