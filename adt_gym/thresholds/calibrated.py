"""What the methods that need no labels share: they are calibrated on the past of the very series that they judge."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.stream import Method, Scores

Floats = NDArray[np.float64]


class Calibrated(Method):
    """A method that is calibrated, as its authors mean it, on the raw scores before the first window of a series.

    A series that comes without a past, or with one that does not suffice, is judged from the training series: their
    scaled scores, which are comparable across series, are turned into raw scores of this one.
    """

    raw = True
    fitted: ClassVar[tuple[str, ...]] = ("training_scores",)

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Keep the training scores, for series without a past of their own. Labels are not used.

        Raises:
            InputError: If there are none.
        """
        if not train:
            raise InputError(f"{self.name}: no training series; give at least one")
        self.training_scores = np.concatenate([one.scores for one in train])
        return self

    def _pasts(self, past: Scores | None, scaling: Scaling | None) -> Iterator[Floats]:
        """Yield the scores to be calibrated on, of shape ``(n,)``, raw: the series' own, then the training series'."""
        if past is not None and len(past):
            yield np.asarray(past, dtype=np.float64)
        if not hasattr(self, "training_scores"):
            raise InputError(
                f"{self.name}: no past that suffices: call fit() first, or give more scores of before the first window"
            )
        yield (self.training_scores.astype(np.float64) if scaling is None else scaling.inverse(self.training_scores))

    def _past(self, past: Scores | None, scaling: Scaling | None) -> Floats:
        """Return the first of these pasts, for methods that any past suffices."""
        return next(self._pasts(past, scaling))
