"""Feedback rules of one's own: a class with `told_at` is all it takes."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from adt_gym.stream.feedback import Feedback

WEEK = timedelta(weeks=1)
A_MONDAY_AT_NINE = datetime(2024, 1, 1, 9)


class MondayMornings(Feedback):
    """Every Monday at nine somebody labels all windows since the Monday before.

    So the label of a window is in before the first window that is judged at nine on the next Monday, or later.

    Args:
        first: When window 0 is judged.
        step: From one window to the next.
        noise: The probability that a label is the wrong one.
    """

    kind = "Monday mornings"

    def __init__(self, first: datetime, step: timedelta, noise: float = 0.0):
        self.first, self.step, self.noise = first, step, noise

    def told_at(self, t: int, decision: bool) -> int:
        """Return before which window the label of window t is in, flagged or not."""
        weeks = (self.first + t * self.step - A_MONDAY_AT_NINE) // WEEK
        monday = A_MONDAY_AT_NINE + (weeks + 1) * WEEK
        return -((self.first - monday) // self.step)  # rounded up


class Visits(Feedback):
    """Every twelve windows someone looks at the alarms, and, newest first, at others of a visit before; not at all."""

    def __init__(self, noise: float = 0.0):
        self.noise = noise

    def told_at(self, t: int, decision: bool) -> int | None:
        """Return when, out of order; never of every fifth window."""
        if t % 5 == 4:
            return None
        return t - t % 12 + (12 if decision else 36 - t % 12)


class Table(Feedback):
    """A rule that looks up how many windows later a label is told.

    Args:
        delays: By window, that where it is not flagged and where it is; None: never.
    """

    def __init__(self, delays: list[tuple[int | None, int | None]]):
        self.delays = delays

    def told_at(self, t: int, decision: bool) -> int | None:
        """Look it up."""
        delay = self.delays[t][decision]
        return None if delay is None else t + delay


def tables(least: int, most: int) -> st.SearchStrategy[Table]:
    """Draw rules for so many windows."""
    delay = st.none() | st.integers(1, 12)
    return st.lists(st.tuples(delay, delay), min_size=least, max_size=most).map(Table)
