"""The three values that flow through the package, their windows, their scaling and their files.

``Series`` (what was measured) becomes ``ScoredSeries`` (one anomaly score per window) becomes
``Detection`` (one threshold and one decision per window).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from adt_gym.checks import InputError
from adt_gym.files import MALFORMED_NPZ, replacing

MIN_SCORE = 1e-6
"""Scores stay at or above this, so that a threshold of 0 flags every window."""


@dataclass(frozen=True, eq=False)
class Series:
    """A time series as measured.

    Args:
        values: Shape ``(n, m)``: n points of m metrics, or ``(n,)`` for one metric. Finite. Kept as float32.
        labels: Shape ``(n,)``, True or 1 where the point is anomalous; None where nobody knows.
        name: How messages and tables call the series.
        index: Shape ``(n,)``, the time of each point, or None.
        columns: The names of the m metrics; ``("value",)`` or ``("value_0", ...)`` by default.

    Raises:
        InputError: If a value is not finite, a label is not 0 or 1, or lengths differ.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.bool_] | None = None
    name: str = "series"
    index: NDArray[np.datetime64] | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = _as_float(self.values, self.name, "values")
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2 or values.shape[1] == 0:
            raise InputError(f"series {self.name!r}: values must have shape (n, m), got {values.shape}")
        if len(values) == 0:
            raise InputError(f"series {self.name!r} has no points")
        m = values.shape[1]
        columns = tuple(self.columns) or (("value",) if m == 1 else tuple(f"value_{i}" for i in range(m)))
        if len(columns) != m:
            raise InputError(f"series {self.name!r}: {len(columns)} column names for {m} columns of values")
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0]
            raise InputError(
                f"series {self.name!r}, column {columns[column]!r}, row {row}: {values[row, column]} is not finite "
                f"({len(bad)} such values); fill or drop the gaps first"
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "columns", columns)
        if self.labels is not None:
            object.__setattr__(self, "labels", _as_labels(self.labels, len(values), self.name))
        object.__setattr__(self, "index", _as_index(self.index, len(values), self.name))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> "Series":
        """Return the given rows as a series of the same name; the arrays are views."""
        return Series(
            self.values[rows],
            None if self.labels is None else self.labels[rows],
            self.name,
            None if self.index is None else self.index[rows],
            self.columns,
        )

    def windows(self, length: int) -> NDArray[np.float32]:
        """Return the sliding windows (tau = ``length`` points, stride 1) as a view of shape ``(n - tau + 1, tau, m)``.

        Raises:
            InputError: If the series is shorter than one window.
        """
        self._require_window(length)
        return sliding_window_view(self.values, length, axis=0).transpose(0, 2, 1)

    def window_labels(self, length: int) -> NDArray[np.bool_]:
        """Return shape ``(n - tau + 1,)``: a window is anomalous if any of its points is.

        Raises:
            InputError: If the series has no labels or is shorter than one window.
        """
        self._require_window(length)
        if self.labels is None:
            raise InputError(f"series {self.name!r} has no labels")
        return np.asarray(sliding_window_view(self.labels, length).any(axis=1))

    def window_index(self, length: int) -> NDArray[np.datetime64] | None:
        """Return the time of each window's last point, when its score can first be known."""
        self._require_window(length)
        return None if self.index is None else self.index[length - 1 :]

    def _require_window(self, length: int) -> None:
        if length < 1:
            raise InputError(f"a window needs at least 1 point, got {length}")
        if len(self) < length:
            raise InputError(f"series {self.name!r} has {len(self)} points, fewer than one window of {length}")


@dataclass(frozen=True, eq=False)
class ScoredSeries:
    """One anomaly score per window of a series: what thresholders and agents see.

    Args:
        scores: Shape ``(T,)``, in [0, 1]; kept as float32, values below 1e-6 are raised to it, so that a
            threshold of 0 flags every window and a threshold of 1 none.
        labels: Shape ``(T,)``, True or 1 where the window holds an anomaly.
        name: How messages and tables call the series.
        index: Shape ``(T,)``, the time of each window's last point, or None.
        meta: Anything JSON can hold: where the scores come from.

    Raises:
        InputError: If a score is not finite or outside [0, 1], a label is not 0 or 1, or lengths differ.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.bool_]
    name: str = "series"
    index: NDArray[np.datetime64] | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        scores = _as_float(self.scores, self.name, "scores")
        if scores.ndim != 1 or len(scores) == 0:
            raise InputError(f"series {self.name!r}: scores must have shape (T,) with T > 0, got {scores.shape}")
        bad = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
        if len(bad):
            raise InputError(
                f"series {self.name!r}, window {bad[0]}: score {scores[bad[0]]!s} is not in [0, 1] "
                f"({len(bad)} such scores); scale the scores by those of the training part first"
            )
        object.__setattr__(self, "scores", np.maximum(scores, np.float32(MIN_SCORE)))
        object.__setattr__(self, "labels", _as_labels(self.labels, len(scores), self.name))
        object.__setattr__(self, "index", _as_index(self.index, len(scores), self.name))

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, windows: slice) -> "ScoredSeries":
        """Return the given windows as a scored series of the same name; labels are views."""
        index = None if self.index is None else self.index[windows]
        return ScoredSeries(self.scores[windows], self.labels[windows], self.name, index, self.meta)

    def save(self, path: str | Path) -> None:
        """Write the series to an ``.npz`` file."""
        save_scored(path, [self])

    @classmethod
    def load(cls, path: str | Path) -> "ScoredSeries":
        """Read a series from an ``.npz`` file that ``save`` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file is not one that ``save`` wrote, or holds several series.
        """
        series = load_scored(path)
        if len(series) != 1:
            raise InputError(f"{path} holds {len(series)} series; read it with adt_gym.series.load_scored")
        return series[0]


@dataclass(frozen=True, eq=False)
class Detection:
    """What a thresholder made of one scored series: one entry per window.

    Args:
        thresholds: Shape ``(T,)``, float32: delta_t, the threshold each score was held against.
        decisions: Shape ``(T,)``, bool: d_t, True where the window was flagged.
        labels: Shape ``(T,)``, bool: the truth.
        name: The name of the series.
    """

    thresholds: NDArray[np.float32]
    decisions: NDArray[np.bool_]
    labels: NDArray[np.bool_]
    name: str = "series"

    @classmethod
    def at(cls, thresholds: ArrayLike, series: ScoredSeries) -> "Detection":
        """Hold the scores of ``series`` against ``thresholds``, a number or shape ``(T,)``: d_t = score_t > delta_t."""
        deltas = np.broadcast_to(np.asarray(thresholds, dtype=np.float32), series.scores.shape)
        return cls(deltas, series.scores > deltas, series.labels, series.name)


@dataclass(frozen=True, eq=False)
class MinMax:
    """Scaling to [0, 1] by the minimum and maximum of the training data; other data may leave [0, 1].

    Args:
        low: The minimum, a number or one per column.
        span: Maximum minus minimum; 1 where they are equal.
    """

    low: NDArray[np.float64]
    span: NDArray[np.float64]

    @classmethod
    def fit(cls, *parts: NDArray[np.floating[Any]]) -> "MinMax":
        """Take the extremes along the first axis over all ``parts``."""
        low = np.min([part.min(axis=0) for part in parts], axis=0).astype(np.float64)
        span = np.max([part.max(axis=0) for part in parts], axis=0).astype(np.float64) - low
        return cls(low, np.where(span > 0, span, 1.0))

    def __call__(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return ``(values - low) / span``."""
        return (values - self.low) / self.span


def varies(labels: NDArray[np.bool_]) -> bool:
    """Return whether there are both anomalous and normal windows."""
    return bool(labels.any() and not labels.all())


def save_scored(path: str | Path, series: Sequence[ScoredSeries]) -> None:
    """Write scored series to one ``.npz`` file, without pickle.

    Raises:
        InputError: If ``path`` does not end in .npz or there is nothing to write.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"{path}: scored series are kept in .npz files; give the file that ending")
    if not series:
        raise InputError(f"{path}: no series to write")
    header = [{"name": s.name, "windows": len(s), "timed": s.index is not None, "meta": s.meta} for s in series]
    timed = [s.index for s in series if s.index is not None]
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            header=np.array(json.dumps(header)),
            scores=np.concatenate([s.scores for s in series]),
            labels=np.packbits(np.concatenate([s.labels for s in series])),
            index=np.concatenate(timed) if timed else np.empty(0, "datetime64[s]"),
        )


def load_scored(path: str | Path) -> list[ScoredSeries]:
    """Read the scored series of an ``.npz`` file that ``save_scored`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not one that ``save_scored`` wrote.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file of scored series at {path}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _unpack(arrays)
    except MALFORMED_NPZ as error:
        raise InputError(f"{path} is not a file of scored series (ScoredSeries.save writes them): {error}") from error


def _unpack(arrays: Mapping[str, NDArray[Any]]) -> list[ScoredSeries]:
    scores, index = arrays["scores"], arrays["index"]
    labels = np.unpackbits(arrays["labels"], count=len(scores)).astype(bool)
    series, start, time = [], 0, 0
    for entry in json.loads(str(arrays["header"])):
        stop = start + entry["windows"]
        times = None
        if entry["timed"]:
            times, time = index[time : time + stop - start], time + stop - start
        series.append(ScoredSeries(scores[start:stop], labels[start:stop], entry["name"], times, entry["meta"]))
        start = stop
    return series


def _as_float(values: ArrayLike, name: str, what: str) -> NDArray[np.float32]:
    try:
        return np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"series {name!r}: {what} must be numbers ({error})") from error


def _as_labels(labels: ArrayLike, length: int, name: str) -> NDArray[np.bool_]:
    given = np.asarray(labels)
    if given.shape != (length,):
        raise InputError(f"series {name!r}: labels have shape {given.shape}, expected ({length},)")
    if given.dtype == bool:
        return given
    bad = np.flatnonzero(~np.isin(given, (0, 1)))
    if len(bad):
        raise InputError(f"series {name!r}, label {bad[0]}: {given[bad[0]]!r} is neither 0 (normal) nor 1 (anomalous)")
    return given.astype(bool)


def _as_index(index: ArrayLike | None, length: int, name: str) -> NDArray[np.datetime64] | None:
    if index is None:
        return None
    given = np.asarray(index)
    if given.dtype.kind != "M":
        raise InputError(f"series {name!r}: the index must be datetime64, got {given.dtype}")
    if given.shape != (length,):
        raise InputError(f"series {name!r}: the index has shape {given.shape}, expected ({length},)")
    return given
