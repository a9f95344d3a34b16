"""The trivial rule that every agent with labels in sight must be held against."""

from typing import Any, ClassVar

import numpy as np

from adt_gym.scaling import Scaling
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.feedback import Full, told_labels
from adt_gym.stream.stream import Scores, Session, ToldMethod


class Persistence(ToldMethod):
    """Flag a window if the newest label that is known is anomalous: with a delay of d, copy the label d windows ago.

    With d = 1 and all labels told truly, its precision, recall and F1 are all 1 - runs / positives (up to an anomaly at
    the very end). Under "alerts" only flagged windows get a label, and as nothing is flagged before a label says so,
    nothing ever is.

    Args:
        delay: d, at least 1. The first d windows are not flagged.
        feedback: "full", "alerts", "none", or a rule of your own.
        noise: The probability that a label that is told is the wrong one.
        seed: Of the labels that are flipped; see `adt_gym.stream.feedback.told_labels`.

    Raises:
        InputError: If one of them is out of range.
    """

    def __init__(self, delay: int = 1, feedback: Any = "full", noise: float = 0.0, seed: int = 0):
        super().__init__(feedback, delay, noise, seed)
        self.name = f"persistence({self.feedback.delay or self.feedback.kind})"

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Copy":
        """Begin with nothing to copy."""
        return Copy()

    def detect(self, series: ScoredSeries) -> Detection:
        """Use threshold 0 where the label ``delay`` windows ago was anomalous, else 1."""
        if type(self.feedback) is not Full:
            return super().detect(series)
        thresholds, told = np.ones(len(series), dtype=np.float32), told_labels(series, self.feedback, self.seed)
        thresholds[self.delay :][told[: -self.delay]] = 0.0
        return Detection.at(thresholds, series)


class Copy(Session):
    """The newest label told."""

    state: ClassVar = ("_newest", "_label")

    def __init__(self) -> None:
        self._newest, self._label = -1, False

    def threshold(self, score: float) -> float:
        """Return 0 where the label of the newest window that has one is anomalous, else 1."""
        return 1.0 - self._label

    def tell(self, t: int, label: bool) -> None:
        """Keep it if no newer window's is known."""
        if t >= self._newest:
            self._newest, self._label = t, bool(label)
