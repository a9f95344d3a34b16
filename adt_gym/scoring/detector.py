"""What the scorers around a detector of another library share: it is fitted on windows as the rows of a table."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from adt_gym.scoring.base import ScorerSettings, normal_windows
from adt_gym.scoring.rows import Rows, RowScorer
from adt_gym.series import InputError, Series


@dataclass(frozen=True)
class DetectorSettings(ScorerSettings):
    """Settings of a detector that is shown windows as rows of a table, beside those of `ScorerSettings`.

    Args:
        fit_windows: It is fitted on so many normal windows at most, drawn at random.
    """

    fit_windows: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fit_windows < 2:
            raise InputError(f"fit_windows must be at least 2, got {self.fit_windows}")


class DetectorScorer(RowScorer):
    """A scorer around a detector with scikit-learn's ``fit``.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    Settings: ClassVar[type[ScorerSettings]] = DetectorSettings

    def _learn(self, normal: Sequence[Series]) -> None:
        self._pool(normal)
        starts = [normal_windows(one, self.settings.window) for one in normal]
        owners = np.repeat(np.arange(len(normal)), [len(s) for s in starts])
        every = np.concatenate(starts)
        size = min(len(every), self.settings.fit_windows)
        drawn = np.sort(np.random.default_rng(self.settings.seed).choice(len(every), size, replace=False))
        rows = [self._rows(one, self._scale(one), every[drawn[owners[drawn] == i]]) for i, one in enumerate(normal)]
        self._fit_rows(np.concatenate(rows))

    @abstractmethod
    def _fit_rows(self, rows: Rows) -> None:
        """Fit the detector."""
