import numpy as np
import pytest
from extremes import spot

from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds import make
from adt_gym.thresholds.spot import SPOT

TAILS = {
    "light": lambda random, n: random.exponential(0.04, n),
    "heavy": lambda random, n: 0.02 * random.pareto(4, n),
    "bounded": lambda random, n: 0.5 * random.beta(2, 5, n),
}


def stream(tail: str, windows: int, seed: int, anomalies: float = 0.0) -> ScoredSeries:
    random = np.random.default_rng(seed)
    scores = TAILS[tail](random, windows)
    labels = random.random(windows) < anomalies
    scores[labels] += 0.4
    return ScoredSeries(np.clip(scores, 0, 1), labels)


@pytest.mark.parametrize("tail", TAILS)
def test_the_thresholds_are_those_of_the_papers_recurrence(tail: str) -> None:
    train, test = stream(tail, 4000, 1), stream(tail, 1500, 2, anomalies=0.01)
    thresholder = SPOT().fit([train[:1000], train[1000:]])
    t = thresholder._calibrated(None, None)[0].t
    thresholds, flags = spot(train.scores.tolist(), test.scores.tolist(), t, q=1e-3)
    detection = thresholder.detect(test)
    np.testing.assert_allclose(detection.thresholds, np.minimum(thresholds, 1), rtol=0.002)
    assert detection.decisions.tolist() == flags
    assert any(flags)
    assert len(np.unique(detection.thresholds)) > 10


@pytest.mark.parametrize("tail", TAILS)
def test_the_tail_starts_near_the_quantile_of_the_level(tail: str) -> None:
    train = stream(tail, 20_000, 3)
    t = SPOT(level=0.95).fit([train])._calibrated(None, None)[0].t
    assert (train.scores > t).mean() == pytest.approx(0.05, abs=0.005)


def test_more_excesses_are_kept_than_libspot_keeps_by_default() -> None:
    train, test = stream("light", 20_000, 1), stream("light", 20_000, 2)
    thresholder = SPOT().fit([train])
    thresholds, _ = spot(train.scores.tolist(), test.scores.tolist(), thresholder._calibrated(None, None)[0].t, q=1e-3)
    np.testing.assert_allclose(thresholder.detect(test).thresholds[-100:], thresholds[-100:], rtol=0.002)


def test_normal_scores_are_flagged_with_about_the_risk() -> None:
    train, test = stream("light", 20_000, 1), stream("light", 20_000, 2)
    assert SPOT(q=1e-3).fit([train]).detect(test).decisions.mean() == pytest.approx(1e-3, abs=5e-4)


def test_thresholds_beyond_the_scale_are_clipped() -> None:
    heavy = ScoredSeries(np.clip(0.1 * np.random.default_rng(0).pareto(1, 500), 0, 1), np.zeros(500))
    detection = SPOT(q=1e-6).fit([heavy]).detect(heavy)
    assert detection.thresholds.max() == 1
    assert not detection.decisions.any()


@pytest.mark.parametrize("options", [{"q": 0.03}, {"q": 0.0}, {"level": 1.0}, {"level": 0.0}])
@pytest.mark.parametrize("name", ["spot", "dspot"])
def test_a_risk_or_level_out_of_range_is_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{name}: needs 0 < level < 1 and 0 < q < 1 - level"):
        make(name, **options)


def test_training_scores_without_a_tail_are_refused() -> None:
    constant = ScoredSeries(np.full(300, 0.2), np.zeros(300), "still")
    with pytest.raises(InputError, match=r"series 'still': spot: neither its 0 past scores nor .* have a tail above"):
        SPOT().fit([constant]).detect(constant)
