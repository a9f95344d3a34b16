"""The metrics of one episode of an environment, which stand in its info once the episode is over."""

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.events import events_of
from adt_gym.metrics.windows import confusion_counts, of_counts

OVER_WINDOWS = ("precision", "recall", "f1")
EPISODE_METRICS = (*OVER_WINDOWS, "events", "events_found", "false_alarms")
"""What the entries of ``info["episode_metrics"]`` are, in their order."""

UNTOLD = -1.0
"""Each of the entries as long as the episode goes on."""


def episode_metrics(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return shape ``(6,)``: `EPISODE_METRICS` of the windows of one episode, its first k included.

    Precision, recall and F1, in [0, 1], are over windows. Events are runs of anomalous windows, as far as they lie in
    the episode; one is found if any of its windows is flagged. False alarms are runs of flagged windows that touch no
    event (`adt_gym.metrics.events.Events.false_segments`).

    Args:
        decisions, labels: Shape ``(T,)``, T > 0.
    """
    over_windows, events = of_counts(*confusion_counts(decisions, labels)), events_of(decisions, labels)
    return np.array([*over_windows, events.found + events.missed, events.found, events.false_segments], dtype=float)
