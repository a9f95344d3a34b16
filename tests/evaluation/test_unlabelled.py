"""What nobody knows is not taken for normal: evaluation refuses a series without labels, what needs none goes on."""

from collections.abc import Callable
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from machines import TRAIN

from adt_gym import Detection, InputError, ScoredSeries, Series, scoring, thresholds
from adt_gym.evaluation.compare import compare, measure
from adt_gym.evaluation.scorers import evaluate_scorer
from adt_gym.evaluation.split import draw_labelled, eventful_stretch, split_at, split_by_anomalies, split_by_share
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.events import find_events
from adt_gym.stream.feedback import feedback_of
from adt_gym.stream.replay import replay

SCORES = np.random.default_rng(0).random(80)
LABELS = np.arange(80) % 20 > 15
KNOWN, UNKNOWN = ScoredSeries(SCORES, LABELS, "known"), ScoredSeries(SCORES, None, "dark")
DARK = Series(np.arange(80.0) % 7, None, "dark")
DECIDED = Detection.at(0.5, UNKNOWN)

REFUSED: dict[str, Callable[[], object]] = {
    "compare": lambda: compare([thresholds.make("never")], [KNOWN], [KNOWN, UNKNOWN]),
    "measure": lambda: measure("never", False, [DECIDED], [UNKNOWN]),
    "composite": lambda: composite_f1([DECIDED]),
    "events": lambda: find_events([DECIDED]),
    "scorer": lambda: evaluate_scorer("norm", [KNOWN], [UNKNOWN]),
    "draw": lambda: draw_labelled([UNKNOWN, KNOWN], 10, 0),
    "stretch": lambda: eventful_stretch(UNKNOWN, 10),
    "split by anomalies": lambda: split_by_anomalies(DARK, 5, 3),
    "split at": lambda: split_at(DARK, 40, 5),
    "split by share": lambda: split_by_share([DARK], 0.5, 5),
    "mdp": lambda: ThresholdingMDP([UNKNOWN]),
    "env": lambda: gym.make("ADT-v0", series=UNKNOWN),
    "static": lambda: thresholds.make("static").fit([KNOWN, UNKNOWN]),
    "static on the test": lambda: thresholds.make("static", on="test").fit([UNKNOWN]),
    "false alarm rate": lambda: thresholds.make("false_alarm_rate").fit([UNKNOWN]),
    "random": lambda: thresholds.make("random").fit([UNKNOWN]),
    "persistence": lambda: thresholds.make("persistence").detect(UNKNOWN),
    "told": lambda: replay(thresholds.make("always"), UNKNOWN, feedback_of("full")),
    "told alerts": lambda: replay(thresholds.make("always"), UNKNOWN, feedback_of("alerts", 3, 0.1)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_needs_labels_says_which_series_has_none(what: str) -> None:
    with pytest.raises(InputError, match=r"^series 'dark' has no labels, and this needs some: give it labels="):
        REFUSED[what]()


@pytest.mark.parametrize("name", ["always", "never", "quantile", "rolling_quantile", "spot", "dspot", "online_fdr"])
def test_a_method_that_needs_no_labels_judges_what_nobody_has_labelled(name: str) -> None:
    past = np.random.default_rng(1).random(200).astype(np.float32)
    known, unknown = (replace(one, past=past) for one in (KNOWN, UNKNOWN))
    found, expected = (
        thresholds.make(name).fit([UNKNOWN]).detect(unknown),
        thresholds.make(name).fit([KNOWN]).detect(known),
    )
    np.testing.assert_array_equal(found.thresholds, expected.thresholds)
    np.testing.assert_array_equal(found.decisions, expected.decisions)
    assert found.labels is None
    assert expected.labels is known.labels


@pytest.mark.parametrize("name", thresholds.names("needs_labels"))
def test_what_learns_from_labels_refuses_to_learn_without(name: str) -> None:
    with pytest.raises(InputError, match=r"^series 'dark' has no labels, and this needs some"):
        thresholds.make(name).fit([*TRAIN, UNKNOWN])


def test_nothing_is_fitted_where_nothing_can_be_measured() -> None:
    class Fitted(type(thresholds.make("never"))):  # type: ignore[misc]
        def fit(self, train: object) -> None:
            pytest.fail("fitted in vain")

    with pytest.raises(InputError, match="series 'dark' has no labels"):
        compare([Fitted()], [KNOWN], [KNOWN, UNKNOWN])


def test_a_learner_that_is_told_nothing_judges_what_has_no_labels() -> None:
    learned = thresholds.make("belief", feedback="none").fit(TRAIN)
    found, expected = learned.detect(UNKNOWN), learned.detect(KNOWN)
    np.testing.assert_array_equal(found.thresholds, expected.thresholds)
    assert found.labels is None


def test_a_policy_that_is_told_nothing_judges_what_has_no_labels() -> None:
    class Follows:
        def predict(self, observation: np.ndarray, deterministic: bool) -> tuple[np.ndarray, None]:
            return (observation[..., 0] > 0.5).astype(int), None

    untold, told = (thresholds.Policy(Follows(), feedback=feedback) for feedback in ("none", "full"))
    found, expected = untold.detect(UNKNOWN), untold.detect(KNOWN)
    np.testing.assert_array_equal(found.thresholds, expected.thresholds)
    assert found.labels is None
    assert 0 < found.decisions.sum() < len(UNKNOWN)
    with pytest.raises(InputError, match="series 'dark' has no labels"):
        told.detect(UNKNOWN)


def test_what_learned_from_labels_judges_what_has_none() -> None:
    static = thresholds.make("static").fit([KNOWN])
    found = replay(static, UNKNOWN, feedback_of("none"))
    np.testing.assert_array_equal(found.decisions, static.detect(KNOWN).decisions)
    assert found.labels is None
    assert UNKNOWN[10:].labels is None


def test_scorers_learn_from_what_has_no_labels_and_leave_it_so() -> None:
    scorer = scoring.make("range", window=5).fit([DARK])
    scored = scorer.score(DARK, DARK)
    assert scored.labels is None
    assert scored.meta == {"scorer": "range", "window": 5}
    labelled = scorer.score(replace(DARK, labels=np.arange(80) == 40), DARK)
    np.testing.assert_array_equal(labelled.scores, scored.scores)
    assert labelled.labels.sum() == 5
