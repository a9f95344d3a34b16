"""The size of the input: a window's score is the norm of its values, and nothing is learned."""

import numpy as np

from adt_gym.scoring.detector import DetectorScorer
from adt_gym.scoring.rows import Floats, Rows


class InputNorm(DetectorScorer):
    """The Euclidean norm of a window of scaled values.

    Reference: S. Kim et al., "Towards a Rigorous Evaluation of Time-Series Anomaly Detection", AAAI 2022, section 4;
    M. S. Sarfraz et al., "Position: Quo Vadis, Unsupervised Time Series Anomaly Detection?", ICML 2024, section 4.

    Args:
        settings: Fields of `DetectorSettings`.
    """

    name = "range"

    def _fit_rows(self, rows: Rows) -> None:
        pass

    def _judge(self, rows: Rows) -> Floats:
        return np.linalg.norm(rows.astype(np.float64), axis=1)
