"""What a sink is told of an alert, in the words that all sinks share."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from adt_gym.live.moments import written
from adt_gym.live.points import Found
from adt_gym.live.state import Alert


class Notice(NamedTuple):
    """What a sink is told.

    Args:
        id: Of the outbox: the same if it is told again after trouble; None where what fires is only told again.
        event: "firing" or "resolved".
        alert: As it was then.
        found: Its series.
        link: To its page.
    """

    id: int | None
    event: str
    alert: Alert
    found: Found
    link: str

    @property
    def summary(self) -> str:
        """One line for people."""
        alert = self.alert
        if self.event == "resolved":
            return f"{alert.key} is as usual again since {written(alert.last if alert.ended is None else alert.ended)}"
        return f"{alert.key} is unusual since {written(alert.started)}: {', '.join(self.reasons.values())}"

    @property
    def reasons(self) -> dict[str, str]:
        """Why it fires, in words by what they are about."""
        why = self.alert.why or {}
        words = {name: f"{name} {why[name]:.4g}" for name in ("score", "threshold") if why.get(name) is not None}
        return words | {name: f"{name}: {_listed(why[name])}" for name in ("columns", "members") if why.get(name)}

    def body(self) -> dict[str, Any]:
        """Return it as JSON holds it; the times are milliseconds since 1970."""
        series = {"name": self.found.name, "labels": dict(self.found.labels)}
        return {"event": self.event, **self.alert.body(), "series": series, "summary": self.summary, "link": self.link}


def _listed(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_listed(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(" ".join(map(_listed, one)) if isinstance(one, list) else _listed(one) for one in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
