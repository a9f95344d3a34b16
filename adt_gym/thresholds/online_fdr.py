"""Online control of the false discovery rate on conformal p-values."""

import math

import numpy as np

from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.thresholds.calibrated import Calibrated

FORGOTTEN = 1e-5
"""A flag is left out of the levels once less than this share of what it earned is left."""


class OnlineFDR(Calibrated):
    """Flag a window whose conformal p-value is at most a level that the flags before it earn.

    Of n raw scores of the past, the p-value of a score that ``c`` of them reach is (c + u) / (n + 1), with u drawn
    uniformly from [0, 1): without u no p-value could fall below 1 / (n + 1), and a short past would flag nothing
    (V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World", Springer 2005, section 2.2). The
    levels are those of LORD with memory decay, of the package online-fdr, which does not run out of level in a long
    stream without anomalies.

    Reference: Q. Rebjock, B. Kurt, T. Januschowski and L. Callot, "Online false discovery rate control for anomaly
    detection in time series", NeurIPS 2021.

    Args:
        alpha: The rate of false alarms among all alarms that is aimed at, inside (0, 1).
        delta: What is left after a window of what earlier flags earned, inside (0, 1).
        seed: Of u.

    Raises:
        InputError: If alpha or delta is out of range.
    """

    name = "online_fdr"

    def __init__(self, alpha: float = 0.1, delta: float = 0.99, seed: int = 0):
        if not 0 < alpha < 1 or not 0 < delta < 1:
            raise InputError(f"online_fdr: alpha and delta must lie between 0 and 1, got {alpha} and {delta}")
        self.alpha, self.delta, self.seed = alpha, delta, seed

    def detect(self, series: ScoredSeries) -> Detection:
        """Test window after window; the level of a window does not depend on its own score."""
        from online_fdr.p_values import LORDMemoryDecay

        past, test = np.sort(self._past(series)), LORDMemoryDecay(self.alpha, self.delta)
        count = len(past)
        reached = count - np.searchsorted(past, series.raw, side="left")
        shares = np.random.default_rng(self.seed).random(len(series))
        levels = np.empty(len(series))
        horizon = math.ceil(math.log(FORGOTTEN) / math.log(self.delta))
        for t, p_value in enumerate(((reached + shares) / (count + 1)).tolist()):
            test.test_one(p_value)
            levels[t] = test.last_test_level
            if test.rejection_times and test.rejection_times[0] < t - horizon:
                del test.rejection_times[0]  # or a long stream with many alarms would take the square of its length
        # (c + u) / (n + 1) <= level is c <= level (n + 1) - u: the score lies above that many of the highest.
        spared = np.floor(levels * (count + 1) - shares).astype(np.int64)
        ends = np.concatenate(([-np.inf], past, [np.inf]))
        return Detection.at_raw(ends[count - np.clip(spared, -1, count)], series)
