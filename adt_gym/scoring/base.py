"""What all scorers share: which windows are normal, the scaling of the scores, the checks of the input."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.scaling import SCALINGS, PerSeries, Scaling
from adt_gym.series import MIN_SCORE, InputError, ScoredSeries, Series

CHUNK = 4096
"""Windows scored at once: all windows of a long series together would not fit into memory."""


@dataclass(frozen=True)
class ScorerSettings:
    """Settings that every scorer has.

    Args:
        window: tau, the points of a window.
        scaling: "minmax" (the ADT paper) or "tail" (comparable across series; see `adt_gym.scoring.scaling.Tail`).
        seed: Of everything that is drawn; a scorer that draws nothing does not use it.
    """

    window: int = 10
    scaling: str = "minmax"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError(f"a window needs at least 1 point, got {self.window}")
        if self.scaling not in SCALINGS:
            raise InputError(f"unknown scaling {self.scaling!r}; known: {', '.join(SCALINGS)}")


class BaseScorer(ABC):
    """A scorer's settings, its names and the checks of its input.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[ScorerSettings]] = ScorerSettings
    settings: Any

    def __init__(self, **settings: Any):
        known = [f.name for f in fields(self.Settings)]
        if unknown := sorted(set(settings) - set(known)):
            raise InputError(f"{self.name}: unknown setting {unknown[0]!r}; known: {', '.join(known)}")
        self.settings = self.Settings(**settings)

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
        if len(set(names)) != len(names) or len({one.columns for one in normal}) != 1:
            raise InputError(f"{self.name}: training series need different names and the same columns")
        windows = [normal_windows(one, self.settings.window) for one in normal]
        if not sum(map(len, windows)):
            raise InputError(
                f"no window of {self.settings.window} points without an anomaly in {', '.join(names[:5])}: "
                "give a longer training part or a shorter window"
            )
        self._columns = len(normal[0].columns)
        return windows

    def _scored(self, series: Series, scores: NDArray[np.floating[Any]]) -> ScoredSeries:
        """Return scores in [0, 1] with the labels of the windows, False throughout where there are none."""
        window = self.settings.window
        labelled = series.labels is not None
        labels = series.window_labels(window) if labelled else np.zeros(len(scores), dtype=bool)
        meta = {"scorer": self.label, "window": window, "labelled": labelled}
        return ScoredSeries(scores.astype(np.float32), labels, series.name, series.window_index(window), meta)


class WindowScorer(BaseScorer):
    """A scorer whose raw scores are learned in `_learn`, computed in `_raw`, and scaled here.

    The scores of a series are scaled by those of its own normal training windows; those of a series that was not in
    the training by the normal training windows of all series.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    def fit(self, normal: Sequence[Series]) -> Self:
        """Learn from the windows without an anomaly.

        Raises:
            InputError: If series differ in their columns, share a name, or leave no normal window to learn from.
        """
        windows = self._normal_windows(normal)
        self._learn(normal)
        return self._fit_scaling(normal, windows)

    def score(self, series: Series) -> ScoredSeries:
        """Return the scaled score of every window; labels are False throughout where there are none.

        Raises:
            InputError: If the scorer is not fitted, the series has other columns or fewer points than one window.
        """
        if not hasattr(self, "_outputs"):
            raise InputError(f"{self.name}: fit() or load() before score()")
        self._require_columns(series)
        series.windows(self.settings.window)  # raises where there is none
        scaled = self._outputs[series.name](self._raw(series))
        return self._scored(series, np.clip(scaled, MIN_SCORE, 1.0))

    @abstractmethod
    def _learn(self, normal: Sequence[Series]) -> None:
        """Learn what is normal; the series have been checked."""

    @abstractmethod
    def _raw(self, series: Series) -> NDArray[np.float64]:
        """Return shape ``(T,)``, the unscaled score of every window: the higher, the stranger."""

    def _fit_scaling(self, normal: Sequence[Series], windows: Sequence[NDArray[np.int64]]) -> Self:
        raw = {one.name: self._raw(one)[starts] for one, starts in zip(normal, windows, strict=True) if len(starts)}
        for name, scores in raw.items():
            if not np.isfinite(scores).all():
                raise InputError(f"{self.label}: training scores of series {name!r} are not finite; use another scorer")
        self._outputs: PerSeries[Scaling] = PerSeries.fit(SCALINGS[self.settings.scaling], raw)
        return self

    def _require_columns(self, series: Series) -> None:
        if series.values.shape[1] != self._columns:
            raise InputError(
                f"series {series.name!r} has {series.values.shape[1]} columns, the scorer knows {self._columns}"
            )


def normal_windows(series: Series, window: int) -> NDArray[np.int64]:
    """Return the starts of the windows without an anomaly; all of them where a series has no labels."""
    if series.labels is None:
        return np.arange(len(series.windows(window)))
    return np.flatnonzero(~series.window_labels(window))


def normal_points(series: Series) -> NDArray[np.float32]:
    """Return the points without an anomaly."""
    return series.values if series.labels is None else series.values[~series.labels]


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    """Yield slices that cover ``count`` items, ``size`` at a time."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
