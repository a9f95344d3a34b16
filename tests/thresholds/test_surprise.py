import math
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray

from adt_gym import ScoredSeries
from adt_gym.scoring.scaling import quantile, tail
from adt_gym.thresholds import surprise as module
from adt_gym.thresholds.surprise import MOST, Surprise

RANDOM = np.random.default_rng(0)
PAST = RANDOM.exponential(1, 400).astype(np.float32).astype(float)
SCORES = (RANDOM.exponential(1, 300) + 6 * (np.arange(300) % 100 < 15)).astype(np.float32).astype(float)


def naive(past: list[float], scores: list[float]) -> list[float]:
    """Return the logarithm of one in how many differences to what is usual are as high, by a tail with one scale."""
    differences = [one - fmean(past[i : i + 10]) for i, one in enumerate(past[10:])]
    start = float(np.quantile(differences, 0.9))
    excesses = [one - start for one in differences if one > start]
    usual, found, run = past[-10:], list[float](), 0
    for score in scores:
        rare = len(differences) / len(excesses) * math.exp((score - fmean(usual) - start) / fmean(excesses))
        found.append(max(min(math.log(rare), 15), -15))
        run = run + 1 if rare > 1000 else 0
        if run == 0 or run > 288:
            usual = [*usual[1:], score]
    return found


def test_it_is_the_logarithm_of_one_in_how_many_is_as_high() -> None:
    found = Surprise(PAST).extend(SCORES)
    assert found.tolist() == pytest.approx(naive(PAST.tolist(), SCORES.tolist()))
    assert (found > math.log(1000)).any()
    assert found.min() > -MOST


def test_an_exponential_tail_is_as_rare_as_it_says() -> None:
    """A score x above the mean of ten is as likely as exp(-x) times a constant, whatever the unit."""
    random = np.random.default_rng(1)
    past, scores = random.exponential(7, 20_000), random.exponential(7, 200_000)
    found = Surprise(past).extend(scores)
    for z in (math.log(20), math.log(100)):
        assert np.mean(found > z) == pytest.approx(math.exp(-z), rel=0.1)


def test_what_is_surprising_becomes_usual_after_a_day_only() -> None:
    scores = np.concatenate([np.full(400, 9.0), np.full(288, 1.0), np.full(20, 9.0)])
    found = Surprise(PAST).extend(scores)
    assert found.tolist() == pytest.approx(naive(PAST.tolist(), scores.tolist()))
    assert len(set(found[:289].tolist())) == 1
    assert found[0] > math.log(1000) > found[300]
    risen = Surprise(PAST).extend(np.full(200, 2.5))
    assert risen[-1] < risen[0]


@pytest.mark.parametrize("scaling", [tail, quantile])
def test_it_goes_by_raw_scores_however_they_are_scaled(scaling: object) -> None:
    of = scaling(PAST.astype(np.float32))  # type: ignore[operator]
    series = ScoredSeries.scaled(SCORES.astype(np.float32), of, None, "one", past=PAST.astype(np.float32))
    found = Surprise(series.past_scores(raw=False), series.scaling).extend(series.scores)
    np.testing.assert_allclose(found, naive(PAST.tolist(), SCORES.tolist()), rtol=0, atol=1e-3)


def test_score_by_score_and_not_compiled_it_has_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, session = Surprise(PAST).extend(SCORES), Surprise(PAST)
    np.testing.assert_array_equal([session.extend(np.array([one]))[0] for one in SCORES], whole)
    monkeypatch.setattr(module, "_surprises", module._surprises.__wrapped__)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(Surprise(PAST).extend(SCORES), whole)


@pytest.mark.parametrize("past", [None, np.empty(0), PAST[:10], np.full(50, 0.5)])
def test_without_a_tail_to_fit_a_score_of_the_scaling_tail_says_it(past: NDArray[np.float64] | None) -> None:
    one_in = [10, 100, 1000]
    scaled = [(1 + math.log10(n)) / 6 for n in one_in]
    assert Surprise(past).extend(np.array(scaled)).tolist() == pytest.approx([math.log(n) for n in one_in])
