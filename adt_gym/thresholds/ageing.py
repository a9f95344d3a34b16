"""The chain of the labels in which an anomaly ages: young, middle and old ones end at rates of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.metrics.events import runs
from adt_gym.series import ScoredSeries, varies

PHASES = 3

UNTIL = (0.1, 0.6)
"""Shares of the events that are over, or are not seen to end, by the age at which an anomaly leaves a phase."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ageing:
    """A Markov chain of a normal state and the phases of an anomaly.

    Args:
        onset: The chance that an anomaly begins after a normal window, in (0, 1).
        ends: The chance that it ends after a window, in (0, 1), by phase.
        ages: Windows that an anomaly stays in each phase but the last, in the mean, if it does not end; at least 1.
    """

    onset: float
    ends: tuple[float, ...]
    ages: tuple[float, ...]

    @classmethod
    def of(cls, series: Sequence[ScoredSeries]) -> Self:
        """Return the chain of labelled series: the median one's onset, and what the events of all say of their ends."""
        some = [one.truth for one in series if varies(one.truth)]
        lengths, ended = (np.concatenate(part) for part in zip(*map(_lengths, some), strict=True))
        edges = np.unique(np.maximum(np.quantile(lengths, UNTIL, method="higher"), 1))
        edges = np.append(edges, edges[-1] + np.arange(1, PHASES - len(edges)))  # where nearly all are as long
        onsets = [len(runs(y)[0]) / (~y).sum() for y in some]
        return cls(
            onset=float(np.clip(np.median(onsets), 1e-5, 0.5)),
            ends=tuple(life_table(lengths, ended, edges).tolist()),
            ages=tuple(np.diff(edges, prepend=0).astype(float).tolist()),
        )

    @property
    def step(self) -> Array:
        """Shape ``(1 + PHASES, 1 + PHASES)``: the chance of each state, by column, a window after each, by row."""
        step = np.zeros((1 + PHASES, 1 + PHASES))
        step[0, :2] = 1 - self.onset, self.onset
        for phase, end in enumerate(self.ends, 1):
            older = (1 - end) / self.ages[phase - 1] if phase < PHASES else 0.0
            step[phase, 0], step[phase, phase] = end, 1 - end - older
            if phase < PHASES:
                step[phase, phase + 1] = older
        return step

    @property
    def stationary(self) -> Array:
        """Shape ``(1 + PHASES,)``: the chance of each state when nothing is known."""
        balance = np.vstack((self.step.T - np.eye(1 + PHASES), np.ones(1 + PHASES)))
        return np.linalg.lstsq(balance, np.append(np.zeros(1 + PHASES), 1.0), rcond=None)[0]


def life_table(lengths: ArrayLike, ended: ArrayLike, edges: ArrayLike) -> Array:
    """Return the chance that an event ends after a window, by its age: ends over windows at risk, half of one added.

    Events whose end was not seen count for as long as they were (C. J. Clark, "Cutler and Ederer, Maximum utilization
    of the life table method in analyzing survival", Journal of Chronic Diseases 8(6), 1958).

    Args:
        lengths: Shape ``(n,)``: windows of each event.
        ended: Shape ``(n,)``, bool: whether its end was seen.
        edges: Shape ``(k,)``, ascending: the first classes of age are up to these windows, the last goes on from there.

    Returns:
        Shape ``(k + 1,)``, in (0, 1).
    """
    long, over = np.asarray(lengths), np.asarray(ended, bool)
    bounds = np.concatenate(([0], np.asarray(edges), [np.inf]))
    at_risk = np.diff(np.minimum(long[:, None], bounds), axis=1).sum(axis=0)
    ends = [(over & (long > low) & (long <= high)).sum() for low, high in pairwise(bounds)]
    return np.asarray((np.array(ends) + 0.5) / (at_risk + 1))


def _lengths(labels: NDArray[np.bool_]) -> tuple[NDArray[np.int_], NDArray[np.bool_]]:
    """Return the lengths of the runs of True, and which of them end before the series does."""
    starts, stops = runs(labels)
    return stops - starts, stops < len(labels)
