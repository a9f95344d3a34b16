"""What became of what arrived."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from adt_gym.live.records import Alert, Kept

REFUSED = ("late", "duplicate", "missing", "columns")
"""Why a point is refused: it is older than the newest of its series; as old; a value is missing or not finite; it has
other columns than its series."""


class Decision(NamedTuple):
    """What was decided on the window that ends with a point of a series."""

    key: str
    kept: Kept


@dataclass
class Step:
    """What a step of the loop did.

    Args:
        now: The source's clock, in milliseconds since 1970.
        decisions: Of the windows that were judged.
        accepted: Points that were taken in.
        refused: Points that were not, by the words of ``REFUSED``.
        gaps: Points that are missing between those that came.
        resets: Counters that began anew.
        told: Labels that were told.
        events: "pending", "firing", "resolved", "suppressed" or "dropped", and the alert that became it.
    """

    now: int
    decisions: list[Decision] = field(default_factory=list)
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    resets: int = 0
    told: int = 0
    events: list[tuple[str, Alert]] = field(default_factory=list)
