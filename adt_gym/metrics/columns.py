"""The registered metrics: each makes one number, NaN where it cannot be told, of what one method decided."""

import numpy as np

from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.evaluated import Evaluated
from adt_gym.metrics.events import alarm_segments_per_day as segments_per_day
from adt_gym.metrics.events import false_alarms_per_1000 as per_1000
from adt_gym.metrics.events import false_alarms_per_day as per_day
from adt_gym.metrics.ranges import point_adjusted, range_precision_recall_f1
from adt_gym.metrics.windows import precision_recall_f1

NAN = float("nan")


def precision(one: Evaluated) -> float:
    """In [0, 1], over windows."""
    return one.over_windows[0]


def recall(one: Evaluated) -> float:
    """In [0, 1], over windows."""
    return one.over_windows[1]


def f1(one: Evaluated) -> float:
    """In [0, 1], over windows."""
    return one.over_windows[2]


def composite(one: Evaluated) -> float:
    """In [0, 1], of precision over windows and recall over events; see `adt_gym.metrics.composite`."""
    return composite_f1(one.detections, one.deadline)


def f1_low(one: Evaluated) -> float:
    """The low end of the 95% interval of F1, series drawn anew; NaN of a single series."""
    return one.interval.low


def f1_high(one: Evaluated) -> float:
    """The high end."""
    return one.interval.high


def alarms_per_1000(one: Evaluated) -> float:
    """Flagged windows per 1,000 windows."""
    return 1000 * float(one.decisions.mean())


def false_alarms_per_day(one: Evaluated) -> float:
    """Alarm segments that touch no event, per day of normal time; NaN where times are unknown."""
    return per_day(one.detections, one.indexes) if one.indexes is not None else NAN


def false_alarms_per_1000(one: Evaluated) -> float:
    """Flagged normal windows per 1,000 windows."""
    return per_1000(one.decisions, one.labels)


def event_recall(one: Evaluated) -> float:
    """In [0, 1], over runs of anomalous windows."""
    return one.events.precision_recall_f1()[1]


def event_f1(one: Evaluated) -> float:
    """In [0, 1], over runs of anomalous windows."""
    return one.events.precision_recall_f1()[2]


def delay_median(one: Evaluated) -> float:
    """Windows from an event's start to its first alarm, over the found events."""
    return one.events.median_delay


def delay_p95(one: Evaluated) -> float:
    """The 95th percentile of the same."""
    return one.events.p95_delay


def missed_events(one: Evaluated) -> float:
    """Runs of anomalous windows without an alarm."""
    return one.events.missed


def alarm_segments_per_day(one: Evaluated) -> float:
    """NaN where times are unknown, or cover no time."""
    if one.indexes is None or not any(len(index) > 1 and index[0] < index[-1] for index in one.indexes):
        return NAN
    return segments_per_day(one.detections, one.indexes)


def point_precision(one: Evaluated) -> float:
    """In [0, 1], over points; NaN where their labels are unknown."""
    return one.over_points[0]


def point_recall(one: Evaluated) -> float:
    """In [0, 1], over points; NaN where their labels are unknown."""
    return one.over_points[1]


def point_f1(one: Evaluated) -> float:
    """In [0, 1], over points; NaN where their labels are unknown."""
    return one.over_points[2]


def range_f1(one: Evaluated) -> float:
    """In [0, 1], range-based, the mean over series."""
    return float(np.mean([range_precision_recall_f1(*pair)[2] for pair in one.pairs]))


def vus_pr(one: Evaluated) -> float:
    """In [0, 1], of score minus threshold, the mean over the series with both kinds of windows."""
    return one.volumes[0]


def vus_roc(one: Evaluated) -> float:
    """The same for the ROC."""
    return one.volumes[1]


def f1_point_adjusted(one: Evaluated) -> float:
    """Inflated; see `adt_gym.metrics.ranges.point_adjusted`."""
    return precision_recall_f1(np.concatenate([point_adjusted(*pair) for pair in one.pairs]), one.labels)[2]
