"""The trivial rule that every agent with labels in sight must be held against."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from adt_gym.series import Detection, InputError, ScoredSeries


class Persistence:
    """Flag window t if window t - d was anomalous: copy the newest label that feedback with delay d has released.

    Its precision, recall and F1 for d = 1 are all 1 - runs / positives (up to an anomaly at the very end).

    Args:
        delay: d, at least 1. The first d windows are not flagged.
    """

    sees_labels = True

    def __init__(self, delay: int = 1):
        if delay < 1:
            raise InputError(f"persistence: delay must be at least 1, got {delay}")
        self.delay = delay
        self.name = f"persistence({delay})"

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn nothing."""
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Use threshold 0 where the label ``delay`` windows ago was anomalous, else 1."""
        thresholds = np.ones(len(series), dtype=np.float32)
        thresholds[self.delay :][series.labels[: -self.delay]] = 0.0
        return Detection.at(thresholds, series)
