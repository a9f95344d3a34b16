from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds import nonparametric
from adt_gym.thresholds.nonparametric import NonParametric, epsilon


def epsilon_as_written(scores: list[float]) -> float:
    """Section 3.2, candidate by candidate."""
    e = np.array(scores)
    best, chosen = -1.0, 0.0
    for z in np.arange(2, 10.5, 0.5):
        candidate = e.mean() + z * e.std()
        rest, taken = e[e <= candidate], e > candidate
        gain = 0.0
        if taken.any():
            sequences = sum(flag for flag, _ in groupby(taken))
            decrease = (e.mean() - rest.mean()) / e.mean() + (e.std() - rest.std()) / e.std()
            gain = decrease / (taken.sum() + sequences**2)
        if gain >= best:
            best, chosen = gain, candidate
    return chosen


@given(st.lists(st.sampled_from([0.01, 0.02, 0.03, 0.05, 0.2, 0.5, 0.9]), min_size=2, max_size=12), st.integers(0, 999))
def test_epsilon_is_that_of_the_paper(peaks: list[float], seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.uniform(0.01, 0.05, 80)
    scores[random.integers(0, 80, len(peaks))] = peaks
    assert epsilon(scores) == pytest.approx(epsilon_as_written(scores.tolist()))


def test_epsilon_parts_two_bursts_from_the_rest() -> None:
    scores = np.tile([0.04, 0.05, 0.06], 100)
    scores[100:103] = scores[200:202] = 0.5
    assert 0.06 < epsilon(scores) < 0.5


def test_constant_scores_have_themselves_as_epsilon() -> None:
    assert epsilon(np.full(50, 0.1)) == pytest.approx(0.1)


def test_detection_smooths_and_looks_back_as_far_as_it_is_told() -> None:
    random = np.random.default_rng(0)
    train = ScoredSeries(random.uniform(0.01, 0.1, 30), np.zeros(30))
    values = random.uniform(0.01, 0.1, 90)
    values[40:46] = 0.8
    series = ScoredSeries(values, np.zeros(90))
    detection = NonParametric(windows=50, span=3).fit([train]).detect(series)

    smoothed = [float(train.scores[0])]
    for score in [*train.scores.tolist()[1:], *series.scores.tolist()]:
        smoothed.append(0.5 * score + 0.5 * smoothed[-1])
    for t in range(90):
        seen = smoothed[: 30 + t + 1][-50:]
        expected = epsilon_as_written(seen)
        assert detection.decisions[t] == (seen[-1] > expected)
        on_the_score = (expected - 0.5 * smoothed[30 + t - 1]) / 0.5
        assert detection.thresholds[t] == pytest.approx(np.clip(on_the_score, 0, 1), abs=1e-6)
    assert detection.decisions[40:46].any()
    assert not detection.decisions[:40].all()


@pytest.mark.parametrize("flagged", [False, True])
def test_rounding_turns_no_decision_around(flagged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonparametric, "epsilon", lambda latest: float(np.nextafter(latest[-1], 0 if flagged else 1)))
    scores = np.random.default_rng(0).random(400)
    detection = (
        NonParametric(windows=5, span=4)
        .fit([ScoredSeries(scores, np.zeros(400))])
        .detect(ScoredSeries(scores, np.zeros(400)))
    )
    assert (detection.decisions == flagged).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"windows": 1}, "windows must be at least 2, got 1"), ({"span": 0.5}, "span must be at least 1, got 0.5")],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        NonParametric(**options)


@pytest.mark.parametrize("level", [1.0, 0.7, 0.3, 1e-4])
def test_scores_that_never_change_are_not_flagged(level: float) -> None:
    still = ScoredSeries(np.full(50, level), np.zeros(50))
    assert not NonParametric().fit([still]).detect(still).decisions.any()
