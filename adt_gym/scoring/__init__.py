"""Scorers: what turns a series into one anomaly score per window."""

from collections.abc import Sequence
from typing import Any, Protocol, Self, runtime_checkable

from adt_gym.registry import build
from adt_gym.series import ScoredSeries, Series

__all__ = ["Scorer", "make", "names"]


@runtime_checkable
class Scorer(Protocol):
    """Learns what is normal and scores how far a window is from it."""

    def fit(self, normal: Sequence[Series]) -> Self:
        """Learn from the windows without an anomaly (all of them where a series has no labels); return self."""

    def score(self, series: Series) -> ScoredSeries:
        """Return one score per window, scaled by what was seen in training and clipped to [1e-6, 1]."""


_WHERE = {"autoencoder": "adt_gym.scoring.autoencoder:AutoEncoder"}


def names() -> list[str]:
    """Return the names that `make` knows."""
    return sorted(_WHERE)


def make(name: str, **options: Any) -> Scorer:
    """Return the scorer of that name, made with ``options``.

    Raises:
        InputError: If there is no such name or it does not take such an option.
    """
    scorer: Scorer = build("scorer", _WHERE, name, options)
    return scorer
