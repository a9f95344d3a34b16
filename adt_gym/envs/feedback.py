"""What an episode remembers where labels come late, in part, flipped or never.

Rewards, mu and sigma follow the truth, so they come from a memory that knows it; the four shares count what is told.
Both stand here for one episode in plain numbers and for N episodes in arrays, and agree bit by bit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.envs.memory import Array, Envs, Memories, Memory
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.stream.feedback import OUTCOME_OF, OUTCOMES, Feedback

UNTOLD = len(OUTCOMES)
"""Stands for the outcome of a window whose label is never told: the column after those of the four outcomes."""

SEEN = (1, 0, 0, 1, -1)
"""The label that a told outcome (TP, TN, FP or FN) gives away, -1 for ``UNTOLD``."""


def outcomes_of(feedback: Feedback) -> list[list[int]]:
    """Return ``[label told][decision]``: the outcome's place in ``OUTCOMES``, or ``UNTOLD``."""
    told = [feedback.told_at(0, decision) is not None for decision in (False, True)]
    return [[OUTCOMES.index(row[d]) if told[d] else UNTOLD for d in (False, True)] for row in OUTCOME_OF]


class ToldEpisode:
    """One episode under any feedback.

    Attributes:
        seen: Per window judged, the label that is told when its time has come, -1 if it never is.
    """

    def __init__(self, truth: Memory, mdp: ThresholdingMDP, feedback: Feedback):
        self._truth, self._feedback, self._outcomes = truth, feedback, outcomes_of(feedback)
        self._k, self._labels = mdp.k, mdp.label_list

    def restart(self, position: int, random: np.random.Generator) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``random`` flips labels."""
        self._truth.restart(position, random)
        self._random = random
        self.seen: list[int] = []
        self._told: list[int] = []
        self._counts = [0] * (UNTOLD + 1)
        for window in range(position - self._k, position):
            self._tell(self._labels[window], False)

    def push(self, position: int, decision: bool) -> float:
        """Come to ``position`` by a decision on the window before it; return the reward."""
        self._tell(self._labels[position - 1], decision)
        return self._truth.push(position, decision)

    def observe(self) -> NDArray[np.float32]:
        """Return the observation, a fresh array."""
        observation = self._truth.observe()
        observation[2:] = [count / self._k for count in self._counts[:UNTOLD]]
        return observation

    def _tell(self, label: bool, decision: bool) -> None:
        if self._feedback.noise:
            label ^= self._random.random() < self._feedback.noise
        outcome = self._outcomes[label][decision]
        self.seen.append(SEEN[outcome])
        self._told.append(outcome)
        newest = len(self._told) - (self._feedback.delay or 1)
        if newest >= 0:
            self._counts[self._told[newest]] += 1
        if newest >= self._k:
            self._counts[self._told[newest - self._k]] -= 1


class ToldEpisodes:
    """N episodes under any feedback: running counts, and a ring of the outcomes that are told or will be.

    Push only episodes that are not over: each draws from its generator where labels are noisy.
    """

    def __init__(self, truth: Memories, mdp: ThresholdingMDP, feedback: Feedback, num_envs: int):
        self._truth, self._mdp, self._feedback = truth, mdp, feedback
        self._outcomes = np.array(outcomes_of(feedback), dtype=np.int8)
        self._ring = np.full((num_envs, mdp.k + (feedback.delay or 1)), UNTOLD, dtype=np.int8)
        self._counts = np.zeros((num_envs, UNTOLD + 1), dtype=np.int64)

    def restart(self, envs: Array, position: Array, randoms: Sequence[Any]) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``randoms`` flip labels."""
        self._truth.restart(envs, position, randoms)
        self._randoms = randoms
        k, size = self._mdp.k, self._ring.shape[1]
        windows = position[:, None] + np.arange(-k, 0)
        told = self._outcomes[self._labels(envs, windows), 0]
        self._ring[envs] = UNTOLD
        self._ring[envs[:, None], windows % size] = told
        released = told[:, : max(k - (self._feedback.delay or 1) + 1, 0), None]
        self._counts[envs] = (released == np.arange(UNTOLD + 1)).sum(axis=1)

    def push(self, envs: Envs, position: Array, flag: Array) -> Array:
        """Come to ``position`` by the decisions, 0 or 1, on the windows before it; return the rewards."""
        env, size = np.arange(len(self._ring))[envs], self._ring.shape[1]
        newest = position - (self._feedback.delay or 1)
        self._ring[env, (position - 1) % size] = self._outcomes[self._labels(env, position - 1), flag]
        self._counts[env, self._ring[env, newest % size]] += 1
        self._counts[env, self._ring[env, (newest - self._mdp.k) % size]] -= 1
        return self._truth.push(envs, position, flag)

    def observe(self, position: Array) -> NDArray[np.float32]:
        """Return the observations of all episodes, a fresh array."""
        observations = self._truth.observe(position)
        observations[:, 2:] = self._counts[:, :UNTOLD] / self._mdp.k
        return observations

    def _labels(self, envs: Array, windows: Array) -> NDArray[np.int64]:
        """Return the labels that are told of some windows of each of the given episodes, 0 or 1."""
        labels = self._mdp.labels[windows]
        if self._feedback.noise:
            size = labels.shape[1:] or None  # None: plain numbers, many times faster than arrays of one
            uniform = [self._randoms[i].random(size) for i in envs.tolist()]
            labels = labels ^ (np.array(uniform) < self._feedback.noise)
        return labels.astype(np.int64)
