"""An LSTM that forecasts the next point: a window's score is its largest forecast error."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from adt_gym.scoring.networks import LSTMForecaster
from adt_gym.scoring.residuals import window_max
from adt_gym.scoring.stream import Largest, Tracker
from adt_gym.scoring.torch_scorer import TorchScorer
from adt_gym.scoring.training import Objective
from adt_gym.series import Series


class Forecast(TorchScorer):
    """One LSTM layer of 64 reads tau points and forecasts the next one, all its metrics at once.

    A point's error is the mean squared error over its metrics, scaled to [0, 1]; the first tau points, and those
    after a gap in time, have no such past and none. A window's score is the largest error of its points.

    Args:
        settings: Fields of `TorchSettings`.
    """

    name = "forecast"

    def __init__(self, **settings: object):
        super().__init__(**settings)
        self.objective = Objective(target=lambda batch: batch[:, -self._columns :])  # type: ignore[misc]

    @property
    def _length(self) -> int:
        length: int = self.settings.window + 1
        return length

    def _network(self) -> nn.Module:
        return LSTMForecaster(self._length, self._columns)

    def _raw(self, series: Series, past: Series | None) -> NDArray[np.float64]:
        window = self.settings.window
        errors = np.append(np.zeros(min(window, len(series))), super()._raw(series, past))
        for start in series.breaks:
            errors[start : start + window] = 0.0
        return window_max(errors, window)

    def _tracker(self, past: Series | None) -> Tracker:
        return Largest(super()._tracker(past), self.settings.window)
