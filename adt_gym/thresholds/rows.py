"""How much of long training series is learned from: fold by fold, and thinned where there is more than enough."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import ScoredSeries, varies

FOLDS = 5
"""Training series are held out in at most so many groups: with as many series or fewer, each is left out in turn."""

MOST_ROWS = 75_000
"""A model learns from at most so many windows of all its training series together."""

BINS = 255
"""Values of a column that boosting tells apart, which is scikit-learn's default and most."""

Array = NDArray[np.float64]
Places = NDArray[np.int64]


def held_out_folds(train: Sequence[ScoredSeries], folds: int = FOLDS) -> list[list[int]]:
    """Return groups of places of training series, each place in one of them.

    Series that hold both anomalous and normal windows are dealt out first, so that where there are two of them the
    others of every group hold one.
    """
    dealt = sorted(range(len(train)), key=lambda i: not varies(train[i].truth))
    return [sorted(dealt[first::folds]) for first in range(min(folds, len(train)))]


def fair_share(lengths: Sequence[int], most: int) -> int:
    """Return the highest share that each may take of ``most``, where one that needs less leaves the rest to others."""
    left = most
    for taken, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - taken)
        if length > share:
            return share
        left -= length
    return max(lengths)


def most_eventful(labels: NDArray[np.bool_], windows: int) -> slice:
    """Return the stretch of so many windows, or of all there are, in which the most events begin; the first such."""
    if len(labels) <= windows:
        return slice(0, len(labels))
    begun = np.cumsum(np.diff(labels, prepend=False) & labels)
    first = int((begun[windows - 1 :] - np.append(0, begun[:-windows])).argmax())
    return slice(first, first + windows)


def stretches(train: Sequence[ScoredSeries], most: int = MOST_ROWS) -> list[ScoredSeries]:
    """Return of each series the stretch with the most events, all of them together ``most`` windows at most.

    All series get the same share of ``most``, and leave to others what they do not need.
    """
    share = fair_share([len(one) for one in train], most)
    return [one if len(one) <= share else one[most_eventful(one.truth, share)] for one in train]


def thinned(labels: Sequence[NDArray[np.bool_]], most: int = MOST_ROWS) -> list[tuple[Places, Array]]:
    """Return of each series the windows to learn from, and what each weighs.

    All series get the same share of ``most``, and leave to others what they do not need. Within its share a series
    keeps its anomalous windows, up to half of it, and normal ones, both evenly over time. What is kept of either kind
    weighs together as much as all of that kind did.

    Args:
        labels: One per series, shape ``(T,)``: True where a window is anomalous.
        most: Windows of all series together.

    Returns:
        Per series the places, ascending, of shape ``(n,)``, and their weights, at least 1.
    """
    share = fair_share([len(one) for one in labels], most)
    return [_thinned(one, share) for one in labels]


def _thinned(labels: NDArray[np.bool_], share: int) -> tuple[Places, Array]:
    if len(labels) <= share:
        return np.arange(len(labels)), np.ones(len(labels))
    anomalous, normal = np.flatnonzero(labels), np.flatnonzero(~labels)
    few = min(len(anomalous), max(share // 2, share - len(normal)))
    kept = [_evenly(kind, number) for kind, number in ((anomalous, few), (normal, share - few))]
    weights = [
        np.full(len(some), len(of) / max(len(some), 1)) for some, of in zip(kept, (anomalous, normal), strict=True)
    ]
    places = np.concatenate(kept)
    order = np.argsort(places)
    return places[order], np.concatenate(weights)[order]


def _evenly(places: Places, number: int) -> Places:
    """Return so many of the places, as far from each other as can be."""
    return places[np.arange(number) * len(places) // max(number, 1)]


def snapped(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows with each column at the nearest of at most ``BINS`` of its quantiles.

    Boosting bins columns so in any case. With weights scikit-learn looks for weighted quantiles, which takes ten times
    as long as all else; of columns with few values it takes those.
    """
    levels = np.quantile(x, np.linspace(0, 1, BINS), axis=0, method="inverted_cdf")
    columns = []
    for column, of in zip(x.T, levels.T, strict=True):
        values = np.unique(of)
        columns.append(values[np.searchsorted((values[1:] + values[:-1]) / 2, column)])
    return np.column_stack(columns)
