"""Direct policy search: which rule of `adt_gym.thresholds.remembering` does best on the training series.

All rules of a grid play the training series under the very feedback, in a compiled loop, on evidence from trees that
have not seen the series; of long ones a stretch with many events, see `adt_gym.thresholds.rows`. With few series the
best of thousands is mostly luck, so the choice is bagged (Breiman, 1996): the best rule on each of many resamples of
the series is found, and the rule nearest to their mean is taken.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from adt_gym.stream.feedback import Feedback
from adt_gym.thresholds.chain import usual_delay
from adt_gym.thresholds.objective import objective, surely_better
from adt_gym.thresholds.remembering import Rule, Seen, decisions_of
from adt_gym.thresholds.replayed import Released
from adt_gym.thresholds.rows import MOST_ROWS, fair_share, most_eventful

MIXES = (0.0, 0.5, 1.0)
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
PATIENCE = (0.0, 2.0, 4.0)
CUTS = tuple(np.linspace(-6.0, 8.0, 29).tolist())
"""The grid, at first without the memory of alarms."""

GAINS, LOWER = (1.0, 2.5), (0.0, 0.5, 1.0)
"""What the best rules of the grid are then given: gains, with cuts that are lower by so much."""

PROMISING = 20
"""So many of the best rules of the grid."""

STEPS = (0.5, 1.0, 1.0, 2.0, 0.5)
"""By how much the numbers of two rules differ where these are one step apart."""

RESAMPLES = 200

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def search(
    seen: Sequence[Seen],
    released: Sequence[Released],
    labels: Sequence[Flags],
    chain: Array,
    feedback: Feedback,
    seed: int,
) -> tuple[Rule, Array]:
    """Return the rule that is chosen, and its objective on each series.

    Labels are only used where that is surely better than the best rule without them.

    Args:
        seen, released, labels: One per training series: what is seen of it, what is told, and the truth.
        chain: See `adt_gym.thresholds.remembering.judge_windows`.
        feedback: What ``released`` goes by.
        seed: Of the resamples.
    """
    share = fair_share([len(one) for one in labels], MOST_ROWS)
    parts = [_stretch(*one, share) for one in zip(seen, released, labels, strict=True)]

    def values(rules: Sequence[Rule]) -> Array:
        return np.array(
            [[objective(decisions_of(see, told, chain, rule), truth) for rule in rules] for see, told, truth in parts]
        )

    plain = [Rule(mix, 0.0, 0.0, 0.0, cut) for mix in MIXES for cut in CUTS]
    of_plain = values(plain)
    chosen, its = _bagged(plain, of_plain, seed)
    if feedback.tells:
        late = usual_delay(feedback, max(map(len, labels))) > 1
        waits = PATIENCE if feedback.partial and late else (0.0,)
        rules = [Rule(m, w, 0.0, p, cut) for m, w, p, cut in product(MIXES, WEIGHTS, waits, CUTS)]
        of_rules = values(rules)
        best = np.argsort(-of_rules.mean(axis=0), kind="stable")[:PROMISING]
        more = [
            rules[i]._replace(gain=gain, cut=rules[i].cut - lower) for i in best for gain in GAINS for lower in LOWER
        ]
        using, theirs = _bagged([*rules, *more], np.hstack((of_rules, values(more))), seed)
        if surely_better(theirs, its):
            chosen = using
    pairs = zip(seen, released, labels, strict=True)
    return chosen, np.array([objective(decisions_of(see, told, chain, chosen), truth) for see, told, truth in pairs])


def _bagged(rules: Sequence[Rule], values: Array, seed: int) -> tuple[Rule, Array]:
    """Return the rule nearest to the mean of those that are best on resamples of the series, and its values.

    Args:
        rules: n of them.
        values: Shape ``(series, n)``.
        seed: Of the resamples.
    """
    series = len(values)
    counts = np.random.default_rng(seed).multinomial(series, np.full(series, 1 / series), RESAMPLES)
    numbers = np.array(rules)
    mean = numbers[(counts @ values).argmax(axis=1)].mean(axis=0)
    nearest = int((np.abs(numbers - mean) / STEPS).sum(axis=1).argmin())
    return rules[nearest], values[:, nearest]


def _stretch(seen: Seen, released: Released, labels: Flags, most: int) -> tuple[Seen, Released, Flags]:
    """Return the stretch with the most events as a series of its own."""
    part = most_eventful(labels, most)
    own = (released.windows >= part.start) & (released.windows < part.stop)
    windows, due = released.windows[own] - part.start, released.due[own] - part.start
    told = Released(windows, due, released.told[part], released.labels[part])
    return Seen(*(one[part] for one in seen)), told, labels[part]
