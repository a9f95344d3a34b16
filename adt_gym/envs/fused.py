"""The step of N tabulated episodes as loops that Numba compiles: what `vector` and `memory` do operation by operation.

An operation of NumPy costs about as much to start as to carry out for a thousand episodes; here one call does them all,
without arrays in between. Import this only where Numba is installed. The results are NumPy's bit by bit.
"""

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import jit
from adt_gym.envs.memory import OUTCOME_CODES, Array, TabulatedEpisodes
from adt_gym.envs.tally import NEXT, OVER_EVENTS, OVER_WINDOWS, Tally
from adt_gym.mdp.mdp import ThresholdingMDP

WORD = np.int64
"""As wide as two float32: to copy them as one number is much faster."""


@jit
def _judge(
    scores: Array, labels: Array, codes: Array, rewards: Array, outcome_of_row: Array, k: int,
    following: Array, to_windows: Array, to_events: Array, row: Array, state: Array, windows: Array, events: Array,
    offset: Array, position: Array, threshold: Array, waiting: Array,
    earned: Array, t: Array, decision: Array, label: Array, outcome: Array,
) -> None:  # fmt: skip
    # Short loops, which the compiler turns into vector instructions where one long one would be left as it is.
    n, mask = len(position), (1 << k) - 1
    for i in range(n):
        position[i] -= waiting[i]
        t[i] = position[i] - offset[i]
    for i in range(n):
        decision[i] = scores[position[i]] > threshold[i]
        label[i] = labels[position[i]]
    for i in range(n):
        cell = label[i] << 1 | decision[i]
        outcome[i] = codes[cell]
        transition = state[i] << 2 | cell
        state[i] = following[transition]
        windows[i] += to_windows[transition]
        events[i] += to_events[transition]
    for i in range(n):
        position[i] += 1
        row[i] = position[i] << k | (row[i] << 1 | decision[i]) & mask
    for i in range(n):
        earned[i] = rewards[outcome_of_row[row[i]]]


@jit
def _observe(
    statistics: Array, shares: Array, outcome_of_row: Array, position: Array, row: Array, observations: Array
) -> None:
    for i in range(len(position)):
        number = outcome_of_row[row[i]]
        observations[i, 0] = statistics[position[i]]
        observations[i, 1] = shares[number, 1]
        observations[i, 2] = shares[number, 2]


class FusedEpisodes(TabulatedEpisodes):
    """N episodes, small k, judged and observed by compiled loops."""

    def __init__(self, mdp: ThresholdingMDP, num_envs: int, tally: Tally):
        super().__init__(mdp, num_envs)
        table = mdp.scores, mdp.labels, OUTCOME_CODES, self._rewards, self._outcome, mdp.k
        self._judged_by = *table, NEXT, OVER_WINDOWS, OVER_EVENTS
        self._changed = self._row, tally.state, tally.over_windows, tally.over_events
        self._observed_by = self._statistics.view(WORD), self._observations.view(WORD), self._outcome

    def judge(
        self, offset: Array, position: Array, threshold: Array, waiting: Array
    ) -> tuple[NDArray[np.float64], dict[str, Array]]:
        """Judge the next window of every episode, the last one again where it waits, and advance ``position``.

        Args:
            offset: Per episode the first position of its series.
            position: Per episode the window that comes next, changed in place.
            threshold: float64, per episode.
            waiting: bool, which episodes are over.

        Returns:
            The rewards, and the arrays of the info.
        """
        n = len(position)
        rewards, t, outcome = np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64)
        decision, label = np.empty(n, np.bool_), np.empty(n, np.bool_)
        given = offset, position, threshold, waiting
        _judge(*self._judged_by, *self._changed, *given, rewards, t, decision, label, outcome)
        return rewards, {"t": t, "threshold": threshold, "decision": decision, "label": label, "outcome": outcome}

    def observe(self, position: Array) -> NDArray[np.float32]:
        """Return the observations of all episodes, a fresh array."""
        observations = np.empty((len(position), 6), np.float32)
        _observe(*self._observed_by, position, self._row, observations.view(WORD))
        return observations
