"""Thresholds at a quantile: of the past scores, of the normal ones in training, or of the latest scores."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.stream.stream import Method
from adt_gym.thresholds.calibrated import Calibrated


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

    def detect(self, series: ScoredSeries) -> Detection:
        """Hold every score against the quantile of those of the past."""
        return Detection.at_raw(np.quantile(self._past(series), self.q), series)


class FalseAlarmRate(Method):
    """One fixed threshold: the lowest that flags at most a given share of the normal training windows.

    Args:
        rate: The share of normal windows that may be flagged, inside (0, 1).

    Raises:
        InputError: If the rate is outside (0, 1).
    """

    sees_labels = False

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

    def detect(self, series: ScoredSeries) -> Detection:
        """Hold every score against the threshold."""
        return Detection.at(self.threshold, series)


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

    def detect(self, series: ScoredSeries) -> Detection:
        """Hold every score against the quantile of those before it."""
        import pandas as pd

        past = self._past(series)[-self.windows :]
        scores = pd.Series(np.append(past, series.raw[:-1]), dtype=np.float64)
        quantiles = scores.rolling(self.windows, min_periods=1).quantile(self.q)
        return Detection.at_raw(quantiles.to_numpy()[len(past) - 1 :], series)


def _require_share(value: float, what: str) -> None:
    if not 0 < value < 1:
        raise InputError(f"{what} must lie between 0 and 1, got {value}")
