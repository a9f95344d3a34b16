"""Which labels an operator is told of the windows that were judged, and when."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from adt_gym.mdp import OUTCOME_OF, OUTCOMES
from adt_gym.series import InputError, ScoredSeries

UNTOLD = len(OUTCOMES)
"""Stands for the outcome of a window whose label is never told: the column after those of the four outcomes."""

_FULL = tuple(tuple(OUTCOMES.index(outcome) for outcome in row) for row in OUTCOME_OF)
_TOLD = {
    "full": _FULL,
    "alerts": tuple((UNTOLD, flagged) for _, flagged in _FULL),
    "none": ((UNTOLD, UNTOLD), (UNTOLD, UNTOLD)),
}


@dataclass(frozen=True)
class Feedback:
    """What is told of the labels; the default is the paper's: all of them, true, before the next window.

    Args:
        kind: "full", "alerts" (only flagged windows get a label) or "none".
        delay: d: the label of window t is in before window t + d is judged.
        noise: The probability that the label that is told is the wrong one.

    Raises:
        InputError: If the kind is unknown, the delay below 1 or the noise outside [0, 1].
    """

    kind: str = "full"
    delay: int = 1
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in _TOLD:
            raise InputError(f"unknown feedback {self.kind!r}; choose one of {', '.join(_TOLD)}")
        if not isinstance(self.delay, Integral) or self.delay < 1:
            raise InputError(
                f"feedback_delay must be a whole number of windows, at least 1, got {self.delay!r}; "
                'for labels that never come choose feedback="none"'
            )
        if not 0 <= self.noise <= 1:
            raise InputError(f"label_noise is a probability: give one in [0, 1], got {self.noise!r}")

    @property
    def tells(self) -> bool:
        """Whether any label is ever told."""
        return self.kind != "none"

    @property
    def immediate(self) -> bool:
        """Whether it is the paper's, so that observations follow from the last k windows."""
        return self == IMMEDIATE

    @property
    def outcomes(self) -> tuple[tuple[int, ...], ...]:
        """``outcomes[label told][decision]``: the outcome's place in ``OUTCOMES``, or ``UNTOLD``."""
        return _TOLD[self.kind]


IMMEDIATE = Feedback()
"""The paper's."""


def told_labels(series: ScoredSeries, feedback: Feedback, seed: int) -> NDArray[np.bool_]:
    """Return shape ``(T,)``: the label of each window as it is told, if it is.

    Noise is what ADT-v0 draws on this one series after ``reset(seed=seed)``, so that every method is told the same.
    """
    if not feedback.noise:
        return series.labels
    return series.labels ^ (np.random.default_rng(seed).random(len(series)) < feedback.noise)
