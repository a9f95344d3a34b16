"""Scaling of raw anomaly scores by those of a series' past: strictly increasing, comparable across series.

Each function takes the raw scores of the past, shape ``(n,)``, nobody's labels, and returns a `Scaling`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import Scaling, tail

Floats = NDArray[np.floating[Any]]

LOWEST, USUAL = 0.05, 0.45
"""What the lowest and the highest usual score of the past become: most of (0, 1) is kept for what is unusual."""

BULK = 0.9
"""The share of the past that counts as usual. Anomalies in the past are rarer, so that they do not set the scale."""


def quantile(past: Floats) -> Scaling:
    """Map the lowest score of the past to 0.05 and its 0.9 quantile, or that of all above the lowest, to 0.45."""
    usual, higher = float(np.quantile(past, BULK)), past[past > past.min()]
    if usual == past.min() and len(higher):
        usual = float(np.quantile(higher, BULK))
    return _between(past, usual)


def minmax(past: Floats) -> Scaling:
    """Map the lowest score of the past to 0.05 and its highest to 0.45, as the ADT paper's scaling, but not cut off."""
    return _between(past, float(past.max()))


def _between(past: Floats, usual: float) -> Scaling:
    lowest = float(past.min())
    if usual <= lowest:
        return Scaling(np.array([lowest]), np.array([USUAL]))
    return Scaling(np.array([lowest, usual]), np.array([LOWEST, USUAL]))


SCALINGS: dict[str, Callable[[Floats], Scaling]] = {"quantile": quantile, "minmax": minmax, "tail": tail}
