"""Metrics of decisions against labels."""

import numpy as np
from numpy.typing import ArrayLike

from adt_gym.series import InputError


def precision_recall_f1(decisions: ArrayLike, labels: ArrayLike) -> tuple[float, float, float]:
    """Return precision, recall and F1, each in [0, 1], over windows.

    Where TP, FP and FN are all 0 there was nothing to find and nothing was flagged: all three are 1. Otherwise a TP of
    0 makes them 0 (the conventions of Usbeck et al., GERBIL, WWW 2015, that the ADT paper follows).

    Args:
        decisions: Shape ``(T,)``, True where a window was flagged.
        labels: Shape ``(T,)``, True where it is anomalous.

    Raises:
        InputError: If the shapes differ.
    """
    decisions, labels = np.asarray(decisions, dtype=bool), np.asarray(labels, dtype=bool)
    if decisions.shape != labels.shape:
        raise InputError(f"decisions have shape {decisions.shape}, labels {labels.shape}; they must be equal")
    tp = int(np.sum(decisions & labels))
    fp = int(np.sum(decisions & ~labels))
    fn = int(np.sum(~decisions & labels))
    if tp == 0:
        return (1.0, 1.0, 1.0) if fp == fn == 0 else (0.0, 0.0, 0.0)
    return tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)


def pointwise_precision_recall_f1(decisions: ArrayLike, point_labels: ArrayLike) -> tuple[float, float, float]:
    """Return precision, recall and F1, each in [0, 1], over the points of a series.

    A point is flagged if the window that ends at it is: that is when the decision is known. So the first tau - 1 of
    the n points, where no window ends, are not flagged. The window length tau follows from the two lengths.

    Args:
        decisions: Shape ``(n - tau + 1,)``, True where a window was flagged.
        point_labels: Shape ``(n,)``, True where a point is anomalous.

    Raises:
        InputError: If there are more windows than points.
    """
    decisions, point_labels = np.asarray(decisions, dtype=bool), np.asarray(point_labels, dtype=bool)
    before = len(point_labels) - len(decisions)
    if before < 0:
        raise InputError(f"{len(decisions)} windows of {len(point_labels)} points: there cannot be more windows")
    return precision_recall_f1(np.append(np.zeros(before, dtype=bool), decisions), point_labels)
