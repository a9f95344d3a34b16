"""Feedback rules of a user's own, as `tests/naive.py` knows them by ``week`` and ``urgent``."""

from dataclasses import dataclass

from adt_gym.stream.feedback import Feedback


@dataclass
class Mondays(Feedback):
    """Labels come on Monday mornings: all windows of a week are told before the first window of the next.

    Args:
        week: Windows of a week; the series begins on a Monday.
        alerts: Whether only flagged windows get a label.
        noise: The probability that a label that is told is the wrong one.
    """

    week: int
    alerts: bool = False
    noise: float = 0.0
    kind = "mondays"

    def told_at(self, t: int, decision: bool) -> int | None:
        """Return the first window of the next week."""
        return (t // self.week + 1) * self.week if decision or not self.alerts else None


@dataclass
class Urgent(Mondays):
    """Those of flagged windows come after ``delay`` windows: earlier or later than others of their week."""

    delay: int = 1
    kind = "urgent"

    def told_at(self, t: int, decision: bool) -> int | None:
        """Return t + d where the window was flagged, else as `Mondays` does."""
        return t + self.delay if decision else super().told_at(t, decision)
