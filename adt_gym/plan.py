"""Rolling a memoryless policy out over a stretch of windows without stepping an environment.

While a policy does not change, its action is a fixed function of the observation, and what can be observed
before a window depends only on (nTP, nFP): one batched call gives the action in every state that can occur, and
the rollout that follows is a chain of look-ups.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adt_gym.mdp import ThresholdingMDP, trailing_count

MAX_STATES_PER_DECISION = 64
"""With more states to evaluate per decision than this, stepping through the ones that occur is faster."""

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
    history, mask = 0, (1 << mdp.k) - 1
    recent_labels, scores = mdp.recent_labels, mdp.score_list
    for position, action, begin in zip(deciding.tolist(), forced.tolist(), begins.tolist(), strict=True):
        if begin >= 0:
            recent = recent_labels[position]
            true_positives = (history & recent).bit_count()
            false_positives = history.bit_count() - true_positives
            width = mdp.k - recent.bit_count() + 1
            action = actions[begin + true_positives * width + false_positives]
        taken.append(action)
        threshold = thresholds[action]
        for score in scores[position : min(position + hold, stop)]:
            history = (history << 1 | (score > threshold)) & mask
    return np.repeat(np.array(taken, dtype=np.int64), hold)[: stop - start]


def outputs(
    mdp: ThresholdingMDP, start: int, decisions: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return what an environment returns for the given decisions on the windows from position ``start`` on.

    Returns:
        Observations, shape ``(n + 1, 6)``, the first before any decision; rewards, shape ``(n,)``.
    """
    position = np.arange(start, start + len(decisions) + 1)
    labels = mdp.labels[position[:-1]]
    tp, fp = trailing_count(decisions & labels, mdp.k), trailing_count(decisions & ~labels, mdp.k)
    return mdp.observe(position, tp, fp), mdp.reward(position[1:], tp[1:], fp[1:])
