"""Thresholders x series -> a table with one row per method."""

import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adt_gym import thresholds
from adt_gym.metrics.bootstrap import f1_interval
from adt_gym.metrics.composite import DEADLINE, composite_f1
from adt_gym.metrics.events import (
    alarm_segments_per_day,
    false_alarms_per_1000,
    false_alarms_per_day,
    find_events,
)
from adt_gym.metrics.flags import of_detection
from adt_gym.metrics.ranges import (
    POINT_ADJUSTED,
    margins,
    point_adjusted,
    range_precision_recall_f1,
    vus,
)
from adt_gym.metrics.windows import pointwise_precision_recall_f1, precision_recall_f1
from adt_gym.series import Detection, InputError, ScoredSeries, Series, known, varies
from adt_gym.spreadsheet import write_csv
from adt_gym.stream.stream import Method


@dataclass(frozen=True)
class Measures:
    """How one method did over all windows of all test series: a line of table.csv.

    Args:
        method: Its name.
        saw_labels: Whether it saw labels of the test series.
        precision, recall, f1: In [0, 1], over windows.
        composite_f1: In [0, 1], of precision over windows and recall over events; see `adt_gym.metrics.composite`.
        f1_low, f1_high: The 95% interval of ``f1``, series drawn anew; NaN of a single series.
        alarms_per_1000: Flagged windows per 1,000 windows.
        seconds: Time to fit and detect.
        false_alarms_per_day: Alarm segments that touch no event, per day of normal time; NaN where times are unknown.
        false_alarms_per_1000: Flagged normal windows per 1,000 windows.
        event_recall, event_f1: In [0, 1], over runs of anomalous windows.
        delay_median, delay_p95: Windows from an event's start to its first alarm, over the found events.
        missed_events: Runs of anomalous windows without an alarm.
        alarm_segments_per_day: NaN where times are unknown.
        point_precision, point_recall, point_f1: In [0, 1], over points; NaN where their labels are unknown.
        range_f1: In [0, 1], range-based, the mean over series.
        vus_pr, vus_roc: In [0, 1], of score minus threshold, the mean over the series with both kinds of windows; NaN
            where not measured.
        f1_point_adjusted: Inflated; see `adt_gym.metrics.ranges.point_adjusted_f1`.
    """

    method: str
    saw_labels: bool
    precision: float
    recall: float
    f1: float
    composite_f1: float
    f1_low: float
    f1_high: float
    alarms_per_1000: float
    seconds: float
    false_alarms_per_day: float
    false_alarms_per_1000: float
    event_recall: float
    event_f1: float
    delay_median: float
    delay_p95: float
    missed_events: int
    alarm_segments_per_day: float
    point_precision: float
    point_recall: float
    point_f1: float
    range_f1: float
    vus_pr: float
    vus_roc: float
    f1_point_adjusted: float


@dataclass(frozen=True)
class Row(Measures):
    """The same, and its detections, one per test series."""

    detections: list[Detection] = field(repr=False, compare=False)

    @property
    def measures(self) -> Measures:
        """The row without its detections."""
        return Measures(**{column: getattr(self, column) for column in COLUMNS})


COLUMNS = tuple(one.name for one in fields(Measures))
"""The columns of a written table, but for the point-adjusted F1, whose header says that it is inflated."""


def evaluate(
    thresholder: Method,
    train: Sequence[ScoredSeries],
    test: Sequence[ScoredSeries],
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
) -> Row:
    """Fit a method on the labelled training series and measure it on the test series.

    A method that is defined by the test labels is fitted on the test series, and its row says that it saw labels.

    Args:
        thresholder: The method.
        train: What it is fitted on.
        test: What it is measured on.
        volumes: Whether the VUS is measured too, which takes long.
        points: What ``test`` was scored from, one per test series; None where the labels of points are unknown.
        deadline: Of the composite F1, in windows; None for none.

    Raises:
        InputError: If there is no test series, or one has no labels.
    """
    if not test:
        raise InputError("no test series to evaluate on")
    for one in test:
        known(one.labels, one.name)
    started = time.perf_counter()
    thresholder.fit(test if thresholder.hindsight else train)
    detections = [thresholder.detect(one) for one in test]
    seconds = time.perf_counter() - started
    return measure(thresholder.name, thresholder.sees_labels, detections, test, seconds, volumes, points, deadline)


def measure(
    method: str,
    saw_labels: bool,
    detections: Sequence[Detection],
    test: Sequence[ScoredSeries],
    seconds: float = float("nan"),
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
) -> Row:
    """Return the row of given detections, one per test series; the other arguments are those of `evaluate`."""
    pairs = [of_detection(one) for one in detections]
    decisions, labels = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    precision, recall, f1 = precision_recall_f1(decisions, labels)
    interval = f1_interval([detections])
    point_precision, point_recall, point_f1 = _pointwise(detections, test, points)
    events = find_events(detections)
    _, event_recall, event_f1 = events.precision_recall_f1()
    indexes = [one.index for one in test if one.index is not None]
    timed = len(indexes) == len(test)
    vus_pr, vus_roc = _volumes(detections, test) if volumes else (float("nan"), float("nan"))
    return Row(
        method=method,
        saw_labels=saw_labels,
        precision=precision,
        recall=recall,
        f1=f1,
        composite_f1=composite_f1(detections, deadline),
        f1_low=interval.low,
        f1_high=interval.high,
        alarms_per_1000=1000 * float(decisions.mean()),
        seconds=seconds,
        false_alarms_per_day=false_alarms_per_day(detections, indexes) if timed else float("nan"),
        false_alarms_per_1000=false_alarms_per_1000(decisions, labels),
        event_recall=event_recall,
        event_f1=event_f1,
        delay_median=events.median_delay,
        delay_p95=events.p95_delay,
        missed_events=events.missed,
        alarm_segments_per_day=_segments_per_day(detections, indexes) if timed else float("nan"),
        point_precision=point_precision,
        point_recall=point_recall,
        point_f1=point_f1,
        range_f1=float(np.mean([range_precision_recall_f1(*pair)[2] for pair in pairs])),
        vus_pr=vus_pr,
        vus_roc=vus_roc,
        f1_point_adjusted=precision_recall_f1(np.concatenate([point_adjusted(*pair) for pair in pairs]), labels)[2],
        detections=list(detections),
    )


def compare(
    thresholders: Sequence[Method],
    train: Sequence[ScoredSeries],
    test: Sequence[ScoredSeries],
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
) -> list[Row]:
    """Return a row per method, in the order given; the other arguments are those of `evaluate`."""
    return [evaluate(one, train, test, volumes, points, deadline) for one in thresholders]


def baselines(delay: int = 1, seed: int = 0) -> list[Method]:
    """Return what every agent must be held against, in every table.

    Args:
        delay: Of the labels that the agent sees.
        seed: Of the alarms at random.
    """
    registry, made = thresholds.registry, []
    for name in registry.names(thresholds.BASELINE):
        told = thresholds.SEES in registry[name].tags
        made += [registry.make_for(name, seed=seed, delay=d) for d in (sorted({1, 10, delay}) if told else [delay])]
        if name == "static":
            made.append(thresholds.make(name, on="test"))
    return made


def where_possible(
    methods: Iterable[Method],
    train: Sequence[ScoredSeries],
    test: Sequence[ScoredSeries],
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
) -> list[Row]:
    """Return the rows of the methods that can be fitted on these scores, and warn of the others."""
    rows = []
    for method in methods:
        try:
            rows.append(evaluate(method, train, test, volumes, points, deadline))
        except InputError as error:
            warnings.warn(f"no row for {method.name}: {error}", stacklevel=2)
    return rows


def _pointwise(
    detections: Sequence[Detection], test: Sequence[ScoredSeries], points: Sequence[Series] | None
) -> tuple[float, float, float]:
    labels = [one.labels for one in points or () if one.labels is not None]
    if points is None or len(labels) < len(detections):
        return float("nan"), float("nan"), float("nan")
    decisions = [_dense(*one) for one in zip(detections, test, points, strict=True)]
    return pointwise_precision_recall_f1(decisions, labels)


def _segments_per_day(detections: Sequence[Detection], indexes: Sequence[NDArray[np.datetime64]]) -> float:
    """Return `alarm_segments_per_day`, NaN where the times cover none."""
    if not any(len(index) > 1 and index[0] < index[-1] for index in indexes):
        return float("nan")
    return alarm_segments_per_day(detections, indexes)


def _dense(detection: Detection, scored: ScoredSeries, points: Series) -> NDArray[np.bool_]:
    """Return decisions for windows that span a gap in time, which have no score, too: not flagged."""
    if not len(points.breaks):
        return detection.decisions
    window = scored.meta["window"]
    dense = np.zeros(len(points) - window + 1, dtype=bool)
    dense[points.window_starts(window)] = detection.decisions
    return dense


def _volumes(detections: Sequence[Detection], test: Sequence[ScoredSeries]) -> tuple[float, float]:
    """Return VUS-PR and VUS-ROC of score minus threshold, the mean over series with both kinds of windows."""
    each = [
        vus(margins(detection, one), one.truth)
        for detection, one in zip(detections, test, strict=True)
        if varies(one.truth)
    ]
    pr, roc = np.mean(each, axis=0) if each else (float("nan"), float("nan"))
    return float(pr), float(roc)


def write_table(path: str | Path, rows: Sequence[Measures]) -> None:
    """Write the rows to a CSV file with the columns ``COLUMNS``."""
    header = [POINT_ADJUSTED if column == "f1_point_adjusted" else column for column in COLUMNS]
    write_csv(path, header, ([getattr(row, column) for column in COLUMNS] for row in rows))
