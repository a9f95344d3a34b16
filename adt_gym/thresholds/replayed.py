"""What methods that see labels share: one compiled loop over a whole series, and sessions that say the same.

What they learn of a label is a whole number that is added up, so that the order in which labels come changes nothing,
and a label that is corrected is taken back exactly.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.feedback import Alerts, DueLabels, Feedback, Full, told_labels
from adt_gym.stream.replay import begin
from adt_gym.stream.stream import Session, ToldMethod
from adt_gym.thresholds.chain import usual_delay

CORRECTED = 1000
"""Labels, the newest, that may still be told late or corrected after their time."""


class Released(NamedTuple):
    """The labels of a series and when they come, in arrays: see `adt_gym.stream.feedback.Schedule`."""

    windows: NDArray[np.int64]
    due: NDArray[np.int64]
    told: NDArray[np.bool_]
    labels: NDArray[np.bool_]

    @classmethod
    def of(cls, series: ScoredSeries, feedback: Feedback, seed: int) -> "Released | None":
        """Return those of a series; None where the rule does not come as arrays."""
        schedule = feedback.schedule(len(series))
        if schedule is None:
            return None
        labels = told_labels(series, feedback, seed) if feedback.tells else np.zeros(len(series), bool)
        return cls(schedule.windows, schedule.due, schedule.told, labels)


class Compiled(Session):
    """A session that can also judge a whole series at once."""

    def thresholds(self, scores: NDArray[np.float32], released: Released) -> NDArray[np.float32]:
        """Return shape ``(T,)``: what a new session would return, told what is released; it changes nothing.

        Args:
            scores: Shape ``(T,)``.
            released: The labels.
        """
        raise NotImplementedError


class Replayed(ToldMethod):
    """A method whose sessions are `Compiled`."""

    def detect(self, series: ScoredSeries) -> Detection:
        """Judge the series at once, where the rule comes as arrays."""
        released = Released.of(series, self.feedback, self.seed)
        if released is None:
            return super().detect(series)
        session: Any = begin(self, series)
        return Detection.at(session.thresholds(series.scores, released), series)

    def _released(self, series: ScoredSeries) -> Released:
        """Return the labels of a training series; by the simple rule nearest to the own one if that has no arrays."""
        found = Released.of(series, self.feedback, self.seed)
        if found is None:
            kind = Alerts if self.feedback.partial else Full
            nearest = kind(usual_delay(self.feedback, len(series)), self.feedback.noise)
            found = Released.of(series, nearest, self.seed)
        assert found is not None
        return found


Change = tuple[Any, int, int]
"""What a label counts for, what the label was so far, and what it is now; -1 for none."""


class Tally:
    """What the label of each window will count for, until it is in, and what it counted for, should it be corrected.

    A label is in when the rule says; one that is told early waits. One that is told late, or again, counts anew if its
    window is among the newest ``CORRECTED`` whose feedback is in, and not at all elsewhere.

    Args:
        feedback: The rule.
        memory: If not 0, labels no longer count once so many more windows have had their feedback.
    """

    state: ClassVar = ("_due", "_open", "_in")

    def __init__(self, feedback: Feedback, memory: int = 0):
        self._due, self._memory = DueLabels(feedback), memory
        self._open: dict[int, Any] = {}
        self._in: dict[int, tuple[Any, int]] = {}

    def judged(self, t: int, decision: bool, what: Any) -> None:
        """Note window t, the newest, and what its label will count for."""
        if self._due.judged(t, decision):
            self._open[t] = what

    def come(self, t: int) -> Iterator[Change]:
        """Yield what changes just before window t."""
        for window, label in self._due.come(t):
            what = self._open.pop(window)
            self._in[window] = what, label
            yield what, -1, label
            if len(self._in) > (self._memory or CORRECTED):
                what, label = self._in.pop(next(iter(self._in)))
                if self._memory:
                    yield what, label, -1

    def tell(self, t: int, label: bool) -> Iterator[Change]:
        """Keep the label of window t until its time; where that has passed, yield what changes."""
        if self._due.tell(t, label) and t in self._in:
            what, old = self._in[t]
            self._in[t] = what, int(label)
            yield what, old, int(label)
