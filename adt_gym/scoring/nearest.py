"""The nearest neighbour: a window's score is its distance from the most similar normal one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adt_gym.scoring.base import ScorerSettings
from adt_gym.scoring.detector import DetectorScorer, DetectorSettings
from adt_gym.scoring.rows import Floats, Rows


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
    fitted = (*DetectorScorer.fitted, "_learned")

    def _fit_rows(self, rows: Rows) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._learned = rows
        self._detector = NearestNeighbors(n_neighbors=min(2, len(rows))).fit(rows)

    def _restore(self, values: Mapping[str, Any]) -> None:
        super()._restore(values)
        self._fit_rows(self._learned)

    def _judge(self, rows: Rows) -> Floats:
        return self._distances(rows)[:, 0]

    def _judge_past(self, rows: Rows) -> Floats:
        distances = self._distances(rows)
        return np.where(distances[:, 0] > 0, distances[:, 0], distances[:, -1])

    def _distances(self, rows: Rows) -> Floats:
        """Return shape ``(n, 2)``, ascending, in float64: in the library's float32 a copy is not at distance 0."""
        nearest = self._learned[self._detector.kneighbors(rows, return_distance=False)].astype(np.float64)
        distances: Floats = np.sort(np.linalg.norm(nearest - rows[:, None], axis=2), axis=1)
        return distances
