"""DSPOT: SPOT after the removal of drift."""

from collections import deque
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.thresholds.spot import SPOT


class DSPOT(SPOT):
    """SPOT on each score minus the mean of the last d scores that were not flagged.

    The threshold on the scores is that mean plus SPOT's z_q for the differences, both from the scores before the
    window. For z_q, and for what libspot does differently, see `adt_gym.thresholds.spot.SPOT`.

    Reference: Siffer et al., KDD 2017, algorithm 3 (DSPOT).

    Args:
        q: The risk, inside (0, 1 - level).
        level: Where the tail starts: at this quantile of the training differences; inside (0, 1).
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

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Keep the differences of all training series together. Labels are not used.

        Raises:
            InputError: If no training series has more than d windows, or the differences have no tail to fit.
        """
        usable = [one for one in train if len(one) > self.depth]
        if not usable:
            raise InputError(f"dspot: no training series has more than depth = {self.depth} windows: train on more")
        self.calibration = np.concatenate([self._differences(one) for one in usable])
        self.past = {one.name: one.scores[-self.depth :].tolist() for one in usable}
        self._tail()
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Run DSPOT along the series from the state after the training scores; thresholds are clipped to [0, 1].

        The first mean is that of the last d training scores of the series with this name, which it continues; where
        none has its name, of the last training series.
        """
        tail = self._tail()
        past = deque(self.past.get(series.name) or next(reversed(self.past.values())))
        mean, thresholds = sum(past) / self.depth, np.empty(len(series))
        for t, score in enumerate(series.scores.tolist()):
            thresholds[t] = mean + tail.zq
            if not tail.flags(score - mean):
                mean += (score - past.popleft()) / self.depth
                past.append(score)
        return Detection.at(np.clip(thresholds, 0, 1), series)

    def _differences(self, series: ScoredSeries) -> NDArray[np.float64]:
        scores = series.scores.astype(np.float64)
        return scores[self.depth :] - sliding_window_view(scores, self.depth)[:-1].mean(axis=1)
