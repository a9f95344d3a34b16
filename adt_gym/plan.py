"""Rolling a memoryless policy out over a stretch of windows without stepping an environment.

While a policy does not change, its action is a fixed function of the observation, and what can be observed
before a window depends only on (nTP, nFP): one batched call gives the action in every state that can occur, and
the rollout that follows is a chain of look-ups.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adt_gym.mdp import Counts, ThresholdingMDP, trailing_bits, trailing_count

MAX_STATES_PER_DECISION = 64
"""With more states to evaluate per decision than this, stepping through the ones that occur is faster."""

MAX_HISTORIES = 16
"""Up to so many, all 2**k histories of decisions are looked up; beyond, only the fewer (nTP, nFP) are."""

CHUNK = 2048
"""Decisions planned at once: what a network makes of their states stays in the processor's cache."""

Choose = Callable[[NDArray[np.float32]], NDArray[np.integer]]
"""Maps observations of shape (n, 6) to actions of shape (n,)."""


def states_per_decision(mdp: ThresholdingMDP) -> float:
    """Return how many (nTP, nFP) can occur before a window, on average."""
    return float(np.mean((mdp.positives + 1) * (mdp.k - mdp.positives + 1)))


def roll_out(
    mdp: ThresholdingMDP,
    start: int,
    stop: int,
    choose: Choose,
    thresholds: tuple[float, ...],
    hold: int = 1,
    forced: NDArray[np.integer] | None = None,
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
    """
    deciding = np.arange(start, stop, hold)
    if forced is None:
        forced = np.full(len(deciding), -1)
    levels = np.array(thresholds)
    walk = _by_history if mdp.table is not None and 1 << mdp.k <= MAX_HISTORIES else _by_counts
    taken, history = np.empty(len(deciding), dtype=np.int64), 0
    for first in range(0, len(deciding), CHUNK):
        part = slice(first, first + CHUNK)
        taken[part], history = walk(mdp, deciding[part], choose, levels, hold, forced[part], history)
    return np.repeat(taken, hold)[: stop - start]


def _by_history(
    mdp: ThresholdingMDP,
    deciding: Counts,
    choose: Choose,
    levels: NDArray[np.float64],
    hold: int,
    forced: NDArray[np.integer],
    history: int,
) -> tuple[NDArray[np.integer], int]:
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
        actions[states] = choose(mdp.table.observations.take(rows, axis=0))
    actions = actions.reshape(-1, n)

    following = histories << shift & full | words.take(actions * n + every, mode="clip")
    after, visited = [row.tobytes() for row in following.astype(np.uint8)], bytearray()
    for i in range(n):
        visited.append(history)
        history = after[history][i]
    return actions[np.frombuffer(visited, dtype=np.uint8), every], history


def _by_counts(
    mdp: ThresholdingMDP,
    deciding: Counts,
    choose: Choose,
    levels: NDArray[np.float64],
    hold: int,
    forced: NDArray[np.integer],
    history: int,
) -> tuple[list[int], int]:
    """Large k: an action for each (nTP, nFP) that can occur before each decision."""
    asked = deciding[forced < 0]
    positives = mdp.positives[asked]
    sizes = (positives + 1) * (mdp.k - positives + 1)
    first = np.cumsum(sizes) - sizes
    widths = np.repeat(mdp.k - positives + 1, sizes)
    tp, fp = np.divmod(np.arange(sizes.sum()) - np.repeat(first, sizes), widths)
    actions = choose(mdp.observe(np.repeat(asked, sizes), tp, fp)).tolist() if len(asked) else []

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


def outputs(
    mdp: ThresholdingMDP, start: int, decisions: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return what an environment returns for the given decisions on the windows from position ``start`` on.

    Returns:
        Observations, shape ``(n + 1, 6)``, the first before any decision; rewards, shape ``(n,)``.
    """
    position = np.arange(start, start + len(decisions) + 1)
    if mdp.table is not None:
        rows = position << mdp.k | trailing_bits(decisions, mdp.k)
        return mdp.table.observations.take(rows, axis=0), mdp.table.rewards.take(rows[1:])
    labels = mdp.labels[position[:-1]]
    tp, fp = trailing_count(decisions & labels, mdp.k), trailing_count(decisions & ~labels, mdp.k)
    return mdp.observe(position, tp, fp), mdp.reward(position[1:], tp[1:], fp[1:])
