from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym import scoring
from adt_gym.scoring.scaling import TAIL_CAP, PerSeries, Tail
from adt_gym.series import InputError, MinMax

numbers = st.lists(st.integers(-20, 20), min_size=1, max_size=50)


@given(numbers, numbers)
def test_tail_is_the_capped_logarithm_of_the_share_of_training_scores_as_high(
    train: list[int], values: list[int]
) -> None:
    expected = []
    for value in values:
        share = sum(score >= value for score in train) / len(train)
        expected.append(min(-np.log10(share), TAIL_CAP) / TAIL_CAP if share else 1.0)
    np.testing.assert_allclose(Tail.fit(np.array(train, float))(np.array(values, float)), expected, atol=1e-12)


def test_tail_is_capped_where_fewer_than_one_training_score_in_ten_thousand_is_as_high() -> None:
    tail = Tail.fit(np.arange(40_000.0))
    np.testing.assert_allclose(tail(np.array([39_996, 39_999, 36_000])), [1, 1, 0.25])


def test_pooled_scaling_serves_a_series_that_was_not_in_the_training() -> None:
    scalings = PerSeries.fit(MinMax, {"a": np.array([0.0, 1.0]), "b": np.array([0.0, 4.0]), "empty": np.empty(0)})
    assert scalings["a"](np.array(1.0)) == 1
    assert scalings["c"](np.array(1.0)) == scalings["empty"](np.array(1.0)) == 0.25


@pytest.mark.parametrize("kind", [MinMax, Tail])
def test_scalings_return_from_their_arrays(kind: type) -> None:
    parts = {"a": np.array([3.0, 1.0, 2.0]), "b": np.array([0.0, 4.0])}
    scalings: PerSeries[Any] = PerSeries.fit(kind, parts)
    loaded: PerSeries[Any] = PerSeries.load(kind, ["a", "b"], "outputs", dict(scalings.arrays("outputs")))
    values = np.linspace(-1, 5, 13)
    for name in ("a", "b", "other"):
        np.testing.assert_array_equal(loaded[name](values), scalings[name](values))


def test_an_unknown_scaling_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown scaling 'rank'; known: minmax, tail"):
        scoring.make("isolation", scaling="rank")
