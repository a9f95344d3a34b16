"""The order of time, the hour that repeats, and gaps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.data.order import gaps, in_order
from adt_gym.data.table import read_table

AUTUMN = pd.date_range("2024-10-26 22:00", periods=300, freq="10min", tz="Europe/Berlin").tz_localize(None).to_numpy()
MINUTES = np.datetime64("2024-01-01", "ns") + np.arange(200) * np.timedelta64(1, "m")


def test_the_hour_that_clocks_repeat_keeps_the_order_of_the_file_either_way_round() -> None:
    assert (np.diff(AUTUMN) < np.timedelta64(0)).sum() == 1
    forward, repeated = in_order(AUTUMN)
    backward, _ = in_order(AUTUMN[::-1])
    np.testing.assert_array_equal(forward, np.arange(300))
    np.testing.assert_array_equal(backward, np.arange(300)[::-1])
    assert repeated == 6


@pytest.mark.parametrize("step", ["1h", "2h", "1D"])
def test_steps_of_an_hour_or_more_are_only_equal_or_in_order(step: str) -> None:
    times = pd.date_range("2024-10-26", periods=60, freq=step, tz="Europe/Berlin").tz_localize(None).to_numpy()
    np.testing.assert_array_equal(in_order(times)[0], np.arange(60))


def test_what_is_no_clock_change_is_sorted() -> None:
    shuffled = np.random.default_rng(0).permutation(200)
    rows, repeated = in_order(MINUTES[shuffled])
    np.testing.assert_array_equal(MINUTES[shuffled][rows], MINUTES)
    twice = np.concatenate([MINUTES[:100], MINUTES[41:141], MINUTES[82:182]])  # back an hour, twice on one day
    assert (np.diff(twice[in_order(twice)[0]]) >= np.timedelta64(0)).all()
    assert repeated == 0


@given(st.lists(st.sampled_from([1, 1, 1, 1, 1, 1, 2, 9]), min_size=20, max_size=150), st.integers(1, 5))
def test_gaps_are_steps_of_more_than_one_and_a_half_medians_and_no_window_spans_one(
    steps: list[int], window: int
) -> None:
    index = MINUTES[0] + np.cumsum([0, *steps]) * np.timedelta64(1, "m")
    expected = [row for row in range(1, len(index)) if steps[row - 1] > 1.5 * np.median(steps)]
    assert gaps(index).tolist() == expected
    (series,) = read_table(pd.DataFrame({"time": index, "v": np.arange(len(index)) % 7}), value_columns="v").series
    starts = [
        row
        for row in range(len(index) - window + 1)
        if not any(step > 1.5 * np.median(steps) for step in steps[row : row + window - 1])
    ]
    if starts:
        assert series.window_starts(window).tolist() == starts
        later = series[7:]
        expected_later = [row - 7 for row in starts if row >= 7]
        assert not expected_later or later.window_starts(window).tolist() == expected_later


def test_without_times_there_are_no_gaps() -> None:
    assert len(gaps(None)) == 0


def test_gaps_are_counted_in_one_warning_unless_they_are_allowed() -> None:
    frame = pd.DataFrame({"time": np.delete(MINUTES, [50, 51, 120]), "v": np.arange(197) % 7})
    with pytest.warns(UserWarning, match="gaps") as caught:
        (series,) = read_table(frame).series
    assert [str(one.message) for one in caught] == [
        "gaps in time, longer than one and a half of the usual steps: 2 in series 'table'"
    ]
    assert gaps(series.index).tolist() == [50, 118]
    assert series.breaks.tolist() == [50, 118]
    (allowed,) = read_table(frame, allow_gaps=True).series
    assert (len(allowed), len(allowed.breaks)) == (197, 0)
