import numpy as np
import pytest
from online_fdr.p_values import LORDMemoryDecay

from adt_gym.scoring.scaling import quantile
from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds import make


def scored(windows: int, seed: int, past: int, anomalies: float = 0.05, ties: bool = False) -> ScoredSeries:
    random = np.random.default_rng(seed)
    labels = random.random(windows) < anomalies
    before, raw = random.exponential(1, past), random.exponential(1, windows) + 8 * labels
    if ties:
        before, raw = before.round(), raw.round()
    return ScoredSeries.scaled(raw, quantile(before), labels, "s", past=before.astype(np.float32))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("past", [1, 20, 350, 5000])
def test_decisions_are_those_of_the_library_on_conformal_p_values(past: int, ties: bool) -> None:
    series = scored(800, 1, past, ties=ties)
    test, draws = LORDMemoryDecay(0.2, 0.9), np.random.default_rng(7).random(len(series))
    expected = []
    for score, draw in zip(series.raw, draws, strict=True):
        reached = sum(earlier >= score for earlier in series.past)
        expected.append(test.test_one(float((reached + draw) / (past + 1))))
    detection = make("online_fdr", alpha=0.2, delta=0.9, seed=7).detect(series)
    assert detection.decisions.tolist() == expected
    assert past < 20 or any(expected)


def test_few_alarms_are_false() -> None:
    series = scored(20_000, 3, 2000)
    flagged = make("online_fdr").detect(series).decisions
    assert series.labels[flagged].mean() > 0.85
    assert flagged[series.labels].mean() > 0.8


@pytest.mark.parametrize("options", [{"alpha": 0}, {"alpha": 1.0}, {"delta": 1}, {"delta": -0.5}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="online_fdr: alpha and delta must lie between 0 and 1"):
        make("online_fdr", **options)
