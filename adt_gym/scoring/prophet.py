"""Prophet: a window's score is its largest distance from trend and season."""

import logging
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.residuals import Floats, ResidualScorer, ResidualSettings, ScorerSettings
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

    def _fit_metric(self, series: Series, column: int) -> Any:
        import pandas as pd
        from cmdstanpy.utils import get_logger
        from prophet import Prophet as Model

        get_logger().setLevel(logging.WARNING)
        logging.getLogger("prophet").setLevel(logging.WARNING)
        _require_times(series)
        kept = np.arange(len(series)) if series.labels is None else np.flatnonzero(~series.labels)
        kept = kept[:: max(len(kept) // self.settings.fit_points, 1)]
        if len(kept) < 2:
            raise InputError(f"prophet: series {series.name!r} has fewer than two points without an anomaly")
        assert series.index is not None
        frame = pd.DataFrame({"ds": series.index[kept], "y": series.values[kept, column].astype(np.float64)})
        model = Model(uncertainty_samples=0, changepoint_prior_scale=self.settings.flexibility)
        return model.fit(frame, seed=0)

    def _residuals(self, model: Any, series: Series, column: int, believed: NDArray[np.bool_]) -> Floats:
        import pandas as pd

        _require_times(series)
        forecast = model.predict(pd.DataFrame({"ds": series.index}))["yhat"].to_numpy()
        return series.values[:, column].astype(np.float64) - forecast


def _require_times(series: Series) -> None:
    if series.index is None:
        raise InputError(f"prophet: series {series.name!r} has no times; name their column, or leave prophet out")
