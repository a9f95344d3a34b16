"""A webhook: JSON that is posted to an address."""

from adt_gym.live.peer import Peer
from adt_gym.live.sinks.notice import Notice


class Webhook:
    """A webhook; no redirection is followed.

    The header ``Idempotency-Key`` is the same whenever the same thing is told again after trouble.

    Args:
        name: What it is called.
        peer: The server, whose address is all of the address.
        template: "json" for all that is known, "slack" for ``{"text": ...}``.
    """

    resend = None

    def __init__(self, name: str, peer: Peer, template: str = "json"):
        self.name, self._peer, self._template = name, peer, template

    def send(self, notice: Notice) -> None:
        """See `adt_gym.live.sinks.Sink`."""
        body = {"text": _slack(notice)} if self._template == "slack" else notice.body()
        self._peer.ask("POST", json=body, headers={"Idempotency-Key": str(notice.id)})

    def close(self) -> None:
        """See `adt_gym.live.sinks.Sink`."""
        self._peer.close()


def _slack(notice: Notice) -> str:
    """Return the text that Slack and its likes show, in which three characters have a meaning."""
    said = f"[{notice.event}] {notice.alert.severity}: {notice.summary}"
    for character, word in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        said = said.replace(character, word)
    return f"{said} <{notice.link}|Look and judge>"
