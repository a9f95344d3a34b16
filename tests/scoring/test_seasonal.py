from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adt_gym import InputError, Series, scoring
from adt_gym.scoring.seasonal import Profile, seasons

FEW = settings(max_examples=25, deadline=None)
HOURS = np.datetime64("2024-01-01", "h")


def daily(n: int, first: int = 0, seed: int = 0, weekend: float = 0.0, day: int = 24, noise: float = 0.1) -> Series:
    """Return four metrics with the time of day in them, and lower ones on two days of the week; no anomaly."""
    t = np.arange(first, first + n)
    shape = np.sin(2 * np.pi * t[:, None] / day + np.arange(4)) * [1, 10, 0.1, 5]
    shape -= weekend * (t[:, None] % (7 * day) >= 5 * day) * [1, 10, 0.1, 5]
    rng = np.random.default_rng(seed)
    return Series(shape + noise * rng.standard_normal((n, 4)) * [1, 10, 0.1, 5], None, "daily", HOURS + t)


def naive(past: Series, judged: Series, periods: list[int], window: int) -> list[float]:
    """The scores as the definition has them, value by value."""
    n, m = past.values.shape
    strange = np.empty(judged.values.shape)
    for j in range(m):
        x, found = past.values[:, j], []
        for period in periods:
            usual = [np.median([x[t] for t in range(n) if t % period == slot]) for slot in range(period)]
            spread = 1.4826 * np.median([abs(x[t] - usual[t % period]) for t in range(n)])
            found.append([abs(y - usual[(n + t) % period]) / spread for t, y in enumerate(judged.values[:, j])])
        strange[:, j] = [np.log(1 + min(one)) for one in zip(*found, strict=True)]
    scores = []
    for t in range(len(judged) - window + 1):
        metrics = sorted(sum(strange[t : t + window, j]) / window for j in range(m))
        scores.append(sum(metrics[-3:]) / 3)
    return scores


@pytest.mark.parametrize(("weekend", "periods"), [(0.0, [24]), (1.0, [24, 168])])
@pytest.mark.parametrize("timed", [True, False], ids=["times", "no times"])
def test_the_score_is_the_distance_from_the_median_of_the_season(
    weekend: float, periods: list[int], timed: bool
) -> None:
    past, judged = daily(24 * 28 + 5, weekend=weekend), daily(60, 24 * 28 + 5, 1, weekend)
    values = judged.values.copy()
    values[30:33, 2] += 1
    judged = replace(judged, values=values)
    if not timed:
        past, judged = (replace(one, index=None) for one in (past, judged))
    raw = scoring.make("seasonal", window=6).fit([past]).score(judged, past).raw
    np.testing.assert_allclose(raw, naive(past, judged, periods, 6), rtol=1e-5)
    assert 25 <= raw.argmax() <= 32


def test_without_a_season_it_is_the_distance_from_the_median() -> None:
    past, judged = (Series(np.random.default_rng(seed).standard_normal((300, 4))) for seed in (0, 1))
    raw = scoring.make("seasonal", window=6).fit([past]).score(judged, past).raw
    np.testing.assert_allclose(raw, naive(past, judged, [1], 6), rtol=1e-5)


def test_the_past_gives_the_profile_and_alone_what_was_learned() -> None:
    learned, past = daily(24 * 14), daily(24 * 15, 12, weekend=1.0)
    judged = daily(50, 24 * 15 + 12, 1)
    scorer = scoring.make("seasonal", window=6).fit([learned])
    np.testing.assert_array_equal(
        scorer.score(judged, past).raw, scoring.make("seasonal", window=6).fit([past]).score(judged).raw
    )
    assert not np.array_equal(scorer.score(judged, past).raw, scorer.score(judged).raw)
    several = scoring.make("seasonal", window=6).fit([learned, past])
    np.testing.assert_array_equal(several.score(judged, past).raw, scorer.score(judged, past).raw)
    with pytest.raises(InputError, match=r"learned from several series.* give score\(\) or start\(\) the past"):
        several.score(judged)


def test_times_say_where_in_its_season_a_point_is_and_without_them_points_are_counted() -> None:
    past, later = daily(24 * 14), daily(60, 24 * 14 + 11, 1)
    scorer = scoring.make("seasonal", window=6).fit([past])
    whole, calm = daily(80, 24 * 14 - 9, 1), scorer.score(later, past).raw
    unknown = scorer.score(replace(later, index=None), past).raw
    assert unknown.min() > 1.5 * calm.max()
    stream = scorer.start(past)
    at_night = [stream.push(values, time) for values, time in zip(later.values, later.index, strict=True)]  # type: ignore[arg-type]
    np.testing.assert_allclose(at_night[5:], calm, rtol=1e-6)  # type: ignore[arg-type]
    stream = scorer.start(past)
    counted = [stream.push(values) for values in later.values]
    np.testing.assert_allclose(counted[5:], unknown, rtol=1e-6)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"'noon' is no time.*as those of the past, or None"):
        stream.push(whole.values[0], "noon")


def test_a_season_goes_on_over_gaps_in_the_past_and_labelled_points_have_no_part() -> None:
    whole = daily(24 * 20)
    kept = np.arange(len(whole)) % 37 < 30
    values, labels = whole.values[kept].copy(), np.zeros(kept.sum(), bool)
    values[50:60], labels[50:60] = 1e6, True
    holed = Series(values, labels, "holed", whole.index[kept], breaks=np.arange(30, kept.sum(), 30))  # type: ignore[index]
    found, normal = Profile.fit(holed), np.flatnonzero(kept)[~labels]
    assert [len(one) for one in found.medians] == [24]
    assert found.length == np.flatnonzero(kept)[-1] + 1
    for slot in range(24):
        rows = normal[normal % 24 == slot]
        np.testing.assert_allclose(found.medians[0][slot], np.median(whole.values[rows], axis=0))
    anomalous = Profile.fit(replace(whole, labels=np.ones(len(whole), bool)))
    np.testing.assert_array_equal(anomalous.medians[0], Profile.fit(whole).medians[0])


def test_a_day_of_known_length_needs_less_evidence_than_one_that_is_sought() -> None:
    past = daily(72, noise=0.5)
    assert [len(one) for one in Profile.fit(past).medians] == [24]
    assert [len(one) for one in Profile.fit(replace(past, index=None)).medians] == [1]
    weak = daily(2400, noise=1.5)
    assert seasons(weak.values, 24) == seasons(weak.values) == [1]


def test_a_metric_that_never_moved_and_one_that_seldom_does_have_a_spread() -> None:
    still, seldom = np.full(200, 7.0), np.where(np.isin(np.arange(200), (3, 20, 90, 171)), 4.0, 0.0)
    past = Series(np.column_stack([still, seldom]))
    np.testing.assert_allclose(Profile.fit(past).spreads[0], [1.0, 4 * 4 / 200])
    judged = Series(np.array([[7.0, 0.0], [9.0, 0.0], [7.0, 1.0]]))
    raw = scoring.make("seasonal", window=1, strangest=1).fit([past]).score(judged, past).raw
    np.testing.assert_allclose(raw, np.log1p([0, 2, 1 / 0.08]), rtol=1e-6)


@FEW
@given(day=st.integers(12, 60), days=st.integers(5, 20), seed=st.integers(0, 99), known=st.booleans())
def test_a_day_is_found_in_points_known_or_not(day: int, days: int, seed: int, known: bool) -> None:
    past = daily(day * days, 3, seed, day=day, noise=0.3)
    assert seasons(past.values, day if known else None)[0] == pytest.approx(day, abs=0 if known else 1)


@FEW
@given(day=st.integers(8, 30), seed=st.integers(0, 99), known=st.booleans())
def test_a_week_is_found_beside_its_day_from_two_weeks_on(day: int, seed: int, known: bool) -> None:
    past = daily(day * 21, 3, seed, weekend=2.0, day=day)
    found = seasons(past.values, day if known else None)
    assert found == [day, 7 * day] if known else 7 * day in np.add.outer(found, np.arange(-3, 4))
    assert 7 * day not in seasons(past.values[: 14 * day - 1], day)


@FEW
@given(
    n=st.integers(1, 600),
    m=st.integers(1, 4),
    seed=st.integers(0, 10_000),
    slope=st.sampled_from([0.0, 0.01, 1.0]),
    known=st.booleans(),
)
def test_noise_a_trend_and_a_constant_have_no_season(n: int, m: int, seed: int, slope: float, known: bool) -> None:
    noise = np.random.default_rng(seed).standard_normal((n, m))
    assert seasons(noise + slope * np.arange(n)[:, None], 24 if known else None) == [1]
    assert seasons(np.full((n, m), 3.0), 24 if known else None) == [1]


def test_fewer_than_one_metric_is_refused() -> None:
    with pytest.raises(InputError, match="strangest must be at least 1, got 0"):
        scoring.make("seasonal", strangest=0)
