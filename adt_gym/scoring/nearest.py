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

    A window of the past is not its own neighbour: for one of those that were learned the second nearest counts.

    Reference: M. S. Sarfraz et al., "Position: Quo Vadis, Unsupervised Time Series Anomaly Detection?", ICML 2024,
    section 4.

    Args:
        settings: Fields of `NearestSettings`.
    """

    name = "nearest"
    Settings: ClassVar[type[ScorerSettings]] = NearestSettings

    def _fitted(self, rows: NDArray[np.float32]) -> Any:
        from sklearn.neighbors import NearestNeighbors

        self._learned = rows
        return NearestNeighbors(n_neighbors=min(2, len(rows))).fit(rows)

    def _judge(self, rows: NDArray[np.float32]) -> Floats:
        return self._distances(rows)[:, 0]

    def _judge_past(self, rows: NDArray[np.float32]) -> Floats:
        distances = self._distances(rows)
        return np.where(distances[:, 0] > 0, distances[:, 0], distances[:, -1])

    def _distances(self, rows: NDArray[np.float32]) -> Floats:
        """Return shape ``(n, 2)``, ascending, in float64: in the library's float32 a copy is not at distance 0."""
        nearest = self._learned[self._detector.kneighbors(rows, return_distance=False)].astype(np.float64)
        distances: Floats = np.sort(np.linalg.norm(nearest - rows[:, None], axis=2), axis=1)
        return distances
