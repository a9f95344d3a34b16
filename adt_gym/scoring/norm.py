"""The size of the input: a window's score is the norm of its values, and nothing is learned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.detector import DetectorScorer, Floats


class InputNorm(DetectorScorer):
    """The Euclidean norm of a window of scaled values.

    Reference: S. Kim et al., "Towards a Rigorous Evaluation of Time-Series Anomaly Detection", AAAI 2022, section 4;
    M. S. Sarfraz et al., "Position: Quo Vadis, Unsupervised Time Series Anomaly Detection?", ICML 2024, section 4.

    Args:
        settings: Fields of `DetectorSettings`.
    """

    name = "range"

    def _fitted(self, rows: NDArray[np.float32]) -> Any:
        return None

    def _judge(self, rows: NDArray[np.float32]) -> Floats:
        return np.linalg.norm(rows.astype(np.float64), axis=1)
