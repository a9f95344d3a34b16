"""Scorers: what turns a series into one anomaly score per window."""

from collections.abc import Sequence
from typing import Any, Protocol, Self, runtime_checkable

from adt_gym.registry import build
from adt_gym.series import ScoredSeries, Series

__all__ = ["Scorer", "make", "names"]


@runtime_checkable
class Scorer(Protocol):
    """Learns what is normal and scores how far a window is from it."""

    @property
    def label(self) -> str:
        """What tables call the scorer."""

    def fit(self, normal: Sequence[Series]) -> Self:
        """Learn from the windows without an anomaly (all of them where a series has no labels); return self."""

    def score(self, series: Series, past: Series | None = None) -> ScoredSeries:
        """Return a score per window, in (0, 1), scaled by ``past``, the points before; else by what was learned on."""

    def describe(self) -> dict[str, Any]:
        """Return what the scores depend on beside the data: values that JSON can hold."""


_WHERE = {
    "autoencoder": "adt_gym.scoring.autoencoder:AutoEncoder",
    "isolation": "adt_gym.scoring.isolation:Isolation",
    "arima": "adt_gym.scoring.arima:ARIMA",
    "prophet": "adt_gym.scoring.prophet:Prophet",
    "forecast": "adt_gym.scoring.forecast:Forecast",
    "ensemble": "adt_gym.scoring.ensemble:Ensemble",
    "untrained": "adt_gym.scoring.untrained:Untrained",
    "pca": "adt_gym.scoring.pca:PrincipalComponents",
    "nearest": "adt_gym.scoring.nearest:Nearest",
    "range": "adt_gym.scoring.norm:InputNorm",
}
_FAMILY = {"pyod": "adt_gym.scoring.pyod:PyOD"}

AUTOENCODERS = ("autoencoder", "dense", "lstm", "deep-tanh", "deep-leaky")
"""The names of the auto-encoders: the ADT paper's, and the other presets of the same class."""

SIMPLE = ("untrained", "pca", "nearest", "range")
"""The names of the scorers that any other one must be held against, in every table of scorers."""


def names() -> list[str]:
    """Return the names that `make` knows, beside ``pyod:NAME``."""
    return sorted({*_WHERE, *AUTOENCODERS})


def make(name: str, **options: Any) -> Scorer:
    """Return the scorer of that name, made with ``options``; ``pyod:ECOD`` is PyOD's ECOD.

    Raises:
        InputError: If there is no such name or it does not take such an option.
    """
    family, colon, method = name.partition(":")
    if family == "pyod" and colon:
        name, options = family, {"method": method, **options}
    elif name in AUTOENCODERS[1:]:
        name, options = "autoencoder", {"preset": name, **options}
    scorer: Scorer = build("scorer", _WHERE | _FAMILY, name, options)
    return scorer
