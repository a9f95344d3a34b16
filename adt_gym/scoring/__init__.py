"""Scorers: what turns a series into one anomaly score per window."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from adt_gym.registry import Entry, Registry
from adt_gym.registry import load as load_as
from adt_gym.scoring.stream import ScoreStream
from adt_gym.series import ScoredSeries, Series

if TYPE_CHECKING:
    from adt_gym.scoring.training import Epoch

__all__ = ["ScoreStream", "Scorer", "load", "make", "names", "register", "registry"]


@runtime_checkable
class Scorer(Protocol):
    """Learns what is normal and scores how far a window is from it.

    Attributes:
        curve: Of the training of a network; else empty.
    """

    curve: "list[Epoch]"

    @property
    def label(self) -> str:
        """What tables call the scorer."""

    def fit(self, normal: Sequence[Series]) -> Self:
        """Learn from the windows without an anomaly (all of them where a series has no labels); return self."""

    def score(self, series: Series, past: Series | None = None) -> ScoredSeries:
        """Return a score per window, in (0, 1), scaled by ``past``, the points before; else by what was learned on."""

    def start(self, past: Series | None = None) -> ScoreStream:
        """Begin to score a series whose points come one by one; the same scores."""

    def save(self, path: str | Path) -> None:
        """Write what was learned to an ``.npz`` file, without pickle; `load` reads it."""

    def describe(self) -> dict[str, Any]:
        """Return what the scores depend on beside the data: values that JSON can hold."""


AUTOENCODERS = ("autoencoder", "dense", "lstm", "deep-tanh", "deep-leaky")
"""The names of the auto-encoders: the ADT paper's, and the other presets of the same class."""

SIMPLE = ("untrained", "pca", "nearest", "range")
"""The names of the scorers that any other one must be held against, in every table of scorers."""


def _entry(where: str, *needs: str, **more: Any) -> Entry:
    return Entry(f"adt_gym.scoring.{where}", needs=needs, **more)


_AUTOENCODER = "autoencoder:AutoEncoder"
registry = Registry(
    "scorer",
    {
        "autoencoder": _entry(_AUTOENCODER, "torch"),
        **{name: _entry(_AUTOENCODER, "torch", options={"preset": name}) for name in AUTOENCODERS[1:]},
        "isolation": _entry("isolation:Isolation", "sklearn"),
        "arima": _entry("arima:ARIMA", "statsmodels", "threadpoolctl"),
        "prophet": _entry("prophet:Prophet", "prophet"),
        "forecast": _entry("forecast:Forecast", "torch"),
        "ensemble": _entry("ensemble:Ensemble", "sklearn", "torch"),
        "untrained": _entry("untrained:Untrained", "torch"),
        "pca": _entry("pca:PrincipalComponents", "sklearn"),
        "nearest": _entry("nearest:Nearest", "sklearn"),
        "range": _entry("norm:InputNorm"),
        "seasonal": _entry("seasonal:Seasonal", "pandas", "statsmodels"),
        "pyod": _entry("pyod:PyOD", "pyod", member="method"),
    },
)
names, register = registry.names, registry.register


def make(name: str, **options: Any) -> Scorer:
    """Return the scorer of that name, made with ``options``; ``pyod:ECOD`` is PyOD's ECOD.

    Raises:
        InputError: If there is no such name or it does not take such an option.
    """
    scorer: Scorer = registry.make(name, **options)
    return scorer


def load(path: str | Path) -> Scorer:
    """Read any registered scorer that its ``save`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not one that ``save`` wrote, or of a scorer that is not registered.
    """
    scorer: Scorer = load_as("scorer", path)
    return scorer
