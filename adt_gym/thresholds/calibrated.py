"""What the methods that need no labels share: they are calibrated on the past of the very series that they judge."""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.stream import Method

Floats = NDArray[np.float64]


class Calibrated(Method):
    """A method that is calibrated, as its authors mean it, on the raw scores before the first window of a series.

    A series that comes without a past, or with one that does not suffice, is judged from the training series: their
    scaled scores, which are comparable across series, are turned into raw scores of this one.
    """

    name: str
    sees_labels = False

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Keep the training scores, for series without a past of their own. Labels are not used.

        Raises:
            InputError: If there are none.
        """
        if not train:
            raise InputError(f"{self.name}: no training series; give at least one")
        self._others = np.concatenate([one.scores for one in train]).astype(np.float64)
        return self

    def _pasts(self, series: ScoredSeries) -> Iterator[Floats]:
        """Yield the scores to be calibrated on, of shape ``(n,)``, raw: the series' own, then the training series'."""
        if len(series.past):
            yield series.past.astype(np.float64)
        if not hasattr(self, "_others"):
            raise InputError(f"{self.name}: fit() before detect() of series {series.name!r}, whose past is not enough")
        yield self._others if series.scaling is None else series.scaling.inverse(self._others)

    def _past(self, series: ScoredSeries) -> Floats:
        """Return the first of these pasts, for methods that any past suffices."""
        return next(self._pasts(series))
