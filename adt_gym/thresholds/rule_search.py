"""Direct policy search: which rule of `adt_gym.thresholds.remembering` does best on the training series.

All rules of a grid play the training series under the very feedback, in a compiled loop, on evidence from trees that
have not seen the series; of long ones a stretch with many events, see `adt_gym.thresholds.rows`. On a new series the
same evidence stands a little higher or lower, so a rule counts for what it is worth at its own cut and at those near
it: with few series, the best of thousands of rules is mostly luck, and luck has no neighbours.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adt_gym.stream.feedback import Feedback
from adt_gym.thresholds.chain import usual_delay
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.remembering import Rule, Seen, decisions_of
from adt_gym.thresholds.replayed import Released
from adt_gym.thresholds.rows import MOST_ROWS, fair_share, most_eventful

MIXES = (0.0, 0.5, 1.0)
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
PATIENCE = (0.0, 2.0, 4.0)
CUTS = tuple(np.linspace(-6.0, 10.0, 33).tolist())
"""The grid, at first without the memory of alarms."""

GAINS = (1.0, 2.5)
"""What the best of the grid is then given, at all cuts."""

NEAR = 2
"""Cuts to either side that count as much as a rule's own."""

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def search(
    seen: Sequence[Seen],
    released: Sequence[Released],
    labels: Sequence[Flags],
    chain: Array,
    feedback: Feedback,
) -> tuple[Rule, Array]:
    """Return the rule that is chosen, and its objective on each series.

    Args:
        seen, released, labels: One per training series: what is seen of it, what is told, and the truth.
        chain: See `adt_gym.thresholds.remembering.judge_windows`.
        feedback: What ``released`` goes by.
    """
    share = fair_share([len(one) for one in labels], MOST_ROWS)
    parts = [_stretch(*one, share) for one in zip(seen, released, labels, strict=True)]

    def values(rules: Sequence[Rule]) -> Array:
        return np.array([
            [[objective(decisions_of(see, told, chain, one._replace(cut=cut)), truth) for cut in CUTS] for one in rules]
            for see, told, truth in parts
        ])  # fmt: skip

    tells = feedback.tells
    waits = tells and feedback.partial and usual_delay(feedback, max(map(len, labels))) > 1
    grid = product(MIXES, WEIGHTS if tells else (0.0,), PATIENCE if waits else (0.0,))
    rules = [Rule(mix, weight, 0.0, patience, 0.0) for mix, weight, patience in grid]
    worth = values(rules)
    if tells:
        best = rules[int(_nearby(worth).max(axis=1).argmax())]
        more = [best._replace(gain=gain) for gain in GAINS]
        rules, worth = [*rules, *more], np.concatenate((worth, values(more)), axis=1)
    rule, cut = divmod(int(_nearby(worth).argmax()), len(CUTS))
    chosen = rules[rule]._replace(cut=CUTS[cut])
    pairs = zip(seen, released, labels, strict=True)
    return chosen, np.array([objective(decisions_of(see, told, chain, chosen), truth) for see, told, truth in pairs])


def _nearby(values: Array) -> Array:
    """Return shape ``(n, len(CUTS))``: the mean over series and near cuts; beyond the ends, the last one stands."""
    ends = np.pad(values.mean(axis=0), ((0, 0), (NEAR, NEAR)), mode="edge")
    mean: Array = sliding_window_view(ends, 2 * NEAR + 1, axis=1).mean(axis=2)
    return mean


def _stretch(seen: Seen, released: Released, labels: Flags, most: int) -> tuple[Seen, Released, Flags]:
    """Return the stretch with the most events as a series of its own."""
    part = most_eventful(labels, most)
    own = (released.windows >= part.start) & (released.windows < part.stop)
    windows, due = released.windows[own] - part.start, released.due[own] - part.start
    told = Released(windows, due, released.told[part], released.labels[part])
    return Seen(*(one[part] for one in seen)), told, labels[part]
