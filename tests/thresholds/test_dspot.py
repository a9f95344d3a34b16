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
    t = thresholder._calibrated(None, None)[0].t
    thresholds, flags = dspot(train.scores.tolist(), test.scores.tolist(), t, q=1e-3, depth=depth)
    detection = thresholder.detect(test)
    np.testing.assert_allclose(detection.thresholds, np.minimum(thresholds, 1), rtol=0.002)
    assert detection.decisions.tolist() == flags
    assert any(flags)


def test_drift_is_removed_within_the_past_of_the_series() -> None:
    past = drifting(80, 3, level=0.7).scores
    expected = differences(past.tolist(), 10)
    np.testing.assert_allclose(DSPOT()._calibration(past.astype(np.float64)), expected, atol=1e-12)


def test_a_series_continues_its_own_past_whatever_it_is_called() -> None:
    others = drifting(300, 4, "low", level=0.5)
    first = {}
    for level, name in ((0.2, "low"), (0.3, "low"), (0.3, "other")):
        whole = drifting(300, 1, name, level)
        first[level, name] = DSPOT(level=0.9).fit([others]).detect(whole[299:]).thresholds[0]
    assert first[0.3, "low"] - first[0.2, "low"] == pytest.approx(0.1, abs=1e-6)
    assert first[0.3, "other"] == first[0.3, "low"]


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


def test_scores_too_few_for_the_depth_and_constant_ones_are_refused() -> None:
    for past in (drifting(10, 1), ScoredSeries(np.full(300, 0.25), np.zeros(300))):
        with pytest.raises(InputError, match="series 's': dspot: neither its 0 past scores nor"):
            DSPOT().fit([past]).detect(drifting(10, 1))
