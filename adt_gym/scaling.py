"""The scalings: of a scorer's input, and of the raw scores that it finds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.series import InputError

FAR = 1e15

DECADES = np.arange(0, 4.01, 0.1)
"""Where `tail` has its knots: one score of the past in ten to this power is as high."""


@dataclass(frozen=True, eq=False)
class MinMax:
    """Scaling to [0, 1] by the minimum and maximum of the training data; other data may leave [0, 1].

    Args:
        low: The minimum, a number or one per column.
        span: Maximum minus minimum; 1 where they are equal.
    """

    low: NDArray[np.float64]
    span: NDArray[np.float64]

    @classmethod
    def fit(cls, *parts: NDArray[np.floating[Any]]) -> "MinMax":
        """Take the extremes along the first axis over all ``parts``."""
        low = np.min([part.min(axis=0) for part in parts], axis=0).astype(np.float64)
        span = np.max([part.max(axis=0) for part in parts], axis=0).astype(np.float64) - low
        return cls(low, np.where(span > 0, span, 1.0))

    def __call__(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return ``(values - low) / span``, at most `FAR` from 0: its square is still a number in float32."""
        return np.clip((values - self.low) / self.span, -FAR, FAR)


@dataclass(frozen=True, eq=False)
class Scaling:
    """A strictly increasing map of raw scores, from -inf to inf, onto (0, 1).

    It is linear between knots. Above the last it nears 1, and below the first 0, with the logarithm of the distance, so
    that raw scores a thousandth apart, of their distance from the knots, do not become one in float32.

    Args:
        knots: Shape ``(K,)``, ascending: raw scores.
        levels: Shape ``(K,)``, ascending, inside (0, 1): what they become.

    Raises:
        InputError: If the knots or the levels are not so.
    """

    knots: NDArray[np.float64]
    levels: NDArray[np.float64]

    def __post_init__(self) -> None:
        knots, levels = np.asarray(self.knots, dtype=np.float64), np.asarray(self.levels, dtype=np.float64)
        ascending = all(len(x) == 1 or np.diff(x).min() > 0 for x in (knots, levels) if len(x))
        if knots.ndim != 1 or knots.shape != levels.shape or not len(knots) or not np.isfinite(knots).all():
            raise InputError(f"a scaling needs as many finite knots as levels, got {knots} and {levels}")
        if not ascending or not 0 < levels[0] <= levels[-1] < 1:
            raise InputError(
                f"knots and levels of a scaling ascend, the levels inside (0, 1); got {knots} and {levels}"
            )
        object.__setattr__(self, "knots", knots)
        object.__setattr__(self, "levels", levels)

    @property
    def unit(self) -> float:
        """The distance by which scores beyond the knots are measured: what the knots span."""
        first, last = float(self.knots[0]), float(self.knots[-1])
        return max(last - first, 1e-9 * abs(last)) or 1.0

    def __call__(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Return the scaled scores, in (0, 1)."""
        values = np.asarray(raw, dtype=np.float64)
        over = np.log1p(np.maximum(values - self.knots[-1], 0.0) / self.unit)
        under = np.log1p(np.maximum(self.knots[0] - values, 0.0) / self.unit)
        between = np.interp(values, self.knots, self.levels)
        scaled: NDArray[np.float64] = np.where(over > 0, 1 - (1 - between) / (1 + over), between / (1 + under))
        return scaled

    def inverse(self, scaled: ArrayLike) -> NDArray[np.float64]:
        """Return the raw scores that become ``scaled``, values in [0, 1], as far as float32 reaches."""
        values = np.asarray(scaled, dtype=np.float64)
        first, last = self.levels[0], self.levels[-1]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            over = np.expm1((1 - last) / (1 - np.maximum(values, last)) - 1)
            under = np.expm1(first / np.minimum(values, first) - 1)
            raw = np.interp(values, self.levels, self.knots) + self.unit * (over - under)
        most = float(np.finfo(np.float32).max)
        return np.clip(raw, -most, most)


def tail(past: NDArray[np.floating[Any]]) -> Scaling:
    """Map a score that one in 10^z of the past reaches to (1 + z) / 6, for z up to 4 or as far as the past goes.

    Args:
        past: Shape ``(n,)``: the raw scores of a series' past.
    """
    decades = DECADES[len(past) >= 10.0**DECADES]
    knots = np.quantile(past.astype(np.float64), 1 - 10.0**-decades)
    knots, first_of_equals = np.unique(knots, return_index=True)
    return Scaling(knots, (1 + decades[first_of_equals]) / 6)
