"""What an episode remembers where labels come late, in part, flipped or never.

Rewards, mu and sigma follow the truth, so they come from a memory that knows it; the four shares count what is told.
Both stand here for one episode in plain numbers and for N episodes in arrays, and agree bit by bit.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, shown
from adt_gym.envs.memory import Array, Envs, Memories, Memory
from adt_gym.envs.native import many
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.stream.feedback import OUTCOME_NUMBERS, OUTCOMES, Feedback, Waiting, flips

UNTOLD = len(OUTCOMES)
"""Stands for the outcome of a window whose label is never told: the column after those of the four outcomes."""


class ToldEpisode:
    """One episode under any feedback.

    Attributes:
        seen: Per window judged, the label that is told when its time has come, -1 if it never is.
    """

    def __init__(self, truth: Memory, mdp: ThresholdingMDP, feedback: Feedback):
        self._truth, self._mdp, self._feedback = truth, mdp, feedback

    def restart(self, position: int, random: np.random.Generator) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``random`` flips labels."""
        self._truth.restart(position, random)
        self._random, self._offset = random, self._mdp.begin_of(position)
        self._waiting = Waiting(self._feedback)
        self.seen: list[int] = []
        self._outcomes: list[int] = []  # per window judged
        self._last: deque[int] = deque()  # the outcomes of the k windows whose feedback came last
        self._counts = [0] * (UNTOLD + 1)
        for after in range(position - self._mdp.k + 1, position + 1):
            self._tell(after, False)

    def push(self, position: int, decision: bool) -> float:
        """Come to ``position`` by a decision on the window before it; return the reward."""
        self._tell(position, decision)
        return self._truth.push(position, decision)

    def observe(self) -> NDArray[np.float32]:
        """Return the observation, a fresh array."""
        observation = self._truth.observe()
        observation[2:] = [count / self._mdp.k for count in self._counts[:UNTOLD]]
        return observation

    def _tell(self, position: int, decision: bool) -> None:
        label, t, k = self._mdp.label_list[position - 1], position - self._offset, self._mdp.k
        if self._feedback.noise:
            label ^= bool(flips(self._random, self._feedback.noise))
        is_told = self._waiting.judged(t - 1, decision)
        self.seen.append(int(label) if is_told else -1)
        self._outcomes.append(OUTCOME_NUMBERS[label][decision] if is_told else UNTOLD)
        for window, _ in self._waiting.come(t):
            self._last.append(self._outcomes[window - t])  # counted from the newest, window t - 1
            self._counts[self._last[-1]] += 1
            if len(self._last) > k:
                self._counts[self._last.popleft()] -= 1


@dataclass(frozen=True, eq=False)
class Arrivals:
    """A rule that comes as a schedule, in arrays over the positions of an MDP.

    Args:
        windows: Shape ``(n,)``: the positions of the windows whose feedback comes in at all, in that order.
        due: Shape ``(n,)``: the positions at which it is in.
        told: Per position, shape ``(..., 2)``: whether a label is told of the window there, by the decision on it.
        released: Per position, of how many of ``windows`` the feedback is in.
    """

    windows: NDArray[np.int64]
    due: NDArray[np.int64]
    told: NDArray[np.bool_]
    released: NDArray[np.int64]

    @classmethod
    def of(cls, mdp: ThresholdingMDP, feedback: Feedback) -> "Arrivals":
        """Return the rule.

        Raises:
            InputError: If it does not come as a schedule.
        """
        parts: list[tuple[Array, ...]] = []
        for offset, length in zip(mdp.offsets.tolist(), mdp.lengths.tolist(), strict=False):
            schedule = feedback.schedule(length)
            if schedule is None:
                raise InputError(
                    f"feedback {shown(feedback.kind)} does not tell windows in their order, or when depends on "
                    "decisions; the native vector environment and that in JAX cannot: gym.make(...), and "
                    'gym.make_vec(..., vectorization_mode="sync"), take any rule'
                )
            before, never = sum(len(windows) for windows, *_ in parts), np.zeros((1, 2), dtype=bool)
            released = before + schedule.released(np.arange(length + 1))
            told = np.concatenate((schedule.told, never))
            parts.append((offset + schedule.windows, offset + schedule.due, told, released))
        windows, due, table, releases = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(windows, due, table, releases)

    def place_of(self, position: Array) -> Array:
        """Return the place in ``windows`` of the first window at ``position`` or later."""
        return np.searchsorted(self.windows, position)

    def coming(self, upcoming: Array, env: Array, position: Array) -> Iterator[tuple[Array, Array, Array]]:
        """Yield what comes in before ``position``, one window of each episode at a time: episodes, places and windows.

        Args:
            upcoming: Per episode the place in ``windows`` of the next one that comes in; it goes along.
            env: The episodes, shape ``(n,)``.
            position: Where each of them stands, shape ``(n,)``.
        """
        place, end = upcoming[env], self.released[position]
        while np.count_nonzero(still := place < end):
            env, place, end = env[still], place[still], end[still]
            yield env, place, self.windows[place]
            place = place + 1
            upcoming[env] = place


class ToldEpisodes:
    """N episodes under a rule that comes as a schedule: running counts, and a ring of what is told or will be.

    Push only episodes that are not over: each draws from its generator where labels are noisy.

    Raises:
        InputError: If the rule does not come as a schedule, or the ring would not fit into memory.
    """

    def __init__(self, truth: Memories, mdp: ThresholdingMDP, feedback: Feedback, num_envs: int):
        self._truth, self._mdp, self._feedback = truth, mdp, feedback
        self._arrivals = arrivals = Arrivals.of(mdp, feedback)
        begin = np.repeat(arrivals.released[mdp.offsets[:-1]], mdp.lengths + 1)
        leaving = np.maximum(np.concatenate(([0], arrivals.released[:-1])) - mdp.k, begin)
        oldest = np.append(arrivals.windows, len(arrivals.released))[leaving]
        self._size = max(int((np.arange(len(oldest)) - oldest).max()), 1)
        self._ring = np.full((many(num_envs, self._size), self._size), UNTOLD, dtype=np.int8)
        self._counts = np.zeros((num_envs, UNTOLD + 1), dtype=np.int64)
        self._first, self._next = np.zeros((2, num_envs), dtype=np.int64)

    def restart(self, envs: Array, position: Array, randoms: Sequence[Any]) -> None:
        """Begin at ``position``, the k windows before it judged in passive mode; ``randoms`` flip labels."""
        self._truth.restart(envs, position, randoms)
        self._randoms = randoms
        begin = position - self._mdp.k
        self._first[envs] = self._next[envs] = self._arrivals.place_of(begin)
        self._counts[envs] = 0
        flipped = self._flips(envs, self._mdp.k)
        for i in range(self._mdp.k):
            self._tell(envs, begin + i, np.zeros(len(envs), dtype=np.int64), flipped[..., i])

    def push(self, envs: Envs, position: Array, flag: Array) -> Array:
        """Come to ``position`` by the decisions, 0 or 1, on the windows before it; return the rewards."""
        env = np.arange(len(self._ring))[envs]
        self._tell(env, position - 1, flag, self._flips(env))
        return self._truth.push(envs, position, flag)

    def observe(self, position: Array) -> NDArray[np.float32]:
        """Return the observations of all episodes, a fresh array."""
        observations = self._truth.observe(position)
        observations[:, 2:] = self._counts[:, :UNTOLD] / self._mdp.k
        return observations

    def told(self, env: Array, window: Array) -> NDArray[np.integer]:
        """Return what is told of windows, by position, that were judged lately: 0, 1, or -1 for nothing."""
        return _LABELS[self._ring[env, window % self._size]]

    def _flips(self, envs: Array, windows: int | None = None) -> NDArray[np.bool_]:
        """Return which labels of the next windows of some episodes are told wrongly, shape ``(n,)`` or (n, windows)."""
        if not self._feedback.noise:
            return np.zeros((len(envs), windows) if windows else len(envs), dtype=bool)
        return np.array([flips(self._randoms[i], self._feedback.noise, windows) for i in envs.tolist()], dtype=bool)

    def _tell(self, env: Array, judged: Array, flag: Array, flipped: Array) -> None:
        label = (self._mdp.labels[judged] ^ flipped).astype(np.int64)
        outcome = np.where(self._arrivals.told[judged, flag], _NUMBERS[label, flag], UNTOLD)
        self._ring[env, judged % self._size] = outcome
        for some, place, window in self._arrivals.coming(self._next, env, judged + 1):
            self._counts[some, self._ring[some, window % self._size]] += 1
            leaving = place - self._mdp.k
            left = self._ring[some, self._arrivals.windows[leaving] % self._size]
            self._counts[some, np.where(leaving >= self._first[some], left, UNTOLD)] -= 1


_NUMBERS = np.array(OUTCOME_NUMBERS, dtype=np.int8)
_LABELS = np.array([1, 0, 0, 1, -1], dtype=np.int8)
"""The label that a told outcome gives away, -1 for ``UNTOLD``."""
