"""SPOT: a threshold by extreme-value theory."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import Scaling
from adt_gym.series import InputError
from adt_gym.stream.stream import Scores, Session
from adt_gym.thresholds.calibrated import Calibrated, Floats


class SPOT(Calibrated):
    """Streaming peaks over threshold: flag a score that a normal one exceeds with probability q at most.

    The excesses over a high quantile t of the past raw scores are fitted by a generalised Pareto distribution with
    shape gamma and scale sigma. Of n scores seen, N_t of them above t, the threshold is
    z_q = t + sigma / gamma * ((q n / N_t)^-gamma - 1). Every later score that is not flagged counts in n; one above t
    is one more excess, and the fit and z_q are renewed. The threshold of window t depends on the scores before it.

    libspot, by SPOT's author, does the fits. It estimates the quantile t in one pass (the P2 algorithm), and fits the
    latest 2,000 excesses where the paper keeps all. Where the likelihood has no maximum (gamma below -1, as of excesses
    in two heaps), it takes the better of the exponential fit and the moments.

    Reference: A. Siffer, P.-A. Fouque, A. Termier and C. Largouet, "Anomaly Detection in Streams with Extreme Value
    Theory", KDD 2017: equation 1, algorithms 1 (POT) and 2 (SPOT).

    Args:
        q: The risk, inside (0, 1 - level).
        level: Where the tail starts: t is this quantile of the past scores; inside (0, 1).

    Raises:
        InputError: If q or level is out of range.
    """

    name = "spot"

    def __init__(self, q: float = 1e-3, level: float = 0.98):
        if not 0 < level < 1 or not 0 < q < 1 - level:
            raise InputError(f"{self.name}: needs 0 < level < 1 and 0 < q < 1 - level, got q {q} and level {level}")
        self.q, self.level = q, level

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Session:
        """Begin in the state after the past.

        Raises:
            InputError: If neither the past nor the training scores have a tail to fit.
        """
        tail, _ = self._calibrated(past, scaling)
        return Peaks(tail)

    def _calibrated(self, own: Scores | None, scaling: Scaling | None) -> tuple["Tail", Floats]:
        """Return the tail after calibration, and the past that it was calibrated on."""
        for past in self._pasts(own, scaling):
            try:
                return Tail(self._calibration(past), self.q, self.level), past
            except RuntimeError:
                continue
        raise InputError(
            f"{self.name}: neither its {0 if own is None else len(own)} past scores nor the training scores have a "
            f"tail above level {self.level} to fit: train on more windows"
        )

    def _calibration(self, past: Floats) -> Floats:
        """Return the values whose tail is fitted."""
        return past


class Peaks(Session):
    """SPOT along a series.

    Args:
        tail: After calibration.
    """

    state: ClassVar = ("_tail",)

    def __init__(self, tail: "Tail"):
        self._tail = tail

    def threshold(self, score: float) -> float:
        """Return z_q."""
        return self._tail.zq

    def judged(self, score: float, decision: bool) -> None:
        """Take the score in."""
        self._tail.flags(score)


class Tail:
    """libspot's SPOT after calibration, on values enlarged until its fit finds the maximum of the likelihood.

    Its root search has an absolute tolerance of 2e-8 (version 3.1). On values within [0, 1] it stops at the trivial
    root 0, and the moment estimates are used in place of the likelihood's. SPOT itself does not depend on the unit.

    Nothing sets libspot's state. So all excesses since the calibration are kept, and put into a new one again.

    Args:
        values: Shape ``(n,)``: the calibration.
        q: The risk.
        level: Where the tail starts.

    Raises:
        RuntimeError: If the values are none, or have no tail.
    """

    state: ClassVar = ("excesses", "n")

    deviation = 3e4
    """About the standard deviation of the enlarged values; between 1e4 and 1e5 all is well."""
    capacity = 2000
    """How many are kept. With libspot's 500, the unflagged ones of a long series displace the extremes of the
    calibration, and the threshold sinks: false alarms at three times the risk after 100,000 exponential scores."""

    def __init__(self, values: NDArray[np.float64], q: float, level: float):
        from libspot import ANOMALY, EXCESS, Spot

        if not len(values):
            raise RuntimeError("no values")
        self._anomaly, self._excess, self._excesses = ANOMALY, EXCESS, list[Sequence[float]]()
        self._spot = Spot(q=q, level=level, max_excess=self.capacity)
        # A power of two: enlarging and its inverse are exact.
        self._scale = 2.0 ** round(math.log2(self.deviation / (values.std() or 1.0)))
        self._spot.fit(values * self._scale)
        self._spot.anomaly_threshold  # noqa: B018  libspot says only here that it found no tail

    @property
    def t(self) -> float:
        """Where the tail starts."""
        return self._spot.excess_threshold / self._scale

    @property
    def zq(self) -> float:
        """The threshold for the next value."""
        return self._spot.anomaly_threshold / self._scale

    @property
    def n(self) -> int:
        """How many values were not flagged, those of the calibration included."""
        return int(self._spot.n)

    @n.setter
    def n(self, n: int) -> None:
        for _ in range(n - self.n):
            self._spot.step(-math.inf)

    @property
    def excesses(self) -> list[Sequence[float]]:
        """Those since the calibration: what n was then, and the value."""
        return self._excesses

    @excesses.setter
    def excesses(self, excesses: list[Sequence[float]]) -> None:
        for n, value in excesses:
            self.n = int(n) - 1
            self.flags(value)

    def flags(self, value: float) -> bool:
        """Take in the next value and return whether it lies above the threshold."""
        found = self._spot.step(value * self._scale)
        if found == self._excess:
            self._excesses.append((self.n, value))
        return bool(found == self._anomaly)
