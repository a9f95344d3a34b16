"""What an episode remembers of its last k decisions, and the reward and observation that follow.

Small k: the decisions as bits, and look-ups in the MDP's table. Large k, with more states than a table should hold:
counts. Each stands here twice, for one episode in plain numbers and for N episodes in arrays; all agree bit by bit.
Observations count every label as soon as its window is judged; ``envs.feedback`` stands before these where they do not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.mdp.mdp import ThresholdingMDP, reward
from adt_gym.stream.feedback import OUTCOME_NUMBERS

Array = NDArray[Any]
Envs = slice | Array
"""Which of N episodes: their indices, or a slice."""

OUTCOME_CODES = np.array(OUTCOME_NUMBERS, dtype=np.int64).ravel()
"""The code of outcome ``label << 1 | decision``."""


class TabulatedEpisode:
    """One episode, small k."""

    def __init__(self, mdp: ThresholdingMDP):
        assert mdp.table is not None
        self._k, self._mask = mdp.k, (1 << mdp.k) - 1
        self._observations, self._rewards = mdp.table.observations, mdp.reward_list

    def restart(self, position: int, random: np.random.Generator) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``random`` stays untouched."""
        self._history, self._row = 0, position << self._k

    def push(self, position: int, decision: bool) -> float:
        """Come to ``position`` by a decision on the window before it; return the reward."""
        self._history = history = (self._history << 1 | decision) & self._mask
        self._row = row = position << self._k | history
        return self._rewards[row]

    def observe(self) -> NDArray[np.float32]:
        """Return the observation, a fresh array."""
        return self._observations[self._row].copy()


class CountedEpisode:
    """One episode, large k."""

    def __init__(self, mdp: ThresholdingMDP):
        self._mdp, self._mask = mdp, (1 << mdp.k) - 1

    def restart(self, position: int, random: np.random.Generator) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``random`` stays untouched."""
        self._position, self._history, self._tp, self._fp = position, 0, 0, 0

    def push(self, position: int, decision: bool) -> float:
        """Come to ``position`` by a decision on the window before it; return the reward."""
        mdp = self._mdp
        self._position = position
        self._history = history = (self._history << 1 | decision) & self._mask
        recent_labels = mdp.recent_labels[position]
        self._tp = tp = (history & recent_labels).bit_count()
        self._fp = fp = history.bit_count() - tp
        earned: float = reward(tp, fp, recent_labels.bit_count(), mdp.k, mdp.alpha, mdp.beta)
        return earned

    def observe(self) -> NDArray[np.float32]:
        """Return the observation, a fresh array."""
        k, tp, fp = self._mdp.k, self._tp, self._fp
        mu, sigma = self._mdp.statistics[self._position]
        positives = self._mdp.recent_labels[self._position].bit_count()
        shares = (tp / k, (k - positives - fp) / k, fp / k, (positives - tp) / k)
        return np.array((mu, sigma, *shares), dtype=np.float32)


class TabulatedEpisodes:
    """N episodes, small k.

    N walks through the whole table would wait for memory at every step. What differs between rows with the same counts
    is only mu and sigma, so a byte per row leads to the few different rewards and shares, which stay in the cache.
    """

    def __init__(self, mdp: ThresholdingMDP, num_envs: int):
        assert mdp.table is not None
        # Arrays, not numbers: in every operation on a number NumPy would first have to find a type for it.
        self._k, self._mask = np.array(mdp.k), np.array((1 << mdp.k) - 1)
        self._outcome, self._rewards, self._observations = mdp.outcomes
        self._statistics = mdp.statistics.view(np.float64).ravel()  # mu and sigma of a position in one word
        self._row = np.zeros(num_envs, dtype=np.int64)

    def restart(self, envs: Array, position: Array, randoms: Sequence[Any]) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``randoms`` stay untouched."""
        self._row[envs] = position << self._k

    def push(self, envs: Envs, position: Array, flag: Array) -> Array:
        """Come to ``position`` by the decisions, 0 or 1, on the windows before it; return the rewards."""
        history = self._row[envs]
        history = history + history
        history |= flag
        history &= self._mask
        row = position << self._k
        row |= history
        self._row[envs] = row
        return self._rewards.take(self._outcome.take(row))

    def observe(self, position: Array) -> NDArray[np.float32]:
        """Return the observations of all episodes, a fresh array."""
        observations = self._observations.take(self._outcome.take(self._row), axis=0)
        observations.view(np.float64)[:, 0] = self._statistics.take(position)
        return observations


class CountedEpisodes:
    """N episodes, large k: running counts and a ring of decisions."""

    def __init__(self, mdp: ThresholdingMDP, num_envs: int):
        self._mdp = mdp
        self._ring = np.zeros((num_envs, mdp.k), dtype=bool)
        self._tp = np.zeros(num_envs, dtype=np.int64)
        self._fp = np.zeros(num_envs, dtype=np.int64)

    def restart(self, envs: Array, position: Array, randoms: Sequence[Any]) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``randoms`` stay untouched."""
        self._ring[envs] = False
        self._tp[envs] = self._fp[envs] = 0

    def push(self, envs: Envs, position: Array, flag: Array) -> Array:
        """Come to ``position`` by the decisions, 0 or 1, on the windows before it; return the rewards."""
        mdp, env = self._mdp, np.arange(len(self._ring))[envs]
        judged = position - 1
        slot, left = judged % mdp.k, judged - mdp.k
        label, leaving, leaving_label = mdp.labels[judged], self._ring[env, slot], mdp.labels[left]
        self._ring[env, slot] = flag
        tp = self._tp[envs] + flag * label - (leaving & leaving_label)
        fp = self._fp[envs] + flag * ~label - (leaving & ~leaving_label)
        self._tp[envs], self._fp[envs] = tp, fp
        return mdp.reward(position, tp, fp)

    def observe(self, position: Array) -> NDArray[np.float32]:
        """Return the observations of all episodes, a fresh array."""
        return self._mdp.observe(position, self._tp, self._fp)


Memory = TabulatedEpisode | CountedEpisode
Memories = TabulatedEpisodes | CountedEpisodes
