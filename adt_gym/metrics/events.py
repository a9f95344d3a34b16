"""Metrics of events: runs of anomalous windows that a detector finds, late or early, or misses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.metrics.flags import as_flags, flag_pair, of_detection
from adt_gym.metrics.windows import of_counts
from adt_gym.series import Detection, InputError


@dataclass(frozen=True, eq=False)
class Events:
    """What became of the events of one or several series.

    Args:
        delays: One entry per found event: windows from its start to its first flagged window; 0 is at once.
        missed: Events without a flagged window.
        false_segments: Alarm segments that touch no event.
    """

    delays: NDArray[np.int_]
    missed: int
    false_segments: int

    @property
    def found(self) -> int:
        """Events with a flagged window."""
        return len(self.delays)

    @property
    def median_delay(self) -> float:
        """Median delay of the found events, in windows; NaN where none is found."""
        return float(np.median(self.delays)) if self.found else float("nan")

    @property
    def p95_delay(self) -> float:
        """95th percentile (interpolated) of the delay of the found events, in windows; NaN where none is found."""
        return float(np.percentile(self.delays, 95)) if self.found else float("nan")

    def precision_recall_f1(self) -> tuple[float, float, float]:
        """Return event-wise precision, recall and F1, each in [0, 1].

        A found event is a TP, a missed one an FN, an alarm segment that touches no event an FP (Hundman et al., KDD
        2018, section 4.2). Nothing to find and nothing flagged: all three are 1, as over windows.
        """
        return of_counts(self.found, self.false_segments, self.missed)


def find_events(detections: Sequence[Detection]) -> Events:
    """Return what became of the events of all ``detections``.

    An event is a run of anomalous windows, an alarm segment a run of flagged ones; neither crosses from one series
    into another. An event is found if any of its windows is flagged.

    Raises:
        InputError: If a decision or label is neither 0 nor 1, or a detection has no window or other lengths of the two.
    """
    apart = np.zeros(1, dtype=bool)  # after each series, so that no run crosses into the next
    pairs = [of_detection(one) for one in detections]
    decisions, labels = (
        np.concatenate([apart, *(part for pair in pairs for part in (pair[side], apart))]) for side in (0, 1)
    )
    return _find_events(decisions, labels)


def _find_events(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> Events:
    starts, stops = runs(labels)
    flagged = np.append(np.flatnonzero(decisions), len(decisions))
    first = flagged[np.searchsorted(flagged, starts)]
    found = first < stops
    alarm_starts, alarm_stops = runs(decisions)
    anomalous_before = np.append(0, np.cumsum(labels))
    touched = anomalous_before[alarm_stops] > anomalous_before[alarm_starts]
    return Events((first - starts)[found], int(np.sum(~found)), int(np.sum(~touched)))


def runs(flags: ArrayLike) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return where the runs of True in ``flags``, shape ``(T,)``, start and where they stop (exclusive).

    Raises:
        InputError: If a flag is neither 0 nor 1, or there is none.
    """
    edges = np.diff(as_flags(flags, "flags").astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def false_alarms_per_1000(decisions: ArrayLike, labels: ArrayLike) -> float:
    """Return the flagged normal windows per 1,000 windows, in [0, 1000]; both of shape ``(T,)``, T > 0.

    Raises:
        InputError: If a decision or label is neither 0 nor 1, the lengths differ, or there is no window.
    """
    flagged, anomalous = flag_pair(decisions, labels)
    return 1000 * float(np.mean(flagged & ~anomalous))


def false_alarms_per_day(detections: Sequence[Detection], indexes: Sequence[NDArray[np.datetime64]]) -> float:
    """Return the false alarms per day of normal time: alarm segments that touch no event, over all series.

    The normal time of a series is its number of normal windows times the median step of its times. An alarm that runs
    on through an event is not a false one, however long it lasts: see also `false_alarms_per_1000`.

    Args:
        detections: One per series.
        indexes: One per series, shape ``(T,)``: the times of its windows, in order.

    Returns:
        NaN where there is no normal time: no normal window, or no two times that differ.

    Raises:
        InputError: If there is not one time per window, or a decision or label is neither 0 nor 1.
    """
    days = 0.0
    for _, labels, index in _with_times(detections, indexes):
        if len(index) > 1:
            steps = np.diff(index) / np.timedelta64(1, "D")
            days += float(np.median(steps) * np.sum(~labels))
    return find_events(detections).false_segments / days if days > 0 else float("nan")


def alarm_segments_per_day(detections: Sequence[Detection], indexes: Sequence[NDArray[np.datetime64]]) -> float:
    """Return how often a day an alarm begins: alarm segments of all series over the days that they cover.

    A series covers the time from its first window to its last and one median step more, that of the last window.

    Args:
        detections: One per series.
        indexes: One per series, shape ``(T,)``: the times of its windows, in order.

    Raises:
        InputError: If there is not one time per window, no series covers any time, or a decision is neither 0 nor 1.
    """
    segments, days = 0, 0.0
    for decisions, _, index in _with_times(detections, indexes):
        segments += len(runs(decisions)[0])
        if len(index) > 1:
            days += float((index[-1] - index[0] + np.median(np.diff(index))) / np.timedelta64(1, "D"))
    if not days > 0:
        raise InputError("the times of the windows cover no time: alarm segments per day need two different times")
    return segments / days


def _with_times(
    detections: Sequence[Detection], indexes: Sequence[NDArray[np.datetime64]]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.datetime64]]]:
    """Yield decisions, labels and times of every series."""
    if len(detections) != len(indexes):
        raise InputError(f"{len(detections)} detections, times of {len(indexes)} series: give one each")
    for detection, index in zip(detections, indexes, strict=True):
        decisions, labels = of_detection(detection)
        if index.shape != decisions.shape:
            raise InputError(
                f"series {detection.name!r}: {len(index)} times for {len(decisions)} windows; give one each"
            )
        yield decisions, labels, index
