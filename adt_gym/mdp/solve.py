"""The exact solution of the MDP, by backward induction over its states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError
from adt_gym.mdp.mdp import MAX_TABLE_ROWS, ThresholdingMDP


@dataclass(frozen=True)
class Solution:
    """The exact solution of one series's MDP (step by step, hold 1).

    Args:
        values: Shape ``(T - k, 2**k, actions)``: Q* of each action before window k + i, by the decisions on the last k
            windows as bits, the newest lowest.
        k: Windows that observation and reward look back on.
    """

    values: NDArray[np.float64]
    k: int

    @property
    def optimal_return(self) -> float:
        """The discounted return of the optimal policy from the start."""
        return float(self.values[0, 0].max())

    def optimal(self, actions: NDArray[np.integer], decisions: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return, per window from k on, whether an action was optimal in the state where it was taken.

        Args:
            actions: Shape ``(T - k,)``, what a policy did.
            decisions: Shape ``(T - k,)``, what came of it.
        """
        history, mask = 0, (1 << self.k) - 1
        visited = np.empty(len(actions), dtype=np.int64)
        for i, decision in enumerate(decisions.tolist()):
            visited[i] = history
            history = (history << 1 | decision) & mask
        values = self.values[np.arange(len(actions)), visited]
        best = values.max(axis=1)
        chosen = values[np.arange(len(actions)), actions]
        return chosen >= best - 1e-9 * np.maximum(np.abs(best), 1.0)


def solve(mdp: ThresholdingMDP, thresholds: Sequence[float], gamma: float = 0.99, series: int = 0) -> Solution:
    """Solve the MDP of one series exactly, by backward induction over its states.

    Args:
        mdp: The series, with a k small enough to tabulate.
        thresholds: The threshold of each action.
        gamma: Discount factor, in [0, 1].
        series: Which series of the MDP.

    Raises:
        InputError: If the states are too many to tabulate.
    """
    if mdp.table is None:
        raise InputError(f"k={mdp.k} makes {mdp.rows:,} states; the exact solution tabulates up to {MAX_TABLE_ROWS:,}")
    start, length = int(mdp.offsets[series]), int(mdp.lengths[series])
    rewards = mdp.table.rewards.reshape(-1, 1 << mdp.k)
    history = np.arange(1 << mdp.k)[:, None]
    values = np.empty((length - mdp.k, 1 << mdp.k, len(thresholds)))
    best_next = np.zeros(1 << mdp.k)
    for t in range(length - 1, mdp.k - 1, -1):
        decision = mdp.scores[start + t] > np.asarray(thresholds)
        following = (history << 1 | decision) & ((1 << mdp.k) - 1)
        values[t - mdp.k] = (rewards[start + t + 1] + gamma * best_next)[following]
        best_next = values[t - mdp.k].max(axis=1)
    return Solution(values, mdp.k)
