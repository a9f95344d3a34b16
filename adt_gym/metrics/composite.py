"""Composite F1: precision over windows and recall over events, each found only if an alarm comes in time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from adt_gym.metrics.events import find_events
from adt_gym.metrics.flags import of_detection
from adt_gym.metrics.windows import confusion_counts
from adt_gym.series import Detection, InputError

DEADLINE = 10
"""Windows from the start of an event in which its first alarm must come, unless another deadline is given."""


def composite_f1(detections: Sequence[Detection], deadline: int | None = DEADLINE) -> float:
    """Return the composite F1, in [0, 1], over the windows and events of all series.

    It is the harmonic mean of the precision over windows and the recall over events. Over windows, F1 pays for flagging
    one long event throughout; over events, it pays for flagging everything. This pays for neither. Where there is no
    event and nothing is flagged it is 1, and where one of the two means is 0 it is 0.

    Reference: A. Garg, W. Zhang, J. Samaran, R. Savitha and C.-S. Foo, "An Evaluation of Anomaly Detection and
    Diagnosis in Multivariate Time Series", IEEE TNNLS, 2021, arXiv 2109.11428. The deadline is ours.

    Args:
        detections: One per series. An event is a run of anomalous windows and does not cross from one series into
            another.
        deadline: An event counts as found only if one of its first so many windows is flagged; at least 1. None: if any
            of its windows is, as in the reference.

    Raises:
        InputError: If there is no detection, the deadline is below 1, or a decision or label is neither 0 nor 1.
    """
    if not detections:
        raise InputError("no detections to measure")
    if deadline is not None and not deadline >= 1:
        raise InputError(f"deadline: an event has at least 1 window, got {deadline}; give None for no deadline")
    return composite_of_counts(np.sum([composite_counts(one, deadline) for one in detections], axis=0))


def composite_counts(detection: Detection, deadline: int | None = DEADLINE) -> tuple[int, int, int, int, int]:
    """Return what the composite F1 is made of, to be summed over series: TP, FP and FN, events in time, all events."""
    events = find_events([detection])
    in_time = events.found if deadline is None else int(np.sum(events.delays < deadline))
    return (*confusion_counts(*of_detection(detection)), in_time, events.found + events.missed)


def composite_of_counts(counts: ArrayLike) -> float:
    """Return the composite F1 of sums of what `composite_counts` returns, with the conventions of `composite_f1`."""
    tp, fp, fn, in_time, events = np.asarray(counts).tolist()
    if tp + fp + fn == 0:
        return 1.0
    if tp == 0:
        return 0.0
    precision, recall = tp / (tp + fp), in_time / events
    return float(2 * precision * recall / (precision + recall))
