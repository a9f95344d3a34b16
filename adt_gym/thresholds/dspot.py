"""DSPOT: SPOT after the removal of drift."""

from collections import deque
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from adt_gym.scaling import Scaling
from adt_gym.series import InputError
from adt_gym.stream.stream import Scores, Session
from adt_gym.thresholds.calibrated import Floats
from adt_gym.thresholds.spot import SPOT, Tail


class DSPOT(SPOT):
    """SPOT on each score minus the mean of the last d scores that were not flagged.

    The threshold on the scores is that mean plus SPOT's z_q for the differences, both from the scores before the
    window. For z_q, and for what libspot does differently, see `adt_gym.thresholds.spot.SPOT`.

    Reference: Siffer et al., KDD 2017, algorithm 3 (DSPOT).

    Args:
        q: The risk, inside (0, 1 - level).
        level: Where the tail starts: at this quantile of the past differences; inside (0, 1).
        depth: d, at least 1.

    Raises:
        InputError: If q, level or depth is out of range.
    """

    name = "dspot"

    def __init__(self, q: float = 1e-3, level: float = 0.98, depth: int = 10):
        super().__init__(q, level)
        if depth < 1:
            raise InputError(f"dspot: depth must be at least 1, got {depth}")
        self.depth = depth

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Session:
        """Begin in the state after the past; the first mean is that of its last d scores.

        Raises:
            InputError: If neither the past nor the training scores have a tail to fit.
        """
        tail, before = self._calibrated(past, scaling)
        return Drifting(tail, before[-self.depth :].tolist())

    def _calibration(self, past: Floats) -> Floats:
        if len(past) <= self.depth:
            return np.empty(0)
        return past[self.depth :] - sliding_window_view(past, self.depth)[:-1].mean(axis=1)


class Drifting(Session):
    """DSPOT along a series.

    Args:
        tail: Of the differences, after calibration.
        past: The last d scores before the first window.
    """

    state: ClassVar = ("_tail", "_normal", "_mean")

    def __init__(self, tail: Tail, past: list[float]):
        self._tail, self._normal, self._mean = tail, deque(past), sum(past) / len(past)

    def threshold(self, score: float) -> float:
        """Return the mean plus z_q."""
        return self._mean + self._tail.zq

    def judged(self, score: float, decision: bool) -> None:
        """Take the difference in, and the score into the mean if it is not flagged."""
        if not self._tail.flags(score - self._mean):
            self._mean += (score - self._normal.popleft()) / (len(self._normal) + 1)
            self._normal.append(score)
