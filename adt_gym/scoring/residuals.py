"""From residuals of points to scores of windows: what the forecasting scorers share."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adt_gym.scoring.base import ScorerSettings, WindowScorer
from adt_gym.series import InputError, Series

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ResidualSettings(ScorerSettings):
    """Settings of a scorer with one model per series and metric, beside those of `ScorerSettings`.

    Args:
        across: A point's residual: the "mean" over its metrics, or that of the "worst" one.
    """

    across: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.across not in ("worst", "mean"):
            raise InputError(f"across must be 'worst' or 'mean', got {self.across!r}")


@dataclass(frozen=True, eq=False)
class Forecaster:
    """The models of one series, one per metric, and the standard deviation of their residuals where all was normal."""

    models: list[Any]
    spreads: list[float]


class ResidualScorer(WindowScorer):
    """A scorer with one model per series and metric; a window's score is the largest residual of its points.

    A residual is the distance of a point from its forecast, in standard deviations of the residuals of the points of
    the past without an anomaly. The models are fitted on the past of the very series that is scored; without a past,
    on the training series, if there is but one.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    Settings: ClassVar[type[ScorerSettings]] = ResidualSettings

    @abstractmethod
    def _fit_metric(self, series: Series, column: int) -> Any:
        """Return the model of one metric; anomalous points have no part in it."""

    @abstractmethod
    def _residuals(self, model: Any, series: Series, column: int, believed: NDArray[np.bool_]) -> Floats:
        """Return shape ``(n,)``: what was measured minus its forecast; forecasts rest on ``believed`` points alone."""

    def _learn(self, normal: Sequence[Series]) -> None:
        self._learned = list(normal)
        self._forecasters: dict[Series, Forecaster] = {one: self._forecaster(one) for one in normal}

    def _forecaster(self, past: Series) -> Forecaster:
        models = [self._fit_metric(past, column) for column in range(self._columns)]
        normal = np.ones(len(past), dtype=bool) if past.labels is None else ~past.labels
        return Forecaster(models, [float(r[normal].std()) or 1.0 for r in self._all_residuals(models, past, normal)])

    def _all_residuals(self, models: Sequence[Any], series: Series, believed: NDArray[np.bool_]) -> Iterator[Floats]:
        """Yield the residuals of one metric after the other: those of all together could fill the memory."""
        for column, model in enumerate(models):
            yield self._residuals(model, series, column, believed)

    def _raw(self, series: Series, past: Series | None) -> Floats:
        if past is None:
            if len(self._learned) > 1:
                raise InputError(
                    f"{self.name}: has a model of each of {len(self._learned)} series; give score() the past of series "
                    f"{series.name!r}, the points before it"
                )
            past = self._learned[0]
        if past not in self._forecasters:
            self._forecasters[past] = self._forecaster(past)
        forecaster, together = self._forecasters[past], np.zeros(len(series))
        residuals_of = self._all_residuals(forecaster.models, series, np.ones(len(series), dtype=bool))
        for residuals, spread in zip(residuals_of, forecaster.spreads, strict=True):
            sizes = np.abs(residuals) / spread
            together = np.maximum(together, sizes) if self.settings.across == "worst" else together + sizes
        if self.settings.across == "mean":
            together /= self._columns
        return window_max(together, self.settings.window)


def window_max(points: Floats, window: int) -> Floats:
    """Return shape ``(n - tau + 1,)``, the largest value in each window of tau points."""
    largest: Floats = sliding_window_view(points, window).max(axis=1)
    return largest
