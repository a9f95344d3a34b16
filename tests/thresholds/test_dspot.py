import numpy as np
import pytest
from extremes import differences, dspot

from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds.dspot import DSPOT
from adt_gym.thresholds.spot import SPOT


def drifting(windows: int, seed: int, name: str = "s", level: float = 0.3, anomalies: float = 0.0) -> ScoredSeries:
    random = np.random.default_rng(seed)
    labels = random.random(windows) < anomalies
    drift = level + 0.2 * np.sin(np.arange(windows) / 200)
    scores = drift + random.exponential(0.02, windows) + 0.25 * labels
    return ScoredSeries(np.clip(scores, 0, 1), labels, name)


@pytest.mark.parametrize("depth", [1, 10, 37])
def test_the_thresholds_are_those_of_the_papers_recurrence(depth: int) -> None:
    train, test = drifting(3500, 1), drifting(1500, 2, anomalies=0.01)
    thresholder = DSPOT(depth=depth).fit([train])
    t = thresholder._tail().t
    thresholds, flags = dspot(train.scores.tolist(), test.scores.tolist(), t, q=1e-3, depth=depth)
    detection = thresholder.detect(test)
    np.testing.assert_allclose(detection.thresholds, np.minimum(thresholds, 1), rtol=0.002)
    assert detection.decisions.tolist() == flags
    assert any(flags)


def test_drift_is_removed_within_each_training_series() -> None:
    parts = [drifting(60, 1, "a"), drifting(5, 2, "short"), drifting(80, 3, "b", level=0.7)]
    thresholder = DSPOT(level=0.9).fit(parts)
    expected = [*differences(parts[0].scores.tolist(), 10), *differences(parts[2].scores.tolist(), 10)]
    np.testing.assert_allclose(thresholder.calibration, expected, atol=1e-12)


def test_a_series_continues_the_training_series_of_its_name_or_else_the_last() -> None:
    low, high = drifting(300, 1, "low", level=0.2), drifting(300, 2, "high", level=0.3)
    thresholder = DSPOT(level=0.9).fit([low, high])
    test = drifting(1, 3)
    first = {
        name: thresholder.detect(ScoredSeries(test.scores, test.labels, name)).thresholds[0]
        for name in ("low", "high", "unknown")
    }
    assert first["high"] - first["low"] == pytest.approx(high.scores[-10:].mean() - low.scores[-10:].mean(), abs=1e-6)
    assert first["unknown"] == first["high"]


def test_after_a_slow_rise_it_still_finds_what_spot_no_longer_does() -> None:
    scores = np.random.default_rng(0).exponential(0.02, 4000)
    scores[1000:] += np.linspace(0, 0.6, 3000)
    scores[-1] += 0.2
    train, rising = ScoredSeries(scores[:1000], np.zeros(1000)), ScoredSeries(scores[1000:], np.arange(3000) == 2999)
    dspot_detection, spot_detection = (one.fit([train]).detect(rising) for one in (DSPOT(), SPOT()))
    assert dspot_detection.decisions[-1]
    assert dspot_detection.decisions.mean() < 0.01
    assert not spot_detection.decisions[-1]


def test_flagged_scores_do_not_move_the_mean() -> None:
    train = drifting(1000, 1)
    calm = np.full(20, train.scores[-10:].mean(), dtype=np.float32)
    burst = calm.copy()
    burst[5:8] = 1.0
    detection = DSPOT().fit([train]).detect(ScoredSeries(burst, np.zeros(20)))
    assert detection.decisions.tolist() == [False] * 5 + [True] * 3 + [False] * 12
    np.testing.assert_allclose(detection.thresholds[5:9], detection.thresholds[5])


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="depth must be at least 1, got 0"):
        DSPOT(depth=0)


def test_training_series_shorter_than_the_depth_are_refused() -> None:
    with pytest.raises(InputError, match="no training series has more than depth = 10 windows"):
        DSPOT().fit([drifting(10, 1), drifting(4, 2)])


def test_constant_training_scores_are_refused() -> None:
    with pytest.raises(InputError, match="dspot: 290 training values, 1 of them different"):
        DSPOT().fit([ScoredSeries(np.full(300, 0.25), np.zeros(300))])
