"""Cutting a source into what is learned from and what is evaluated, and at its gaps in time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.order import LEAST_WINDOWS, bounds, gaps, pieces, points_lost
from adt_gym.evaluation.split import Split, split_at, split_by_anomalies, split_by_share
from adt_gym.scripts.source import GENERATED, SourceSettings
from adt_gym.series import InputError, ScoredSeries, Series

TRAIN = "train"
QUARTER, HALF = 0.25, 0.5
MOST_LOST = 0.1
"""Share of the points that may lie in pieces too short to use between two gaps in time."""


def split(settings: SourceSettings, series: list[Series]) -> Split:
    """Cut the series into what may be learned from and what is evaluated, and both at their gaps in time.

    Where a data set comes as a training and a test part, the scorer learns on the first, and the labelled second
    is cut in two.

    Raises:
        InputError: If a part lacks what it needs, or too much would lie in pieces too short to use.
    """
    cut = split_in_time(settings, series)
    return cut if settings.allow_gaps else _in_pieces(cut, settings)


def split_in_time(settings: SourceSettings, series: list[Series]) -> Split:
    """Cut the series as `split` does, but not at their gaps."""
    first = [one for one in series if re.fullmatch(TRAIN + r"\d*", one.name.rpartition("/")[2])]
    if len(first) == len(series):
        first = []  # a table that is called so
    history = [_without(TRAIN, one) for one in first]
    labelled = [_without("test", one) for one in series if one not in first]
    if settings.train_until is not None:
        if len(labelled) > 1:
            raise InputError("--train-until cuts one series; of several, --train-share is the training part of each")
        cut = split_at(labelled[0], _row(labelled[0], settings.train_until), settings.window)
    elif len(labelled) == 1 and settings.train_share is None and not history and settings.source not in GENERATED:
        cut = split_by_anomalies(labelled[0], settings.window, settings.train_anomalies)
    else:
        default = HALF if history or len(labelled) == 1 else QUARTER
        share = default if settings.train_share is None else settings.train_share
        cut = split_by_share(labelled, share, settings.window)
    return replace(cut, history=history)


def _in_pieces(cut: Split, settings: SourceSettings) -> Split:
    """Cut both parts at their gaps: the pieces of a series are called NAME/1, NAME/2, ... across both.

    A scorer scales a series by what it has seen under that name. Pieces are scaled by all of them: it learns on them
    under other names.
    """
    whole = [*cut.train, *cut.test, *cut.history]
    if not any(len(gaps(one.index)) for one in whole):
        return cut
    refuse_loss(whole, settings.window)
    train: list[Series] = []
    test: list[Series] = []
    for first, second in zip(cut.train, cut.test, strict=True):
        before, after = (pieces(one, settings.window) for one in (first, second))
        if len(before) + len(after) > 2:
            numbered = [replace(one, name=f"{one.name}/{i}") for i, one in enumerate([*before, *after], 1)]
            before, after = numbered[: len(before)], numbered[len(before) :]
        train += before
        test += after
    if not any(one.labels is not None and one.labels.any() for one in test):
        raise InputError("no anomaly is left to evaluate in the pieces between the gaps in time; try --allow-gaps")
    learned = cut.history or cut.train
    history = [
        replace(one, name=f"{one.name} (past {i})" if len(parts) > 1 else one.name)
        for parts in (pieces(one, settings.window) for one in learned)
        for i, one in enumerate(parts, 1)
    ]
    return Split(train, test, history)


@dataclass(frozen=True, eq=False)
class InPieces:
    """A series whose windows are scored piece by piece, and whose scores are put together again.

    Args:
        pieces: What is scored; the series itself where it has no gap or windows may span them.
        ends: Shape ``(T,)``: the rows in which the windows of all pieces end.
        window: tau.
    """

    pieces: list[Series]
    ends: NDArray[np.intp]
    window: int

    @classmethod
    def of(cls, series: Series, settings: SourceSettings) -> "InPieces":
        """Cut a series as the settings ask.

        Raises:
            InputError: If too much of it would be left out.
        """
        tau, points = settings.window, len(series)
        if not settings.allow_gaps:
            refuse_loss([series], tau)
        parts = [slice(0, points)] if settings.allow_gaps else bounds(series.index, points, tau)
        ends = np.concatenate([np.arange(part.start + tau - 1, part.stop) for part in parts])
        return cls([series[part] for part in parts], ends, tau)

    def joined(self, scores: Sequence[ScoredSeries]) -> ScoredSeries:
        """Put the scores of the pieces together: as if the windows that span a gap did not exist."""
        first, *others = scores
        if not others:
            return first
        index = None if first.index is None else np.concatenate([one.index for one in scores if one.index is not None])
        together = np.concatenate([one.scores for one in scores]), np.concatenate([one.labels for one in scores])
        return ScoredSeries(*together, first.name, index, first.meta)

    def first_window(self, row: int) -> int:
        """Return c so that the windows up to c - tau end before the row: the row itself where there are no gaps."""
        return int(np.searchsorted(self.ends, row)) + self.window - 1


def refuse_loss(series: Sequence[Series], window: int) -> None:
    """Refuse to cut series at their gaps where more than a tenth of the points would be left out.

    Raises:
        InputError: With the number of gaps, and what to do.
    """
    points, lost = sum(map(len, series)), points_lost(series, window)
    if lost > MOST_LOST * points:
        cuts = sum(len(gaps(one.index)) for one in series)
        raise InputError(
            f"{cuts:,} gaps in time cut the series to pieces, and {lost / points:.0%} of the points lie in pieces "
            f"of fewer than {window + LEAST_WINDOWS - 1} points: let windows span the gaps with --allow-gaps, or take "
            "a shorter --window"
        )


def _without(part: str, series: Series) -> Series:
    """Name both parts of a data set alike: the scorer scales a series by what it has seen under that name."""
    name, slash, last = series.name.rpartition("/")
    return replace(series, name=name) if slash and last == part else series


def _row(series: Series, until: str) -> int:
    if until.isdecimal():
        return int(until)
    if series.index is None:
        raise InputError(f"--train-until {until!r}: series {series.name!r} has no times; give a row number")
    try:
        later = series.index >= np.datetime64(until)
    except ValueError as error:
        raise InputError(f"--train-until {until!r} is neither a row number nor a time like 2014-02-01T12:00") from error
    return int(np.argmax(later)) if later.any() else len(series)
