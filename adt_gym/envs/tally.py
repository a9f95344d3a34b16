"""The metrics of N episodes, counted as they go: `adt_gym.metrics.episode` without keeping the decisions.

An automaton per episode takes in a label and a decision a window. Its state, three bits, says whether the event that
the last window is in is found, whether that window was flagged, and whether the alarm it is in has touched no event.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from adt_gym.envs.memory import Array, Envs
from adt_gym.mdp.mdp import ThresholdingMDP

HIGH = 32
"""Two counts share a number, the second from this bit on: to add to both at once is faster."""

STATES = 8


def _automaton() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Return by ``state << 2 | label << 1 | decision`` the next state, and what is added to a Tally's two numbers."""
    following, over_windows, over_events = [], [], []
    for state, label, decision in product(range(STATES), (0, 1), (0, 1)):
        found, flagged, false = state & 1, state >> 1 & 1, state >> 2
        hit, is_false = label & decision, (1 - label) & decision & (false | (1 - flagged))
        following.append((label & (found | decision)) | decision << 1 | is_false << 2)
        over_windows.append(hit + (decision << HIGH))
        false_alarms = (is_false & (1 - flagged)) - (hit & false)
        over_events.append((hit & (1 - found)) + (false_alarms << HIGH))
    return np.array(following, np.uint8), np.array(over_windows), np.array(over_events)


NEXT, OVER_WINDOWS, OVER_EVENTS = _automaton()


class Tally:
    """What became of the windows of N episodes so far.

    Attributes:
        state: Shape ``(N,)``: of the automaton.
        over_windows: Shape ``(N,)``: true positives and, from bit ``HIGH`` on, flagged windows.
        over_events: Shape ``(N,)``: events found and, from bit ``HIGH`` on, false alarms.
    """

    def __init__(self, mdp: ThresholdingMDP, num_envs: int):
        self.state = np.zeros(num_envs, dtype=np.uint8)
        self.over_windows, self.over_events = np.zeros((2, num_envs), dtype=np.int64)
        self._labels = mdp.labels
        self._begins = mdp.labels & ~np.append(False, mdp.labels[:-1])
        # How many there are before each position.
        self._positives, self._events = (np.append(0, np.cumsum(one)) for one in (mdp.labels, self._begins))

    def restart(self, envs: Envs) -> None:
        """Begin episodes whose first k windows, which are not flagged, are judged."""
        self.state[envs] = self.over_windows[envs] = self.over_events[envs] = 0

    def judged(self, envs: Envs, label: NDArray[np.bool_], decision: NDArray[np.bool_]) -> None:
        """Take in the next window of some episodes."""
        row = self.state[envs] << 2 | label << 1 | decision
        self.state[envs] = NEXT.take(row)
        self.over_windows[envs] += OVER_WINDOWS.take(row)
        self.over_events[envs] += OVER_EVENTS.take(row)

    def metrics(self, envs: Array, start: Array, stop: Array) -> NDArray[np.float64]:
        """Return shape ``(n, 6)``: the metrics of some episodes over the positions ``start`` to ``stop``, exclusive."""
        (tp, flags), (found, false_alarms) = (
            (one[envs] & (1 << HIGH) - 1, one[envs] >> HIGH) for one in (self.over_windows, self.over_events)
        )
        positives = self._positives[stop] - self._positives[start]
        goes_on = self._labels[start] & ~self._begins[start]  # an event that began before the episode
        events = self._events[stop] - self._events[start] + goes_on
        parts = ((tp, flags), (tp, positives), (2 * tp, flags + positives))
        nothing = flags + positives == 0
        ratios = [np.where(nothing, 1.0, above / np.maximum(below, 1)) for above, below in parts]
        return np.column_stack((*ratios, events, found, false_alarms))
