"""The thresholding MDP in plain functions over arrays (Yang et al., ALA 2023, section 3.3).

Given its series the MDP is finite: what has happened is known from the position (how many windows of
the series are judged) and the decisions on the last k of them. Observation and reward are functions
of that state, and only through two counts: the true and the false positives among the k windows. Both
environments, the reference agent's plan and the exact solution read them from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, share, whole
from adt_gym.series import ScoredSeries

PASSIVE = 1.0
"""The threshold of the passive mode, which flags nothing; the first k windows are judged in it."""

MAX_TABLE_ROWS = 1 << 22
"""States are tabulated up to this many, about 140 MB; beyond, their outputs are computed as needed."""

Counts = NDArray[np.int64]


def reward(tp: Any, fp: Any, positives: Any, k: int, alpha: float, beta: float) -> Any:
    """Return r = alpha (nTP - nFP - nFN) + beta nTN (equation 8).

    Args:
        tp: True positives among the k windows, a number or an array of any shape.
        fp: False positives among them, same shape.
        positives: Anomalous windows among them, same shape.
        k: How many windows are counted.
        alpha: Weight of anomalous and flagged windows.
        beta: Weight of true negatives.
    """
    return alpha * (tp - fp - (positives - tp)) + beta * (k - positives - fp)


def weights_of(alpha: float, beta: float) -> tuple[float, float]:
    """Return the weights of the reward.

    Raises:
        InputError: If one is not in [0, 1], or they do not add up to 1.
    """
    alpha, beta = share("alpha", alpha), share("beta", beta)
    if abs(alpha + beta - 1) > 1e-6:  # float32 knows no better
        raise InputError(f"alpha and beta must add up to 1, got {alpha} and {beta}")
    return alpha, beta


def trailing_count(flags: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Return shape ``(T + 1,)``: how many of the k entries before each of 0 .. T are True."""
    total = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=total[1:])
    count = total.copy()
    count[k:] -= total[:-k]
    return count


def trailing_bits(flags: NDArray[np.bool_], k: int) -> Counts:
    """Return shape ``(T + 1,)``: the k entries before each of 0 .. T as bits, the newest lowest; k < 63."""
    bits = np.zeros(len(flags) + 1, dtype=np.int64)
    for age in range(min(k, len(flags))):
        bits[age + 1 :] |= flags[: len(flags) - age].astype(np.int64) << age
    return bits


def trailing_statistics(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Return shape ``(T + 1, 2)``: mu and sigma of the k scores before each of 0 .. T (equations 5 and 6).

    sigma is the sample variance (divisor k - 1; 0 when k = 1). Rows before k are 0: nothing is observed there.
    """
    statistics = np.zeros((len(scores) + 1, 2), dtype=np.float32)
    # One shifted copy at a time: k may be large.
    shifted = [scores[i : len(scores) - k + 1 + i] for i in range(k)]
    mean = sum(s.astype(np.float64) for s in shifted) / k
    squares = sum((s.astype(np.float64) - mean) ** 2 for s in shifted)
    statistics[k:, 0] = mean
    statistics[k:, 1] = squares / max(k - 1, 1)
    return statistics


@dataclass(frozen=True)
class Table:
    """Observation and reward of every state; the row of a state is ``position << k | history``.

    ``history`` holds the decisions on the last k windows as bits, the newest lowest.
    """

    observations: NDArray[np.float32]
    rewards: NDArray[np.float64]


class ThresholdingMDP:
    """The MDP of one or more scored series, laid end to end.

    A series of T windows takes T + 1 positions: at its position t its first t windows are judged, and
    window t comes next. Attributes are arrays over positions: ``scores`` and ``labels`` of the window that
    comes next (0 and False at a series's end), ``positives``, the number of anomalous windows among the
    last k, and ``statistics``, their mu and sigma. ``offsets[i]`` is the first position of series i.

    Args:
        series: What the agent thresholds, each of at least k + 2 windows.
        k: Windows that an observation and a reward look back on.
        alpha: Weight of TP, FP and FN in the reward.
        beta: Weight of TN in the reward; alpha + beta = 1.

    Raises:
        InputError: If there is no series, one is too short or has no labels, k < 1, or alpha and beta do not add up
            to 1.
    """

    def __init__(self, series: Sequence[ScoredSeries], k: int = 2, alpha: float = 0.9, beta: float = 0.1):
        k, (alpha, beta) = whole("k", k), weights_of(alpha, beta)
        if not series:
            raise InputError("no series given")
        for one in series:
            if len(one) < k + 2:
                raise InputError(f"series {one.name!r} has {len(one)} windows; with k={k} at least {k + 2} are needed")
        self.series = tuple(series)
        self.k, self.alpha, self.beta = k, alpha, beta
        self.lengths = np.array([len(one) for one in series])
        self.offsets = np.concatenate(([0], np.cumsum(self.lengths + 1)))
        self.scores = np.concatenate([np.append(one.scores, np.float32(0)) for one in series])
        self.labels = np.concatenate([np.append(one.truth, False) for one in series])
        self.positives = np.concatenate([trailing_count(one.truth, k) for one in series])
        self.statistics = np.concatenate([trailing_statistics(one.scores, k) for one in series])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments only: the arrays follow from them."""
        return mdp_of, (self.series, self.k, self.alpha, self.beta)

    def begin_of(self, position: int) -> int:
        """Return the first position of the series that a position lies in."""
        return int(self.offsets[np.searchsorted(self.offsets, position, side="right") - 1])

    def observe(self, position: Counts, tp: Counts, fp: Counts) -> NDArray[np.float32]:
        """Return the observations at n states, shape ``(n, 6)``: mu, sigma and the shares of TP, TN, FP and FN."""
        positives = self.positives[position]
        observations = np.empty((len(position), 6), dtype=np.float32)
        observations[:, :2] = self.statistics[position]
        for column, count in enumerate((tp, self.k - positives - fp, fp, positives - tp), start=2):
            observations[:, column] = count / self.k
        return observations

    def reward(self, position: Counts, tp: Counts, fp: Counts) -> NDArray[np.float64]:
        """Return shape ``(n,)``: the rewards for having come to n states."""
        return reward(tp, fp, self.positives[position], self.k, self.alpha, self.beta)

    @cached_property
    def recent_labels(self) -> list[int]:
        """Per position t >= k of a series, the labels of the last k windows as bits, the newest lowest."""
        mask = (1 << self.k) - 1
        bits, recent = 0, []
        for label in self.labels.tolist():
            recent.append(bits)
            bits = (bits << 1 | label) & mask
        return recent

    @cached_property
    def score_list(self) -> list[float]:
        """``scores`` as Python numbers."""
        return self.scores.tolist()

    @cached_property
    def label_list(self) -> list[bool]:
        """``labels`` as Python's bool."""
        return self.labels.tolist()

    @cached_property
    def label_numbers(self) -> list[int]:
        """``labels`` as 0 and 1."""
        return self.labels.astype(int).tolist()

    @cached_property
    def event_starts(self) -> Counts:
        """Per position of an anomalous window, where its event begins: the run of anomalous windows it is in."""
        begins = self.labels & ~np.concatenate(([False], self.labels[:-1]))
        return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))

    @property
    def rows(self) -> int:
        """How many rows the table has, or would have."""
        return len(self.labels) << self.k

    @cached_property
    def table(self) -> Table | None:
        """Every state's observation and reward, or None where there are more than ``MAX_TABLE_ROWS``."""
        if self.rows > MAX_TABLE_ROWS:
            return None
        history, recent = np.arange(1 << self.k), trailing_bits(self.labels[:-1], self.k)
        positives = self.positives[:, None]
        tp = np.bitwise_count(history & recent[:, None]).astype(np.int64)
        fp = np.bitwise_count(history) - tp
        observations = np.empty((len(recent), len(history), 6), dtype=np.float32)
        observations[:, :, :2] = self.statistics[:, None]
        for column, count in enumerate((tp, self.k - positives - fp, fp, positives - tp), start=2):
            np.divide(count, self.k, out=observations[:, :, column], casting="unsafe")
        rewards = reward(tp, fp, positives, self.k, self.alpha, self.beta)
        return Table(observations.reshape(-1, 6), rewards.ravel())

    @cached_property
    def outcomes(self) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float64], NDArray[np.float32]]:
        """The table without mu and sigma, in which few rows differ.

        Returns:
            Per row of the table the number of its different row; of those the rewards; and the observations, mu and
            sigma left at 0.
        """
        assert self.table is not None
        shares = np.concatenate(
            [np.zeros_like(self.statistics).repeat(1 << self.k, axis=0), self.table.observations[:, 2:]], axis=1
        )
        counts = np.rint(shares[:, 2:] * self.k).astype(np.int64)
        key = (counts[:, 0] * (self.k + 1) + counts[:, 2]) * (self.k + 1) + counts[:, 3]
        _, first, number = np.unique(key, return_index=True, return_inverse=True)
        smallest = np.min_scalar_type(len(first))
        return number.astype(smallest), self.table.rewards[first], shares[first]

    @cached_property
    def reward_list(self) -> list[float]:
        """The table's rewards as Python numbers."""
        return [] if self.table is None else self.table.rewards.tolist()


@lru_cache(maxsize=4)
def mdp_of(series: tuple[ScoredSeries, ...], k: int, alpha: float, beta: float) -> ThresholdingMDP:
    """Return the MDP of the given series; environments of the same series share one."""
    return ThresholdingMDP(series, k, alpha, beta)
