from dataclasses import replace

import numpy as np
import pytest

from adt_gym import InputError, ScoredSeries
from adt_gym.thresholds import make


def scored(windows: int, seed: int, name: str = "s") -> ScoredSeries:
    random = np.random.default_rng(seed)
    labels = np.repeat(random.random(windows // 10) < 0.2, 10)
    return ScoredSeries(np.clip(0.6 * random.random(windows) + 0.2 * labels, 0, 1), labels, name)


def test_it_alarms_as_often_as_static_does_in_training() -> None:
    train, test = [scored(2000, 0), scored(500, 1)], scored(50_000, 2)
    static = make("static").fit(train)
    rate = np.concatenate([one.scores > np.float32(static.threshold) for one in train]).mean()
    flagged = make("random").fit(train).detect(test).decisions
    assert 0.05 < rate < 0.6
    assert flagged.mean() == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / 50_000))
    of_anomalous, of_normal = flagged[test.labels].mean(), flagged[~test.labels].mean()
    assert of_anomalous == pytest.approx(of_normal, abs=0.03), "it knows nothing"


def test_the_judged_scores_and_labels_and_the_name_change_nothing() -> None:
    method = make("random", seed=3).fit([scored(500, 0)])
    test = scored(300, 1)
    flagged = method.detect(test).decisions
    other = ScoredSeries(1 - test.scores, ~test.labels, "another")
    np.testing.assert_array_equal(method.detect(other).decisions, flagged)
    np.testing.assert_array_equal(method.detect(test[:100]).decisions, flagged[:100])
    assert set(method.detect(test).thresholds.tolist()) == {0.0, 1.0}


def test_the_seed_makes_the_draws() -> None:
    train, test = [scored(500, 0)], scored(300, 1)
    drawn = [make("random", seed=seed).fit(train).detect(test).decisions for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (1.0, 1.0)])
def test_a_rate_may_be_given(rate: float, share: float) -> None:
    test = scored(300, 1)
    assert (
        make("random", rate=rate).fit([replace(test, labels=np.zeros(300, bool))]).detect(test).decisions.mean()
        == share
    )


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_is_a_probability(rate: float) -> None:
    with pytest.raises(InputError, match="rate"):
        make("random", rate=rate)


def test_without_an_anomaly_in_training_there_is_no_static_rate() -> None:
    with pytest.raises(InputError, match="no anomalous window"):
        make("random").fit([ScoredSeries([0.1, 0.2], [0, 0])])
