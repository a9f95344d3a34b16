"""Isolation forest: a window's score is how few random cuts set it apart."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.base import ScorerSettings
from adt_gym.scoring.detector import DetectorScorer, DetectorSettings, Floats


@dataclass(frozen=True)
class IsolationSettings(DetectorSettings):
    """Settings of the isolation forest, beside those of `DetectorSettings`.

    Args:
        trees: Of the forest.
    """

    trees: int = 100


class Isolation(DetectorScorer):
    """scikit-learn's isolation forest over flattened windows.

    Reference: F. T. Liu, K. M. Ting and Z.-H. Zhou, "Isolation Forest", ICDM 2008.

    Args:
        settings: Fields of `IsolationSettings`.
    """

    name = "isolation"
    Settings: ClassVar[type[ScorerSettings]] = IsolationSettings

    def _fitted(self, rows: NDArray[np.float32]) -> Any:
        from sklearn.ensemble import IsolationForest

        return IsolationForest(n_estimators=self.settings.trees, random_state=self.settings.seed).fit(rows)

    def _judge(self, rows: NDArray[np.float32]) -> Floats:
        scores: Floats = -self._detector.score_samples(rows)
        return scores
