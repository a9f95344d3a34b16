"""What is neither 0 nor 1 is refused by every metric, and said where it stands."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adt_gym import Detection, InputError, ScoredSeries
from adt_gym.evaluation import precision_recall_f1
from adt_gym.evaluation.compare import measure
from adt_gym.evaluation.scorers import shares_found
from adt_gym.metrics.bootstrap import f1_interval
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.events import alarm_segments_per_day, false_alarms_per_1000, false_alarms_per_day, find_events
from adt_gym.metrics.flags import as_flags
from adt_gym.metrics.ranges import point_adjusted, range_precision_recall_f1, vus
from adt_gym.metrics.robustness import subset_scores
from adt_gym.metrics.windows import confusion_counts, pointwise_precision_recall_f1
from adt_gym.samples import evaluation as classification
from adt_gym.samples.evaluation import Verdicts

GOOD = np.array([False, True, True, False])
HOURS = np.datetime64("2024-01-01T00", "h") + np.arange(4)


def detected(decisions: Any, labels: Any) -> list[Detection]:
    return [Detection(np.zeros(4, np.float32), decisions, labels, "pump")]


METRICS: dict[str, Callable[[Any, Any], object]] = {
    "precision_recall_f1": precision_recall_f1,
    "confusion_counts": confusion_counts,
    "pointwise": lambda d, y: pointwise_precision_recall_f1([d], [y]),
    "false_alarms_per_1000": false_alarms_per_1000,
    "find_events": lambda d, y: find_events(detected(d, y)),
    "alarm_segments_per_day": lambda d, y: alarm_segments_per_day(detected(d, y), [HOURS]),
    "false_alarms_per_day": lambda d, y: false_alarms_per_day(detected(d, y), [HOURS]),
    "composite_f1": lambda d, y: composite_f1(detected(d, y)),
    "range": range_precision_recall_f1,
    "point_adjusted": point_adjusted,
    "subset_scores": lambda d, y: subset_scores(detected(d, y), 2),
    "f1_interval": lambda d, y: f1_interval([detected(d, y)]),
    "measure": lambda d, y: measure("m", False, detected(d, y), [ScoredSeries(np.full(4, 0.5), GOOD, "pump")]),
    "classification": lambda d, y: classification.score(Verdicts("m", d), y),
    "classification report": classification.report,
}

BAD = {
    "minus one": np.array([0, 1, -1, 0]),
    "two": [0, 1, 2, 0],
    "a share": np.array([0.0, 1.0, 0.5, 0.0]),
    "NaN": [0.0, 1.0, float("nan"), 0.0],
    "None": [0, 1, None, 0],
    "a word": ["0", "1", "1", "0"],
    "unknown": pd.array([False, True, pd.NA, False], dtype="boolean"),
    "a large number": np.array([0, 1, 256, 0]),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", BAD)
def test_every_metric_names_the_first_that_is_no_flag(metric: str, bad: str) -> None:
    place = 0 if bad == "a word" else 2
    with pytest.raises(InputError, match=rf"decisions.*\[{place}\] is .*neither 0 \(normal\) nor 1"):
        METRICS[metric](BAD[bad], GOOD)
    with pytest.raises(InputError, match=rf"labels.*\[{place}\] is .*neither 0 \(normal\) nor 1"):
        METRICS[metric](GOOD, BAD[bad])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shaped", [GOOD[:3], GOOD[:, None], np.array(True), np.array([], bool), [[0, 1], [1]]])
def test_every_metric_refuses_other_shapes(metric: str, shaped: Any) -> None:
    for pair in ((shaped, shaped), (GOOD, shaped)):
        if len(np.shape(shaped) if not isinstance(shaped, list) else ()) == 1 and len(shaped) and pair[0] is shaped:
            continue  # three and three fit
        with pytest.raises(InputError):
            METRICS[metric](*pair)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_takes_0_and_1_for_false_and_true(metric: str) -> None:
    expected = str(METRICS[metric](GOOD, GOOD))
    for same in (GOOD.astype(int), GOOD.astype(float), GOOD.tolist(), pd.array(GOOD, dtype="boolean")):
        assert str(METRICS[metric](same, same)) == expected


def test_vus_names_a_label_and_a_score_that_cannot_be() -> None:
    scores = np.array([0.1, 0.9, 0.8, 0.2])
    with pytest.raises(InputError, match=r"labels\[3\] is -1"):
        vus(scores, [0, 1, 1, -1])
    with pytest.raises(InputError, match=r"scores\[1\] is nan"):
        vus([0.1, float("nan"), 0.8, 0.2], GOOD)
    for buffers in ([], [-1], [0.5]):
        with pytest.raises(InputError, match="buffers"):
            vus(scores, GOOD, buffers)


def test_the_shares_of_kinds_refuse_them_too() -> None:
    with pytest.raises(InputError, match=r"decisions\[1\] is -1"):
        shares_found(np.array(["", "a", ""]), np.array([0, -1]), 2)


def test_a_message_names_the_series() -> None:
    with pytest.raises(InputError, match=r"series 'pump': labels\[2\] is -1"):
        find_events(detected(GOOD, np.array([0, 1, -1, 0])))


def test_flags_are_not_copied_where_they_are_bool() -> None:
    assert as_flags(GOOD, "flags") is GOOD
