"""How fast a method learns on a new series: what it does after the first, the second, the n-th label that it is told.

What counts as one label is a *told segment*: windows in a row whose told labels are the same. A person who closes an
alarm of ten windows as false says one thing, not ten; and "nothing since the last event" is one thing, however long it
holds. A segment is told as soon as the label of its first window is in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.composite import DEADLINE, composite_counts, composite_of_counts
from adt_gym.metrics.events import false_alarms_per_1000, find_events
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.feedback import Feedback, in_at, told_labels

NAN = float("nan")

AFTER = (0, 1, 2, 5, 10, 20, 50)
"""Told segments after which F1 is measured."""

SETTLED = 5
"""Told segments after which false alarms and recall are held against those from before the first."""

F1_AFTER = {n: f"f1_after_{n}" for n in AFTER}
COMPOSITE_AFTER = {n: f"composite_f1_after_{n}" for n in AFTER}
"""Columns, by told segments."""

BEFORE_AND_AFTER = tuple(
    f"{measure}_{when}"
    for when in ("before_1", f"after_{SETTLED}")
    for measure in ("false_alarms_per_1000", "event_recall")
)
"""Columns: before the first told segment, and after the SETTLED-th."""

COLUMNS = ("labels_told", "segments_told", *F1_AFTER.values(), *COMPOSITE_AFTER.values(), *BEFORE_AND_AFTER)
"""All columns that `told_measures` makes."""


@dataclass(frozen=True, eq=False)
class Told:
    """What was told of one series while it was judged.

    Args:
        labels: How many windows had their label told before the last window was judged.
        segments: Shape ``(n,)``, ascending: before which window each told segment was.
    """

    labels: int
    segments: NDArray[np.int64]

    def after(self, n: int) -> int | None:
        """Return the first window that was judged with n segments told, None where there is none."""
        if n > len(self.segments):
            return None
        return int(self.segments[n - 1]) if n else 0


def told(detection: Detection, series: ScoredSeries, feedback: Feedback, seed: int) -> Told:
    """Return what the feedback tells of a series that was judged so.

    Args:
        detection: The decisions, of all windows of the series.
        series: With labels.
        feedback: Which labels are told, and when.
        seed: Of the labels that are told wrongly.
    """
    windows = len(series)
    at = np.full(windows, windows)
    if schedule := feedback.schedule(windows):
        is_told = schedule.told[schedule.windows, detection.decisions[schedule.windows].astype(int)]
        at[schedule.windows[is_told]] = np.minimum(schedule.due[is_told], windows)
    else:
        for t, decision in enumerate(detection.decisions.tolist()):
            due, is_told = in_at(feedback, t, decision)
            if due is not None and is_told:
                at[t] = min(due, windows)
    known = np.where(at < windows, told_labels(series, feedback, seed).astype(int), -1)
    starts = np.flatnonzero((known >= 0) & (known != np.append(-1, known[:-1])))
    first = np.minimum.reduceat(at, starts) if len(starts) else starts
    return Told(int(np.sum(known >= 0)), np.sort(first).astype(np.int64))


def told_measures(
    detection: Detection, series: ScoredSeries, feedback: Feedback, seed: int, deadline: int | None = DEADLINE
) -> dict[str, float]:
    """Return by column of `COLUMNS` how a series was judged before and after labels of it were told.

    Args:
        detection, series, feedback, seed: See `told`.
        deadline: Of the composite F1, in windows.

    Returns:
        ``f1_after_n`` and ``composite_f1_after_n`` over the windows from the one before which the n-th segment was told
        to the end: NaN where fewer are told or no anomalous window is left. An event that has begun by then counts from
        there on. False alarms (flagged normal windows per 1,000 windows) and the share of the events found: NaN where
        there is no window or no event.
    """
    said = told(detection, series, feedback, seed)
    values = dict.fromkeys(COLUMNS, NAN) | {"labels_told": said.labels, "segments_told": len(said.segments)}
    for n in AFTER:
        start = said.after(n)
        rest = None if start is None else _cut(detection, slice(start, None))
        if rest is not None and rest.truth.any():
            values[F1_AFTER[n]] = precision_recall_f1(rest.decisions, rest.truth)[2]
            values[COMPOSITE_AFTER[n]] = composite_of_counts(composite_counts(rest, deadline))
    first, settled = said.after(1), said.after(SETTLED)
    before = _cut(detection, slice(0, first))
    after = None if settled is None else _cut(detection, slice(settled, None))
    return values | dict(zip(BEFORE_AND_AFTER, (*_alarms_and_recall(before), *_alarms_and_recall(after)), strict=True))


def _cut(detection: Detection, windows: slice) -> Detection:
    return Detection(
        detection.thresholds[windows], detection.decisions[windows], detection.truth[windows], detection.name
    )


def _alarms_and_recall(one: Detection | None) -> tuple[float, float]:
    if one is None or not len(one.decisions):
        return NAN, NAN
    recall = find_events([one]).precision_recall_f1()[1] if one.truth.any() else NAN
    return false_alarms_per_1000(one.decisions, one.truth), recall
