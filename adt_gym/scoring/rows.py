"""What the scorers share that judge each window alone: as a row of a table, scaled by the series' past."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import MinMax
from adt_gym.scoring.base import Floats, WindowScorer, chunks, normal_points
from adt_gym.scoring.stream import Newest, Tracker
from adt_gym.series import Series

Rows = NDArray[np.float32]
"""Shape ``(n, length m)``: windows, scaled and flattened."""


class RowScorer(WindowScorer):
    """A scorer that judges each window alone, flattened to tau m values.

    One scorer serves all series; each is scaled to [0, 1] by the points of its past without an anomaly, one that comes
    without a past, or with nothing normal in it, by those of all training series.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    fitted: ClassVar[tuple[str, ...]] = (*WindowScorer.fitted, "_pooled")

    @property
    def _length(self) -> int:
        """Points of a row."""
        length: int = self.settings.window
        return length

    @abstractmethod
    def _judge(self, rows: Rows) -> Floats:
        """Return one score per row: the higher, the stranger."""

    def _judge_past(self, rows: Rows) -> Floats:
        """Return one score per row of a past, of whose rows some may have been learned."""
        return self._judge(rows)

    def _raw(self, series: Series, past: Series | None) -> Floats:
        judge = self._judge_past if series is past else self._judge
        raw, scale = np.empty(max(len(series) - self._length + 1, 0)), self._scale(past)
        for part in chunks(len(raw)):
            raw[part] = judge(self._rows(series, scale, np.arange(part.start, part.stop)))
        return raw

    def _tracker(self, past: Series | None) -> Tracker:
        scale = self._scale(past)

        def judge(points: Floats) -> Any:
            return self._judge(scale(points).astype(np.float32).reshape(1, -1))[0]

        return Newest(judge, self._length, self._columns)

    def _pool(self, normal: Sequence[Series]) -> None:
        """Learn the scaling of what comes without a past."""
        self._pooled = MinMax.fit(*(points for one in normal if len(points := normal_points(one))))

    def _scale(self, past: Series | None) -> MinMax:
        points = np.empty(0) if past is None else normal_points(past)
        return MinMax.fit(points) if len(points) else self._pooled

    def _rows(self, series: Series, scale: MinMax, starts: NDArray[np.int64]) -> Rows:
        rows = np.empty((len(starts), self._length * self._columns), dtype=np.float32)
        windows = series.windows(self._length)
        for part in chunks(len(starts)):
            rows[part] = scale(windows[starts[part]]).reshape(part.stop - part.start, -1)
        return rows
