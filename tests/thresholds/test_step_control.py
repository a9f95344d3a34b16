from typing import Any

import numpy as np
import pytest
from machines import TRAIN, noisy

from adt_gym import ScoredSeries
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.replayed import CORRECTED, Released
from adt_gym.thresholds.static import Static
from adt_gym.thresholds.step_control import LEVELS, PARTS, UNIT, Control, Controller, StepControl

CONTROL = Control(start=0.7, step=0.3, precision=0.6, drift=0.01, span=3)
SERIES = noisy(260, seed=8)


def controlled(control: Control, rule: Feedback, series: ScoredSeries) -> list[float]:
    """Return the thresholds by the rule in words: floats, and sets of windows that are still to be told."""
    place, thresholds, waiting = np.log(control.start / (1 - control.start)), [], {}
    run = 0
    for t, score in enumerate(series.scores.tolist()):
        for flagged in waiting.pop(t, []):
            window, was_flagged = flagged
            if was_flagged:
                down = control.step * (1 - control.precision) / control.precision
                place += -down if series.truth[window] else control.step
            elif series.truth[window]:
                place -= control.step
        thresholds.append(1 / (1 + np.exp(-place)))
        decision = score > thresholds[-1]
        counts = (run if decision else t) % control.span == 0
        run = run + 1 if decision else 0
        if not decision:
            place -= control.drift * control.step
        at = rule.told_at(t, decision)
        if counts and at is not None:
            waiting.setdefault(at, []).append((t, decision))
    return thresholds


@pytest.mark.parametrize("span", [1, 3])
@pytest.mark.parametrize("rule", [("full", 1), ("full", 7), ("alerts", 4), ("none", 1)], ids=str)
def test_it_moves_as_the_rule_in_words(rule: tuple[str, int], span: int) -> None:
    control, feedback = CONTROL._replace(span=span), feedback_of(*rule)
    released = Released.of(SERIES, feedback, 0)
    assert released is not None
    found = Controller(control, control.place(None), feedback).thresholds(SERIES.scores, released)
    np.testing.assert_allclose(found, controlled(control, feedback, SERIES), atol=1 / PARTS)
    assert np.ptp(found) > 0.05


def test_three_labels_by_hand() -> None:
    session = Controller(Control(0.5, step=1.0, precision=0.75, drift=0.25), 0, feedback_of("full", 1))
    thresholds, labels = [], [False, True, True, False]
    for score, label in zip([0.6, 0.9, 0.1, 0.2], labels, strict=True):
        thresholds.append(session.threshold(score))
        session.judged(score, score > thresholds[-1])
        session.tell(len(thresholds) - 1, label)
    thresholds.append(session.threshold(0.5))
    # A false alarm: +1. A hit: -1/3. Silence: -1/4, and a miss: -1. Silence: -1/4.
    places = np.cumsum([0, 1, -1 / 3, -1.25, -0.25])
    np.testing.assert_allclose(thresholds, 1 / (1 + np.exp(-places)), atol=1 / PARTS)


def test_it_rests_where_the_wanted_share_of_alarms_is_true() -> None:
    random = np.random.default_rng(0)
    scores = random.random(60_000)
    series = ScoredSeries(scores, random.random(60_000) < scores**4)  # precision rises with the threshold
    control, rule = Control(0.5, step=0.02, precision=0.8), feedback_of("alerts", 5)
    released = Released.of(series, rule, 0)
    assert released is not None
    flagged = scores > Controller(control, control.place(None), rule).thresholds(series.scores, released)
    assert series.truth[30_000:][flagged[30_000:]].mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("rule", [("full", 10), ("alerts", 10), ("none", 1)], ids=str)
def test_in_training_it_is_at_least_as_good_as_the_static_threshold(rule: tuple[str, int]) -> None:
    def value(method: Any) -> float:
        return float(np.mean([objective(method.detect(one).decisions, one.truth) for one in TRAIN]))

    assert value(StepControl(*rule).fit(TRAIN)) >= value(Static().fit(TRAIN)) - 1e-3  # levels have steps


def test_it_starts_at_a_quantile_of_the_past_where_there_is_one() -> None:
    past = np.linspace(0.1, 0.6, 11)
    control = Control(0.9, quantile=0.8)
    assert LEVELS[len(LEVELS) // 2 + round(control.place(past) * PARTS / UNIT)] == pytest.approx(0.5, abs=1e-3)
    for none in (None, past[:0]):
        assert control.place(none) == control._replace(quantile=-1.0).place(past) > control.place(past)


def test_a_label_that_is_older_than_the_newest_is_not_corrected() -> None:
    def place_after(corrected: int) -> int:
        session = Controller(CONTROL._replace(span=1, drift=0.0), 0, feedback_of("full", 1))
        for t in range(CORRECTED + 50):
            session.threshold(0.9)
            session.judged(0.9, True)
            session.tell(t, t % 2 == 0)
        session.tell(corrected, corrected % 2 == 1)
        return session._place

    unchanged = place_after(10)
    assert place_after(200) != unchanged == place_after(11)
