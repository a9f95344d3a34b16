from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from adt_gym import Detection, ScoredSeries
from adt_gym.evaluation.told import AFTER, COLUMNS, told, told_measures
from adt_gym.metrics.composite import composite_f1
from adt_gym.stream.feedback import Feedback, feedback_of


class Passed(Feedback):
    """Every third window's label, later for later thirds, whatever was decided: no arrays come of it."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return None if t % 3 else t + 1 + 5 * decision


FEEDBACK = [
    feedback_of("none"), feedback_of("full", 1), feedback_of("full", 7, 0.2), feedback_of("alerts", 1),
    feedback_of("alerts", 5, 0.1), Passed(),
]  # fmt: skip


def judged(seed: int, windows: int = 250) -> tuple[Detection, ScoredSeries]:
    random = np.random.default_rng(seed)
    labels = np.zeros(windows, dtype=bool)
    for start in random.integers(0, windows, 8):
        labels[start : start + random.integers(1, 20)] = True
    series = ScoredSeries(np.clip(random.random(windows) * 0.7 + 0.3 * labels, 0, 1), labels)
    return Detection.at(0.6, series), series


def naive(detection: Detection, series: ScoredSeries, feedback: Feedback, seed: int) -> tuple[int, list[int]]:
    """Go through time window by window, as a person does; return the labels told and when each segment first was."""
    labels = series.labels ^ (np.random.default_rng(seed).random(len(series)) < feedback.noise)
    said: dict[int, tuple[int, bool]] = {}
    for t, decision in enumerate(detection.decisions):
        at = feedback.told_at(t, bool(decision))
        if at is not None and at < len(series):
            said[t] = at, bool(labels[t])
    segments: list[list[int]] = []
    for t in range(len(series)):
        if t not in said:
            continue
        if t - 1 in said and said[t - 1][1] == said[t][1]:
            segments[-1].append(said[t][0])
        else:
            segments.append([said[t][0]])
    return len(said), sorted(min(one) for one in segments)


@pytest.mark.parametrize("feedback", FEEDBACK, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_what_comes_after_labels_is_what_a_loop_over_windows_finds(feedback: Feedback, seed: int) -> None:
    detection, series = judged(seed)
    labels, segments = naive(detection, series, feedback, seed)
    said = told(detection, series, feedback, seed)
    assert (said.labels, said.segments.tolist()) == (labels, segments)
    found = told_measures(detection, series, feedback, seed, deadline=4)
    assert tuple(found) == COLUMNS
    assert (found["labels_told"], found["segments_told"]) == (labels, len(segments))
    for n in AFTER:
        start = segments[n - 1] if 0 < n <= len(segments) else 0 if n == 0 else len(series)
        truth, decisions = series.labels[start:], detection.decisions[start:]
        if not truth.any():
            assert np.isnan(found[f"f1_after_{n}"])
            assert np.isnan(found[f"composite_f1_after_{n}"])
            continue
        assert found[f"f1_after_{n}"] == pytest.approx(f1_score(truth, decisions, zero_division=0))
        rest = Detection(detection.thresholds[start:], decisions, truth)
        assert found[f"composite_f1_after_{n}"] == composite_f1([rest], 4)


def test_alarms_and_events_before_the_first_label_and_after_the_fifth_by_hand() -> None:
    labels = np.array([int(one) for one in "0110 0000 0110 0110 0110 0110 0110 0000".replace(" ", "")])
    flags = np.array([int(one) for one in "0010 1000 0100 0100 0000 1001 0100 0001".replace(" ", "")])
    detection: Any = Detection((1 - flags).astype(np.float32), flags.astype(bool), labels.astype(bool))
    series = ScoredSeries(np.full(32, 0.5), labels)
    said = told(detection, series, feedback_of("alerts", 3), 0)
    assert said.segments.tolist() == [5, 7, 12, 16, 23, 26, 28], "labels of windows 2, 4, 9, 13, 20, 23, 25"
    found = told_measures(detection, series, feedback_of("alerts", 3), 0)
    assert found["false_alarms_per_1000_before_1"] == pytest.approx(1000 / 5)
    assert found["event_recall_before_1"] == 1
    assert found["false_alarms_per_1000_after_5"] == pytest.approx(1000 * 2 / 9), "windows 23 and 31 of 23 to 31"
    assert found["event_recall_after_5"] == 1
    untold = told_measures(detection, series, feedback_of("none"), 0)
    assert untold["false_alarms_per_1000_before_1"] == pytest.approx(1000 * 4 / 32), "all is before the first"
    assert np.isnan(untold["event_recall_after_5"])


def test_one_alarm_of_ten_windows_is_one_label() -> None:
    labels = np.zeros(60, dtype=bool)
    flags = np.isin(np.arange(60), [*range(10, 20), *range(30, 40)])
    detection = Detection(np.where(flags, 0, 1).astype(np.float32), flags, labels)
    said = told(detection, ScoredSeries(np.full(60, 0.5), labels), feedback_of("alerts", 2), 0)
    assert said.labels == 20
    assert said.segments.tolist() == [12, 32]
