"""Reading a user's table: every quirk as a small file that the test writes."""

import gzip
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.data.table import table
from adt_gym.series import InputError, Series

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str | bytes, name: str = "cpu.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def one(source: Path | pd.DataFrame, **options: Any) -> Series:
    (series,) = table(source, **options)
    return series


def column(series: Series) -> list[float]:
    return series.values[:, 0].tolist()


@pytest.fixture(autouse=True)
def _no_unexpected_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_wide_file_with_times_metrics_and_labels(write: Write) -> None:
    series = one(write("Timestamp,cpu,disk,is_anomaly\n2024-01-01 00:00:00,1,4,0\n2024-01-01 00:05:00,2.5,5,1\n"))
    assert series.name == "cpu"
    assert series.columns == ("cpu", "disk")
    assert series.values.dtype == np.float64
    assert series.values.tolist() == [[1, 4], [2.5, 5]]
    assert series.labels.tolist() == [False, True]
    np.testing.assert_array_equal(series.index, np.array(["2024-01-01T00:00", "2024-01-01T00:05"], "M8[ns]"))


def test_columns_that_are_named_are_taken_in_that_order(write: Write) -> None:
    path = write("when,a,b,c,attack\n2024-01-02,1,2,3,1\n2024-01-01,4,5,6,0\n")
    with pytest.warns(UserWarning, match="1 in series 'plant'"):
        series = one(path, value_columns=["c", "a"], time_column="when", label_column="attack", name="plant")
    assert series.columns == ("c", "a")
    assert series.values.tolist() == [[6, 4], [3, 1]]
    assert series.labels.tolist() == [False, True]


def test_without_times_and_labels_the_rows_are_in_order(write: Write) -> None:
    series = one(write("a\n3\n1\n2\n"))
    assert column(series) == [3, 1, 2]
    assert series.labels is None
    assert series.index is None


def test_csv_gz_parquet_and_frame_give_what_the_csv_gives(write: Write, tmp_path: Path) -> None:
    text = "timestamp,value,label\n2024-01-01,1.5,0\n2024-01-02,2.5,1\n"
    path = write(text)
    frame = pd.read_csv(path, parse_dates=["timestamp"])
    frame.to_parquet(tmp_path / "cpu.parquet")
    expected = one(path)
    for source in (write(gzip.compress(text.encode()), "cpu.csv.gz"), tmp_path / "cpu.parquet", frame):
        series = one(source, name="cpu")
        np.testing.assert_array_equal(series.values, expected.values)
        np.testing.assert_array_equal(series.labels, expected.labels)
        np.testing.assert_array_equal(series.index, expected.index)
    assert one(tmp_path / "cpu.csv.gz").name == one(tmp_path / "cpu.parquet").name == "cpu"
    assert one(frame).name == "table"


def test_a_frame_is_left_as_it_was_and_its_datetime_index_is_the_time() -> None:
    frame = pd.DataFrame({" v ": [1, 2]}, index=pd.date_range("2024-01-01", periods=2, tz="Europe/Berlin"))
    before = frame.copy()
    series = one(frame)
    assert series.columns == ("v",)
    assert series.index[0] == np.datetime64("2023-12-31T23:00")
    pd.testing.assert_frame_equal(frame, before)


def test_text_a_second_label_and_a_saved_row_number_are_no_metrics(write: Write) -> None:
    path = write(",host,up,value,label,anomaly\n0,web,True,7,0,0\n1,web,False,8,1,1\n")
    series = one(path)
    assert series.columns == ("up", "value")
    assert series.labels is not None
    assert series.labels.tolist() == [False, True]


def test_long_format_gives_one_series_per_key_in_order_of_appearance(write: Write) -> None:
    path = write("time,host,v\n2024-01-01,007,1\n2024-01-01,NA,2\n2024-01-02,007,3\n")
    first, second = table(path, key_column="host")
    assert (first.name, second.name) == ("cpu/007", "cpu/NA")
    assert (column(first), column(second)) == ([1, 3], [2])


def test_a_delimiter_and_a_byte_order_mark_are_read(write: Write) -> None:
    assert column(one(write("\ufefftimestamp;value\n2024-01-01;2\n"), delimiter=";")) == [2]


def test_blanks_around_names_and_cells_do_not_matter(write: Write) -> None:
    path = write("time, host , v\n2024-01-01, 007, 1\n2024-01-02, 007, \n")
    with pytest.warns(UserWarning, match="1 in series 'cpu/007'"):
        series = one(path, key_column="host", max_gap=1)
    assert series.name == "cpu/007"
    assert column(series) == [1, 1]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024-01-31 23:59:00", "2024-01-31T23:59"),
        ("2024-01-31T23:59:00.250Z", "2024-01-31T23:59:00.250"),
        ("2024-01-31 23:59:00+02:00", "2024-01-31T21:59"),
        ("2024/01/31 23:59", "2024-01-31T23:59"),
        ("01/31/2024 11:59:00 PM", "2024-01-31T23:59"),
        ("31/01/2024 23:59", "2024-01-31T23:59"),
        ("31.01.2024", "2024-01-31"),
        ("31-Jan-2024 23:59:00", "2024-01-31T23:59"),
        ("1/31/2024 0:05", "2024-01-31T00:05"),
        ("2024-01-31 23:59:00 UTC", "2024-01-31T23:59"),
        ("2024-01-31 23:59:00 +0200 UTC", "2024-01-31T21:59"),
        ("2024-01-31 23:59:00,123", "2024-01-31T23:59:00.123"),
        ("20240131235900", "2024-01-31T23:59"),
        ("202401312359", "2024-01-31T23:59"),
        ("20240131", "2024-01-31"),
        ("31/Jan/2024:23:59:00 +0000", "2024-01-31T23:59"),
        ("1706745540", "2024-01-31T23:59"),
        ("1706745540.123", "2024-01-31T23:59:00.123"),
        ("1706745540250", "2024-01-31T23:59:00.250"),
    ],
)
def test_times_in_the_common_formats(write: Write, cell: str, expected: str) -> None:
    assert one(write(f'date,v\n"{cell}",1\n')).index.tolist() == [int(np.datetime64(expected, "ns").astype(int))]


def test_one_format_for_all_rows_a_later_row_shows_that_days_stand_first(write: Write) -> None:
    series = one(write("date,v\n03/02/2024,1\n13/02/2024,2\n"))
    assert series.index.astype("M8[D]").astype(str).tolist() == ["2024-02-03", "2024-02-13"]


def test_dates_that_could_be_read_both_ways_are_read_month_first_with_a_warning(write: Write) -> None:
    with pytest.warns(UserWarning, match="'03/02/2024' is read month first"):
        series = one(write("date,v\n02/02/2024,0\n03/02/2024,1\n"))
    assert series.index[1] == np.datetime64("2024-03-02")


def test_small_numbers_count_steps(write: Write) -> None:
    with pytest.warns(UserWarning, match="1 in series"):
        series = one(write("timestamp,value,is_anomaly\n1,10,0\n3,30,1\n2,20,0\n"))
    assert column(series) == [10, 20, 30]
    assert series.labels.tolist() == [False, False, True]
    assert series.index is None


def test_the_hour_that_a_clock_change_repeats_stays_in_the_order_of_the_file(write: Write) -> None:
    hours = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    path = write("time,v\n" + "".join(f"2024-10-27 {hour},{i}\n" for i, hour in enumerate(hours)))
    with pytest.warns(UserWarning, match="hour that repeats") as caught:
        series = one(path)
    assert column(series) == [0, 1, 2, 3, 4, 5]
    assert [str(warning.message) for warning in caught] == [
        "rows of an hour that repeats, as when clocks are put back, kept in the file's order: 2 in series 'cpu'"
    ]
    assert caught[0].filename == __file__


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_sorting_is_stable_and_loses_no_row(steps: list[int]) -> None:
    frame = pd.DataFrame({"time": steps, "row": range(len(steps))})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        series = one(frame, value_columns="row", time_column="time")
    backwards = steps == sorted(steps, reverse=True) and steps != sorted(steps)
    rows = [*range(len(steps))][:: -1 if backwards else 1]  # a table that begins with the newest row is turned round
    assert column(series) == sorted(rows, key=lambda row: steps[row])
    late = sum(any(earlier >= step for earlier in steps[:i]) for i, step in enumerate(steps))
    assert len(caught) == (late > 0)
    assert all(f": {late} in series" in str(warning.message) for warning in caught)


def test_short_gaps_are_filled_forward_in_the_order_of_time_and_counted(write: Write) -> None:
    path = write("time,a,b\n4,40,1\n2,,inf\n3,,3\n1,10,7\n")
    with (
        pytest.warns(UserWarning, match="repeats or goes back"),
        pytest.warns(UserWarning, match="filled with the value before: 3 in series 'cpu'"),
    ):
        series = one(path, max_gap=2)
    assert series.values.tolist() == [[10, 7], [10, 7], [10, 3], [40, 1]]


def test_gaps_are_not_filled_from_another_series(write: Write) -> None:
    path = write("key,v\na,1\nb,\nb,3\n")
    with pytest.raises(InputError, match="column 'v', row 1: nan"):
        table(path, key_column="key", max_gap=5)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, ["is empty"]),
        ("time,v\n", {}, ["no rows below its header"]),
        ("t;v\n1;2,5\n", {}, ["delimiter=';'"]),
        ("t\tv\n1\t2\n", {}, [r"delimiter='\t'"]),
        ("t|v\n1|2\n", {}, ["delimiter='|'"]),
        ("t,v\n1,2\n", {"delimiter": ";"}, ["delimiter=','"]),
        ("a,b\n1,2\n1,2,3\n", {}, ["line 3"]),
        ("a,b\n1,2,3\n1,2,3\n", {}, ["more fields than its header"]),
        ("température,v\n1,2\n".encode("latin1"), {}, ["UTF-8"]),
        ("a,b\n1,2\n", {"value_columns": ["a", "c"]}, ["no column 'c'", "['a', 'b']"]),
        ("a,b\n1,2\n", {"time_column": "when"}, ["no column 'when'", "['a', 'b']"]),
        ("a,b\n1,2\n", {"label_column": "label"}, ["no column 'label'", "['a', 'b']"]),
        ("a,b\n1,2\n", {"key_column": "key"}, ["no column 'key'", "['a', 'b']"]),
        ("a,b\n1,0\n", {"value_columns": ["a", "b"], "label_column": "b"}, ["'b' is used twice"]),
        ("time,label\n1,0\n", {}, ["no column of values"]),
        ("a,b\n1,2\n", {"max_gap": -1}, ["max_gap"]),
        ("a,label\n1,0\n", {"label_column": "label", "windows": "w.json"}, ["label_column", "windows"]),
        ("a,label\n1,0\n2,2\n", {}, ["column 'label', row 1", "2 is no label"]),
        ("a,label\n1,0\n2,Attack\n", {}, ["column 'label', row 1", "'Attack' is no label"]),
        ("a,label\n1,0\n2,\n", {}, ["column 'label', row 1", "empty cell"]),
        ("time,v\n2024-01-01,1\n2024-01-32,2\n", {}, ["column 'time', row 1", "'2024-01-32'"]),
        ("time,v\n2024-01-01,1\n,2\n", {}, ["column 'time', row 1", "empty cell"]),
        ("time,v\n1706745540,1\n17,2\n", {}, ["column 'time', row 1", "17"]),
        ("time,v\n20241331235900,1\n", {}, ["column 'time', row 0", "20241331235900"]),
        ("a,v\n1,1\n2,oops\n3,3\n4,4\n", {}, ["column 'v', row 1", "'oops'"]),
        ("a,v\n1,1\n2,oops\n", {"value_columns": "v"}, ["column 'v', row 1", "'oops'"]),
        ("a,v\n1, \n2, \n3, \n4,4\n", {}, ["column 'v', row 0"]),
        ("v\n1\nnan\n", {}, ["column 'v', row 1", "nan", "max_gap"]),
        ("v\n1\n-inf\n", {}, ["column 'v', row 1", "-inf", "max_gap"]),
        ("a,v\n1,1\n2,\n3,\n4,\n5,5\n", {"max_gap": 2}, ["column 'v', row 1", "max_gap=2"]),
        ("a,v\n1,\n2,2\n", {"max_gap": 2}, ["column 'v', row 0", "begins the series"]),
        ("key,v\na,1\n,2\n", {"key_column": "key"}, ["column 'key', row 1", "empty cell"]),
    ],
)
def test_bad_input_is_one_clear_error(
    write: Write, text: str | bytes, options: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        table(write(text), **options)
    for word in words:
        assert word in str(error.value)


def test_rows_in_errors_are_those_of_the_file_not_of_the_sorted_table(write: Write) -> None:
    with pytest.raises(InputError, match="row 0"):
        table(write("time,v\n2,\n1,5\n"))


def test_a_file_that_is_missing_of_another_kind_or_broken(write: Write, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        table(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="save the table as"):
        table(write("a\n1\n", "cpu.txt"))
    for name in ("cpu.parquet", "cpu.csv.gz"):
        with pytest.raises(InputError, match="cannot be read"):
            table(write("a\n1\n", name))


def test_a_frame_without_rows_or_with_a_column_twice() -> None:
    with pytest.raises(InputError, match="no rows"):
        table(pd.DataFrame({"a": []}))
    with pytest.raises(InputError, match="two columns called 'a'"):
        table(pd.DataFrame([[1, 2]], columns=["a", " a"]))
