"""Thresholders x series -> a table with one row per method."""

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from adt_gym.evaluation.metrics import precision_recall_f1
from adt_gym.files import replacing
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.thresholds import Thresholder


@dataclass(frozen=True)
class Row:
    """How one method did over all windows of all test series.

    Args:
        method: Its name.
        saw_labels: Whether it saw labels of the test series.
        precision, recall, f1: In [0, 1], over windows.
        alarms_per_1000: Flagged windows per 1,000 windows.
        seconds: Time to fit and detect.
        detections: One per test series.
    """

    method: str
    saw_labels: bool
    precision: float
    recall: float
    f1: float
    alarms_per_1000: float
    seconds: float
    detections: list[Detection] = field(repr=False, compare=False)


COLUMNS = tuple(f.name for f in fields(Row) if f.name != "detections")


def evaluate(thresholder: Thresholder, train: Sequence[ScoredSeries], test: Sequence[ScoredSeries]) -> Row:
    """Fit a method on the labelled training series and measure it on the test series.

    A method that is defined by the test labels is fitted on the test series, and its row says that it saw labels.
    """
    if not test:
        raise InputError("no test series to evaluate on")
    started = time.perf_counter()
    thresholder.fit(test if getattr(thresholder, "fits_on_test", False) else train)
    detections = [thresholder.detect(one) for one in test]
    seconds = time.perf_counter() - started
    decisions = np.concatenate([one.decisions for one in detections])
    labels = np.concatenate([one.labels for one in detections])
    precision, recall, f1 = precision_recall_f1(decisions, labels)
    alarms = 1000 * float(decisions.mean())
    return Row(thresholder.name, thresholder.sees_labels, precision, recall, f1, alarms, seconds, detections)


def compare(
    thresholders: Sequence[Thresholder], train: Sequence[ScoredSeries], test: Sequence[ScoredSeries]
) -> list[Row]:
    """Return a row per method, in the order given."""
    return [evaluate(one, train, test) for one in thresholders]


def write_table(path: str | Path, rows: Sequence[Row]) -> None:
    """Write the rows to a CSV file with the columns ``COLUMNS``."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, column) for column in COLUMNS] for row in rows)
