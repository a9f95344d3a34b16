"""Cutting labelled series into a training part and the rest, which alone is evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.sources import GENERATED, SourceSettings
from adt_gym.series import InputError, ScoredSeries, Series, varies

QUARTER, HALF = 0.25, 0.5


@dataclass(frozen=True)
class Split:
    """Series cut in time: no window crosses the cut.

    Args:
        train: The rows that may be learned from.
        test: The rows after them, which alone are evaluated.
        history: Earlier rows, for the scorer alone; it learns on ``train`` where there are none. As many as ``train``
            has, in its order: each the past of one; any other number: of none in particular.
    """

    train: list[Series]
    test: list[Series]
    history: list[Series] = field(default_factory=list)

    @property
    def for_scorer(self) -> list[Series]:
        """What the scorer learns on."""
        return self.history or self.train

    @property
    def pasts(self) -> list[Series]:
        """Of each series its history, or its training part where there is none.

        A history comes without labels because nothing happened in it; a training part holds anomalies, and a method
        that is not told of them would take them for usual.
        """
        return self.history if len(self.history) == len(self.train) else self.train

    @property
    def learned(self) -> list[tuple[Series, Series]]:
        """The training series, each with its past."""
        return list(zip(self.train, self.pasts, strict=True))

    @property
    def tested(self) -> list[tuple[Series, Series]]:
        """The test series, each with its past."""
        return list(zip(self.test, self.pasts, strict=True))


def parts(series: Sequence[Series]) -> tuple[list[Series], list[Series]]:
    """Return the training parts of data sets that come in parts, and all other series, which alone are cut."""
    history = [one for one in series if one.part == "train"]
    return history, [one for one in series if one.part != "train"]


def cut(settings: SourceSettings, series: Sequence[Series]) -> Split:
    """Cut the series of a source into what may be learned from and what is evaluated, as its settings say.

    Where a data set comes as a training and a test part, the scorer learns on the first, and the second is cut in two.

    Raises:
        InputError: If a part lacks what it needs.
    """
    history, judged = parts(series)
    if settings.train_until is not None:
        if len(judged) > 1:
            raise InputError("train_until= cuts one series; of several, train_share= is the training part of each")
        made = split_at(judged[0], _row(judged[0], settings.train_until), settings.window)
    elif len(judged) == 1 and settings.train_share is None and not history and settings.source not in GENERATED:
        made = split_by_anomalies(judged[0], settings.window, settings.train_anomalies)
    else:
        default = HALF if history or len(judged) == 1 else QUARTER
        share = default if settings.train_share is None else settings.train_share
        made = split_by_share(judged, share, settings.window)
    return replace(made, history=history)


def cut_unlabelled(settings: SourceSettings, series: Sequence[Series]) -> Split:
    """Cut series that nobody has labelled, each at the row or share that the settings say, or in the middle.

    Raises:
        InputError: If a part is shorter than a window.
    """
    history, judged = parts(series)
    share = HALF if settings.train_share is None else settings.train_share
    until = settings.train_until
    rows = [int(len(one) * share) if until is None else _row(one, until) for one in judged]
    for one, row in zip(judged, rows, strict=True):
        _require_windows(one, row, settings.window)
    return replace(_halves(judged, rows), history=history)


def _row(series: Series, until: str) -> int:
    if until.isdecimal():
        return int(until)
    if series.index is None:
        raise InputError(f"train_until={until!r}: series {series.name!r} has no times; give a row number")
    try:
        later = series.index >= np.datetime64(until)
    except ValueError as error:
        raise InputError(f"train_until={until!r} is neither a row number nor a time like 2014-02-01T12:00") from error
    return int(np.argmax(later)) if later.any() else len(series)


def split_by_anomalies(series: Series, window: int, anomalies: int) -> Split:
    """Cut after the shortest prefix that holds ``anomalies`` anomalous windows.

    Raises:
        InputError: If there are fewer, or what remains has no anomalous window to find.
    """
    labels = _anomalous(series, window)
    found = np.cumsum(labels)
    if found[-1] < anomalies:
        raise InputError(
            f"series {series.name!r} has {found[-1]} anomalous windows, fewer than the {anomalies} to train on: "
            "ask for fewer (train_anomalies=) or give the end of the training part (train_until=)"
        )
    return split_at(series, int(np.searchsorted(found, anomalies)) + window, window)


def split_at(series: Series, row: int, window: int) -> Split:
    """Cut before ``row``.

    Raises:
        InputError: If a part has no window, the first no normal or no anomalous one, or the second no anomalous one.
    """
    _require_windows(series, row, window)
    train, test = series[:row], series[row:]
    if not _anomalous(train, window).any() or _anomalous(train, window).sum() == len(train.window_starts(window)):
        raise InputError(
            f"series {series.name!r}: the training part, up to row {row}, needs both normal and anomalous windows; "
            "move its end (train_until=)"
        )
    if not _anomalous(test, window).any():
        raise InputError(
            f"series {series.name!r}: no anomalous window is left to evaluate after row {row}; "
            "train on less (train_anomalies= or train_until=)"
        )
    return Split([train], [test])


def split_by_share(series: Sequence[Series], share: float, window: int) -> Split:
    """Cut every series after the same share of its points, or later, where the next window without an anomaly starts.

    So no anomaly is cut in two, and a method's first windows are not at a loss for want of a past.

    Raises:
        InputError: If the share is not inside (0, 1), a part is shorter than a window, or nothing anomalous is left.
    """
    if not 0 < share < 1:
        raise InputError(f"the training share must lie between 0 and 1, got {share}")
    cuts = [_next_normal(one, int(len(one) * share), window) for one in series]
    for one, cut in zip(series, cuts, strict=True):
        if not window <= cut <= len(one) - window:
            raise InputError(f"series {one.name!r}: {len(one)} points are too few to cut at a share of {share}")
    split = _halves(series, cuts)
    if not any(_anomalous(one, window).any() for one in split.test):
        raise InputError(f"no anomalous window is left to evaluate after a training share of {share}")
    return split


def choose_labelled(train: Sequence[ScoredSeries], windows: int, seed: int) -> list[ScoredSeries]:
    """Return what is learned from: of one series all of its training part, of many a few whole training parts."""
    return list(train) if len(train) == 1 else draw_labelled(train, windows, seed)


def for_agent(labelled: Sequence[ScoredSeries], windows: int) -> tuple[ScoredSeries, ...]:
    """Return what an agent plays: of one series only the stretch with the most anomalies that begin in it."""
    return (eventful_stretch(labelled[0], windows),) if len(labelled) == 1 else tuple(labelled)


def draw_labelled(train: Sequence[ScoredSeries], windows: int, seed: int) -> list[ScoredSeries]:
    """Draw whole series with both kinds of windows until about ``windows`` windows are together (at least one series).

    Raises:
        InputError: If no series holds both kinds.
    """
    usable = [one for one in train if varies(one.truth)]
    if not usable:
        raise InputError("no training part holds both normal and anomalous windows; train on a larger share")
    drawn: list[ScoredSeries] = []
    for i in np.random.default_rng(seed).permutation(len(usable)):
        if drawn and sum(map(len, drawn)) + len(usable[i]) / 2 > windows:
            break
        drawn.append(usable[i])
    return drawn


def eventful_stretch(series: ScoredSeries, windows: int) -> ScoredSeries:
    """Return the stretch of ``windows`` windows in which the most anomalies begin; the last of equal ones."""
    if len(series) <= windows:
        return series
    begins = np.diff(series.truth, prepend=False) & series.truth
    count = np.convolve(begins, np.ones(windows, dtype=np.int64), mode="valid")
    start = len(count) - 1 - int(np.argmax(count[::-1]))
    return series[start : start + windows]


def _halves(series: Sequence[Series], rows: Sequence[int]) -> Split:
    pairs = list(zip(series, rows, strict=True))
    return Split([one[:row] for one, row in pairs], [one[row:] for one, row in pairs])


def _require_windows(series: Series, row: int, window: int) -> None:
    if not window <= row <= len(series) - window:
        raise InputError(
            f"series {series.name!r} has {len(series)} points: a cut before row {row} does not leave "
            f"a window of {window} points on both sides"
        )


def _anomalous(series: Series, window: int) -> NDArray[np.bool_]:
    """Return shape ``(n - tau + 1,)``, False also where a window spans a gap in time and so has no score."""
    starts = series.window_starts(window)
    anomalous = np.zeros(len(series) - window + 1, dtype=bool)
    anomalous[starts] = series.window_labels(window)[starts]
    return anomalous


def _next_normal(series: Series, row: int, window: int) -> int:
    normal = np.flatnonzero(~series.window_labels(window)[row:])
    return row + int(normal[0]) if len(normal) else row
