"""How surprising a score is on its own series: evidence that needs no label, and that travels.

As DSPOT has it (Siffer et al., KDD 2017), a score is held against the mean of the last d scores that were usual, and
the differences of the series' own past say how rare such a difference is. Their tail is exponential here, fitted once:
of n differences, N above their quantile t by beta in the mean, one in x is as high as
x = n / N * exp((difference - t) / beta). The surprise is the logarithm of x, of which no threshold is made. A score is
usual where it does not surprise, or where all have done so for a day: else a level that stays would alarm for ever.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.scaling import Scaling
from adt_gym.stream.context import LONG
from adt_gym.stream.stream import Scores

DEPTH = 10
"""d: scores whose mean is what is usual."""

LEVEL = 0.9
"""Where the tail starts: at this quantile of the differences."""

SURPRISING = float(np.log(1000))
"""A score that is one in a thousand does not count as usual, as by DSPOT's default risk."""

MOST = 15.0
"""Surprises are cut off there, and at its negative."""

Array = NDArray[np.float64]


@compiled
def _surprises(
    raw: Array, usual: Array, counts: NDArray[np.int64], start: float, mean_excess: float, at_start: float,
    found: Array, zero: Array,
) -> None:  # fmt: skip
    """Write the surprise of each score.

    Args:
        raw: Shape ``(n,)``.
        usual: Shape ``(DEPTH,)``: the last scores that were usual; changed in place.
        counts: Shape ``(2,)``: how many have become usual, and how many were surprising of late; changed in place.
        start, mean_excess, at_start: Of the tail: t, beta and the surprise at t.
        found: Shape ``(n,)``: where the surprises go.
        zero: Shape ``(n,)``: where the scores go that would have been no surprise.
    """
    for i in range(len(raw)):
        total = 0.0
        for j in range(DEPTH):
            total += usual[j]
        surprise = at_start + (raw[i] - total / DEPTH - start) / mean_excess
        zero[i] = total / DEPTH + start - at_start * mean_excess
        found[i] = min(max(surprise, -MOST), MOST)
        counts[1] = counts[1] + 1 if surprise > SURPRISING else 0
        if counts[1] == 0 or counts[1] > LONG:
            usual[counts[0] % DEPTH] = raw[i]
            counts[0] += 1


class Surprise:
    """The surprises of one series, score by score.

    A series whose past has no tail to fit, or that has none, is taken at its word: its scaled scores for those of
    `adt_gym.scaling.tail`, which say how rare they are.

    Args:
        past: Shape ``(p,)``: its scaled scores before the first window, or None.
        scaling: See `adt_gym.stream.stream.Method.start`.

    Attributes:
        state: See `adt_gym.stream.state`.
    """

    state: ClassVar = ("_usual", "_counts")

    def __init__(self, past: Scores | None = None, scaling: Scaling | None = None):
        self._scaling, self._tail = scaling, None
        self._usual, self._counts, self._zero = np.zeros(DEPTH), np.zeros(2, np.int64), np.empty(0)
        raw = np.empty(0) if past is None else self._raw(past)
        if len(raw) > DEPTH:
            differences = raw[DEPTH:] - sliding_window_view(raw, DEPTH)[:-1].mean(axis=1)
            start = float(np.quantile(differences, LEVEL))
            above = differences[differences > start] - start
            if len(above) and above.mean() > 0:
                self._usual = raw[-DEPTH:].copy()
                self._tail = start, float(above.mean()), float(np.log(len(differences) / len(above)))

    def extend(self, scores: NDArray[np.floating[Any]]) -> Array:
        """Take in the next n scaled scores; return their surprises, shape ``(n,)``."""
        if self._tail is None:
            return np.log(10) * (6 * np.asarray(scores, np.float64) - 1)
        found, self._zero = np.empty(len(scores)), np.empty(len(scores))
        _surprises(self._raw(scores), self._usual, self._counts, *self._tail, found, self._zero)
        return found

    def inverse(self, surprises: Array) -> Array:
        """Return which scores would have been so surprising, instead of those that were last taken in, in [0, 1]."""
        if self._tail is None:
            return np.clip((surprises / np.log(10) + 1) / 6, 0.0, 1.0)
        raw = self._zero + surprises * self._tail[1]
        return np.clip(raw, 0.0, 1.0) if self._scaling is None else self._scaling(raw)

    def _raw(self, scores: NDArray[np.floating[Any]]) -> Array:
        return np.asarray(scores, np.float64) if self._scaling is None else self._scaling.inverse(scores)
