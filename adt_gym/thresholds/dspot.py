"""DSPOT: SPOT after the removal of drift."""

from collections import deque

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.thresholds.calibrated import Floats
from adt_gym.thresholds.spot import SPOT


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

    def detect(self, series: ScoredSeries) -> Detection:
        """Run DSPOT along the series from the state after its past; the first mean is that of its last d scores.

        Raises:
            InputError: If neither its own past nor the training scores have a tail to fit.
        """
        tail, before = self._calibrated(series)
        past = deque(before[-self.depth :].tolist())
        mean, thresholds = sum(past) / self.depth, np.empty(len(series))
        for t, score in enumerate(series.raw.tolist()):
            thresholds[t] = mean + tail.zq
            if not tail.flags(score - mean):
                mean += (score - past.popleft()) / self.depth
                past.append(score)
        return Detection.at_raw(thresholds, series)

    def _calibration(self, past: Floats) -> Floats:
        if len(past) <= self.depth:
            return np.empty(0)
        return past[self.depth :] - sliding_window_view(past, self.depth)[:-1].mean(axis=1)
