"""Thresholds at a quantile: of the past scores, of the normal ones in training, or of the latest scores."""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.stream import Fixed, Method, Scores, Session
from adt_gym.thresholds.calibrated import Calibrated, Floats


class Quantile(Calibrated):
    """One fixed threshold: a quantile of the scores of the series' past, whatever their labels.

    Args:
        q: The quantile, inside (0, 1).

    Raises:
        InputError: If q is outside (0, 1).
    """

    def __init__(self, q: float = 0.99):
        _require_share(q, "quantile: q")
        self.q = q
        self.name = f"quantile({q:g})"

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Fixed:
        """Hold every score against the quantile of those of the past."""
        return Fixed(float(np.quantile(self._past(past, scaling), self.q)))


class FalseAlarmRate(Method):
    """One fixed threshold: the lowest that flags at most a given share of the normal training windows.

    Args:
        rate: The share of normal windows that may be flagged, inside (0, 1).

    Raises:
        InputError: If the rate is outside (0, 1).
    """

    fitted: ClassVar[tuple[str, ...]] = ("threshold",)

    def __init__(self, rate: float = 0.01):
        _require_share(rate, "false_alarm_rate: rate")
        self.rate = rate
        self.name = f"false_alarm_rate({rate:g})"

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Choose the threshold on the windows that ``train`` labels normal.

        Raises:
            InputError: If there is none.
        """
        normal = np.concatenate([one.scores[~one.truth] for one in train])
        if len(normal) == 0:
            raise InputError(
                f"no normal window in {', '.join(one.name for one in train)}: a false-alarm rate needs some"
            )
        self.threshold = float(np.quantile(normal, 1 - self.rate, method="inverted_cdf"))
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Fixed:
        """Hold every score against the threshold."""
        return Fixed(self.threshold)


class RollingQuantile(Calibrated):
    """For window t, a quantile of the n scores before it; the first windows look back into the past.

    Args:
        q: The quantile, inside (0, 1).
        windows: n, at least 1.

    Raises:
        InputError: If q is outside (0, 1) or n below 1.
    """

    def __init__(self, q: float = 0.99, windows: int = 1000):
        _require_share(q, "rolling_quantile: q")
        if windows < 1:
            raise InputError(f"rolling_quantile: windows must be at least 1, got {windows}")
        self.q, self.windows = q, windows
        self.name = f"rolling_quantile({q:g}, {windows})"

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Latest":
        """Begin with the last n scores of the past."""
        return Latest(self._past(past, scaling), self.windows, self.q)


class Latest(Session):
    """The latest scores, in the order in which they came and sorted, and their quantile, between two of them linearly.

    Args:
        past: Shape ``(p,)``, p > 0.
        windows: How many are kept.
        q: The quantile.
    """

    state: ClassVar = ("_latest", "_ascending")

    def __init__(self, past: Floats, windows: int, q: float):
        self._latest = deque(past.tolist(), windows)
        self._ascending, self._q = sorted(self._latest), q

    def threshold(self, score: float) -> float:
        """Return the quantile."""
        place = (len(self._ascending) - 1) * self._q
        below = self._ascending[int(place)]
        return below + (self._ascending[math.ceil(place)] - below) * (place % 1)

    def judged(self, score: float, decision: bool) -> None:
        """Let the score take the place of the oldest one."""
        if len(self._latest) == self._latest.maxlen:
            del self._ascending[bisect_left(self._ascending, self._latest[0])]
        self._latest.append(score)
        insort(self._ascending, score)


def _require_share(value: float, what: str) -> None:
    if not 0 < value < 1:
        raise InputError(f"{what} must lie between 0 and 1, got {value}")
