"""The metrics of one episode of an environment, which stand in its info once the episode is over."""

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.windows import of_counts

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
    # An episode may be short and a step takes a microsecond, so this is not put together from the metrics of tables.
    hit = decisions & labels
    tp, flagged, anomalous = (int(np.count_nonzero(one)) for one in (hit, decisions, labels))
    (events, found), (alarms, true_alarms) = _runs_and_touched(labels, hit), _runs_and_touched(decisions, hit)
    over_windows = of_counts(tp, flagged - tp, anomalous - tp)
    return np.array([*over_windows, events, found, alarms - true_alarms], dtype=np.float64)


def _runs_and_touched(flags: NDArray[np.bool_], at: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many runs of True there are, and how many of them hold a window of ``at``, which are all in runs."""
    begins = flags.copy()
    begins[1:] &= ~flags[:-1]
    number = begins.cumsum()
    touched = number[at]
    return int(number[-1]), int(np.count_nonzero(touched[1:] != touched[:-1])) + bool(len(touched))
