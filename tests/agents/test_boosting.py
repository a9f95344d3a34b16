from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn.ensemble  # noqa: F401  threads can only be limited where they are loaded
from machines import TRAIN, noisy
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.boosting import CUTS, Boosting
from adt_gym.evaluation import precision_recall_f1
from adt_gym.stream.context import LABEL_CONTEXT, SCORE_CONTEXT, label_context, score_context
from adt_gym.stream.feedback import feedback_of, told_labels
from adt_gym.stream.stream import Method
from adt_gym.thresholds.persistence import Persistence

FEEDBACK = [
    feedback_of("none"),
    feedback_of("full", 1),
    feedback_of("full", 20, 0.1),
    feedback_of("alerts", 10),
    feedback_of("alerts", 300, 0.1),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine the threads of scikit-learn wait for each other for longer than they work."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module", params=FEEDBACK, ids=str)
def boosting(request: pytest.FixtureRequest) -> Boosting:
    return Boosting(request.param, seed=5).fit(TRAIN)


class Sum:
    """Stands for a model whose chances depend on every column."""

    weights = np.random.default_rng(1).normal(size=len(SCORE_CONTEXT) + len(LABEL_CONTEXT))

    def predict_proba(self, observed: NDArray[np.float32]) -> NDArray[np.float64]:
        total = (observed * self.weights).sum(axis=1)
        return np.column_stack((-total, total))


@pytest.mark.parametrize(("windows", "delay"), [(300, 1), (300, 7), (300, 299), (300, 1000), (1500, 3), (2600, 150)])
def test_under_alerts_it_steps_window_by_window(windows: int, delay: int) -> None:
    series, feedback = noisy(windows), feedback_of("alerts", delay, 0.1)
    labels, scored = told_labels(series, feedback, 5), score_context(series.scores)
    model: Any = Sum()
    told: list[int] = []
    chances = []
    for t in range(windows):
        known = label_context(np.array([*told, -1]), delay)
        chance = model.predict_proba(np.append(scored[t], known[t])[None])[0, 1]
        chances.append(chance)
        told.append(int(labels[t]) if chance > 0.1 else -1)
    boosting = Boosting(feedback, seed=5)
    boosting._model, boosting.cut = model, 0.1
    decisions = boosting.detect(series).decisions
    assert decisions.tolist() == [chance > 0.1 for chance in chances]
    assert 0 < decisions.mean() < 1


def test_nothing_later_changes_a_decision(boosting: Boosting) -> None:
    series, other = noisy(200, seed=8), noisy(200, seed=9)
    decisions = boosting.detect(series).decisions
    assert decisions.any()
    for t in (0, 33, 50, 140, 198):
        changed = ScoredSeries(
            np.where(np.arange(200) <= t, series.scores, 1 - other.scores),
            np.where(np.arange(200) <= t - boosting.feedback.delay, series.labels, ~series.labels),
        )
        np.testing.assert_array_equal(boosting.detect(changed).decisions[: t + 1], decisions[: t + 1])


@pytest.mark.parametrize("delay", [5, 20])
def test_labels_that_alerts_did_not_earn_change_nothing(delay: int) -> None:
    boosting, series = Boosting(feedback_of("alerts", delay)).fit(TRAIN), noisy(200, seed=8)
    decisions = boosting.detect(series).decisions
    for earned, same in ((decisions, True), (~decisions, False)):
        changed = ScoredSeries(series.scores, np.where(earned, series.labels, ~series.labels))
        assert np.array_equal(boosting.detect(changed).decisions, decisions) == same


def test_it_is_a_thresholder(boosting: Boosting) -> None:
    assert isinstance(boosting, Method)
    assert boosting.sees_labels == (boosting.feedback.kind != "none")
    assert boosting.cut in CUTS
    detection = boosting.detect(TRAIN[0])
    assert set(detection.thresholds.tolist()) <= {0.0, 1.0}
    again = Boosting(boosting.feedback, seed=5).fit(TRAIN).detect(TRAIN[0])
    np.testing.assert_array_equal(again.thresholds, detection.thresholds)


def test_scores_that_are_the_labels_need_no_others() -> None:
    copies = [ScoredSeries(one.labels.astype(np.float32), one.labels) for one in (*TRAIN, noisy(seed=7))]
    detection = Boosting(feedback_of("none")).fit(copies[:3]).detect(copies[3])
    assert precision_recall_f1(detection.decisions, detection.labels)[2] == 1


def test_labels_at_once_make_up_for_scores_that_say_nothing() -> None:
    *train, unseen = (noisy(seed=seed, lift=0.0) for seed in range(4))
    f1 = precision_recall_f1(Boosting(feedback_of()).fit(train).detect(unseen).decisions, unseen.labels)[2]
    assert f1 > precision_recall_f1(Persistence(1).detect(unseen).decisions, unseen.labels)[2] - 0.02


def test_one_series_cannot_teach() -> None:
    quiet = ScoredSeries(TRAIN[1].scores, np.zeros(500))
    with pytest.raises(InputError, match="2 training series, 1 with both"):
        Boosting(feedback_of()).fit([TRAIN[0], quiet])
