"""Alarms at random: what a method that knows how often to raise one gets without knowing when."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.stream.stream import Method
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

    name, sees_labels = "random", False

    def __init__(self, rate: float | None = None, seed: int = 0):
        if rate is not None and not 0 <= rate <= 1:
            raise InputError(f"random: rate must lie in [0, 1], got {rate}")
        self.given, self.seed = rate, seed

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Take the share of the windows of ``train`` that a static threshold chosen on their labels flags.

        Raises:
            InputError: If no rate was given and there is no anomalous window to choose a threshold by.
        """
        if self.given is None:
            static = Static().fit(train)
            self.rate = float(np.mean(np.concatenate([static.detect(one).decisions for one in train])))
        else:
            self.rate = self.given
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Use threshold 0 where a window is drawn, else 1."""
        drawn = np.random.default_rng(self.seed).random(len(series)) < self.rate
        return Detection.at(np.where(drawn, 0.0, 1.0), series)
