"""Metrics of ranges: VUS and range-based precision and recall, as aeon computes them, and point-adjusted F1."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.evaluation.events import runs
from adt_gym.evaluation.metrics import precision_recall_f1
from adt_gym.series import Detection, InputError, ScoredSeries

POINT_ADJUSTED = "F1 (point-adjusted, inflated)"
"""The only name under which a table may show `point_adjusted_f1`."""


def vus(scores: ArrayLike, labels: ArrayLike, buffers: ArrayLike = range(0, 101, 10)) -> tuple[float, float]:
    """Return VUS-PR and VUS-ROC, each in [0, 1]: how well scores rank anomalous windows, and windows near them, first.

    Both are means over buffers around the events, of whose lengths the original takes all from 0 to a maximum: the
    default takes every tenth up to 100 windows and is ten times as fast. They judge scores without any threshold. For
    a thresholder see `margins`.

    Reference: J. Paparrizos et al., "Volume Under the Surface", PVLDB 15(11), 2022; the computation is aeon's.

    Args:
        scores: Shape ``(T,)``, higher is more anomalous, finite.
        labels: Shape ``(T,)``.
        buffers: Lengths in windows, integers from 0.

    Returns:
        (NaN, NaN) where the labels are all equal: there is no rank to judge. As in aeon, (0, 0) for constant scores.

    Raises:
        InputError: If the shapes differ.
    """
    from aeon.benchmarking.metrics.anomaly_detection import range_pr_roc_auc_support

    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.int_)
    if scores.shape != labels.shape:
        raise InputError(f"scores have shape {scores.shape}, labels {labels.shape}; they must be equal")
    if labels.min() == labels.max():
        return float("nan"), float("nan")
    if scores.min() == scores.max():
        return 0.0, 0.0
    areas = [range_pr_roc_auc_support(labels, scores, buffer, skip_check=True) for buffer in np.asarray(buffers)]
    pr, roc = np.mean(areas, axis=0)
    return float(pr), float(roc)


def margins(detection: Detection, series: ScoredSeries) -> NDArray[np.float32]:
    """Return score minus threshold per window, shape ``(T,)``: the scores by which `vus` judges a thresholder.

    A constant threshold leaves the rank of the scores, and so their VUS, as it is; one that follows a drift betters it.
    The margin of a policy that only switches between thresholds 0 and 1 says little more than its decisions.
    """
    return series.scores - detection.thresholds


def range_precision_recall_f1(decisions: ArrayLike, labels: ArrayLike) -> tuple[float, float, float]:
    """Return range-based precision, recall and F1, each in [0, 1].

    Per alarm segment the share of it that is anomalous, per event the share of it that is flagged, both divided by the
    number of pieces, and averaged: flat bias, reciprocal cardinality, no reward for existence alone (alpha 0). Where
    nothing is to be found and nothing flagged, all three are 1, as over windows.

    Reference: N. Tatbul et al., "Precision and Recall for Time Series", NeurIPS 2018; the computation is aeon's.

    Args:
        decisions: Shape ``(T,)``, True where a window was flagged.
        labels: Shape ``(T,)``, True where it is anomalous.

    Raises:
        InputError: If the shapes differ.
    """
    from aeon.benchmarking.metrics.anomaly_detection import range_f_score, range_precision, range_recall

    overlap = precision_recall_f1(decisions, labels)
    if overlap[2] in (0.0, 1.0):
        return overlap
    # aeon answers 0 where all windows are flagged; one more window, normal and not flagged, touches no range.
    flagged, anomalous = np.append(decisions, False).astype(int), np.append(labels, False).astype(int)
    return (
        float(range_precision(anomalous, flagged)),
        float(range_recall(anomalous, flagged)),
        float(range_f_score(anomalous, flagged, p_alpha=0, r_alpha=0)),
    )


def point_adjusted_f1(decisions: ArrayLike, labels: ArrayLike) -> float:
    """Return the F1 over windows after every event with one flagged window is counted as flagged throughout.

    The field reports it still; random alarms score high on it (S. Kim et al., "Towards a Rigorous Evaluation of
    Time-Series Anomaly Detection", AAAI 2022). Show it under the name `POINT_ADJUSTED` only.

    Args:
        decisions: Shape ``(T,)``, True where a window was flagged.
        labels: Shape ``(T,)``, True where it is anomalous.

    Raises:
        InputError: If the shapes differ.
    """
    adjusted = np.array(decisions, dtype=bool)
    for start, stop in zip(*runs(labels), strict=True):
        adjusted[start:stop] = adjusted[start:stop].any()
    return precision_recall_f1(adjusted, labels)[2]
