from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from adt_gym import Detection
from adt_gym.metrics.bootstrap import bootstrap_interval, f1_interval, stratified_intervals
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import InputError


def detections(series: int, seed: int) -> list[Detection]:
    """Series of 50 windows with the same labels whatever the seed, in some of which half of the decisions are wrong."""
    labels = np.random.default_rng(0).random((series, 50)) < 0.3
    random = np.random.default_rng(seed + 1)
    wrong = random.random((series, 50)) < np.where(np.arange(series) % 3 == 0, 0.5, 0.02)[:, np.newaxis]
    deltas = np.zeros(50, dtype=np.float32)
    return [Detection(deltas, a ^ b, a, f"pump {i}") for i, (a, b) in enumerate(zip(labels, wrong, strict=True))]


def pooled_f1(run: list[Detection]) -> float:
    return precision_recall_f1(*(np.concatenate([getattr(one, n) for one in run]) for n in ("decisions", "labels")))[2]


def test_the_f1_of_whole_series_drawn_anew() -> None:
    run = detections(12, 0)
    interval = f1_interval([run])
    assert interval.estimate == pytest.approx(pooled_f1(run))
    random = np.random.default_rng(5)
    drawn = [pooled_f1([run[i] for i in random.integers(0, 12, 12)]) for _ in range(1000)]
    assert (interval.low, interval.high) == pytest.approx(np.quantile(drawn, (0.025, 0.975)), abs=0.02)


def test_the_f1_of_several_runs_is_their_mean() -> None:
    runs = [detections(12, seed) for seed in range(4)]
    interval = f1_interval(runs)
    assert interval.estimate == pytest.approx(np.mean([pooled_f1(run) for run in runs]))
    assert interval.low < interval.estimate < interval.high


def test_parts_of_one_series_are_not_several() -> None:
    before, after = detections(2, 0)
    interval = f1_interval([[before, after]], [0, 0])
    assert interval.estimate == pytest.approx(pooled_f1([before, after]))
    assert np.isnan([interval.low, interval.high]).all()


def test_a_series_is_known_by_its_place_not_by_its_name() -> None:
    runs = [detections(5, seed) for seed in range(3)]
    renamed = [[replace(one, name="pump") for one in run] for run in runs]
    assert f1_interval(renamed) == f1_interval(runs)
    with pytest.raises(InputError, match="the same series in the same order"):
        f1_interval([runs[0], runs[1][::-1]])


def cells(series: int, seeds: int, between_series: float = 1.0, between_seeds: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(0)
    of_series = between_series * random.standard_normal((series, 1))
    return (
        of_series + between_seeds * random.standard_normal((1, seeds)) + 0.01 * random.standard_normal((series, seeds))
    )


def test_over_series_it_is_scipys_bootstrap_of_their_means() -> None:
    values = cells(30, 1)
    interval = bootstrap_interval(values, resamples=1000, seed=3)
    expected = bootstrap(
        [values[:, 0]], np.mean, n_resamples=1000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert interval.estimate == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx(tuple(expected))


def test_many_seeds_do_not_make_few_series_certain() -> None:
    values = cells(20, 50)
    interval = bootstrap_interval(values)
    standard_error = values.mean(axis=1).std() / np.sqrt(20)
    assert interval.high - interval.low == pytest.approx(2 * norm.ppf(0.975) * standard_error, rel=0.1)


def test_both_series_and_seeds_widen_the_interval() -> None:
    values = cells(20, 20, between_series=1, between_seeds=1)
    interval = bootstrap_interval(values)
    variance = values.mean(axis=1).var() / 20 + values.mean(axis=0).var() / 20
    assert interval.high - interval.low == pytest.approx(2 * norm.ppf(0.975) * np.sqrt(variance), rel=0.1)


def test_the_interval_of_a_single_series_is_over_its_seeds() -> None:
    values = cells(1, 25, between_seeds=1)
    assert bootstrap_interval(values) == bootstrap_interval(values.T)


def test_a_statistic_of_several_numbers_per_cell_is_taken_of_the_drawn_cells() -> None:
    random = np.random.default_rng(1)
    counts = random.integers(1, 20, (8, 5, 3))  # TP, FP, FN

    def f1(drawn: np.ndarray) -> float:
        tp, fp, fn = drawn.sum(axis=(0, 1))
        return float(2 * tp / (2 * tp + fp + fn))

    interval = bootstrap_interval(counts, f1, resamples=500)
    tp, fp, fn = counts.sum(axis=(0, 1))
    decisions, labels = np.repeat([1, 1, 0], [tp, fp, fn]), np.repeat([1, 0, 1], [tp, fp, fn])
    assert interval.estimate == pytest.approx(precision_recall_f1(decisions, labels)[2])
    assert interval.low < interval.estimate < interval.high


def test_one_seed_draws_one_interval() -> None:
    values = cells(10, 3)
    assert bootstrap_interval(values, resamples=200, seed=1) == bootstrap_interval(values, resamples=200, seed=1)
    assert bootstrap_interval(values, resamples=200, seed=1) != bootstrap_interval(values, resamples=200, seed=2)


def test_less_confidence_is_a_narrower_interval() -> None:
    values = cells(10, 3)
    wide, narrow = (bootstrap_interval(values, confidence=c, resamples=500) for c in (0.95, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_equal_values_have_an_interval_without_width() -> None:
    interval = bootstrap_interval(np.full((4, 3), 0.7), resamples=50)
    assert (interval.low, interval.high) == pytest.approx((0.7, 0.7))


def test_a_single_cell_has_no_interval() -> None:
    interval = bootstrap_interval([[0.5]])
    assert interval.estimate == 0.5
    assert np.isnan([interval.low, interval.high]).all()


@pytest.mark.parametrize("values", [[], [0.1, 0.2], [[]]])
def test_values_without_two_axes_are_refused(values: list[float]) -> None:
    with pytest.raises(InputError, match=r"must have shape \(series, seeds"):
        bootstrap_interval(values)


# Families


def test_families_weigh_the_same_and_series_are_drawn_within_them() -> None:
    random = np.random.default_rng(0)
    families = [random.random((n, 2)) + shift for n, shift in ((3, 0.0), (20, 5.0), (1, 9.0))]
    found = stratified_intervals(families, resamples=4000, seed=1)
    np.testing.assert_allclose(found.estimate, np.mean([one.mean(axis=0) for one in families], axis=0))
    drawn = np.array([
        np.mean([one[random.integers(0, len(one), len(one))].mean(axis=0) for one in families], axis=0)
        for _ in range(4000)
    ])  # fmt: skip
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975], axis=0), atol=0.02)


def test_columns_are_drawn_alike_so_that_differences_are_paired() -> None:
    one = np.random.default_rng(0).random(12)
    found = stratified_intervals([np.column_stack((one, one + 0.1, (one + 0.1) - one))])
    assert found.low[2] == pytest.approx(0.1) == found.high[2]
    assert found.high[1] - found.low[1] == pytest.approx(found.high[0] - found.low[0])
    assert found.high[0] - found.low[0] > 0.1


def test_what_was_not_measured_has_no_interval() -> None:
    found = stratified_intervals([[[0.5, np.nan], [0.7, 0.1]], [[0.2, 0.3]]])
    assert found.estimate[0] == pytest.approx(0.4)
    assert np.isnan([found.estimate[1], found.low[1], found.high[1]]).all()
    alone = stratified_intervals([[0.5], [0.7]])
    assert float(alone.estimate) == pytest.approx(0.6)
    assert np.isnan(alone.low)


def test_a_family_without_series_is_refused() -> None:
    for families in ([], [[0.5], []]):
        with pytest.raises(InputError, match="every family needs a series"):
            stratified_intervals(families)
