"""The three values that flow through the package, and their windows.

``Series`` (what was measured) becomes ``ScoredSeries`` (one anomaly score per window) becomes
``Detection`` (one threshold and one decision per window).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from adt_gym.checks import InputError

if TYPE_CHECKING:
    from adt_gym.scaling import Scaling

MIN_SCORE = float(np.finfo(np.float32).tiny)
"""A score of 0 is raised to this, so that a threshold of 0 flags every window."""

PARTS = (None, "train", "test")

NO_BREAKS = np.empty(0, np.intp)
NO_PAST = np.empty(0, np.float32)
"""The past of a series that nothing is known of."""


@dataclass(frozen=True, eq=False)
class Series:
    """A time series as measured.

    Args:
        values: Shape ``(n, m)``: n points of m metrics, or ``(n,)`` for one metric. Finite. Kept as float32 where they
            are given so, else as float64: a small signal on a large number would not survive float32.
        labels: Shape ``(n,)``, True or 1 where the point is anomalous; None where nobody knows.
        name: How messages and tables call the series.
        index: Shape ``(n,)``, the time of each point, or None.
        columns: The names of the m metrics; ``("value",)`` or ``("value_0", ...)`` by default.
        breaks: Shape ``(g,)``, ascending: the rows before which time is missing, so that no window may span them.
        part: "train" or "test" where a data set comes in such parts, as its reader knows; None elsewhere. Where it has
            as many of both, they belong together in the order in which it returns them.

    Raises:
        InputError: If a value is not a finite number, a column loses its signal in float64, a label is not 0 or 1, a
            time is NaT, lengths differ, or the part is another word.
    """

    values: NDArray[np.floating[Any]]
    labels: NDArray[np.bool_] | None = None
    name: str = "series"
    index: NDArray[np.datetime64] | None = None
    columns: tuple[str, ...] = ()
    breaks: NDArray[np.intp] = field(default_factory=lambda: NO_BREAKS)
    part: str | None = None

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise InputError(f"series {self.name!r}: its part is 'train', 'test' or None, got {self.part!r}")
        values = _as_values(self.values, self.name)
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
        _require_signal(self.values, values, columns, self.name)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "columns", columns)
        if self.labels is not None:
            object.__setattr__(self, "labels", _as_labels(self.labels, len(values), self.name))
        object.__setattr__(self, "index", _as_index(self.index, len(values), self.name))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> "Series":
        """Return the given rows, one after the other, as a series of the same name; the arrays are views."""
        _require_one_step(rows, self.name)
        return replace(
            self,
            values=self.values[rows],
            labels=None if self.labels is None else self.labels[rows],
            index=None if self.index is None else self.index[rows],
            breaks=self._breaks(rows),
        )

    def _breaks(self, rows: slice) -> NDArray[np.intp]:
        start, stop, _ = rows.indices(len(self))
        return self.breaks[(self.breaks >= start) & (self.breaks < stop)] - start

    def windows(self, length: int) -> NDArray[np.floating[Any]]:
        """Return the sliding windows (tau = ``length`` points, stride 1) as a view of shape ``(n - tau + 1, tau, m)``.

        Raises:
            InputError: If the series is shorter than one window.
        """
        self._require_window(length)
        return sliding_window_view(self.values, length, axis=0).transpose(0, 2, 1)

    def window_starts(self, length: int) -> NDArray[np.intp]:
        """Return the rows in which those of the windows start that span no missing time, ascending.

        Raises:
            InputError: If there is none.
        """
        self._require_window(length)
        starts = np.arange(len(self) - length + 1)
        # A window spans a break if one lies behind its first row and not behind its last.
        passed = np.searchsorted(self.breaks, starts, side="right")
        starts = starts[passed == np.searchsorted(self.breaks, starts + length - 1, side="right")]
        if not len(starts):
            raise InputError(
                f"series {self.name!r}: each of its windows of {length} points spans a gap in time; take a shorter "
                "window, or let windows span gaps (allow_gaps)"
            )
        return starts

    def window_labels(self, length: int) -> NDArray[np.bool_]:
        """Return shape ``(n - tau + 1,)``: a window is anomalous if any of its points is.

        Raises:
            InputError: If the series has no labels or is shorter than one window.
        """
        self._require_window(length)
        return np.asarray(sliding_window_view(known(self.labels, self.name), length).any(axis=1))

    def _require_window(self, length: int) -> None:
        if length < 1:
            raise InputError(f"a window needs at least 1 point, got {length}")
        if len(self) < length:
            raise InputError(f"series {self.name!r} has {len(self)} points, fewer than one window of {length}")


@dataclass(frozen=True, eq=False)
class ScoredSeries:
    """One anomaly score per window of a series: what thresholders and agents see.

    Args:
        scores: Shape ``(T,)``, in [0, 1]; kept as float32, a score of 0 is raised to the smallest number above it, so
            that a threshold of 0 flags every window and a threshold of 1 none.
        labels: Shape ``(T,)``, True or 1 where the window holds an anomaly; None where nobody knows.
        name: How messages and tables call the series; nothing is looked up by it.
        index: Shape ``(T,)``, the time of each window's last point, or None.
        meta: Anything JSON can hold: where the scores come from.
        raw: Shape ``(T,)``, float32: what the scorer found, for methods whose arithmetic depends on distances; the
            scores themselves where there is no scaling.
        past: Shape ``(p,)``, float32: the raw scores of the windows before the first one, which nobody has labelled:
            what methods without labels are calibrated on. Empty where there are none.
        scaling: How ``raw`` became ``scores``; `scaled` makes such a series.

    Raises:
        InputError: If a score is not finite or outside [0, 1], a label is not 0 or 1, lengths differ, or the scores are
            not the scaled raw ones.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.bool_] | None = None
    name: str = "series"
    index: NDArray[np.datetime64] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    raw: NDArray[np.float32] = None  # type: ignore[assignment]  # the scores, in __post_init__
    past: NDArray[np.float32] = field(default_factory=lambda: NO_PAST)
    scaling: "Scaling | None" = None

    def __post_init__(self) -> None:
        scores = _as_float32(self.scores, self.name, "scores")
        if scores.ndim != 1 or len(scores) == 0:
            raise InputError(f"series {self.name!r}: scores must have shape (T,) with T > 0, got {scores.shape}")
        bad = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
        if len(bad):
            raise InputError(
                f"series {self.name!r}, window {bad[0]}: score {scores[bad[0]]!s} is not in [0, 1] "
                f"({len(bad)} such scores); scale the scores by those of the training part first"
            )
        object.__setattr__(self, "scores", np.maximum(scores, np.float32(MIN_SCORE)))
        if self.labels is not None:
            object.__setattr__(self, "labels", _as_labels(self.labels, len(scores), self.name))
        object.__setattr__(self, "index", _as_index(self.index, len(scores), self.name))
        given = self.scores if self.scaling is None else _as_finite(self.raw, self.name, "raw scores")
        if given.shape != scores.shape:
            raise InputError(f"series {self.name!r}: raw scores have shape {given.shape}, expected {scores.shape}")
        if self.scaling is not None and not np.array_equal(self.scores, self.scaling(given).astype(np.float32)):
            raise InputError(
                f"series {self.name!r}: its scores are not its scaled raw scores; make it with ScoredSeries.scaled, or "
                "give scores alone (raw=None, scaling=None)"
            )
        object.__setattr__(self, "raw", given)
        object.__setattr__(self, "past", _as_finite(self.past, self.name, "scores of the past"))

    @classmethod
    def scaled(
        cls, raw: ArrayLike, scaling: "Scaling", labels: NDArray[np.bool_] | None, name: str, **more: Any
    ) -> "ScoredSeries":
        """Return the series whose scores are the scaled ``raw``; ``more`` are further fields."""
        most = np.finfo(np.float32).max  # an error too large for float32 is the largest one, not none
        found = np.clip(np.asarray(raw, dtype=np.float64), -most, most).astype(np.float32)
        return cls(scaling(found).astype(np.float32), labels, name, raw=found, scaling=scaling, **more)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def truth(self) -> NDArray[np.bool_]:
        """The labels.

        Raises:
            InputError: If nobody knows them.
        """
        return known(self.labels, self.name)

    def __getitem__(self, windows: slice) -> "ScoredSeries":
        """Return the given windows as a scored series of the same name; labels are views.

        Its past is that of this series and the windows before the first.
        """
        _require_one_step(windows, self.name)
        index = None if self.index is None else self.index[windows]
        first = windows.indices(len(self))[0]
        return ScoredSeries(
            self.scores[windows],
            None if self.labels is None else self.labels[windows],
            self.name,
            index,
            self.meta,
            None if self.scaling is None else self.raw[windows],  # type: ignore[arg-type]
            np.append(self.past, self.raw[:first]) if first else self.past,
            self.scaling,
        )

    def past_scores(self, raw: bool) -> NDArray[np.float32]:
        """Return shape ``(p,)``: the scores of the past, raw or scaled."""
        if raw or self.scaling is None:
            return self.past
        return self.scaling(self.past).astype(np.float32)

    def to_unit(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Return where values on the scale of ``raw`` lie on the scale of the scores, in [0, 1]."""
        return np.clip(raw, 0.0, 1.0) if self.scaling is None else self.scaling(raw)

    def save(self, path: str | Path) -> None:
        """Write the series to an ``.npz`` file."""
        from adt_gym.scored_files import save_scored

        save_scored(path, [self])

    @classmethod
    def load(cls, path: str | Path) -> "ScoredSeries":
        """Read a series from an ``.npz`` file that ``save`` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file is not one that ``save`` wrote, or holds several series.
        """
        from adt_gym.scored_files import load_scored

        series = load_scored(path)
        if len(series) != 1:
            raise InputError(f"{path} holds {len(series)} series; read it with adt_gym.scored_files.load_scored")
        return series[0]


@dataclass(frozen=True, eq=False)
class Detection:
    """What a thresholder made of one scored series: one entry per window.

    Args:
        thresholds: Shape ``(T,)``, float32: delta_t, the threshold each score was held against.
        decisions: Shape ``(T,)``, bool: d_t, True where the window was flagged.
        labels: Shape ``(T,)``, bool: the truth; None where nobody knows.
        name: The name of the series.
    """

    thresholds: NDArray[np.float32]
    decisions: NDArray[np.bool_]
    labels: NDArray[np.bool_] | None
    name: str = "series"

    @property
    def truth(self) -> NDArray[np.bool_]:
        """The labels.

        Raises:
            InputError: If nobody knows them.
        """
        return known(self.labels, self.name)

    @classmethod
    def at(cls, thresholds: ArrayLike, series: ScoredSeries) -> "Detection":
        """Hold the scores of ``series`` against ``thresholds``, a number or shape ``(T,)``: d_t = score_t > delta_t."""
        deltas = np.broadcast_to(np.asarray(thresholds, dtype=np.float32), series.scores.shape)
        return cls(deltas, series.scores > deltas, series.labels, series.name)

    @classmethod
    def at_raw(cls, thresholds: ArrayLike, series: ScoredSeries) -> "Detection":
        """Hold the raw scores of ``series`` against ``thresholds`` on their scale; those of the result are scaled."""
        deltas = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), series.scores.shape)
        decisions, scaled = series.raw > deltas, series.to_unit(deltas).astype(np.float32)
        # float32 must not turn a decision around: the threshold yields to the score beside it.
        below = np.nextafter(series.scores, np.float32(0))
        scaled = np.where(decisions, np.minimum(scaled, below), np.maximum(scaled, series.scores))
        return cls(scaled, decisions, series.labels, series.name)


def known(labels: NDArray[np.bool_] | None, name: str) -> NDArray[np.bool_]:
    """Return the labels of a series, which are needed.

    Raises:
        InputError: If nobody knows them.
    """
    if labels is None:
        raise InputError(
            f"series {name!r} has no labels, and this needs some: give it labels=, or of a table label_column= or "
            "windows="
        )
    return labels


def varies(labels: NDArray[np.bool_]) -> bool:
    """Return whether there are both anomalous and normal windows."""
    return bool(labels.any() and not labels.all())


def _require_one_step(rows: slice, name: str) -> None:
    if rows.step not in (None, 1):
        raise InputError(f"series {name!r}: a slice takes rows one after the other; [::{rows.step}] would not")


def _as_values(values: ArrayLike, name: str) -> NDArray[np.floating[Any]]:
    given = np.asarray(values)
    if given.dtype == object:
        given = _as_type(given, np.float64, name, "values")
    if given.dtype.kind not in "biuf":
        raise InputError(f"series {name!r}: values must be numbers, not of type {given.dtype}")
    kept = np.float32 if np.can_cast(given.dtype, np.float32) else np.float64
    return np.ascontiguousarray(given, dtype=kept)


def _require_signal(given: ArrayLike, values: NDArray[Any], columns: Sequence[str], name: str) -> None:
    """Refuse a column that varies as given, say by one in nanoseconds since 1970, and no longer does in float64."""
    before = np.asarray(given).reshape(values.shape)
    still = (values == values[:1]).all(axis=0)
    for column in np.flatnonzero(still):
        if (before[:, column] != before[0, column]).any():
            raise InputError(
                f"series {name!r}, column {columns[column]!r} varies, but not in float64: subtract its first value"
            )


def _as_type(values: ArrayLike, dtype: Any, name: str, what: str) -> NDArray[Any]:
    given = np.asarray(values)
    try:
        if given.dtype.kind not in "biufO":
            raise TypeError(f"got {given.dtype}")
        return np.ascontiguousarray(given, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"series {name!r}: {what} must be numbers ({error})") from error


def _as_float32(values: ArrayLike, name: str, what: str) -> NDArray[np.float32]:
    return _as_type(values, np.float32, name, what)


def _as_finite(values: ArrayLike, name: str, what: str) -> NDArray[np.float32]:
    given = _as_float32(values, name, what)
    if given.ndim != 1 or not np.isfinite(given).all():
        raise InputError(f"series {name!r}: {what} must be finite numbers, of shape (n,); got shape {given.shape}")
    return given


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
    if np.isnat(given).any():
        bad = int(np.argmax(np.isnat(given)))
        raise InputError(f"series {name!r}, row {bad}: the index has no time (NaT); give every row one, or no index")
    if given.shape != (length,):
        raise InputError(f"series {name!r}: the index has shape {given.shape}, expected ({length},)")
    return given
