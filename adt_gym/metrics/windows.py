"""Metrics of decisions against labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.metrics.flags import as_flags, flag_pair
from adt_gym.series import InputError


def precision_recall_f1(decisions: ArrayLike, labels: ArrayLike) -> tuple[float, float, float]:
    """Return precision, recall and F1, each in [0, 1], over windows.

    Where TP, FP and FN are all 0 there was nothing to find and nothing was flagged: all three are 1. Otherwise a TP of
    0 makes them 0 (the conventions of Usbeck et al., GERBIL, WWW 2015, that the ADT paper follows).

    Args:
        decisions: Shape ``(T,)``, True where a window was flagged.
        labels: Shape ``(T,)``, True where it is anomalous.

    Raises:
        InputError: If a decision or label is neither 0 nor 1, the lengths differ, or there is no window.
    """
    return of_counts(*confusion_counts(decisions, labels))


def confusion_counts(decisions: ArrayLike, labels: ArrayLike) -> tuple[int, int, int]:
    """Return TP, FP and FN, the counts that precision, recall and F1 are made of.

    Args:
        decisions: Shape ``(T,)``, True where a window was flagged.
        labels: Shape ``(T,)``, True where it is anomalous.

    Raises:
        InputError: If a decision or label is neither 0 nor 1, the lengths differ, or there is no window.
    """
    flagged, anomalous = flag_pair(decisions, labels)
    return int(np.sum(flagged & anomalous)), int(np.sum(flagged & ~anomalous)), int(np.sum(~flagged & anomalous))


def of_counts(tp: int, fp: int, fn: int) -> tuple[float, float, float]:
    """Return precision, recall and F1 of counts, with the conventions of `precision_recall_f1`."""
    if tp == 0:
        return (1.0, 1.0, 1.0) if fp == fn == 0 else (0.0, 0.0, 0.0)
    return tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)


def pointwise_precision_recall_f1(
    decisions: Sequence[ArrayLike], point_labels: Sequence[ArrayLike]
) -> tuple[float, float, float]:
    """Return precision, recall and F1, each in [0, 1], over the points of all series.

    A point is flagged if the window that ends at it is: that is when the decision is known. So the first tau - 1 of
    the n points of a series, where no window ends, are not flagged. The window length tau follows from the lengths.

    Args:
        decisions: One per series, shape ``(n - tau + 1,)``, True where a window was flagged.
        point_labels: One per series, shape ``(n,)``, True where a point is anomalous.

    Raises:
        InputError: If a decision or label is neither 0 nor 1, there is none, or a series has more windows than points.
    """
    if len(decisions) != len(point_labels) or len(decisions) == 0:
        raise InputError(f"decisions of {len(decisions)} series, point_labels of {len(point_labels)}: give one each")
    labels = [as_flags(one, f"point_labels[{i}]") for i, one in enumerate(point_labels)]
    windows = [as_flags(one, f"decisions[{i}]") for i, one in enumerate(decisions)]
    flagged = [_flagged_points(d, len(p)) for d, p in zip(windows, labels, strict=True)]
    return precision_recall_f1(np.concatenate(flagged), np.concatenate(labels))


def _flagged_points(decisions: NDArray[np.bool_], points: int) -> NDArray[np.bool_]:
    before = points - len(decisions)
    if before < 0:
        raise InputError(f"{len(decisions)} windows of {points} points: there cannot be more windows")
    return np.append(np.zeros(before, dtype=bool), decisions)
