"""The trivial rule that every agent with labels in sight must be held against."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from adt_gym.feedback import Feedback, told_labels
from adt_gym.series import Detection, InputError, ScoredSeries


class Persistence:
    """Flag window t if window t - d was anomalous: copy the newest label that feedback with delay d has released.

    With d = 1 and all labels told truly, its precision, recall and F1 are all 1 - runs / positives (up to an anomaly at
    the very end).

    Args:
        delay: d, at least 1. The first d windows are not flagged.
        feedback: "full", or "alerts": only flagged windows get a label, and as nothing is flagged before a label says
            so, nothing ever is.
        noise: The probability that a label that is told is the wrong one.
        seed: Of the labels that are flipped; see `adt_gym.feedback.told_labels`.

    Raises:
        InputError: If one of them is out of range.
    """

    sees_labels = True

    def __init__(self, delay: int = 1, feedback: str = "full", noise: float = 0.0, seed: int = 0):
        if delay < 1:
            raise InputError(f"persistence: delay must be at least 1, got {delay}")
        if feedback not in ("full", "alerts"):
            raise InputError(f'persistence copies labels: feedback must be "full" or "alerts", got {feedback!r}')
        self.delay, self.seed, self.feedback = delay, seed, Feedback(feedback, delay, noise)
        self.name = f"persistence({delay})"

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn nothing."""
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Use threshold 0 where the label ``delay`` windows ago was anomalous, else 1."""
        thresholds = np.ones(len(series), dtype=np.float32)
        if self.feedback.kind == "full":
            told = told_labels(series, self.feedback, self.seed)
            thresholds[self.delay :][told[: -self.delay]] = 0.0
        return Detection.at(thresholds, series)
