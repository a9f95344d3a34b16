"""The registered metrics: each makes one number, NaN where it cannot be told, of what one method decided."""

import numpy as np

from adt_gym.metrics.bootstrap import f1_interval
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.evaluated import Evaluated, Flags
from adt_gym.metrics.events import alarm_segments_per_day as segments_per_day
from adt_gym.metrics.events import false_alarms_per_1000 as per_1000
from adt_gym.metrics.events import false_alarms_per_day as per_day
from adt_gym.metrics.ranges import margins, point_adjusted, range_precision_recall_f1, vus
from adt_gym.metrics.windows import pointwise_precision_recall_f1, precision_recall_f1
from adt_gym.series import Detection, ScoredSeries, Series, varies

NAN = float("nan")


def precision(one: Evaluated) -> float:
    """In [0, 1], over windows."""
    return precision_recall_f1(one.decisions, one.labels)[0]


def recall(one: Evaluated) -> float:
    """In [0, 1], over windows."""
    return precision_recall_f1(one.decisions, one.labels)[1]


def f1(one: Evaluated) -> float:
    """In [0, 1], over windows."""
    return precision_recall_f1(one.decisions, one.labels)[2]


def composite(one: Evaluated) -> float:
    """In [0, 1], of precision over windows and recall over events; see `adt_gym.metrics.composite`."""
    return composite_f1(one.detections, one.deadline)


def f1_low(one: Evaluated) -> float:
    """The low end of the 95% interval of F1, series drawn anew; NaN of a single series."""
    return f1_interval([one.detections]).low


def f1_high(one: Evaluated) -> float:
    """The high end."""
    return f1_interval([one.detections]).high


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
    return _pointwise(one)[0]


def point_recall(one: Evaluated) -> float:
    """In [0, 1], over points; NaN where their labels are unknown."""
    return _pointwise(one)[1]


def point_f1(one: Evaluated) -> float:
    """In [0, 1], over points; NaN where their labels are unknown."""
    return _pointwise(one)[2]


def range_f1(one: Evaluated) -> float:
    """In [0, 1], range-based, the mean over series."""
    return float(np.mean([range_precision_recall_f1(*pair)[2] for pair in one.pairs]))


def vus_pr(one: Evaluated) -> float:
    """In [0, 1], of score minus threshold, the mean over the series with both kinds of windows."""
    return _volumes(one)[0]


def vus_roc(one: Evaluated) -> float:
    """The same for the ROC."""
    return _volumes(one)[1]


def f1_point_adjusted(one: Evaluated) -> float:
    """Inflated; see `adt_gym.metrics.ranges.point_adjusted`."""
    return precision_recall_f1(np.concatenate([point_adjusted(*pair) for pair in one.pairs]), one.labels)[2]


def _pointwise(one: Evaluated) -> tuple[float, float, float]:
    labels = [points.labels for points in one.points or () if points.labels is not None]
    if one.points is None or len(labels) < len(one.detections):
        return NAN, NAN, NAN
    decisions = [_dense(*each) for each in zip(one.detections, one.test, one.points, strict=True)]
    return pointwise_precision_recall_f1(decisions, labels)


def _dense(detection: Detection, scored: ScoredSeries, points: Series) -> Flags:
    """Return decisions for windows that span a gap in time, which have no score, too: not flagged."""
    if not len(points.breaks):
        return detection.decisions
    window = scored.meta["window"]
    dense = np.zeros(len(points) - window + 1, dtype=bool)
    dense[points.window_starts(window)] = detection.decisions
    return dense


def _volumes(one: Evaluated) -> tuple[float, float]:
    pairs = zip(one.detections, one.test, strict=True)
    each = [vus(margins(detection, scored), scored.truth) for detection, scored in pairs if varies(scored.truth)]
    pr, roc = np.mean(each, axis=0) if each else (NAN, NAN)
    return float(pr), float(roc)
