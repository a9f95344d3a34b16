"""What a metric is given: the detections of one method on the test series, and what they were made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.bootstrap import Interval, f1_interval
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.events import Events, find_events
from adt_gym.metrics.flags import of_detection
from adt_gym.metrics.ranges import margins, vus
from adt_gym.metrics.windows import pointwise_precision_recall_f1, precision_recall_f1
from adt_gym.series import Detection, ScoredSeries, Series, varies

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The decisions of one method.

    Args:
        detections: One per test series.
        test: The series that were judged.
        points: What they were scored from; None where the labels of points are unknown.
        deadline: Of the composite F1, in windows; None for none.
    """

    detections: Sequence[Detection]
    test: Sequence[ScoredSeries]
    points: Sequence[Series] | None = None
    deadline: int | None = DEADLINE

    @cached_property
    def pairs(self) -> list[tuple[Flags, Flags]]:
        """Decisions and labels, by series."""
        return [of_detection(one) for one in self.detections]

    @cached_property
    def decisions(self) -> Flags:
        """Those of all series, one after the other."""
        return np.concatenate([decisions for decisions, _ in self.pairs])

    @cached_property
    def labels(self) -> Flags:
        """Those of all series, one after the other."""
        return np.concatenate([labels for _, labels in self.pairs])

    @cached_property
    def events(self) -> Events:
        """What became of the events of all series."""
        return find_events(self.detections)

    @cached_property
    def indexes(self) -> list[NDArray[np.datetime64]] | None:
        """The times of the windows, by series; None where those of a series are unknown."""
        indexes = [one.index for one in self.test if one.index is not None]
        return indexes if len(indexes) == len(self.test) else None

    @cached_property
    def over_windows(self) -> tuple[float, float, float]:
        """Precision, recall and F1 over windows."""
        return precision_recall_f1(self.decisions, self.labels)

    @cached_property
    def interval(self) -> Interval:
        """The interval of F1, series drawn anew."""
        return f1_interval([self.detections])

    @cached_property
    def over_points(self) -> tuple[float, float, float]:
        """Precision, recall and F1 over points; NaN where their labels are unknown."""
        labels = [points.labels for points in self.points or () if points.labels is not None]
        if self.points is None or len(labels) < len(self.detections):
            return float("nan"), float("nan"), float("nan")
        decisions = [_dense(*each) for each in zip(self.detections, self.test, self.points, strict=True)]
        return pointwise_precision_recall_f1(decisions, labels)

    @cached_property
    def volumes(self) -> tuple[float, float]:
        """VUS-PR and VUS-ROC of score minus threshold, the mean over the series with both kinds of windows."""
        pairs = zip(self.detections, self.test, strict=True)
        each = [vus(margins(detection, scored), scored.truth) for detection, scored in pairs if varies(scored.truth)]
        pr, roc = np.mean(each, axis=0) if each else (float("nan"), float("nan"))
        return float(pr), float(roc)


def _dense(detection: Detection, scored: ScoredSeries, points: Series) -> Flags:
    """Return decisions for windows that span a gap in time, which have no score, too: not flagged."""
    if not len(points.breaks):
        return detection.decisions
    window = scored.meta["window"]
    dense = np.zeros(len(points) - window + 1, dtype=bool)
    dense[points.window_starts(window)] = detection.decisions
    return dense
