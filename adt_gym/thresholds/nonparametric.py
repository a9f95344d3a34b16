"""The non-parametric dynamic threshold of Hundman et al."""

import math
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import Scaling
from adt_gym.series import InputError
from adt_gym.stream.stream import Scores, Session
from adt_gym.thresholds.calibrated import Calibrated

DEVIATIONS = np.arange(10.0, 1.5, -0.5)
"""The z among which epsilon is chosen, "between two and ten"; the highest first, so that it wins among equals."""


class NonParametric(Calibrated):
    """For window t, the threshold whose exceedances, taken away, lower mean and deviation of the latest scores most.

    The scores are smoothed by an exponentially weighted average, e_t = a s_t + (1 - a) e_{t-1}. Of the latest h
    smoothed scores e, with mean mu and standard deviation sigma, the threshold is the epsilon = mu + z sigma that
    maximises (delta mu / mu + delta sigma / sigma) / (|e_a| + |E_seq|^2): delta is the decrease when the scores above
    epsilon are taken away, e_a are those scores and E_seq the runs they form. Where nothing lies above any epsilon,
    it is the highest. As published, e_t itself is among the h: the threshold of window t depends on the scores up to t.

    The decision is e_t > epsilon; the threshold of the detection is that on the score s_t at which e_t = epsilon.
    All scores are raw. The first windows look back into the past. The paper's pruning is left out: it
    compares the peaks of runs, which are not known before the runs are over.

    Reference: K. Hundman, V. Constantinou, C. Laporte, I. Colwell and T. Soderstrom, "Detecting Spacecraft Anomalies
    Using LSTMs and Nonparametric Dynamic Thresholding", KDD 2018, section 3.2.

    Args:
        windows: h, at least 2; as in the authors' code by default.
        span: How long the smoothing remembers, at least 1: a = 2 / (span + 1), so that 1 does not smooth. By default
            5% of h, as in the authors' code.

    Raises:
        InputError: If h or the span is out of range.
    """

    name = "nonparametric"

    def __init__(self, windows: int = 2100, span: float = 105):
        if windows < 2:
            raise InputError(f"nonparametric: windows must be at least 2, got {windows}")
        if span < 1:
            raise InputError(f"nonparametric: span must be at least 1, got {span}")
        self.windows, self.span = windows, span

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Smoothed":
        """Begin with the last scores of the past, smoothed."""
        return Smoothed(self._past(past, scaling), self.windows, 2 / (self.span + 1))


class Smoothed(Session):
    """The latest smoothed scores, among which epsilon is chosen anew at every window.

    Args:
        past: Shape ``(p,)``, p > 0; not smoothed.
        windows: h.
        smoothing: a.
    """

    state: ClassVar = ("_latest",)

    def __init__(self, past: NDArray[np.float64], windows: int, smoothing: float):
        self._windows, self._smoothing = windows, smoothing
        smoothed = list(accumulate(past.tolist(), lambda before, score: smoothing * score + (1 - smoothing) * before))
        self._latest = np.array(smoothed[-windows:])

    def threshold(self, score: float) -> float:
        """Return the threshold on the score at which its smoothed one is epsilon."""
        latest = self._with(score)
        chosen = epsilon(latest)
        threshold = float(chosen - (1 - self._smoothing) * self._latest[-1]) / self._smoothing
        # e_t > epsilon decides, also where rounding would have it otherwise on the score itself.
        return min(threshold, math.nextafter(score, -math.inf)) if latest[-1] > chosen else max(threshold, score)

    def judged(self, score: float, decision: bool) -> None:
        """Take the score in."""
        self._latest = self._with(score)

    def _with(self, score: float) -> NDArray[np.float64]:
        smoothed = self._smoothing * score + (1 - self._smoothing) * self._latest[-1]
        return np.append(self._latest, smoothed)[-self._windows :]


def epsilon(scores: NDArray[np.float64]) -> float:
    """Return the threshold of section 3.2 for smoothed scores of shape ``(h,)``."""
    mu, sigma = scores.mean(), scores.std()
    candidates = mu + DEVIATIONS * sigma
    places = np.flatnonzero(scores > candidates[-1])
    if len(places) == 0:
        return float(candidates[0])
    # Only the few scores above the lowest candidate matter: one row per candidate, one column per such score.
    above = scores[places] > candidates[:, None]
    taken = above.sum(axis=1)
    runs = taken - (above[:, 1:] & above[:, :-1] & (np.diff(places) == 1)).sum(axis=1)
    left = len(scores) - taken
    deviations = scores[places] - mu  # the sum of all deviations is 0, that of their squares h sigma^2
    delta_mu = above @ deviations / left
    variance = (len(scores) * sigma**2 - above @ deviations**2) / left - delta_mu**2
    delta_sigma = sigma - np.sqrt(np.maximum(variance, 0))
    gain = (delta_mu / mu + delta_sigma / sigma) / np.maximum(taken + runs**2, 1)
    return float(candidates[np.argmax(gain)])
