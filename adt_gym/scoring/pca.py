"""Principal components: a window's score is what they cannot rebuild of it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from adt_gym.scoring.base import ScorerSettings
from adt_gym.scoring.detector import DetectorScorer, DetectorSettings
from adt_gym.scoring.rows import Floats, Rows
from adt_gym.series import InputError


@dataclass(frozen=True)
class PCASettings(DetectorSettings):
    """Settings of the principal components, beside those of `DetectorSettings`.

    Args:
        variance: The share of the variance of the normal windows that the components explain, inside (0, 1).
    """

    variance: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.variance < 1:
            raise InputError(f"pca: variance must lie between 0 and 1, got {self.variance}")


class PrincipalComponents(DetectorScorer):
    """scikit-learn's PCA over flattened windows; the score is the mean squared reconstruction error.

    Reference: M. S. Sarfraz, M.-Y. Chen, L. Layer, K. Peng and M. Koulakis, "Position: Quo Vadis, Unsupervised Time
    Series Anomaly Detection?", ICML 2024, section 4.

    Args:
        settings: Fields of `PCASettings`.
    """

    name = "pca"
    Settings: ClassVar[type[ScorerSettings]] = PCASettings
    fitted = (*DetectorScorer.fitted, "_mean", "_axes")

    def _fit_rows(self, rows: Rows) -> None:
        from sklearn.decomposition import PCA

        with np.errstate(invalid="ignore"):  # shares of no variance, where a metric never moved
            found = PCA(n_components=self.settings.variance, svd_solver="full").fit(rows)
        self._mean, self._axes = found.mean_.astype(np.float64), found.components_.astype(np.float64)

    def _judge(self, rows: Rows) -> Floats:
        centred = rows - self._mean
        found: Floats = np.square(centred - centred @ self._axes.T @ self._axes).mean(axis=1)
        return found
