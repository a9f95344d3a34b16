"""Where alerts go: each sink is told every alert that fires or ends, in order."""

import hashlib
from typing import Protocol

from adt_gym.live.config import Config, seconds
from adt_gym.live.config import Sink as Described
from adt_gym.live.peer import Peer
from adt_gym.live.sinks.notice import Notice


class Sink(Protocol):
    """Where alerts go."""

    @property
    def name(self) -> str:
        """Its own, and the same after every restart; it holds no secret."""

    @property
    def resend(self) -> float | None:
        """Seconds after which what fires is told again; None for never."""

    def send(self, notice: Notice) -> None:
        """Tell of an alert.

        Raises:
            adt_gym.live.peer.Trouble: If it was not taken.
        """

    def close(self) -> None:
        """Close connections."""


def name_of(sink: Described) -> str:
    """Return what a sink is called: its kind and, of an address that may be a secret, a digest."""
    if not sink.url:
        return sink.kind
    return f"{sink.kind}-{hashlib.sha256(f'{sink.url} {sink.template}'.encode()).hexdigest()[:8]}"


def open_sink(config: Config, sink: Described) -> Sink:
    """Return a sink of a config.

    Raises:
        InputError: If its address is none, or a file to get in with cannot be read.
    """
    if sink.kind == "lines":
        from adt_gym.live.sinks.lines import Lines

        return Lines(name_of(sink))
    peer = Peer(
        sink.url,
        seconds(sink.timeout),
        bearer_token_file=config.path_if_named(sink.bearer_token_file),
        ca_file=config.path_if_named(sink.ca_file),
    )
    if sink.kind == "alertmanager":
        from adt_gym.live.sinks.alertmanager import Alertmanager

        return Alertmanager(name_of(sink), peer, seconds(sink.resend))
    from adt_gym.live.sinks.webhook import Webhook

    return Webhook(name_of(sink), peer, sink.template)
