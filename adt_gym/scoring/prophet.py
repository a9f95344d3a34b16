"""Prophet: a window's score is its largest distance from trend and season."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.base import Floats, ScorerSettings
from adt_gym.scoring.residuals import Forecaster, ResidualScorer, ResidualSettings
from adt_gym.series import InputError, Series


@dataclass(frozen=True)
class ProphetSettings(ResidualSettings):
    """Settings of the Prophet scorer, beside those of `ResidualSettings`.

    Args:
        fit_points: A longer training part is thinned evenly to about so many points.
        flexibility: Of the trend: Prophet's ``changepoint_prior_scale``.
    """

    fit_points: int = 3000
    flexibility: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fit_points < 10 or self.flexibility <= 0:
            raise InputError(f"fit_points must be at least 10, flexibility above 0: {self}")


class Prophet(ResidualScorer):
    """Prophet, one model of trend and seasons per series and metric.

    The forecast depends on the time alone, not on the points before. Anomalous training points are left out.

    Reference: S. J. Taylor and B. Letham, "Forecasting at Scale", The American Statistician 72(1), 2018.

    Args:
        settings: Fields of `ProphetSettings`.
    """

    name = "prophet"
    Settings: ClassVar[type[ScorerSettings]] = ProphetSettings

    def _fit_models(self, past: Series, normal: NDArray[np.bool_]) -> dict[str, Any]:
        import pandas as pd
        from cmdstanpy.utils import get_logger
        from prophet import Prophet as Model

        get_logger().setLevel(logging.WARNING)
        logging.getLogger("prophet").setLevel(logging.WARNING)
        times, kept = _times(past.index, past.name), np.flatnonzero(normal)
        kept = kept[:: max(len(kept) // self.settings.fit_points, 1)]
        if len(kept) < 2:
            raise InputError(f"prophet: series {past.name!r} has fewer than two points without an anomaly")
        models = []
        for column in past.values[kept].astype(np.float64).T:
            model = Model(uncertainty_samples=0, changepoint_prior_scale=self.settings.flexibility)
            models.append(model.fit(pd.DataFrame({"ds": times[kept], "y": column}), seed=0))
        first: Any = models[0]  # all metrics have the times in common
        return {
            "start": first.start.as_unit("ns").value,
            "span": first.t_scale.as_unit("ns").value,
            "changes": first.changepoints_t,
            "periods": [[one["period"], one["fourier_order"]] for one in first.seasonalities.values()],
            "scale": np.array([model.y_scale for model in models]),
            **{name: np.concatenate([model.params[name] for model in models]) for name in ("k", "m", "delta", "beta")},
        }

    def _residuals(self, models: Mapping[str, Any], series: Series, believed: NDArray[np.bool_]) -> Floats:
        return series.values - forecast(models, _times(series.index, series.name))

    def _forecaster(self, models: Mapping[str, Any]) -> "Calendar":
        return Calendar(models)


class Calendar(Forecaster):
    """Forecasts by the time alone.

    Args:
        models: What `Prophet` fitted.
    """

    def __init__(self, models: Mapping[str, Any]):
        self._models = models

    def residual(self, values: Floats, time: Any) -> Floats:
        """Return the next point minus its forecast."""
        try:
            times = None if time is None else np.array([np.datetime64(time)])
        except ValueError as error:
            raise InputError(f"prophet: {time!r} is no time: {error}") from error
        found: Floats = values - forecast(self._models, _times(times, "a point"))[0]
        return found


def forecast(models: Mapping[str, Any], times: NDArray[np.datetime64]) -> Floats:
    """Return shape ``(n, m)``: trend and seasons at the times, Prophet's equations 4 and 5."""
    elapsed = times.astype(np.int64)
    t, days = (elapsed - models["start"]) / models["span"], elapsed / 86_400e9
    changed = (models["changes"] <= t[:, None]) * 1.0
    slope = changed @ models["delta"].T + models["k"].ravel()
    level = changed @ (models["delta"] * -models["changes"]).T + models["m"].ravel()
    waves = [2 * np.pi * days * i / period for period, order in models["periods"] for i in range(1, order + 1)]
    features = [wave(x) for x in waves for wave in (np.sin, np.cos)] or [np.zeros(len(times))]
    found: Floats = (slope * t[:, None] + level + np.stack(features, axis=1) @ models["beta"].T) * models["scale"]
    return found


def _times(index: NDArray[np.datetime64] | None, name: str) -> NDArray[np.datetime64]:
    if index is None:
        raise InputError(f"prophet: {name!r} has no times; name their column, or leave prophet out")
    return index.astype("datetime64[ns]")
