"""Metrics of ranges: VUS and range-based precision and recall, as aeon computes them, and point adjustment."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.metrics.events import runs
from adt_gym.metrics.flags import as_flags, flag_pair
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import Detection, InputError, ScoredSeries, varies

POINT_ADJUSTED = "F1 (point-adjusted, inflated)"
"""The only name under which a table may show the F1 of what is `point_adjusted`."""


def vus(scores: ArrayLike, labels: ArrayLike, buffers: ArrayLike = range(0, 101, 10)) -> tuple[float, float]:
    """Return VUS-PR and VUS-ROC, each in [0, 1]: how well scores rank anomalous windows, and windows near them, first.

    Both are means over buffers around the events, of whose lengths the original takes all from 0 to a maximum: the
    default takes every tenth up to 100 windows and is ten times as fast. They judge scores without any threshold. For
    a thresholder see `margins`.

    Reference: J. Paparrizos et al., "Volume Under the Surface", PVLDB 15(11), 2022; the computation is aeon's.

    Args:
        scores: Shape ``(T,)``, higher is more anomalous, finite.
        labels: Shape ``(T,)``.
        buffers: Lengths in windows, integers from 0, at least one.

    Returns:
        (NaN, NaN) where the labels are all equal: there is no rank to judge. As in aeon, (0, 0) for constant scores.

    Raises:
        InputError: If a label is neither 0 nor 1, a score not finite or a buffer no such length, or the shapes differ.
    """
    from aeon.benchmarking.metrics.anomaly_detection import range_pr_roc_auc_support

    scores, anomalous = np.asarray(scores, dtype=np.float64), as_flags(labels, "labels")
    if scores.shape != anomalous.shape:
        raise InputError(f"scores have shape {scores.shape}, labels {anomalous.shape}; they must be equal")
    if not np.isfinite(scores).all():
        first = int(np.argmin(np.isfinite(scores)))
        raise InputError(f"scores[{first}] is {scores[first]}: scores must be finite")
    lengths = np.asarray(buffers)
    if lengths.ndim != 1 or len(lengths) == 0 or lengths.dtype.kind not in "iu" or lengths.min() < 0:
        raise InputError(f"buffers must be at least one whole number of windows from 0, got {buffers!r}")
    if not varies(anomalous):
        return float("nan"), float("nan")
    if scores.min() == scores.max():
        return 0.0, 0.0
    truth = anomalous.astype(np.int_)
    areas = [range_pr_roc_auc_support(truth, scores, buffer, skip_check=True) for buffer in lengths]
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
        InputError: If a decision or label is neither 0 nor 1, the lengths differ, or there is no window.
    """
    from aeon.benchmarking.metrics.anomaly_detection import range_f_score, range_precision, range_recall

    overlap = precision_recall_f1(decisions, labels)
    if overlap[2] in (0.0, 1.0):
        return overlap
    # aeon answers 0 where all windows are flagged; one more window, normal and not flagged, touches no range.
    flagged, anomalous = (np.append(one, False).astype(int) for one in flag_pair(decisions, labels))
    return (
        float(range_precision(anomalous, flagged)),
        float(range_recall(anomalous, flagged)),
        float(range_f_score(anomalous, flagged, p_alpha=0, r_alpha=0)),
    )


def point_adjusted(decisions: ArrayLike, labels: ArrayLike) -> NDArray[np.bool_]:
    """Return the decisions on one series, with every event that has a flagged window flagged throughout.

    Several series are adjusted one by one: laid end to end, an event at the end of one and an event at the start of the
    next would become a single one.

    The field reports the F1 of these still; random alarms score high on it (S. Kim et al., "Towards a Rigorous
    Evaluation of Time-Series Anomaly Detection", AAAI 2022). Show it under the name `POINT_ADJUSTED` only.

    Args:
        decisions: Shape ``(T,)``, True where a window was flagged.
        labels: Shape ``(T,)``, True where it is anomalous.

    Raises:
        InputError: If a decision or label is neither 0 nor 1, the lengths differ, or there is no window.
    """
    flagged, anomalous = flag_pair(decisions, labels)
    adjusted = flagged.copy()
    for start, stop in zip(*runs(anomalous), strict=True):
        adjusted[start:stop] = adjusted[start:stop].any()
    return adjusted
