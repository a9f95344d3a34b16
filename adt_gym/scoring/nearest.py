"""The nearest neighbour: a window's score is its distance from the most similar normal one."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.base import ScorerSettings
from adt_gym.scoring.detector import DetectorScorer, DetectorSettings, Floats


@dataclass(frozen=True)
class NearestSettings(DetectorSettings):
    """Settings of the nearest neighbour: those of `DetectorSettings`, with fewer windows, each of which is compared."""

    fit_windows: int = 10_000


class Nearest(DetectorScorer):
    """scikit-learn's nearest neighbour over flattened windows; the score is the Euclidean distance.

    A window is not its own neighbour: of the windows that it was fitted on, the second nearest counts.

    Reference: M. S. Sarfraz et al., "Position: Quo Vadis, Unsupervised Time Series Anomaly Detection?", ICML 2024,
    section 4.

    Args:
        settings: Fields of `NearestSettings`.
    """

    name = "nearest"
    Settings: ClassVar[type[ScorerSettings]] = NearestSettings

    def _fitted(self, rows: NDArray[np.float32]) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(n_neighbors=2).fit(rows)

    def _judge(self, rows: NDArray[np.float32]) -> Floats:
        distances: Floats = self._detector.kneighbors(rows)[0].astype(np.float64)
        return np.where(distances[:, 0] > 0, distances[:, 0], distances[:, 1])
