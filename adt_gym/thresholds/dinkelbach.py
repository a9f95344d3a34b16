"""The policy with the best F1 of a tabulated decision problem, by policy iteration inside of Dinkelbach's iteration.

F1 = 2 TP / (flags + positives) is a ratio of two long-run rewards. The policy with the best ratio is the one with the
best reward 2 TP - F (flags + positives) for the F that it reaches itself (W. Dinkelbach, "On nonlinear fractional
programming", Management Science 13(7), 1967; for F-measures of decisions S. P. Parambath, N. Usunier and Y. Grandvalet,
"Optimizing F-measures by cost-sensitive classification", NeurIPS 2014). For a fixed F that is an ordinary Markov
decision process: a flag pays 2 - 2F for an anomalous window and -F for a normal one; silence pays -F for an anomalous
one. Where flags change nothing that comes later, a window is flagged if its chance is above F / 2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 200
"""Improvements of a policy after which it is taken as it is: each one but the last improves, so they are few."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """N situations before a window is seen, E kinds of evidence in it, and two actions: silence (0) and a flag (1).

    Args:
        chance: Shape ``(N, E)``: of each kind of evidence, by situation; rows add up to 1.
        anomalous: Shape ``(N, E)``: the chance that the window is anomalous.
        following: By action, sparse of shape ``(N * E, N)``: the chance of each situation before the next window.
        start: The situation before the first window.
        discount: The chance, in (0, 1), that a series goes on after a window; another one begins where it does not.
    """

    chance: Array
    anomalous: Array
    following: tuple[Any, Any]
    start: int
    discount: float


@dataclass(frozen=True, eq=False)
class Solution:
    """The policy with the best F1.

    Args:
        advantage: Shape ``(N, E)``: how much more a flag is worth than silence; the policy flags where it is above 0.
        f1: What the policy reaches, in [0, 1].
    """

    advantage: Array
    f1: float


def solve(problem: Problem, tolerance: float = 1e-9) -> Solution:
    """Return the policy of a problem with the best F1, over series that end at a discount's rate."""
    f1, flagged = 0.0, problem.anomalous > 0
    while True:
        best, advantage = f1, np.zeros_like(problem.chance)
        for _ in range(ROUNDS):
            value, best = _evaluate(problem, flagged, f1)
            advantage = _advantage(problem, value, f1)
            improved = np.where(np.abs(advantage) > tolerance, advantage > 0, flagged)
            if (improved == flagged).all():
                break
            flagged = improved
        if best <= f1 + tolerance:
            return Solution(advantage, f1)
        f1 = best


def _evaluate(problem: Problem, flagged: NDArray[np.bool_], f1: float) -> tuple[Array, float]:
    """Return the discounted reward of a policy from each situation, and the F1 that it reaches."""
    from scipy.sparse import csr_array, diags_array, eye_array
    from scipy.sparse.linalg import splu

    n, kinds = problem.chance.shape
    mean = csr_array((problem.chance.ravel(), np.arange(n * kinds), np.arange(n + 1) * kinds), (n, n * kinds))
    flags = flagged.ravel().astype(float)
    silence, flag = problem.following
    step = mean @ (diags_array(1 - flags) @ silence + diags_array(flags) @ flag)
    system = splu((eye_array(n) - problem.discount * step).tocsc())
    found = (problem.chance * flagged * problem.anomalous).sum(axis=1)
    spent = (problem.chance * (flagged + problem.anomalous)).sum(axis=1)
    visits = system.solve((np.arange(n) == problem.start).astype(float), "T")
    return system.solve(2 * found - f1 * spent), float(2 * visits @ found / (visits @ spent))


def _advantage(problem: Problem, value: Array, f1: float) -> Array:
    later = (problem.following[1] @ value - problem.following[0] @ value).reshape(problem.chance.shape)
    return np.asarray(2 * problem.anomalous - f1 + problem.discount * later)
