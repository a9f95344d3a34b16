"""ARIMA: a window's score is its largest one-step forecast residual."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.residuals import Floats, ResidualScorer, ResidualSettings, ScorerSettings
from adt_gym.series import InputError, Series


@dataclass(frozen=True)
class ARIMASettings(ResidualSettings):
    """Settings of the ARIMA scorer, beside those of `ResidualSettings`.

    Args:
        order: p, d, q: lags of the autoregression, differences, lags of the moving average.
        fit_points: The coefficients are estimated on so many points without an anomaly, the last ones.
    """

    order: Sequence[int] = (1, 1, 1)
    fit_points: int = 1500

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.order) != 3 or min(self.order) < 0 or self.fit_points < 10 * (sum(self.order) + 1):
            raise InputError(f"order needs three numbers from 0, fit_points at least ten per coefficient: {self}")


class ARIMA(ResidualScorer):
    """statsmodels' ARIMA, one model per series and metric.

    Anomalous training points are missing values to it. Its one-step forecasts are causal: the coefficients stay, the
    state follows the series that is scored (Durbin and Koopman, "Time Series Analysis by State Space Methods", 2012,
    chapter 4). The first points, where the state is still unknown, have no residual.

    Args:
        settings: Fields of `ARIMASettings`.
    """

    name = "arima"
    Settings: ClassVar[type[ScorerSettings]] = ARIMASettings

    def _fit_metric(self, series: Series, column: int) -> Any:
        from statsmodels.tsa.arima.model import ARIMA as Model
        from threadpoolctl import threadpool_limits

        normal = np.arange(len(series)) if series.labels is None else np.flatnonzero(~series.labels)
        if len(normal) < 10 * (sum(self.settings.order) + 1):
            raise InputError(f"arima: series {series.name!r} has only {len(normal)} points without an anomaly")
        normal = normal[-self.settings.fit_points :]
        values = np.full(normal[-1] - normal[0] + 1, np.nan)
        values[normal - normal[0]] = series.values[normal, column]
        offset, scale = float(values[0]), np.nanstd(values) or 1.0  # the optimizer's tolerance is absolute
        # The matrices are tiny: threads of BLAS only wait for each other, ten times as long on a busy machine.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of starting values and convergence: a rough fit still forecasts
            fitted = Model((values - offset) / scale, order=tuple(self.settings.order)).fit(cov_type="none")
        return fitted, offset, scale

    def _residuals(self, model: Any, series: Series, column: int, believed: NDArray[np.bool_]) -> Floats:
        from threadpoolctl import threadpool_limits

        fitted, offset, scale = model
        values = np.where(believed, (series.values[:, column].astype(np.float64) - offset) / scale, np.nan)
        parts = []
        with threadpool_limits(1):
            for segment in np.split(values, series.breaks):  # after a gap in time the state is unknown again
                if len(segment):
                    results = fitted.apply(segment)
                    residuals = np.nan_to_num(np.asarray(results.resid)) * scale
                    residuals[: max(int(results.loglikelihood_burn), 1)] = 0.0
                    parts.append(residuals)
        return np.concatenate(parts)
