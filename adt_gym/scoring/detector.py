"""What the scorers around a detector of another library share: windows as the rows of a table."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.base import ScaledInput, ScorerSettings, WindowScorer, chunks, normal_windows
from adt_gym.series import InputError, Series

Floats = NDArray[np.float64]


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


class DetectorScorer(WindowScorer):
    """A scorer around a detector with scikit-learn's ``fit``: each window, flattened to tau m values, is a row.

    Each series is scaled to [0, 1] by the points of its past without an anomaly, because one detector serves all.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    Settings: ClassVar[type[ScorerSettings]] = DetectorSettings

    def _learn(self, normal: Sequence[Series]) -> None:
        self._inputs = ScaledInput.fit(normal)
        starts = [normal_windows(one, self.settings.window) for one in normal]
        owners = np.repeat(np.arange(len(normal)), [len(s) for s in starts])
        every = np.concatenate(starts)
        size = min(len(every), self.settings.fit_windows)
        drawn = np.sort(np.random.default_rng(self.settings.seed).choice(len(every), size, replace=False))
        rows = [self._rows(one, one, every[drawn[owners[drawn] == i]]) for i, one in enumerate(normal)]
        self._detector = self._fitted(np.concatenate(rows))

    @abstractmethod
    def _fitted(self, rows: NDArray[np.float32]) -> Any:
        """Return the detector, fitted on shape ``(windows, tau m)``."""

    @abstractmethod
    def _judge(self, rows: NDArray[np.float32]) -> Floats:
        """Return one score per row: the higher, the stranger."""

    def _judge_past(self, rows: NDArray[np.float32]) -> Floats:
        """Return one score per row of a past, of whose rows some may have been learned."""
        return self._judge(rows)

    def _rows(self, series: Series, past: Series | None, starts: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = np.empty((len(starts), self.settings.window * self._columns), dtype=np.float32)
        windows, scale = series.windows(self.settings.window), self._inputs.of(past)
        for part in chunks(len(starts)):
            rows[part] = scale(windows[starts[part]]).reshape(part.stop - part.start, -1)
        return rows

    def _raw(self, series: Series, past: Series | None) -> Floats:
        count = len(series.windows(self.settings.window))
        judge = self._judge_past if series is past else self._judge
        return np.concatenate([judge(self._rows(series, past, np.arange(c.start, c.stop))) for c in chunks(count)])
