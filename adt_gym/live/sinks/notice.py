"""What a sink is told of an alert, in the words that all sinks share."""

from typing import Any, NamedTuple

from adt_gym.live.moments import written
from adt_gym.live.points import Found
from adt_gym.live.records import Alert


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
        reasons = "; ".join(f"{name} {words}" for name, words in self.reasons.items() if words)
        return f"{alert.key} is unusual since {written(alert.started)}: {reasons}"

    @property
    def reasons(self) -> dict[str, str]:
        """Why it fires: ``score``, ``threshold``, ``metrics`` and ``members``, each in words."""
        why = self.alert.why or {}
        metrics = [f"{one['name']} {one['value']:.4g} (usually {one['usual']:.4g})" for one in why.get("columns", ())]
        members = [f"{one['scorer']}/{one['seed']}" for one in why.get("members", ()) if one["flagged"]]
        words = {name: f"{why[name]:.4g}" for name in ("score", "threshold") if name in why}
        return words | {"metrics": ", ".join(metrics), "members": ", ".join(members)}

    def body(self) -> dict[str, Any]:
        """Return it as JSON holds it; the times are milliseconds since 1970."""
        series = {"name": self.found.name, "labels": dict(self.found.labels)}
        return {"event": self.event, **self.alert.body(), "series": series, "summary": self.summary, "link": self.link}
