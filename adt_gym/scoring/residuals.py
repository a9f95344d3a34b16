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


class ResidualScorer(WindowScorer):
    """A scorer with one model per training series and metric; a window's score is the largest residual of its points.

    A residual is the distance of a point from its forecast, in standard deviations of the residuals of the training
    points without an anomaly. A series is known by its name: one that was not in the training cannot be scored.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    Settings: ClassVar[type[ScorerSettings]] = ResidualSettings

    @abstractmethod
    def _fit_metric(self, series: Series, column: int) -> Any:
        """Return the model of one metric; anomalous points have no part in it."""

    @abstractmethod
    def _residuals(self, model: Any, series: Series, column: int) -> Floats:
        """Return shape ``(n,)``: what was measured minus its forecast."""

    def _learn(self, normal: Sequence[Series]) -> None:
        self._models = {one.name: [self._fit_metric(one, j) for j in range(self._columns)] for one in normal}
        self._spread = {one.name: [self._typical(r, one) for r in self._all_residuals(one)] for one in normal}

    def _typical(self, residuals: Floats, series: Series) -> float:
        normal = residuals if series.labels is None else residuals[~series.labels]
        return float(normal.std()) or 1.0

    def _all_residuals(self, series: Series) -> Iterator[Floats]:
        """Yield the residuals of one metric after the other: those of all together could fill the memory."""
        for column, model in enumerate(self._models[series.name]):
            yield self._residuals(model, series, column)

    def _raw(self, series: Series) -> Floats:
        if series.name not in self._models:
            raise InputError(f"{self.name}: no model of series {series.name!r}; fit on a part of it, under this name")
        together = np.zeros(len(series))
        for residuals, spread in zip(self._all_residuals(series), self._spread[series.name], strict=True):
            sizes = np.abs(residuals) / spread
            together = np.maximum(together, sizes) if self.settings.across == "worst" else together + sizes
        if self.settings.across == "mean":
            together /= self._columns
        return window_max(together, self.settings.window)


def window_max(points: Floats, window: int) -> Floats:
    """Return shape ``(n - tau + 1,)``, the largest value in each window of tau points."""
    largest: Floats = sliding_window_view(points, window).max(axis=1)
    return largest
