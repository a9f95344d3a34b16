"""What Alertmanager's silences tell: which alerts were none."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adt_gym.live.moments import moment, now
from adt_gym.live.peer import Trouble
from adt_gym.live.records import Alert


@dataclass(frozen=True)
class Silence:
    """A silence that tells something.

    Args:
        id: Alertmanager's.
        verdict: 1 for an anomaly, 0 for none.
        start, end: While it holds, in milliseconds since 1970.
        matchers: As Alertmanager has them.
    """

    id: str
    verdict: int
    start: int
    end: int
    matchers: tuple[Mapping[str, Any], ...]

    def is_about(self, alert: Alert, labels: Mapping[str, str]) -> bool:
        """Return whether it tells of an alert that Alertmanager knows by these labels."""
        ended = max(alert.last if alert.ended is None else alert.ended, alert.started)
        life = ended - alert.started
        up = alert.ended is None or ended >= self.start - life
        return up and alert.started <= self.end and all(_matches(one, labels) for one in self.matchers)


def _matches(matcher: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether labels match as Alertmanager has it: a missing one is empty, a pattern is about all of it."""
    value, wanted = labels.get(matcher["name"], ""), matcher["value"]
    try:
        equal = bool(re.fullmatch(wanted, value)) if matcher["isRegex"] else value == wanted
    except re.error:  # Go's expressions know more than Python's
        return False
    return equal == matcher.get("isEqual", True)


def silences_in(body: bytes) -> list[Silence]:
    """Return the silences that tell something, from Alertmanager's answer.

    Raises:
        Trouble: If it is none.
    """
    try:
        return [
            Silence(
                str(one["id"]), verdict, moment(one["startsAt"]), min(moment(one["endsAt"]), now()),
                tuple({**matcher} for matcher in one["matchers"]),
            )
            for one in json.loads(body)
            if (verdict := said(one["comment"])) is not None
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Trouble("body", "Alertmanager did not answer with silences") from error


def said(comment: str) -> int | None:
    """Return what a comment tells, None for nothing; see `Inbox`."""
    told = {
        verdict
        for verdict, word in ((0, "false"), (1, "true"), (1, "real"))
        if re.search(rf"\b{word}[\s-]+alarms?\b", comment, re.IGNORECASE)
    }
    doubt = re.search(r"\b(?:not?|isn'?t|never)\b[^.;]*\balarm|alarms?\s*\?", comment, re.IGNORECASE)
    return told.pop() if len(told) == 1 and not doubt else None
