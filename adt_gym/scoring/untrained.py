"""The paper's auto-encoder before its training: what any trained one must beat."""

from collections.abc import Sequence
from typing import Any

from adt_gym.scoring.autoencoder import AutoEncoder
from adt_gym.scoring.training import seeded
from adt_gym.series import Series


class Untrained(AutoEncoder):
    """An auto-encoder with the weights that it was initialised with; the score is its reconstruction error.

    Reference: S. Kim, K. Choi, H.-S. Choi, B. Lee and S. Yoon, "Towards a Rigorous Evaluation of Time-Series Anomaly
    Detection", AAAI 2022, section 4.

    Args:
        settings: Fields of `AutoEncoderSettings`; those of the training have no effect.
    """

    name = "untrained"

    def _learn(self, normal: Sequence[Series], *_: Any, **__: Any) -> None:
        self._pool(normal)
        with seeded(self.settings.seed):
            self._use(self._network().to(self._dtype))
