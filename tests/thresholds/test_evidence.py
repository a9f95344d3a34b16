import math
from dataclasses import replace

import numpy as np
import pytest
from machines import TRAIN, noisy
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from adt_gym import InputError, ScoredSeries
from adt_gym.stream.context import SCORE_CONTEXT, score_context
from adt_gym.thresholds.evidence import RISING, Evidence
from adt_gym.thresholds.rows import snapped


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(trees=10).fit(TRAIN)


def test_evidence_for_the_search_comes_from_the_other_series(evidence: Evidence) -> None:
    others = Evidence(trees=10).fit(TRAIN[1:])
    np.testing.assert_array_equal(evidence.held_out[0], others(TRAIN[0]))
    assert not np.array_equal(evidence(TRAIN[0]), others(TRAIN[0]))


def test_evidence_is_what_boosting_says_of_the_score_context(evidence: Evidence) -> None:
    weights: list[float] = []
    for one in TRAIN:
        anomalous = one.labels.sum()
        weights += [500 * (0.07 / anomalous if y else 0.93 / (len(one) - anomalous)) for y in one.labels]
    free = {"mean_100", "mean_1000", "median", "quantile_90", "fall", "slow_fall", "sharpness"}
    model = HistGradientBoostingClassifier(
        max_iter=10, max_leaf_nodes=8, min_samples_leaf=60, l2_regularization=5, early_stopping=False,
        monotonic_cst=[0 if name in free else 1 for name in SCORE_CONTEXT],
    ).fit(
        snapped(np.concatenate([score_context(one.scores) for one in TRAIN])),
        np.concatenate([one.labels for one in TRAIN]),
        sample_weight=weights,
    )  # fmt: skip
    unseen = noisy(seed=7)
    np.testing.assert_allclose(evidence(unseen), model.decision_function(score_context(unseen.scores)))


def test_what_a_higher_score_raises_never_lowers_the_chance() -> None:
    rising = [noisy(400, seed, lift=0.4) for seed in range(3)]  # and one where it is the other way round
    evidence = Evidence(trees=40).fit([*rising, replace(rising[0], labels=~rising[0].labels)])
    rows = np.repeat(score_context(noisy(50, seed=7).scores), 9, axis=0)
    assert set(RISING) < set(SCORE_CONTEXT)
    for name in RISING:
        column, changed = SCORE_CONTEXT.index(name), rows.copy()
        changed[:, column] = np.tile(np.linspace(-1, 1, 9), 50)
        assert (np.diff(evidence.trees.predict(changed).reshape(50, 9)) >= 0).all(), name


def test_the_context_of_a_series_begins_in_its_past(evidence: Evidence) -> None:
    whole = noisy(500, seed=8)
    later = ScoredSeries(whole.scores[200:], whole.labels[200:], past=whole.scores[:200])
    np.testing.assert_array_equal(evidence(later), evidence(whole)[200:])
    assert not np.array_equal(evidence(replace(later, past=np.empty(0))), evidence(later))


def test_series_and_their_anomalies_weigh_the_same_however_long_they_are() -> None:
    def still(windows: int, anomalous: int) -> ScoredSeries:
        return ScoredSeries(np.full(windows, 0.5), np.arange(windows) < anomalous)

    teachers = [still(200, 20), still(1000, 400)]
    for train, chance in ((teachers, 0.07), ([*teachers, still(700, 0)], 0.14 / (0.14 + 3 * 0.93))):
        evidence = Evidence(trees=3).fit(train)
        np.testing.assert_allclose(evidence(still(50, 10)), math.log(chance / (1 - chance)))


def test_evidence_is_never_surer_than_one_in_500() -> None:
    copies = [ScoredSeries(one.labels.astype(np.float32), one.labels) for one in (*TRAIN, noisy(seed=7))]
    evidence = Evidence(trees=400).fit(copies[:3])(copies[3])
    assert (evidence.min(), evidence.max()) == pytest.approx((math.log(0.002 / 0.998), math.log(0.998 / 0.002)))


@pytest.mark.parametrize(
    "labels", [np.zeros(500, dtype=bool), np.ones(500, dtype=bool)], ids=["quiet", "all anomalous"]
)
def test_one_series_cannot_teach(labels: NDArray[np.bool_]) -> None:
    other = ScoredSeries(TRAIN[1].scores, labels)
    with pytest.raises(InputError, match="2 training series, 1 with both"):
        Evidence().fit([TRAIN[0], other])
