import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym import scoring
from adt_gym.scaling import Scaling
from adt_gym.scoring.scaling import SCALINGS, minmax, quantile, tail
from adt_gym.series import Detection, InputError, ScoredSeries

BIG = float(np.float32(1e30))
raw_scores = st.floats(-BIG, BIG, width=32)
pasts = st.lists(raw_scores | st.floats(0, 1, width=32), min_size=1, max_size=60).map(np.array)


def apart(one: float, other: float, scaling: Scaling) -> bool:
    """Say whether two raw scores differ by more than float32 loses: a thousandth of their distance from the knots."""
    reach = max(abs(x - knot) for x in (one, other) for knot in (scaling.knots[0], scaling.knots[-1]))
    return abs(one - other) > 1e-3 * (reach + scaling.unit)


@pytest.mark.parametrize("kind", SCALINGS)
@given(past=pasts, one=raw_scores, other=raw_scores)
def test_a_scaling_keeps_the_order_of_any_raw_scores_and_makes_no_two_equal(
    kind: str, past: np.ndarray, one: float, other: float
) -> None:
    scaling = SCALINGS[kind](past)
    low, high = sorted((one, other))
    first, second = scaling(np.array([low, high])).astype(np.float32)
    assert 0 < first <= second < 1
    if apart(low, high, scaling):
        assert first < second


@pytest.mark.parametrize("kind", SCALINGS)
@given(past=pasts, raw=st.lists(raw_scores, min_size=1, max_size=20))
def test_the_inverse_leads_back(kind: str, past: np.ndarray, raw: list[float]) -> None:
    scaling = SCALINGS[kind](past)
    values = np.array([x for x in raw if abs(x) < 1e6 * scaling.unit] or [past[0]])
    np.testing.assert_allclose(
        scaling.inverse(scaling(values)), values, rtol=1e-6, atol=1e-6 * scaling.unit + 1e-9 * np.abs(past).max()
    )


@pytest.mark.parametrize("kind", SCALINGS)
def test_far_above_the_past_thousands_of_scores_stay_apart(kind: str) -> None:
    past = np.random.default_rng(0).exponential(size=500)
    above = past.max() * np.geomspace(1, 1e12, 5000)
    assert (np.diff(SCALINGS[kind](past)(above).astype(np.float32)) > 0).all()


def test_quantile_and_minmax_are_linear_between_their_knots() -> None:
    past = np.append(np.linspace(0, 9, 91), 99.0)
    np.testing.assert_allclose(minmax(past)([0, 49.5, 99]), [0.05, 0.25, 0.45])
    usual = np.quantile(past, 0.9)
    np.testing.assert_allclose(quantile(past)([0, usual / 2, usual]), [0.05, 0.25, 0.45])
    # one unit, the span of the knots, above: 1 - (1 - 0.45) / (1 + log 2); below: 0.05 / (1 + log 2)
    np.testing.assert_allclose(
        quantile(past)([2 * usual, -usual]), [1 - 0.55 / (1 + np.log(2)), 0.05 / (1 + np.log(2))]
    )


def test_tail_is_the_logarithm_of_the_share_of_the_past_that_is_as_high() -> None:
    past = np.arange(100_001.0)
    raw = 100_000 * (1 - np.array([1, 1e-1, 1e-2, 1e-3, 1e-4]))
    np.testing.assert_allclose(tail(past)(raw), [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6], rtol=1e-6)
    assert 5 / 6 < tail(past)(100_000.0) < 1


def test_what_all_of_a_tied_past_reaches_is_lowest_under_tail() -> None:
    assert tail(np.ones(10_000))(1.0) == pytest.approx(1 / 6)
    assert tail(np.append(np.zeros(990), np.linspace(1, 2, 10)))(0.0) == pytest.approx(1 / 6)


def test_the_unit_of_a_mostly_tied_past_is_not_its_maximum() -> None:
    past = np.concatenate([np.zeros(950), np.linspace(1, 2, 49), [1e6]])
    assert quantile(past)(1.9) == pytest.approx(0.45, abs=0.03)


def test_a_past_that_never_varies_still_has_an_above_and_a_below() -> None:
    for kind in SCALINGS.values():
        below, same, above, far = kind(np.full(20, 3.0))([2.9, 3.0, 3.1, 1e6])
        assert 0 < below < same < above < far < 1


@pytest.mark.parametrize(
    ("knots", "levels"),
    [([], []), ([1, 1], [0.1, 0.2]), ([1, 2], [0.2, 0.1]), ([1], [1.0]), ([1, np.inf], [0.1, 0.2]), ([1], [0.1, 0.2])],
)
def test_what_is_no_strictly_increasing_map_onto_the_unit_interval_is_refused(
    knots: list[float], levels: list[float]
) -> None:
    with pytest.raises(InputError, match="knots"):
        Scaling(np.array(knots), np.array(levels))


def test_an_unknown_scaling_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown scaling 'rank'; known: quantile, minmax, tail"):
        scoring.make("isolation", scaling="rank")


@given(past=pasts, raw=st.lists(raw_scores, min_size=1, max_size=20), deltas=st.data())
def test_a_threshold_on_raw_scores_decides_as_it_does_on_scaled_ones(
    past: np.ndarray, raw: list[float], deltas: st.DataObject
) -> None:
    series = ScoredSeries.scaled(raw, quantile(past), np.zeros(len(raw), bool), "s")
    thresholds = np.array(deltas.draw(st.lists(raw_scores, min_size=len(raw), max_size=len(raw))))
    detection = Detection.at_raw(thresholds, series)
    np.testing.assert_array_equal(detection.decisions, series.raw > thresholds)
    np.testing.assert_array_equal(detection.decisions, series.scores > detection.thresholds)
    assert ((detection.thresholds >= 0) & (detection.thresholds <= 1)).all()
