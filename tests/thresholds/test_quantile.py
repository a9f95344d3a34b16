import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds import make
from adt_gym.thresholds.quantile import FalseAlarmRate, Quantile, RollingQuantile


def scored(scores: object, labels: object = None, name: str = "s") -> ScoredSeries:
    scores = np.asarray(scores, dtype=np.float32)
    return ScoredSeries(scores, np.zeros(len(scores), dtype=bool) if labels is None else labels, name)


def test_the_quantile_is_that_of_all_training_scores_together() -> None:
    thresholder = Quantile(0.75).fit([scored([0.1, 0.2]), scored([0.3, 0.4, 0.5], [0, 1, 1])])
    detection = thresholder.detect(scored([0.35, 0.45]))
    np.testing.assert_allclose(detection.thresholds, 0.4)
    assert detection.decisions.tolist() == [False, True]


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
    st.lists(st.integers(1, 50), max_size=5),
    st.floats(0.01, 0.99),
)
def test_no_lower_threshold_keeps_the_false_alarm_rate(normal: list[int], anomalous: list[int], rate: float) -> None:
    scores = np.array(normal + anomalous, dtype=np.float32) / 50
    labels = np.repeat([False, True], [len(normal), len(anomalous)])
    train = scored(scores, labels)
    thresholder = FalseAlarmRate(rate).fit([train])
    flagged = thresholder.detect(train).decisions[~labels]
    assert flagged.mean() <= rate + 1e-9
    lower = (scores[~labels] >= np.float32(thresholder.threshold)).mean()
    assert lower > rate - 1e-9


def test_the_false_alarm_rate_ignores_the_scores_of_anomalies() -> None:
    normal = np.arange(1, 101) / 200
    train = scored(np.append(normal, np.ones(50)), np.arange(150) >= 100)
    assert FalseAlarmRate(0.05).fit([train]).threshold == pytest.approx(normal[94])


def test_the_rolling_quantile_is_that_of_the_scores_before() -> None:
    random = np.random.default_rng(0)
    train = [scored(random.random(3)), scored(random.random(5))]
    series = scored(random.random(40))
    detection = RollingQuantile(0.9, windows=12).fit(train).detect(series)
    past = [*train[0].scores, *train[1].scores]
    for t, score in enumerate(series.scores):
        expected = np.quantile(np.array(past[-12:], dtype=np.float64), 0.9)
        assert detection.thresholds[t] == pytest.approx(expected)
        assert detection.decisions[t] == (score > np.float32(expected))
        past.append(score)


def test_a_window_that_forgets_the_training_scores_does_so() -> None:
    series = scored(np.linspace(0.1, 0.9, 30))
    one, other = (RollingQuantile(0.5, windows=4).fit([scored([past] * 9)]).detect(series) for past in (0.1, 0.9))
    np.testing.assert_array_equal(one.thresholds[4:], other.thresholds[4:])
    assert (one.thresholds[:4] < other.thresholds[:4]).all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("quantile", {"q": 1.0}, "q must lie between 0 and 1, got 1.0"),
        ("quantile", {"q": float("nan")}, "q must be a finite number, got nan"),
        ("false_alarm_rate", {"rate": 0}, "rate must lie between 0 and 1"),
        ("rolling_quantile", {"windows": 0}, "at least 1, got 0"),
        ("rolling_quantile", {"q": 2}, "q must lie between"),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(name, **options)


def test_a_false_alarm_rate_without_normal_windows_is_refused() -> None:
    with pytest.raises(InputError, match="no normal window in only_anomalies"):
        FalseAlarmRate().fit([scored([0.5, 0.6], [1, 1], "only_anomalies")])
