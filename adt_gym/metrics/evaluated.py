"""What a metric is given: the detections of one method on the test series, and what they were made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.events import Events, find_events
from adt_gym.metrics.flags import of_detection
from adt_gym.series import Detection, ScoredSeries, Series

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
