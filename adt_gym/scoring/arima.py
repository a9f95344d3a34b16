"""ARIMA: a window's score is its largest one-step forecast residual."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.base import Floats, ScorerSettings
from adt_gym.scoring.residuals import Forecaster, ResidualScorer, ResidualSettings
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

    def _fit_models(self, past: Series, normal: NDArray[np.bool_]) -> dict[str, Any]:
        from threadpoolctl import threadpool_limits

        rows = np.flatnonzero(normal)
        if len(rows) < 10 * (sum(self.settings.order) + 1):
            raise InputError(f"arima: series {past.name!r} has only {len(rows)} points without an anomaly")
        rows = rows[-self.settings.fit_points :]
        values = np.full((rows[-1] - rows[0] + 1, self._columns), np.nan)
        values[rows - rows[0]] = past.values[rows]
        spreads = np.nanstd(values, axis=0)
        offsets, scales = values[0], np.where(spreads > 0, spreads, 1.0)  # the optimizer's tolerance is absolute
        # The matrices are tiny: threads of BLAS only wait for each other, ten times as long on a busy machine.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of starting values and convergence: a rough fit still forecasts
            systems = [self._system(column) for column in ((values - offsets) / scales).T]
        return {"offsets": offsets, "scales": scales} | {
            name: np.stack([system[name] for system in systems]) for name in systems[0]
        }

    def _system(self, values: Floats) -> dict[str, Any]:
        """Return the state-space form of the model that fits."""
        from statsmodels.tsa.arima.model import ARIMA as Model

        found = Model(values, order=tuple(self.settings.order)).fit(cov_type="none").filter_results
        selection = found.selection[:, :, 0]
        return {
            "intercept": found.obs_intercept[0, 0],
            "design": found.design[0, :, 0],
            "transition": found.transition[:, :, 0],
            "noise": selection @ found.state_cov[:, :, 0] @ selection.T,
            "state": found.initial_state,
            "covariance": found.initial_state_cov,
            "burn": max(int(found.loglikelihood_burn), 1),
        }

    def _residuals(self, models: Mapping[str, Any], series: Series, believed: NDArray[np.bool_]) -> Floats:
        forecaster, starts = self._forecaster(models), set(series.breaks.tolist())
        residuals = np.empty(series.values.shape)
        for t, values in enumerate(series.values.astype(np.float64)):
            if t in starts:
                forecaster.forget()
            residuals[t] = forecaster.residual(values, None, believed[t])
        return residuals

    def _forecaster(self, models: Mapping[str, Any]) -> "Kalman":
        return Kalman(models)


class Kalman(Forecaster):
    """The Kalman filter of all metrics at once: one-step forecasts of a linear state-space model.

    With the state a of covariance P, a point is y = c + z'a and the next state T a plus noise (Durbin and Koopman,
    equations 4.24). P does not depend on what is measured and comes to rest soon.

    Args:
        models: What `ARIMA` fitted; m systems of k states.
    """

    state = ("_mean", "_covariance", "_gain", "_seen", "_rests")
    needs = None

    def __init__(self, models: Mapping[str, Any]):
        self._models, self._burn = models, int(models["burn"].max())
        self.forget()

    def forget(self) -> None:
        """Forget the points: the state is unknown again."""
        self._mean, self._covariance = self._models["state"], self._models["covariance"]
        self._gain, self._seen, self._rests = np.zeros_like(self._mean), 0, False

    def residual(self, values: Floats, time: Any, believed: bool = True) -> Floats:
        """Return the next point minus its forecast, 0 for the first points.

        Args:
            values: Shape ``(m,)``.
            time: Not used.
            believed: Whether the state follows the point.
        """
        models, scales = self._models, self._models["scales"]
        errors = (values - models["offsets"]) / scales - models["intercept"]
        errors -= (models["design"] * self._mean).sum(axis=1)
        if not (self._rests and believed):
            self._move(believed)
        self._mean = (models["transition"] @ self._mean[:, :, None])[:, :, 0] + self._gain * errors[:, None]
        self._seen = min(self._seen + 1, self._burn + 1)
        return errors * scales if believed and self._seen > self._burn else np.zeros(len(values))

    def _move(self, believed: bool) -> None:
        """Take the covariance to the next point, and the gain of this one."""
        models, transition = self._models, self._models["transition"]
        reach = (self._covariance @ models["design"][:, :, None])[:, :, 0]
        variance = (models["design"] * reach).sum(axis=1)[:, None]
        moved = (transition @ reach[:, :, None])[:, :, 0]
        self._gain = moved / np.where(variance > 0, variance, np.inf) * believed
        covariance = transition @ self._covariance @ transition.transpose(0, 2, 1) + models["noise"]
        covariance -= self._gain[:, :, None] * moved[:, None, :]
        self._rests = believed and np.allclose(covariance, self._covariance, rtol=1e-12, atol=0)
        self._covariance = covariance
