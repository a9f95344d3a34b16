"""Alarms at random: what a method that knows how often to raise one gets without knowing when."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.stream import Method, Scores, Session
from adt_gym.thresholds.static import Static


class Random(Method):
    """Flag each window with the same probability, whatever its score: the rate at which `Static` alarms in training.

    The rate is that of the static threshold's decisions on the training series, so that nothing of the judged series is
    used, not even its scores.

    Args:
        rate: The probability instead, in [0, 1]. None: as above.
        seed: Of the draws. Window t is flagged or not by the seed, t and the rate alone: all series draw the same.

    Raises:
        InputError: If the rate is outside [0, 1].
    """

    name = "random"
    fitted: ClassVar[tuple[str, ...]] = ("alarm_rate",)

    def __init__(self, rate: float | None = None, seed: int = 0):
        if rate is not None and not 0 <= rate <= 1:
            raise InputError(f"random: rate must lie in [0, 1], got {rate}")
        self.rate, self.seed = rate, seed

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Take the share of the windows of ``train`` that a static threshold chosen on their labels flags.

        Raises:
            InputError: If no rate was given and there is no anomalous window to choose a threshold by.
        """
        if self.rate is None:
            static = Static().fit(train)
            self.alarm_rate = float(np.mean(np.concatenate([static.detect(one).decisions for one in train])))
        else:
            self.alarm_rate = self.rate
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Draws":
        """Begin to draw."""
        return Draws(self.alarm_rate, self.seed)


class Draws(Session):
    """One draw a window: threshold 0 at the given rate, else 1."""

    state: ClassVar = ("_random", "_drawn")

    def __init__(self, rate: float, seed: int):
        self._rate, self._random = rate, np.random.default_rng(seed)
        self._drawn = self._random.random()

    def threshold(self, score: float) -> float:
        """Return 0 where the window is drawn, else 1."""
        return 0.0 if self._drawn < self._rate else 1.0

    def judged(self, score: float, decision: bool) -> None:
        """Draw for the next window."""
        self._drawn = self._random.random()
