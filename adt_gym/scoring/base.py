"""What all scorers share: which windows are normal, the scaling of the scores, the checks of the input."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.saved import Saved
from adt_gym.scaling import Scaling
from adt_gym.scoring.scaling import SCALINGS
from adt_gym.scoring.stream import Newest, ScoreStream, Tracker
from adt_gym.series import NO_PAST, InputError, ScoredSeries, Series

if TYPE_CHECKING:
    from adt_gym.scoring.training import Epoch

Floats = NDArray[np.float64]

CHUNK = 4096
"""Windows scored at once: all windows of a long series together would not fit into memory."""


@dataclass(frozen=True)
class ScorerSettings:
    """Settings that every scorer has.

    Args:
        window: tau, the points of a window.
        scaling: Of the raw scores: "quantile", "minmax" or "tail"; see `adt_gym.scoring.scaling`.
        seed: Of everything that is drawn; a scorer that draws nothing does not use it.
    """

    window: int = 10
    scaling: str = "quantile"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError(f"a window needs at least 1 point, got {self.window}")
        if self.scaling not in SCALINGS:
            raise InputError(f"unknown scaling {self.scaling!r}; known: {', '.join(SCALINGS)}")


class BaseScorer(Saved, ABC):
    """A scorer's settings, its names and the checks of its input.

    Args:
        settings: Fields of the class's ``Settings``.

    Attributes:
        curve: Of the training of a network; else empty.
    """

    kind = "scorer"
    name: ClassVar[str]
    Settings: ClassVar[type[ScorerSettings]] = ScorerSettings
    settings: Any
    curve: "list[Epoch]"

    def __init__(self, **settings: Any):
        known = [f.name for f in fields(self.Settings)]
        if unknown := sorted(set(settings) - set(known)):
            raise InputError(f"{self.name}: unknown setting {unknown[0]!r}; known: {', '.join(known)}")
        self.settings = self.Settings(**settings)
        self.curve = []

    @property
    def label(self) -> str:
        """What tables call the scorer."""
        return self.name

    def describe(self) -> dict[str, Any]:
        """Return what the scores depend on beside the data: values that JSON can hold."""
        return {"scorer": self.name, "settings": asdict(self.settings)}

    def _normal_windows(self, normal: Sequence[Series]) -> list[NDArray[np.int64]]:
        """Check the training series; return the starts of each one's windows without an anomaly."""
        names = [one.name for one in normal]
        if not normal:
            raise InputError(f"{self.name}: no series to learn from")
        if len({one.columns for one in normal}) != 1:
            raise InputError(f"{self.name}: training series need the same columns")
        windows = [normal_windows(one, self.settings.window) for one in normal]
        if not sum(map(len, windows)):
            raise InputError(
                f"no window of {self.settings.window} points without an anomaly in {', '.join(names[:5])}: "
                "give a longer training part or a shorter window"
            )
        self._columns = len(normal[0].columns)
        return windows

    def _options(self) -> dict[str, Any]:
        options = asdict(self.settings)
        return options | {"device": None} if "device" in options else options  # the next machine may lack it

    def _fitted(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.fitted}

    def _meta(self, series: Series) -> dict[str, Any]:
        """Return where the scores of a series come from."""
        return {"scorer": self.label, "window": self.settings.window}

    def _labels(self, series: Series) -> NDArray[np.bool_] | None:
        """Return the labels of the windows, None where nobody knows them."""
        window = self.settings.window
        return None if series.labels is None else series.window_labels(window)[series.window_starts(window)]

    def _index(self, series: Series) -> NDArray[np.datetime64] | None:
        """Return the time of each window's last point."""
        window = self.settings.window
        return None if series.index is None else series.index[series.window_starts(window) + window - 1]


class WindowScorer(BaseScorer):
    """A scorer whose raw scores are learned in `_learn`, computed in `_raw`, and scaled here.

    The scores of a series are scaled by all those of its past, labelled or not; where it comes without a past, by those
    of the training series. So is the input of scorers that scale it.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    fitted: ClassVar[tuple[str, ...]] = ("_scaling", "_columns")

    def fit(self, normal: Sequence[Series]) -> Self:
        """Learn from the windows without an anomaly.

        Raises:
            InputError: If series differ in their columns, or leave no normal window to learn from.
        """
        self._normal_windows(normal)
        self._learn(normal)
        return self._fit_scaling(normal)

    def score(self, series: Series, past: Series | None = None) -> ScoredSeries:
        """Return the score of every window.

        Args:
            series: What is scored.
            past: The points before ``series``, or ``series`` itself where there are none: what its scores are scaled
                by. They become the ``past`` of the result, so that methods without labels are calibrated on them.

        Raises:
            InputError: If the scorer is not fitted, a series has other columns or fewer points than one window.
        """
        self._require_columns(series)
        series.window_starts(self.settings.window)  # raises where there is none, before models are fitted
        earlier, scaling = self._calibration(past)
        own = past is series
        return ScoredSeries.scaled(
            earlier if own else self._scores(series, past),
            scaling,
            self._labels(series),
            series.name,
            index=self._index(series),
            meta=self._meta(series),
            past=NO_PAST if own else earlier,
        )

    def start(self, past: Series | None = None) -> ScoreStream:
        """Begin to score a series point by point; for ``past`` see `score`.

        Raises:
            InputError: If the scorer is not fitted, or the past has other columns or fewer points than one window.
        """
        earlier, scaling = self._calibration(past)
        return ScoreStream(self._columns, self._tracker(past), earlier, scaling)

    @abstractmethod
    def _learn(self, normal: Sequence[Series]) -> None:
        """Learn what is normal; the series have been checked."""

    @abstractmethod
    def _raw(self, series: Series, past: Series | None) -> Floats:
        """Return shape ``(n - tau + 1,)``: the higher, the stranger; what windows over a gap have does not count."""

    def _tracker(self, past: Series | None) -> Tracker:
        """Return what finds the scores of `_raw` point by point; this one, where each depends on its window alone."""
        return Newest(lambda points: self._raw(Series(points), past)[0], self.settings.window, self._columns)

    def _calibration(self, past: Series | None) -> tuple[Floats, Scaling]:
        """Return the raw scores of the past, and the scaling by them."""
        if past is None:
            return np.empty(0), self._scaling
        self._require_columns(past)
        past.window_starts(self.settings.window)
        raw = self._past_scores(past)
        return raw, SCALINGS[self.settings.scaling](raw)

    def _fit_scaling(self, normal: Sequence[Series]) -> Self:
        pooled = np.concatenate([self._past_scores(one) for one in normal])
        self._scaling: Scaling = SCALINGS[self.settings.scaling](pooled)
        return self

    def _scores(self, series: Series, past: Series | None) -> Floats:
        return self._raw(series, past)[series.window_starts(self.settings.window)]

    def _past_scores(self, past: Series) -> Floats:
        raw = self._scores(past, past)
        if not np.isfinite(raw).all():
            raise InputError(f"{self.label}: the scores of series {past.name!r} are not finite; use another scorer")
        return raw

    def _require_columns(self, series: Series) -> None:
        if series.values.shape[1] != self._columns:
            raise InputError(
                f"series {series.name!r} has {series.values.shape[1]} columns, the scorer knows {self._columns}"
            )


def normal_windows(series: Series, window: int) -> NDArray[np.int64]:
    """Return the starts of the windows without an anomaly or a gap in time; of all where a series has no labels."""
    starts = series.window_starts(window)
    return starts if series.labels is None else starts[~series.window_labels(window)[starts]]


def normal_points(series: Series) -> NDArray[np.floating[Any]]:
    """Return the points without an anomaly."""
    return series.values if series.labels is None else series.values[~series.labels]


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    """Yield slices that cover ``count`` items, ``size`` at a time."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def digest(series: Series) -> str:
    """Return the SHA-256 of what was measured, whatever its name."""
    found = hashlib.sha256()
    for array in (series.values, series.labels, series.index, series.breaks):
        found.update(f"{None if array is None else (array.dtype.str, array.shape)}".encode())
        if array is not None:
            found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()
