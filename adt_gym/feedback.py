"""Which labels an operator is told of the windows that were judged, and when."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, one_of, share, whole
from adt_gym.mdp import OUTCOME_OF, OUTCOMES
from adt_gym.series import ScoredSeries

UNTOLD = len(OUTCOMES)
"""Stands for the outcome of a window whose label is never told: the column after those of the four outcomes."""

MAX_DELAY = 10**6
"""Windows that a label may be late."""

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
        InputError: If the kind is unknown, the delay not from 1 to ``MAX_DELAY`` or the noise outside [0, 1].
    """

    kind: str = "full"
    delay: int = 1
    noise: float = 0.0

    def __post_init__(self) -> None:
        one_of("feedback", self.kind, _TOLD)
        try:
            object.__setattr__(self, "delay", whole("feedback_delay", self.delay, most=MAX_DELAY))
        except InputError as error:
            raise InputError(f'{error}; for labels that never come choose feedback="none"') from None
        object.__setattr__(self, "noise", share("label_noise", self.noise))

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
