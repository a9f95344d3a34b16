"""Rolling a memoryless policy out over a stretch of windows without stepping an environment.

While a policy does not change, its action is a fixed function of the observation, and what can be observed before a
window depends only on the decisions on the k windows whose labels came last, or on (nTP, nFP): one batched call gives
the action in every state that can occur, and the rollout that follows is a chain of look-ups.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.mdp.mdp import Counts, ThresholdingMDP, trailing_bits, trailing_count
from adt_gym.stream.feedback import IMMEDIATE, Feedback

MAX_STATES_PER_DECISION = 64
"""With more states to evaluate per decision than this, stepping through the ones that occur is faster."""

MAX_HISTORIES = 16
"""Up to so many, all 2**k histories of decisions are looked up; beyond, only the fewer (nTP, nFP) are."""

CHUNK = 2048
"""Decisions planned at once: what a network makes of their states stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class View:
    """What an agent is shown in one episode.

    Args:
        feedback: What is told of the labels.
        observe_score: Whether observations end with the score of the window that comes next.
        labels: The labels of the episode's windows as they are told, the k before the first decision included; None
            for the true ones.
    """

    feedback: Feedback = IMMEDIATE
    observe_score: bool = False
    labels: NDArray[np.bool_] | None = None


Choose = Callable[[NDArray[np.float32]], NDArray[np.integer]]
"""Maps observations of shape (n, 6), or (n, 7) where they hold a score, to actions of shape (n,)."""

PAPER = View()
"""What the paper's agent is shown."""


def states_per_decision(mdp: ThresholdingMDP, feedback: Feedback = IMMEDIATE) -> float:
    """Return how many states `roll_out` evaluates before a window, on average; infinity where it cannot."""
    if not feedback.tells:
        return 1
    if not feedback.immediate:
        schedules = [feedback.schedule(length) for length in set(mdp.lengths.tolist())]
        planned = 1 << mdp.k <= MAX_HISTORIES and all(one is not None and one.complete for one in schedules)
        return 1 << mdp.k if planned else math.inf
    return float(np.mean((mdp.positives + 1) * (mdp.k - mdp.positives + 1)))


def roll_out(
    mdp: ThresholdingMDP,
    start: int,
    stop: int,
    choose: Choose,
    thresholds: tuple[float, ...],
    hold: int = 1,
    forced: NDArray[np.integer] | None = None,
    view: View = PAPER,
) -> NDArray[np.int64]:
    """Return the action on each window from ``start`` to ``stop``, shape ``(stop - start,)``.

    Args:
        mdp: The series, end to end.
        start: Position of the first window judged by the policy; the k windows before it were judged passively.
        stop: Position after the last one.
        choose: The policy.
        thresholds: The threshold of each action.
        hold: For how many windows (l) an action is kept.
        forced: Per decision, shape ``(ceil((stop - start) / hold),)``, an action to take whatever the policy
            says, or -1 to ask it.
        view: What the policy is shown.
    """
    deciding = np.arange(start, stop, hold)
    if forced is None:
        forced = np.full(len(deciding), -1)
    levels = np.array(thresholds)
    if not view.feedback.immediate:
        walk: Any = partial(_by_told, _Told(mdp, start, stop, view))
    elif mdp.table is not None and 1 << mdp.k <= MAX_HISTORIES:
        walk = partial(_by_history, mdp, view)
    else:
        walk = partial(_by_counts, mdp, view)
    taken, history = np.empty(len(deciding), dtype=np.int64), 0
    for first in range(0, len(deciding), CHUNK):
        part = slice(first, first + CHUNK)
        taken[part], history = walk(choose, levels, hold, deciding[part], forced[part], history)
    return np.repeat(taken, hold)[: stop - start]


def _by_history(
    mdp: ThresholdingMDP, view: View, choose: Choose, levels: NDArray[np.float64], hold: int,
    deciding: Counts, forced: NDArray[np.integer], history: int,
) -> tuple[NDArray[np.integer], int]:  # fmt: skip
    """Small k: an action for each of the 2**k histories before each decision, then one look-up per decision."""
    assert mdp.table is not None
    histories, n = np.arange(1 << mdp.k)[:, None], len(deciding)
    every, full = np.arange(n), len(histories) - 1
    # Of the windows that an action is held for, the last ones settle which history follows.
    shift = min(hold, mdp.k)
    words = np.zeros((len(levels), n), dtype=np.int64)
    for i in range(hold - shift, hold):
        words = words << 1 | (mdp.scores.take(deciding + i, mode="clip") > levels[:, None])

    # A forced action settles ``shift`` bits of the histories after it: those that differ need no evaluation.
    asked = forced < 0
    settled = np.where(asked, 0, words.take(forced * n + every, mode="clip"))
    settles = np.where(asked, 0, (1 << shift) - 1)
    bits, known = np.zeros((2, n), dtype=np.int64)
    for age in range(min(-(-mdp.k // shift), n - 1)):
        bits[age + 1 :] |= settled[: n - age - 1] << age * shift
        known[age + 1 :] |= settles[: n - age - 1] << age * shift
    possible = ((histories ^ bits) & (known & full)) == 0
    states = np.flatnonzero(possible & asked)
    actions = np.tile(forced, len(histories))
    if len(states):
        rows = (deciding << mdp.k | histories).take(states)
        observations = mdp.table.observations.take(rows, axis=0)
        actions[states] = choose(_with_score(mdp, view, observations, rows >> mdp.k))
    actions = actions.reshape(-1, n)

    following = histories << shift & full | words.take(actions * n + every, mode="clip")
    after, visited = [row.tobytes() for row in following.astype(np.uint8)], bytearray()
    for i in range(n):
        visited.append(history)
        history = after[history][i]
    return actions[np.frombuffer(visited, dtype=np.uint8), every], history


def _by_counts(
    mdp: ThresholdingMDP, view: View, choose: Choose, levels: NDArray[np.float64], hold: int,
    deciding: Counts, forced: NDArray[np.integer], history: int,
) -> tuple[list[int], int]:  # fmt: skip
    """Large k: an action for each (nTP, nFP) that can occur before each decision."""
    asked = deciding[forced < 0]
    positives = mdp.positives[asked]
    sizes = (positives + 1) * (mdp.k - positives + 1)
    first = np.cumsum(sizes) - sizes
    widths = np.repeat(mdp.k - positives + 1, sizes)
    tp, fp = np.divmod(np.arange(sizes.sum()) - np.repeat(first, sizes), widths)
    actions: list[int] = []
    if len(asked):
        position = np.repeat(asked, sizes)
        actions = choose(_with_score(mdp, view, mdp.observe(position, tp, fp), position)).tolist()

    # Per decision, where the actions of its states begin: the state (nTP, nFP) is nTP * width + nFP after it.
    begins = np.full(len(deciding), -1)
    begins[forced < 0] = first
    taken: list[int] = []
    mask = (1 << mdp.k) - 1
    recent_labels, scores, thresholds = mdp.recent_labels, mdp.score_list, levels.tolist()
    for position, action, begin in zip(deciding.tolist(), forced.tolist(), begins.tolist(), strict=True):
        if begin >= 0:
            recent = recent_labels[position]
            true_positives = (history & recent).bit_count()
            false_positives = history.bit_count() - true_positives
            width = mdp.k - recent.bit_count() + 1
            action = actions[begin + true_positives * width + false_positives]
        taken.append(action)
        threshold = thresholds[action]
        for score in scores[position : position + hold]:  # past the last window they matter to no decision
            history = (history << 1 | (score > threshold)) & mask
    return taken, history


class _Told:
    """What is told in one episode, by position, where it is not the paper's feedback.

    Attributes:
        bits: How many decisions a state consists of: k, or 0 where nothing is ever told.
        most_pending: How many decisions at most wait before they become part of one.
    """

    def __init__(self, mdp: ThresholdingMDP, start: int, stop: int, view: View):
        self.mdp, self.view = mdp, view
        self.bits = mdp.k if view.feedback.tells else 0
        self._first, self._begin = start - mdp.k, mdp.begin_of(start)
        windows = slice(self._first - self._begin, stop - self._begin)
        schedule = view.feedback.schedule(windows.stop)
        assert schedule is not None
        self._schedule = schedule
        labels = mdp.labels[self._first : stop] if view.labels is None else view.labels
        self._positive = trailing_bits(labels, self.bits)
        self.most_pending = int(self.pending(np.arange(start, stop)).max()) if self.bits else 0
        self._told_passed, self._told_flagged = (trailing_bits(one, self.bits) for one in schedule.told[windows].T)

    def released(self, position: Counts) -> Counts:
        """Return of how many of the episode's windows the feedback is in."""
        return np.maximum(self._schedule.released(position - self._begin) - (self._first - self._begin), 0)

    def pending(self, position: Counts) -> Counts:
        """Return of how many windows that are judged it is not."""
        return position - self._first - self.released(position)

    def observe(self, position: Counts, history: Counts) -> NDArray[np.float32]:
        """Return the observations by position and, as bits, the decisions on the newest windows released."""
        released = self.released(position)
        positive = self._positive[released]
        told = self._told_flagged[released] & history | self._told_passed[released] & ~history
        shape = np.broadcast_shapes(position.shape, history.shape)
        observations = np.empty((*shape, 6), dtype=np.float32)
        observations[..., :2] = self.mdp.statistics[position]
        outcomes = (history & positive, ~history & ~positive, history & ~positive, ~history & positive)
        for column, windows in enumerate(outcomes, start=2):
            observations[..., column] = np.bitwise_count(told & windows).astype(np.int64) / self.mdp.k
        positions = np.broadcast_to(position, shape).ravel()
        return _with_score(self.mdp, self.view, observations.reshape(-1, 6), positions)


def _by_told(
    told: _Told, choose: Choose, levels: NDArray[np.float64], hold: int,
    deciding: Counts, forced: NDArray[np.integer], history: int,
) -> tuple[list[int], int]:  # fmt: skip
    """Small k, any complete schedule: an action for each history of the k windows whose labels came last.

    ``history`` also holds the decisions that are made already but not released yet.
    """
    asked, histories = forced < 0, np.arange(1 << told.bits)[:, None]
    actions = np.tile(forced, (len(histories), 1))
    if asked.any():
        actions[:, asked] = choose(told.observe(deciding[asked], histories)).reshape(len(histories), -1)

    taken: list[int] = []
    pending = told.pending(deciding).tolist()
    full, kept = (1 << told.bits) - 1, (1 << told.bits + told.most_pending) - 1
    table, scores, thresholds = actions.tolist(), told.mdp.score_list, levels.tolist()
    for i, position in enumerate(deciding.tolist()):
        action = table[history >> pending[i] & full][i]
        taken.append(action)
        threshold = thresholds[action]
        for score in scores[position : position + hold]:  # past the last window they matter to no decision
            history = (history << 1 | (score > threshold)) & kept
    return taken, history


def outputs(
    mdp: ThresholdingMDP, start: int, decisions: NDArray[np.bool_], view: View = PAPER
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return what an environment returns for the given decisions on the windows from position ``start`` on.

    Returns:
        Observations, shape ``(n + 1, 6)``, or ``(n + 1, 7)`` where they hold a score, the first before any decision;
        rewards, shape ``(n,)``.
    """
    position = np.arange(start, start + len(decisions) + 1)
    if mdp.table is not None:
        rows = position << mdp.k | trailing_bits(decisions, mdp.k)
        observations, rewards = mdp.table.observations.take(rows, axis=0), mdp.table.rewards.take(rows[1:])
    else:
        labels = mdp.labels[position[:-1]]
        tp, fp = trailing_count(decisions & labels, mdp.k), trailing_count(decisions & ~labels, mdp.k)
        observations, rewards = mdp.observe(position, tp, fp), mdp.reward(position[1:], tp[1:], fp[1:])
    if view.feedback.immediate:
        return _with_score(mdp, view, observations, position), rewards
    told = _Told(mdp, start, int(position[-1]), view)
    judged = np.concatenate((np.zeros(mdp.k, dtype=bool), decisions))
    return told.observe(position, trailing_bits(judged, told.bits)[told.released(position)]), rewards


def _with_score(
    mdp: ThresholdingMDP, view: View, observations: NDArray[np.float32], position: Counts
) -> NDArray[np.float32]:
    if not view.observe_score:
        return observations
    return np.column_stack((observations, mdp.scores[position]))
