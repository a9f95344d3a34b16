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


@pytest.mark.parametrize("day", ["2024-10-26", "2024-06-30", "2024-01-07"])
def test_an_hour_that_repeats_on_no_day_of_a_clock_change_is_sorted(day: str) -> None:
    times = AUTUMN - (np.datetime64("2024-10-27") - np.datetime64(day))
    rows, repeated = in_order(times)
    assert repeated == 0
    assert (np.diff(times[rows]) >= np.timedelta64(0)).all()


def test_clocks_are_put_back_at_midnight_and_in_the_south_too() -> None:
    for start, zone in (("2018-02-17 20:00", "America/Sao_Paulo"), ("2024-04-06 20:00", "Australia/Sydney")):
        times = pd.date_range(start, periods=100, freq="10min", tz=zone).tz_localize(None).to_numpy()
        assert in_order(times)[1] == 6


@pytest.mark.parametrize("form", ["{}Z", "{}+00:00", "{} UTC", "epoch"])
def test_what_is_in_utc_repeats_no_hour(form: str) -> None:
    text = pd.Series(AUTUMN).dt.strftime("%Y-%m-%d %H:%M:%S")
    seconds = AUTUMN.astype("M8[s]").astype(np.int64)
    cells = seconds if form == "epoch" else text.map(form.format)
    values = np.random.default_rng(0).random(300)
    with pytest.warns(UserWarning, match="repeats or goes back"):
        (series,) = read_table(pd.DataFrame({"time": cells, "cpu": values}), allow_gaps=True).series
    assert series.index is not None
    assert (np.diff(series.index) >= np.timedelta64(0)).all()
