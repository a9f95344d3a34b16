import json
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pytest
import sklearn.linear_model
from numpy.typing import NDArray

from adt_gym import scoring
from adt_gym.scoring.base import WindowScorer
from adt_gym.scoring.ensemble import RULES, Ensemble
from adt_gym.series import InputError, ScoredSeries, Series

WINDOW = 3


class Witness(WindowScorer):
    """Scores a window by its largest value and remembers which points it learned from."""

    name = "witness"

    def _learn(self, normal: Sequence[Series]) -> None:
        self.learned = {one.name: ~one.labels if one.labels is not None else np.ones(len(one), bool) for one in normal}

    def _raw(self, series: Series, past: Series | None) -> NDArray[np.float64]:
        return series.windows(self.settings.window).max(axis=(1, 2)).astype(float)

    def score(self, series: Series, past: Series | None = None) -> ScoredSeries:
        SCORED.append((self, series))
        return super().score(series, past)


class Noise(WindowScorer):
    """Scores at random."""

    name = "noise"

    def _learn(self, normal: Sequence[Series]) -> None:
        pass

    def _raw(self, series: Series, past: Series | None) -> NDArray[np.float64]:
        return np.random.default_rng(len(series)).random(len(series) - self.settings.window + 1)


class Lowest(Witness):
    """Scores a window by its smallest value."""

    name = "lowest"

    def _raw(self, series: Series, past: Series | None) -> NDArray[np.float64]:
        return series.windows(self.settings.window).min(axis=(1, 2)).astype(float)


SCORED: list[tuple[Witness, Series]] = []


@pytest.fixture(autouse=True)
def _members(monkeypatch: pytest.MonkeyPatch) -> None:
    SCORED.clear()
    classes = {one.name: one for one in (Witness, Noise, Lowest)}

    def make(name: str, **options: Any) -> scoring.Scorer:
        return classes[name](**options)

    monkeypatch.setattr("adt_gym.scoring.make", make)


def series(n: int = 120, seed: int = 0, name: str = "s", labelled: bool = True) -> Series:
    rng = np.random.default_rng(seed)
    values = rng.random((n, 1), dtype=np.float32)
    labels = np.zeros(n, dtype=bool)
    for start in range(8, n - 4, 20):
        labels[start : start + 3] = True
    values[labels] += 0.8
    return Series(values, labels if labelled else None, name)


def ensemble(**settings: Any) -> Ensemble:
    return Ensemble(**{"members": ("witness", "lowest", "noise"), "window": WINDOW, "folds": 3, **settings})


def test_members_never_learn_from_a_point_of_the_fold_they_score() -> None:
    train = [series(), series(70, seed=1, name="t")]
    held_out = ensemble(members=("witness",)).out_of_fold(train)
    assert len(held_out.scores) == sum(len(one) - WINDOW + 1 for one in train)
    members = list(dict.fromkeys(member for member, _ in SCORED))
    folds = [member.learned for member in members]
    assert len(folds) == 3
    for one in train:
        windows = len(one) - WINDOW + 1
        covered = np.zeros(windows, dtype=int)
        for fold, points in enumerate(folds):
            mine = slice(windows * fold // 3, windows * (fold + 1) // 3)
            covered[mine] += 1
            assert not points[one.name][mine.start : mine.stop + WINDOW - 1].any()
            assert points[one.name].any()
        assert (covered == 1).all()
    np.testing.assert_array_equal(
        np.sort(held_out.labels), np.sort(np.concatenate([o.window_labels(WINDOW) for o in train]))
    )


def test_stacking_chooses_its_threshold_on_rows_it_was_not_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[np.ndarray] = []
    predictions: list[tuple[np.ndarray, np.ndarray]] = []

    class Recorder(sklearn.linear_model.LogisticRegression):
        def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> Self:
            fits.append(X)
            self.fitted_on = X
            return super().fit(X, y, sample_weight)

        def decision_function(self, X: np.ndarray) -> np.ndarray:
            predictions.append((self.fitted_on, X))
            return super().decision_function(X)

    monkeypatch.setattr(sklearn.linear_model, "LogisticRegression", Recorder)
    train = [series()]
    stack = ensemble(rule="stacking").fit(train)
    held_out = ensemble().out_of_fold(train)
    assert [len(x) for x in fits] == [int((held_out.folds != fold).sum()) for fold in range(3)] + [len(held_out.scores)]
    assert len(predictions) == 3
    for fold, (fitted_on, predicted) in enumerate(predictions):
        np.testing.assert_array_equal(fitted_on, held_out.scores[held_out.folds != fold])
        np.testing.assert_array_equal(predicted, held_out.scores[held_out.folds == fold])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scored = stack.score(series(60, seed=5))
    reference = sklearn.linear_model.LogisticRegression(max_iter=1000).fit(held_out.scores, held_out.labels)
    probability = reference.predict_proba(stack.judge(series(60, seed=5)).scores)[:, 1]
    odds = np.log(probability / (1 - probability))
    np.testing.assert_allclose(scored.scores, 0.5 + 0.5 * odds / (1 + abs(odds)), rtol=1e-5)


def test_rows_of_the_rules_follow_from_those_of_the_members() -> None:
    test = series(200, seed=7)
    found = ensemble().fit([series()]).detections(test)
    assert list(found) == ["witness", "lowest", "noise", *RULES]
    votes = sum(found[name].decisions.astype(int) for name in ("witness", "lowest", "noise"))
    np.testing.assert_array_equal(found["any"].decisions, votes >= 1)
    np.testing.assert_array_equal(found["majority"].decisions, votes >= 2)
    np.testing.assert_array_equal(found["strong"].decisions, votes >= 2)
    np.testing.assert_array_equal(found["all"].decisions, votes == 3)
    for detection in found.values():
        np.testing.assert_array_equal(detection.labels, test.window_labels(WINDOW))


@pytest.mark.parametrize("rule", [*RULES, "at_least(2)"])
def test_the_score_of_each_rule_held_against_its_threshold_is_its_decision(rule: str) -> None:
    made = ensemble(rule=rule).fit([series()])
    test = series(200, seed=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        decisions = made.score(test).scores > np.float32(made.threshold(rule))
    assert made.label == f"ensemble {rule}"
    assert 0 < decisions.sum() < len(decisions)
    if rule in RULES:
        np.testing.assert_array_equal(decisions, made.detections(test)[rule].decisions)
    else:
        np.testing.assert_array_equal(decisions, made.judge(test).flags.sum(axis=1) >= 2)


def test_weights_are_the_f1_of_out_of_fold_verdicts() -> None:
    made = ensemble().fit([series()])
    assert made.weights.sum() == pytest.approx(1)
    assert made.weights[0] > made.weights[2], "the member that sees nothing weighs least"
    assert made.judge(series(200, seed=7)).weights is made.weights


def test_without_labels_thresholds_are_quantiles_and_stacking_is_refused() -> None:
    train = [series(labelled=False)]
    made = ensemble().fit(train)
    held_out = ensemble().out_of_fold(train)
    np.testing.assert_allclose(made.judge(series()).thresholds, np.quantile(held_out.scores, 0.99, axis=0), rtol=1e-6)
    np.testing.assert_allclose(made.weights, 1 / 3)
    assert "stacking" not in made.detections(series())
    with pytest.raises(InputError, match="stacking needs anomalous and normal windows"):
        ensemble(rule="stacking").fit(train)


def test_members_that_disagree_are_warned_of() -> None:
    made = ensemble(members=("witness", "noise")).fit([series()])
    made._thresholds = np.array([1.0, 0.0])
    with pytest.warns(UserWarning, match="agree on 0% of their verdicts"):
        made.score(series(60, seed=5))


def test_settings_reach_the_members_and_describe_the_ensemble() -> None:
    made = ensemble(options={"witness": {"scaling": "minmax"}}, seed=4)
    members = list(made._new_members())
    assert [m.settings.scaling for m in members] == ["minmax", "tail", "tail"]  # type: ignore[attr-defined]
    assert {m.settings.seed for m in members} == {4}  # type: ignore[attr-defined]
    assert json.loads(json.dumps(made.describe()))["settings"]["options"] == {"witness": {"scaling": "minmax"}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": ()}, "one or more different scorers"),
        ({"members": ("noise", "noise")}, "one or more different scorers"),
        ({"rule": "most"}, "unknown rule 'most'"),
        ({"rule": "at_least(4)"}, "between 1 and the number of members, 3"),
        ({"folds": 1}, "at least 2 folds"),
        ({"options": {"other": {}}}, "'other', which is not a member"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ensemble(**settings)


def test_scoring_before_fitting_is_refused() -> None:
    with pytest.raises(InputError, match="is not fitted: call fit"):
        ensemble().score(series())
