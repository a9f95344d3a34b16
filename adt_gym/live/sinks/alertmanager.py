"""Alertmanager, by version 2 of its API."""

import re

from adt_gym.live.moments import now, written
from adt_gym.live.peer import Peer
from adt_gym.live.points import Found
from adt_gym.live.sinks.notice import Notice


def labels_of(found: Found, severity: str) -> dict[str, str]:
    """Return the labels by which Alertmanager knows an alert.

    They are ``alertname``, the series' name; ``severity``; ``series``, its key; and the series' own labels. One of its
    own that is called as one of ours becomes ``exported_...``, as Prometheus does.
    """
    ours = {"alertname": found.name, "severity": severity, "series": found.key}
    own = {re.sub(r"\W|^(?=\d)", "_", name, flags=re.ASCII): value for name, value in found.labels.items() if value}
    return {f"exported_{name}" if name in ours else name: value for name, value in own.items()} | ours


class Alertmanager:
    """An Alertmanager.

    It takes what it was not told again for as long as ``endsAt`` says for over. So what fires is told again every
    ``resend``, and ends four times later: a few lost requests end no alert, and neither does a dead service for ever.

    Args:
        name: What it is called.
        peer: The server.
        resend: Seconds after which what fires is told again.
    """

    def __init__(self, name: str, peer: Peer, resend: float):
        self.name, self.resend, self._peer = name, resend, peer

    def send(self, notice: Notice) -> None:
        """See `adt_gym.live.sinks.Sink`."""
        alert, clock = notice.alert, now()
        ends = clock + round(4000 * (self.resend or 0))
        if notice.event == "resolved":
            ends = min(alert.last if alert.ended is None else alert.ended, clock)
        told = {
            "labels": labels_of(notice.found, alert.severity),
            "annotations": {"summary": notice.summary} | notice.reasons,
            "generatorURL": notice.link,
            "startsAt": written(min(alert.started, ends)),
            "endsAt": written(ends),
        }
        self._peer.ask("POST", "api/v2/alerts", json=[told])

    def close(self) -> None:
        """See `adt_gym.live.sinks.Sink`."""
        self._peer.close()
