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


def of_the_library(series: ScoredSeries, alpha: float, delta: float, seed: int) -> list[bool]:
    test, draws = LORDMemoryDecay(alpha, delta), np.random.default_rng(seed).random(len(series))
    reached = [sum(earlier >= score for earlier in series.past) for score in series.raw]
    return [test.test_one(float((c + u) / (len(series.past) + 1))) for c, u in zip(reached, draws, strict=True)]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("past", [1, 20, 350, 5000])
def test_decisions_are_those_of_the_library_on_conformal_p_values(past: int, ties: bool) -> None:
    series = scored(800, 1, past, ties=ties)
    expected = of_the_library(series, 0.2, 0.9, 7)
    detection = make("online_fdr", alpha=0.2, delta=0.9, seed=7).detect(series)
    assert detection.decisions.tolist() == expected
    assert past < 20 or any(expected)


@pytest.mark.parametrize("delta", [0.9, 0.999])
def test_so_are_those_on_the_first_windows_of_many_streams(delta: float) -> None:
    for seed in range(200):
        series = scored(20, seed, 20, anomalies=0.4)
        detection = make("online_fdr", alpha=0.9, delta=delta, seed=seed).detect(series)
        assert detection.decisions.tolist() == of_the_library(series, 0.9, delta, seed)


def test_few_alarms_are_false() -> None:
    series = scored(20_000, 3, 2000)
    flagged = make("online_fdr").detect(series).decisions
    assert series.labels[flagged].mean() > 0.85
    assert flagged[series.labels].mean() > 0.8


@pytest.mark.parametrize("options", [{"alpha": 0}, {"alpha": 1.0}, {"delta": 1}, {"delta": -0.5}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="online_fdr: alpha and delta must lie between 0 and 1"):
        make("online_fdr", **options)
