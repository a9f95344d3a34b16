"""The loop: what a session is handed, and when."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_rules import tables

from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.stream.replay import replay
from adt_gym.stream.stream import Fixed, Method, Session


class Recorder(Method, Session):
    """Takes thresholds from a list, and notes all that it is handed."""

    name = "recorder"

    def __init__(self, thresholds: list[float], raw: bool = False):
        self.thresholds, self.raw, self.log = thresholds, raw, list[tuple[Any, ...]]()

    def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> "Recorder":
        self.log, self.past, self.scaling, self.t = [], past, scaling, 0
        return self

    def threshold(self, score: float) -> float:
        self.log.append(("score", score))
        return self.thresholds[self.t]

    def judged(self, score: float, decision: bool) -> None:
        self.log.append(("judged", score, decision))
        self.t += 1

    def tell(self, t: int, label: bool) -> None:
        self.log.append(("told", t, label))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Feedback, ScoredSeries, list[float]]:
    windows = draw(st.integers(1, 30))
    rule = draw(tables(windows, windows))
    rule.noise = draw(st.sampled_from((0.0, 0.4, 1.0)))
    numbers = st.lists(st.floats(0, 1, width=32), min_size=windows, max_size=windows)
    labels = draw(st.lists(st.booleans(), min_size=windows, max_size=windows))
    return rule, ScoredSeries(draw(numbers), labels), draw(numbers)


@given(case=cases(), seed=st.integers(0, 99))
def test_labels_come_exactly_when_the_rule_says(case: tuple[Feedback, ScoredSeries, list[float]], seed: int) -> None:
    rule, series, thresholds = case
    wrong = np.random.default_rng(seed).random(len(series)) < rule.noise
    decisions = [bool(score > threshold) for score, threshold in zip(series.scores.tolist(), thresholds, strict=True)]
    expected: list[tuple[Any, ...]] = []
    for t, score in enumerate(series.scores.tolist()):
        for window in range(t):
            if rule.told_at(window, decisions[window]) == t:
                expected.append(("told", window, bool(series.labels[window]) != bool(wrong[window])))
        expected += [("score", score), ("judged", score, decisions[t])]
    recorder = Recorder(thresholds)
    detection = replay(recorder, series, rule, seed)
    assert recorder.log == expected
    assert detection.decisions.tolist() == decisions
    assert detection.thresholds.tolist() == thresholds


@pytest.mark.parametrize("raw", [False, True])
def test_the_past_and_the_scores_are_on_the_scale_that_the_method_wants(raw: bool) -> None:
    scaling = Scaling(np.array([0.0, 10.0]), np.array([0.2, 0.8]))
    series = ScoredSeries.scaled([5.0, 2.5], scaling, [0, 1], "s", past=np.array([10.0, 0.0]))
    recorder = Recorder([4.0, 3.0] if raw else [0.4, 0.4], raw)
    detection = replay(recorder, series, feedback_of())
    assert recorder.scaling is scaling
    assert recorder.past.tolist() == pytest.approx([10.0, 0.0] if raw else [0.8, 0.2])
    assert recorder.log[0][1] == pytest.approx(5.0 if raw else 0.5)
    assert detection.decisions.tolist() == [True, False]
    np.testing.assert_allclose(detection.thresholds, [0.44, 0.38] if raw else [0.4, 0.4], rtol=1e-6)


def test_no_label_is_told_where_none_is() -> None:
    recorder = Recorder([0.5] * 5)
    replay(recorder, ScoredSeries(np.full(5, 0.9), np.ones(5)), feedback_of("none"))
    assert not [one for one in recorder.log if one[0] == "told"]


@pytest.mark.parametrize(
    "use", [lambda method, series: method.detect(series), lambda method, series: replay(method, series, feedback_of())]
)
def test_an_error_names_the_series(use: Callable[[Method, ScoredSeries], object]) -> None:
    class Refuses(Recorder):
        def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> Recorder:
            raise InputError("refuses: too short; give more")

    with pytest.raises(InputError, match=r"^series 'pump': refuses: too short; give more$"):
        use(Refuses([]), ScoredSeries([0.5], [0], "pump"))


def test_one_threshold_for_all_needs_no_loop() -> None:
    class Half(Method):
        name = "half"

        def start(self, past: Any = None, times: Any = None, scaling: Any = None) -> Session:
            return Fixed(0.5)

    series = ScoredSeries([0.25, 0.5, 0.75], [0, 0, 1])
    assert Half().detect(series).decisions.tolist() == [False, False, True]
    assert Half().detect(series).thresholds.tolist() == [0.5] * 3
