"""From residuals of points to scores of windows: what the forecasting scorers share."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adt_gym.scoring.base import Floats, ScorerSettings, WindowScorer, digest
from adt_gym.scoring.stream import Largest, Tracker
from adt_gym.series import InputError, Series


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


class Forecaster:
    """Forecasts the points of one series, one by one.

    Attributes:
        state: The names of what changes meanwhile; see `adt_gym.stream.state`.
    """

    state: ClassVar[tuple[str, ...]] = ()
    needs: int | None = 1

    def residual(self, values: Floats, time: Any) -> Floats:
        """Return shape ``(m,)``: the next point minus its forecast; 0 where there is none."""
        raise NotImplementedError

    def forget(self) -> None:
        """Forget the points."""


class ResidualScorer(WindowScorer):
    """A scorer with one model per series and metric; a window's score is the largest residual of its points.

    A residual is the distance of a point from its forecast, in standard deviations of the residuals of the points of
    the past without an anomaly. The models are fitted on the past of the very series that is scored; without a past,
    on the training series, if there is but one.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    Settings: ClassVar[type[ScorerSettings]] = ResidualSettings
    fitted = (*WindowScorer.fitted, "_models", "_learned")

    @abstractmethod
    def _fit_models(self, past: Series, normal: NDArray[np.bool_]) -> dict[str, Any]:
        """Return the models of all metrics, as numbers and arrays; only the ``normal`` points have a part in them."""

    @abstractmethod
    def _residuals(self, models: Mapping[str, Any], series: Series, believed: NDArray[np.bool_]) -> Floats:
        """Return shape ``(n, m)``: the points minus their forecasts, which rest on ``believed`` points alone."""

    @abstractmethod
    def _forecaster(self, models: Mapping[str, Any]) -> Forecaster:
        """Return what finds the same residuals point by point."""

    def _learn(self, normal: Sequence[Series]) -> None:
        self._models: dict[str, dict[str, Any]] = {}
        for one in normal:
            self._models_of(one)
        self._learned = list(self._models)

    def _models_of(self, past: Series | None, judged: str = "the series") -> dict[str, Any]:
        """Return the models of a past, and the spread of their residuals: fitted once, found again by its values."""
        if past is None and len(self._learned) > 1:
            raise InputError(
                f"{self.name}: has a model of each of {len(self._learned)} series; give score() or start() the past of "
                f"{judged}, the points before it"
            )
        key = self._learned[0] if past is None else digest(past)
        if past is not None and key not in self._models:
            normal = np.ones(len(past), dtype=bool) if past.labels is None else ~past.labels
            models = self._fit_models(past, normal)
            spreads = self._residuals(models, past, normal)[normal].std(axis=0)
            self._models[key] = {"forecast": models, "spreads": np.where(spreads > 0, spreads, 1.0)}
        return self._models[key]

    def _raw(self, series: Series, past: Series | None) -> Floats:
        models = self._models_of(past, f"series {series.name!r}")
        residuals = self._residuals(models["forecast"], series, np.ones(len(series), dtype=bool))
        return window_max(self._size(residuals, models["spreads"]), self.settings.window)

    def _tracker(self, past: Series | None) -> Tracker:
        models = self._models_of(past)
        return Largest(_Size(self, self._forecaster(models["forecast"]), models["spreads"]), self.settings.window)

    def _size(self, residuals: Floats, spreads: Floats) -> Any:
        """Return the size of residuals over the metrics, the last axis."""
        sizes = np.abs(residuals) / spreads
        return sizes.max(axis=-1) if self.settings.across == "worst" else sizes.mean(axis=-1)


class _Size(Tracker):
    """The size of a point's residual."""

    state = ("_forecaster",)

    def __init__(self, scorer: ResidualScorer, forecaster: Forecaster, spreads: Floats):
        self._scorer, self._forecaster, self._spreads = scorer, forecaster, spreads
        self.needs = forecaster.needs

    def step(self, values: Floats, time: Any) -> float:
        """Return it."""
        return float(self._scorer._size(self._forecaster.residual(values, time), self._spreads))

    def forget(self) -> None:
        """Forget the points."""
        self._forecaster.forget()


def window_max(points: Floats, window: int) -> Floats:
    """Return shape ``(n - tau + 1,)``, the largest value in each window of tau points."""
    largest: Floats = sliding_window_view(points, window).max(axis=1)
    return largest
