import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adt_gym.scaling import Scaling
from adt_gym.scoring.scaling import SCALINGS
from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds import make

METHODS = ("quantile", "rolling_quantile", "spot", "dspot", "nonparametric", "online_fdr", "pythresh:MAD")


def scored(past: np.ndarray, raw: np.ndarray, scaling: str = "quantile", name: str = "s") -> ScoredSeries:
    return ScoredSeries.scaled(
        raw, SCALINGS[scaling](past), np.zeros(len(raw), bool), name, past=past.astype(np.float32)
    )


def stream(seed: int, windows: int, scale: float = 1.0, height: float = 2.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return scale * (random.exponential(1, windows) + height * (random.random(windows) < 0.03))


@pytest.mark.parametrize("name", METHODS)
def test_decisions_depend_on_neither_the_scaling_nor_the_unit_nor_the_name_nor_other_series(name: str) -> None:
    past, raw = stream(1, 3000), stream(2, 300, height=20)
    decisions = [
        make(name).fit(others).detect(series).decisions
        for others, series in (
            ([scored(stream(3, 50), stream(4, 900, 30.0), name="other")], scored(past, raw)),
            ([scored(stream(5, 50), stream(6, 900), name="s")], scored(past, raw)),
            ([scored(past, past)], scored(past, raw, "tail", "renamed")),
            ([scored(past, past)], scored(past, raw, "minmax")),
            ([scored(past, past)], scored(past * 1024, raw * 1024)),
        )
    ]
    assert 0 < decisions[0].sum() < len(raw) / 2
    for other in decisions[1:]:
        np.testing.assert_array_equal(decisions[0], other)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "nonparametric"])
def test_a_score_does_not_move_the_threshold_that_it_is_held_against(name: str) -> None:
    past, raw = stream(1, 500), stream(2, 60)
    expected = make(name).detect(scored(past, raw)).thresholds
    for t in (0, 20, 59):
        raw[t] = 30.0
        detection = make(name).detect(scored(past, raw))
        np.testing.assert_array_equal(detection.thresholds[: t + 1], expected[: t + 1])
        raw[t] = stream(2, 60)[t]


@pytest.mark.parametrize("name", METHODS)
def test_without_a_past_the_training_series_stand_in_on_the_scale_of_the_judged_one(name: str) -> None:
    train, raw = stream(1, 600), stream(2, 300, height=20)
    usual = SCALINGS["quantile"](train)
    thousandfold = Scaling(usual.knots * 1000, usual.levels)
    small = ScoredSeries.scaled(train, usual, np.zeros(600, bool), "small")
    series = ScoredSeries.scaled(raw * 1000, thousandfold, np.zeros(300, bool), "large")
    expected = make(name).detect(scored(train, raw)).decisions
    assert (make(name).fit([small]).detect(series).decisions == expected).mean() > 0.99


@pytest.mark.parametrize("name", METHODS)
def test_without_any_past_the_remedy_is_named(name: str) -> None:
    with pytest.raises(InputError, match=r"^series 's': .*: no past that suffices: call fit\(\) first"):
        make(name).detect(ScoredSeries([0.1, 0.2], [0, 1], "s"))
    with pytest.raises(InputError, match="no training series"):
        make(name).fit([])


@settings(max_examples=40, deadline=None)
@given(q=st.floats(0.05, 0.95), past=st.lists(st.floats(0, 100, width=32), min_size=5, max_size=50))
def test_the_quantile_is_that_of_the_past(q: float, past: list[float]) -> None:
    raw = np.random.default_rng(0).uniform(0, 100, 40)
    detection = make("quantile", q=q).detect(scored(np.array(past), raw))
    np.testing.assert_array_equal(detection.decisions, raw.astype(np.float32) > np.quantile(np.float32(past), q))
