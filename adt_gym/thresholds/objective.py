"""What methods that choose among settings on labelled series go by: composite F1 and F1 over windows, half and half."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError
from adt_gym.compiling import compiled
from adt_gym.metrics.composite import DEADLINE, composite_of_counts
from adt_gym.metrics.windows import of_counts
from adt_gym.series import ScoredSeries

Flags = NDArray[np.bool_]
Setting = TypeVar("Setting")


@compiled
def _counts(decisions: Flags, labels: Flags, deadline: int) -> tuple[int, int, int, int, int]:
    """Return TP, FP and FN, events found in time, and all events."""
    tp = fp = fn = in_time = events = since = 0
    found = False
    for t in range(len(labels)):
        if not labels[t]:
            since = 0
            fp += int(decisions[t])
            continue
        if since == 0:
            events += 1
            found = False
        if decisions[t]:
            tp += 1
            if not found and since < deadline:
                in_time += 1
            found = True
        else:
            fn += 1
        since += 1
    return tp, fp, fn, in_time, events


def objective(decisions: Flags, labels: Flags, deadline: int = DEADLINE) -> float:
    """Return the mean of composite F1 and F1 over windows of one series, in [0, 1], in one compiled pass.

    It equals the mean of `adt_gym.metrics.composite.composite_f1` and the F1 of
    `adt_gym.metrics.windows.precision_recall_f1`, whose checks it leaves out.

    Args:
        decisions: Shape ``(T,)``, bool, True where a window was flagged.
        labels: Shape ``(T,)``, bool, True where it is anomalous.
        deadline: Windows from the start of an event in which it must be flagged to count as found.
    """
    counts = _counts(decisions, labels, deadline)
    return (composite_of_counts(counts) + of_counts(*counts[:3])[2]) / 2


def best_on(
    train: Sequence[ScoredSeries],
    settings: Iterable[Setting],
    prepare: Callable[[ScoredSeries], Callable[[Setting], Flags]],
) -> Setting:
    """Return the setting with the best mean `objective` over the training series, the first of equal ones.

    Args:
        train: Labelled series.
        settings: What is tried.
        prepare: Returns of a series what says, for a setting, the decisions on it.
    """
    tried = list(settings)
    values = np.zeros(len(tried))
    for one in train:
        decide: Any = prepare(one)
        values += [objective(decide(setting), one.truth) for setting in tried]
    return tried[int(values.argmax())]


def require_anomaly(train: Sequence[ScoredSeries], name: str) -> None:
    """Refuse training series that hold nothing to choose settings by.

    Raises:
        InputError: If no window of them is anomalous.
    """
    anomalous = [one.truth.any() for one in train]  # each is asked for its labels
    if not any(anomalous):
        raise InputError(
            f"{name}: no anomalous window in {', '.join(one.name for one in train) or 'no series'}; train on labelled "
            "series that hold some"
        )
