"""Online control of the false discovery rate on conformal p-values."""

import math
from collections import deque
from functools import cache
from typing import Any, ClassVar

import numpy as np

from adt_gym.scaling import Scaling
from adt_gym.series import InputError
from adt_gym.stream.stream import Scores, Session
from adt_gym.thresholds.calibrated import Calibrated, Floats

BASE = 0.5
"""eta: the share of alpha that is spent even where no flag has earned anything, as in the package online-fdr."""

FORGOTTEN = 1e-5
"""A flag is left out of the levels once less than this share of what it earned is left."""


class OnlineFDR(Calibrated):
    """Flag a window whose conformal p-value is at most a level that the flags before it earn.

    Of n raw scores of the past, the p-value of a score that ``c`` of them reach is (c + u) / (n + 1), with u drawn
    uniformly from [0, 1): without u no p-value could fall below 1 / (n + 1), and a short past would flag nothing
    (V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World", Springer 2005, section 2.2). The
    levels are those of LORD with memory decay, which does not run out of level in a long stream without anomalies:
    alpha eta max(gamma_t, 1 - delta), plus alpha delta^i gamma_i for each window that was flagged i windows ago.

    Reference: Q. Rebjock, B. Kurt, T. Januschowski and L. Callot, "Online false discovery rate control for anomaly
    detection in time series", NeurIPS 2021; gamma is that of A. Javanmard and A. Montanari, "Online rules for control
    of false discovery rate and false discovery exceedance", Annals of Statistics 46(2), 2018.

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

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Tests":
        """Begin with the past as what scores are held against."""
        return Tests(self._past(past, scaling), self.alpha, self.delta, self.seed)


class Tests(Session):
    """One test a window; its level depends on the flags before it.

    Args:
        past: Shape ``(n,)``, n > 0.
        alpha, delta, seed: See `OnlineFDR`.
    """

    state: ClassVar = ("_t", "_flags", "_random", "_u")

    def __init__(self, past: Floats, alpha: float, delta: float, seed: int):
        self._ends = [-math.inf, *np.sort(past).tolist(), math.inf]
        self._least = lambda t: alpha * BASE * max(_gamma(t + 1), 1 - delta)
        self._earned = cache(lambda windows: alpha * delta**windows * _gamma(windows))
        self._horizon = math.ceil(math.log(FORGOTTEN) / math.log(delta))
        self._t, self._flags, self._random = 0, deque[int](), np.random.default_rng(seed)
        self._u = self._random.random()

    def threshold(self, score: float) -> float:
        """Return the score of the past that a score must exceed for its p-value to be at most the level."""
        level = self._least(self._t) + sum(self._earned(self._t - flag) for flag in self._flags)
        n = len(self._ends) - 2
        # (c + u) / (n + 1) <= level is c <= level (n + 1) - u: the score lies above that many of the highest.
        return self._ends[n - max(-1, min(math.floor(level * (n + 1) - self._u), n))]

    def judged(self, score: float, decision: bool) -> None:
        """Note a flag, and draw the next u."""
        if decision:
            self._flags.append(self._t)
        self._t, self._u = self._t + 1, self._random.random()
        if self._flags and self._flags[0] < self._t - self._horizon:
            self._flags.popleft()  # or a long stream with many alarms would take the square of its length


def _gamma(j: int) -> float:
    """Return the share of alpha that LORD spends j windows after a flag."""
    return 0.07720838 * math.log(max(j, 2)) / (j * math.exp(math.sqrt(math.log(j))))
