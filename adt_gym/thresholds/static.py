"""Thresholds that never change: the best fixed one, and the two ends of the scale."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.stream import Fixed, Method, Scores


def best_f1_threshold(series: Sequence[ScoredSeries]) -> float:
    """Return the fixed threshold with the highest F1 over all windows of ``series``; the highest of equal ones.

    A threshold that flags the scores from s upwards lies halfway between s and the score below it.

    Raises:
        InputError: If there is no anomalous window to learn from.
    """
    scores = np.concatenate([one.scores for one in series])
    labels = np.concatenate([one.truth for one in series])
    if not labels.any():
        raise InputError(f"no anomalous window in {', '.join(one.name for one in series)}: a threshold needs some")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    flagged = np.arange(1, len(ranked) + 1)
    f1 = 2 * np.cumsum(labels[order]) / (flagged + labels.sum())
    below = np.append(ranked[1:], 0.0)
    f1[ranked == below] = -1.0  # equal scores are flagged together
    best = int(np.argmax(f1))
    halfway = np.float32((ranked[best] + below[best]) / 2)
    return float(halfway if halfway < ranked[best] else below[best])  # between neighbours, rounding can reach the upper


class Static(Method):
    """One fixed threshold, the one with the best F1 on the training part.

    Args:
        on: "train" for the labels of the training series; "test" for those of the series it is applied to, which no
            one has in practice: the paper's "optimal static" threshold. ``fit`` then wants the test series.
    """

    fitted: ClassVar[tuple[str, ...]] = ("threshold",)

    def __init__(self, on: str = "train"):
        if on not in ("train", "test"):
            raise InputError(f"static: on must be 'train' or 'test', got {on!r}")
        self.on, self.hindsight = on, on == "test"
        self.sees_labels = self.hindsight
        self.name = "static (test labels)" if self.hindsight else "static"

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Choose the threshold on the labels of ``train``; one that flags nothing in test series without an anomaly."""
        nothing_to_find = self.hindsight and not any(one.truth.any() for one in train)
        self.threshold = 1.0 if nothing_to_find else best_f1_threshold(train)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Fixed:
        """Hold every score against the threshold."""
        return Fixed(self.threshold)


class Always(Static):
    """A threshold of 0: flags every window."""

    name, threshold = "always", 0.0
    fitted: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        pass

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn nothing."""
        return self


class Never(Always):
    """A threshold of 1: flags nothing."""

    name, threshold = "never", 1.0
