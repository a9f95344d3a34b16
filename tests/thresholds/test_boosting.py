from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import sklearn.ensemble  # noqa: F401  threads can only be limited where they are loaded
from machines import TRAIN, noisy
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from adt_gym import Detection, InputError, ScoredSeries
from adt_gym.evaluation import precision_recall_f1
from adt_gym.metrics.composite import composite_f1
from adt_gym.stream.context import LABEL_CONTEXT, SCORE_CONTEXT, label_context, score_context
from adt_gym.stream.feedback import Feedback, Full, feedback_of, told_labels
from adt_gym.stream.stream import Method
from adt_gym.thresholds import rows
from adt_gym.thresholds.boosting import CUTS, Boosting
from adt_gym.thresholds.persistence import Persistence
from adt_gym.thresholds.rows import BINS, snapped

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
    """Stands for trees whose logit depends on every column."""

    weights = np.random.default_rng(1).normal(size=len(SCORE_CONTEXT) + len(LABEL_CONTEXT))

    def predict(self, observed: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.array((observed * self.weights).sum(axis=1))


@pytest.mark.parametrize(("windows", "delay"), [(300, 1), (300, 7), (300, 299), (300, 1000), (1500, 3), (2600, 150)])
def test_under_alerts_it_steps_window_by_window(windows: int, delay: int) -> None:
    series, feedback = noisy(windows), feedback_of("alerts", delay, 0.1)
    labels, scored = told_labels(series, feedback, 5), score_context(series.scores)
    model: Any = Sum()
    told: list[int] = []
    logits = []
    for t in range(windows):
        known = label_context(np.array([*told, -1]), Full(delay))
        logits.append(model.predict(np.append(scored[t], known[t])[None])[0])
        told.append(int(labels[t]) if logits[-1] > 0.1 else -1)
    boosting = Boosting(feedback, seed=5)
    boosting.forest, boosting.cut = model, 1 / (1 + np.exp(-0.1))
    decisions = boosting.detect(series).decisions
    assert decisions.tolist() == [one > 0.1 for one in logits]
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


def observed(series: ScoredSeries, feedback: Feedback, seed: int) -> NDArray[np.float32]:
    """Return what is known before each window if every label is told."""
    if feedback.kind == "none":
        return score_context(series.scores)
    flipped = np.random.default_rng(seed).random(len(series)) < feedback.noise
    told = np.array([int(y != wrong) for y, wrong in zip(series.labels, flipped, strict=True)])
    return np.hstack((score_context(series.scores), label_context(told, feedback)))


def learned(train: Sequence[ScoredSeries], feedback: Feedback, seed: int) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, min_samples_leaf=60, early_stopping=False, random_state=seed
    )
    known = [observed(one, feedback, seed) for one in train]
    return model.fit(np.concatenate(known), np.concatenate([one.labels for one in train]))


def worth(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    """Return the mean of composite F1 and F1."""
    f1 = f1_score(labels, decisions, zero_division=1)
    return float(composite_f1([Detection(np.zeros(len(labels), np.float32), decisions, labels)]) + f1) / 2


@pytest.mark.parametrize(
    "feedback", [feedback_of("none"), feedback_of("full", 4, 0.1), feedback_of("full", 20)], ids=str
)
def test_its_cut_is_the_best_for_models_that_have_not_seen_the_series(feedback: Feedback) -> None:
    seed, quiet = 5, ScoredSeries(noisy(seed=6).scores, np.zeros(500, dtype=bool))
    teachers = [noisy(seed=s, lift=lift) for s, lift in ((0, 0.1), (1, 0.25), (2, 0.4))]
    train, unseen = [*teachers, quiet], noisy(seed=8)

    def at_cuts(model: HistGradientBoostingClassifier, series: ScoredSeries) -> list[float]:
        chances = model.predict_proba(observed(series, feedback, seed))[:, 1]
        return [worth(chances > step / 50, series.labels) for step in range(1, 50)]

    def apart(one: ScoredSeries) -> list[ScoredSeries]:
        return [other for other in train if other is not one]

    model = learned(train, feedback, seed)
    held_out = np.array([at_cuts(learned(apart(one), feedback, seed), one) for one in train])
    seen = np.array([at_cuts(model, one) for one in train])
    best, of_seen = int(held_out.mean(axis=0).argmax()), int(seen.mean(axis=0).argmax())

    boosting = Boosting(feedback, seed=seed).fit(train)
    assert boosting.cut == pytest.approx((best + 1) / 50) != pytest.approx((of_seen + 1) / 50)
    assert boosting.held_out.tolist() == pytest.approx(held_out[:, best].tolist())
    assert all(held_out[:, other].tolist() != pytest.approx(held_out[:, best].tolist()) for other in (0, of_seen, 48))
    flagged = model.predict_proba(observed(unseen, feedback, seed))[:, 1] > (best + 1) / 50
    np.testing.assert_array_equal(boosting.detect(unseen).decisions, flagged)


class Passed(Feedback):
    """Labels come only of what was not flagged."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return None if decision else t + 2


def test_labels_that_alarms_do_not_earn_are_not_learned_from() -> None:
    boosting, unlabelled = (Boosting(one, seed=5, trees=10).fit(TRAIN) for one in (Passed(), "none"))
    np.testing.assert_array_equal(boosting.held_out, unlabelled.held_out)


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


def test_of_long_series_it_learns_from_a_part_that_weighs_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    train, unseen = [noisy(2000, seed=s, lift=0.4) for s in range(7)], noisy(2000, seed=8, lift=0.4)
    fitted: list[tuple[int, float]] = []
    fit = HistGradientBoostingClassifier.fit

    def spy(self: Any, x: Any, y: Any, weights: Any = None) -> Any:
        fitted.append((len(x), len(x) if weights is None else float(weights.sum())))
        return fit(self, x, y, weights)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", spy)
    of_all = precision_recall_f1(Boosting("none").fit(train).detect(unseen).decisions, unseen.labels)[2]
    assert len(fitted) == 6, "five groups held out, and all"
    monkeypatch.setattr(rows.thinned, "__defaults__", (4200,))
    of_part = precision_recall_f1(Boosting("none").fit(train).detect(unseen).decisions, unseen.labels)[2]
    assert [number for number, _ in fitted[6:]] == [4200] * 6
    assert [weight for _, weight in fitted[6:]] == pytest.approx([weight for _, weight in fitted[:6]])
    assert of_part > of_all - 0.1


def test_columns_are_snapped_to_the_nearest_of_few_values() -> None:
    x = np.random.default_rng(0).normal(size=(3000, 2)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1])
    near = snapped(x)
    assert len(np.unique(near[:, 0])) <= BINS
    np.testing.assert_array_equal(near[:, 1], x[:, 1])
    values = np.unique(near[:, 0])
    np.testing.assert_allclose(np.abs(near[:, 0] - x[:, 0]), np.abs(values - x[:, :1]).min(axis=1), atol=1e-6)
