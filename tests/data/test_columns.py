"""Which column of a user's table is what, and how its cells are read: nothing is silently wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.data.cells import numbers
from adt_gym.data.notation import notations, read_numbers
from adt_gym.data.table import Table, read_table
from adt_gym.series import InputError

N = 300
RANDOM = np.random.default_rng(0)
LABEL = np.isin(np.arange(N) % 60, (40, 41, 42)).astype(int)
CPU = RANDOM.normal(50, 5, N).round(2)
TIMES = pd.date_range("2024-01-01", periods=N, freq="min")
EPOCH = np.asarray(TIMES.astype("datetime64[s]").astype(np.int64))


def read(frame: dict[str, Any], folder: Path | None = None, **options: Any) -> Table:
    """Read columns beside a clean metric and a label: as a frame, and through a CSV file too if there is a folder."""
    whole = pd.DataFrame({**frame, "cpu": CPU, "label": LABEL})
    if folder is None:
        return read_table(whole, allow_gaps=True, **options)
    whole.to_csv(folder / "pump.csv", index=False)
    return read_table(folder / "pump.csv", allow_gaps=True, **options)


def one_metric(cells: Any, folder: Path, **options: Any) -> np.ndarray:
    table = read({"x": cells}, folder, **options)
    assert table.columns.metrics == ("x", "cpu")
    return table.series[0].values[:, 0]


# Times, row numbers, ids


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("name", ["ts", "epoch", "unix_time", "@timestamp", "recorded", "request_time"])
def test_seconds_to_nanoseconds_since_1970_are_times_whatever_their_column_is_called(name: str, scale: int) -> None:
    table = read({name: EPOCH * scale})
    assert (table.columns.time, table.columns.metrics) == ((name,), ("cpu",))
    np.testing.assert_array_equal(table.series[0].index, TIMES.to_numpy())


def test_a_second_column_of_times_is_no_metric() -> None:
    table = read({"timestamp": TIMES, "scraped": EPOCH, "started_at": TIMES.astype(str)})
    assert table.columns.time == ("timestamp",)
    assert table.columns.unused == {"scraped": "times", "started_at": "times"}


IRREGULAR = EPOCH + np.sort(RANDOM.integers(0, 50, N) // 10 * 10)
EPOCHS = {
    "floats": IRREGULAR + RANDOM.random(N),
    "repeated": IRREGULAR // 300 * 300,
    "shuffled": RANDOM.permutation(IRREGULAR),
    "ms": IRREGULAR * 1000 + RANDOM.integers(0, 1000, N),
    "down": IRREGULAR[::-1],
}
COUNTERS = {
    "even": 1_700_000_000 + 4096 * np.arange(N),
    "nanoseconds": 1_700_000_000_000_000_000 + np.cumsum(RANDOM.integers(10**6, 10**7, N)),
    "uneven": 1_700_000_000 + np.cumsum(RANDOM.integers(0, 10**5, N)),
}


@pytest.mark.parametrize("cells", EPOCHS.values(), ids=EPOCHS)
def test_numbers_that_may_be_times_or_a_counter_are_not_guessed_at(cells: Any) -> None:
    with pytest.raises(InputError, match=r"'events'.*time_column='events'.*value_columns='events'.*drop_columns="):
        read({"events": cells})
    assert read({"events": cells}, value_columns="events").columns.metrics == ("events",)
    assert read({"events": cells}, drop_columns="events").columns.unused == {"events": "dropped"}
    beside = read({"timestamp": TIMES, "events": cells}).columns
    assert (beside.time, beside.unused) == (("timestamp",), {"events": "times"})


@pytest.mark.parametrize("cells", COUNTERS.values(), ids=COUNTERS)
def test_a_counter_is_known_by_its_speed_where_there_are_times(cells: Any) -> None:
    with pytest.raises(InputError, match=r"'events'.*time_column='events'.*value_columns='events'.*drop_columns="):
        read({"events": cells})
    assert read({"events": cells}, value_columns="events").columns.metrics == ("events",)
    beside = read({"timestamp": TIMES, "events": cells})
    if np.ptp(np.diff(cells)) == 0:
        assert (beside.columns.time, beside.columns.unused) == (("timestamp",), {"events": "steps of one size"})
    else:
        assert (beside.columns.metrics, beside.columns.unused) == (("events", "cpu"), {})
        np.testing.assert_allclose(np.diff(beside.series[0].values[:, 0]), np.diff(cells), rtol=0, atol=512)


SIGNAL = np.sin(np.arange(N) / 7) + RANDOM.normal(0, 0.1, N)


@pytest.mark.parametrize("amplitude", [1e-3, 1, 1e3, 1e6])
@pytest.mark.parametrize("offset", [1e9, 1.7e9, 1e12])
@pytest.mark.parametrize("times", [{}, {"timestamp": TIMES}])
def test_a_small_signal_on_a_large_number_is_a_metric(times: dict[str, Any], offset: float, amplitude: float) -> None:
    table = read({**times, "pressure": offset + amplitude * SIGNAL})
    assert table.columns.metrics == ("pressure", "cpu")
    kept = table.series[0].values[:, 0] - offset
    np.testing.assert_allclose(kept, amplitude * SIGNAL, rtol=0, atol=np.spacing(offset))


@pytest.mark.parametrize("times", [{}, {"timestamp": TIMES}])
def test_large_whole_numbers_that_do_not_go_one_way_are_a_metric(times: dict[str, Any]) -> None:
    spikes = 1_000_000_000 + 50 * (np.arange(N) % 40 == 7)
    whole = 1_000_000_000 + np.round(1000 * SIGNAL).astype(np.int64)
    assert read({**times, "spikes": spikes, "whole": whole}).columns.metrics == ("spikes", "whole", "cpu")


def test_a_counter_in_the_range_of_times_is_not_the_clock() -> None:
    with pytest.raises(InputError, match="'uptime_ticks': these numbers may be times or a counter"):
        read({"uptime_ticks": COUNTERS["even"]})


@pytest.mark.filterwarnings("ignore:rows whose time")
@pytest.mark.parametrize("cells", [*EPOCHS.values(), COUNTERS["even"]], ids=[*EPOCHS, "counter"])
@pytest.mark.parametrize("name", ["t", "created", "when", "Zeit"])
def test_irregular_epochs_whose_name_is_a_times_are_the_times(name: str, cells: Any) -> None:
    columns = read({name: cells}).columns
    assert (columns.time, columns.metrics) == ((name,), ("cpu",))


@pytest.mark.parametrize(
    "name", ["t", "time (s)", "elapsed", "seconds", "time_step", "timeStep", "step", "tick", "frame", "Datum", "Zeit"]
)
@pytest.mark.parametrize("cells", [np.arange(N) * 0.1, np.arange(N) * 5 + 3, np.arange(N)])
def test_steps_are_the_time_if_their_name_says_so(name: str, cells: Any) -> None:
    order = RANDOM.permutation(N)
    table = read_table(pd.DataFrame({name: cells, "cpu": CPU, "label": LABEL}).iloc[order].reset_index(drop=True))
    assert (table.columns.time, table.columns.metrics) == ((name,), ("cpu",))
    np.testing.assert_array_equal(table.series[0].values[:, 0], CPU)


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("id", np.arange(N), "row numbers"),
        ("anything", np.arange(N) + 1000, "row numbers"),
        ("anything", np.arange(N)[::-1], "row numbers"),
        ("index", RANDOM.permutation(N * 10)[:N], "row numbers"),
        ("Unnamed: 0", np.arange(N) * 2, "no name"),
        ("device_id", RANDOM.integers(0, 5, N), "an id"),
        ("deviceId", RANDOM.integers(0, 5, N), "an id"),
        ("flat", np.full(N, 3.5), "constant"),
        ("anything", RANDOM.permutation(N), "row numbers"),
        ("uptime", np.arange(N) * 60, "steps of one size"),
        ("anything", RANDOM.permutation(N) * 0.1, "steps of one size"),
        ("nothing", np.full(N, np.nan), "empty"),
        ("host", RANDOM.choice(["web-1", "web-2"], N), "text"),
        ("message", [f"GET /{i} took {i} ms" for i in range(N)], "text"),
    ],
)
def test_what_was_not_measured_is_not_used_and_the_reason_is_told(name: str, cells: Any, why: str) -> None:
    columns = read({name: cells}).columns
    assert columns.metrics == ("cpu",)
    assert columns.unused == {name: why}


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("bytes_total", np.cumsum(RANDOM.integers(1, 900, N))),
        ("bytes_total", np.arange(N)),
        ("mem_used", 1_700_000_000 + 4096 * np.arange(N)),
        ("mem_free", 1_700_000_000 - 4096 * np.arange(N)),
        ("Id", RANDOM.permutation(N * 10)[:N]),
        ("V Id", RANDOM.integers(0, 40, N)),
        ("heat_index", RANDOM.integers(20, 40, N)),
        ("liquid", RANDOM.integers(20, 40, N)),
        ("index", CPU + 1),
        ("free_memory", 1_700_000_000 + RANDOM.integers(-(10**6), 10**6, N)),
        ("response_time", RANDOM.random(N)),
    ],
)
def test_counters_and_measures_stay_metrics(name: str, cells: Any) -> None:
    assert read({name: cells}).columns.metrics == (name, "cpu")


def test_a_flat_line_alone_is_a_series() -> None:
    table = read_table(pd.DataFrame({"value": [1.0] * 20, "label": [0, 1] * 10}))
    assert table.columns.metrics == ("value",)
    with pytest.raises(InputError, match=r"no column of values \(column 'id': row numbers\)"):
        read_table(pd.DataFrame({"id": range(20), "label": [0, 1] * 10}))


@pytest.mark.parametrize(
    ("date", "clock"),
    [("%Y-%m-%d", "%H:%M:%S"), ("%m/%d/%Y", "%I:%M:%S %p"), ("%d.%m.%Y", "%H:%M"), ("%Y%m%d", "%H:%M")],
)
def test_a_column_of_dates_and_one_of_clock_times_are_taken_together(date: str, clock: str) -> None:
    days = pd.date_range("2024-01-20 23:30", periods=N, freq="min")
    table = read({"Date": days.strftime(date), "Time": days.strftime(clock)})
    assert table.columns.time == ("Date", "Time")
    np.testing.assert_array_equal(table.series[0].index, days.to_numpy())


@pytest.mark.parametrize(
    ("date", "clock"),
    [("Datum", "Uhrzeit"), ("date", "tod"), ("log_date", "log_time"), ("Event Date", "Event Time"), ("day", "at")],
)
@pytest.mark.parametrize("form", ["%H:%M:%S", "%H:%M"])
def test_dates_and_clock_times_are_told_by_what_they_hold(date: str, clock: str, form: str, tmp_path: Path) -> None:
    days = pd.date_range("2024-01-20 23:30", periods=N, freq="min")
    table = read({clock: days.strftime(form), date: days.strftime("%Y-%m-%d")}, tmp_path)
    assert (table.columns.time, table.columns.metrics) == ((date, clock), ("cpu",))
    np.testing.assert_array_equal(table.series[0].index, days.to_numpy())


def test_dates_and_clock_times_in_digits(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-20 22:00", periods=N, freq="min")
    table = read({"date": days.strftime("%Y%m%d"), "time": days.strftime("%H%M%S")}, tmp_path)
    assert (table.columns.time, table.columns.metrics) == (("date", "time"), ("cpu",))
    np.testing.assert_array_equal(table.series[0].index, days.to_numpy())


def test_a_duration_beside_dates_that_tell_the_rows_apart_is_no_clock() -> None:
    days = pd.date_range("2020-01-20", periods=N).strftime("%Y-%m-%d")
    columns = read({"date": days, "duration": TIMES.strftime("%H:%M:%S")}).columns
    assert (columns.time, columns.metrics) == (("date",), ("cpu",))


def test_two_columns_of_times_are_an_error_until_one_is_named() -> None:
    times = {"timestamp": TIMES[::-1].astype(str), "ts": EPOCH}
    with pytest.raises(InputError, match=r"2 columns of times, \['timestamp', 'ts'\].*time_column='timestamp'"):
        read(times)
    with pytest.warns(UserWarning, match="goes back"):
        table = read(times, time_column="timestamp")
    assert table.series[0].values[0, 0] == pytest.approx(CPU[-1], rel=1e-6)
    assert table.columns.unused == {"ts": "times"}


@pytest.mark.filterwarnings("ignore:rows whose time")
def test_row_numbers_and_times_start_anew_in_every_series(tmp_path: Path) -> None:
    one = pd.DataFrame({"t": EPOCH, "row": range(N), "n": range(N), "cpu": CPU})
    both = pd.concat([one.assign(host="a"), one.assign(host="b", cpu=CPU[::-1])])
    for frame in (both, both.sort_values("row"), both.sample(frac=1, random_state=0).drop(columns="n")):
        table = read_table(frame, key_column="host", allow_gaps=True)
        assert (table.columns.time, table.columns.metrics) == (("t",), ("cpu",))
        assert table.columns.unused["row"] == "row numbers"
        np.testing.assert_allclose(sorted(table.series, key=lambda each: each.name)[0].values[:, 0], CPU, rtol=1e-6)
    (tmp_path / "fleet").mkdir()
    for name in ("a", "b"):
        one.to_csv(tmp_path / "fleet" / f"{name}.csv", index=False)
    columns = read_table(tmp_path / "fleet").columns
    assert (columns.time, columns.metrics) == (("t",), ("cpu",))


HOURS = pd.date_range("2024-01-20", periods=N, freq="h")


def test_hours_written_in_digits_are_dates() -> None:
    table = read({"time": HOURS.strftime("%Y%m%d%H").astype(int)})
    np.testing.assert_array_equal(table.series[0].index, HOURS.to_numpy())


@pytest.mark.parametrize("form", ["%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"])
def test_dates_in_digits_under_other_names(form: str) -> None:
    cells = HOURS.strftime(form).astype(np.int64)
    np.testing.assert_array_equal(read({"log_date": cells}).series[0].index, HOURS.to_numpy())
    with pytest.raises(InputError, match="column 'x': these numbers may be times"):
        read({"x": cells})


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (TIMES.strftime("%y%m%d%H%M").astype(np.int64), "YYMMDDHHMM"),
        ((TIMES - pd.DateOffset(years=6)).strftime("%y%m%d%H%M").astype(np.int64), "YYMMDDHHMM"),
        (638_396_640_000_000_000 + 600_000_000 * np.arange(N), r"\.NET's ticks"),
    ],
)
def test_dates_in_digits_that_are_not_read_are_no_seconds_since_1970(cells: Any, form: str) -> None:
    with pytest.raises(InputError, match=f"column 'time': [0-9]+ looks like {form}.*write times like"):
        read({"time": cells})


@pytest.mark.parametrize("offset", ["Z", "+02:00", " UTC", "-0530"])
def test_times_with_and_without_an_offset_are_not_mixed(offset: str) -> None:
    cells = TIMES.strftime("%Y-%m-%dT%H:%M:%S") + offset
    assert read({"time": cells}).columns.time == ("time",)
    mixed = np.where(np.arange(N) == 7, TIMES.strftime("%Y-%m-%dT%H:%M:%S"), cells)
    with pytest.raises(InputError, match="column 'time', row 7: '2024-01-01T00:07:00' is a time without an offset"):
        read({"time": mixed})


# Labels


@pytest.mark.parametrize("name", ["label.1", "changepoint", "attack_P1", "outlier", "is_anomaly", "Ground Truth"])
@pytest.mark.parametrize("second", [LABEL, np.roll(LABEL, 20), np.where(LABEL, "attack", "normal")])
def test_a_second_label_is_never_a_metric(name: str, second: Any) -> None:
    if name == "is_anomaly" and second is not LABEL:
        return  # then nothing says which of the two is meant
    columns = read({name: second}).columns
    assert (columns.label, columns.metrics) == ("label", ("cpu",))
    assert columns.unused == {name: "a label, beside 'label'"}


@pytest.mark.parametrize(
    "column",
    [
        LABEL,
        1 - LABEL,
        LABEL * RANDOM.integers(1, 4, N),
        LABEL * (np.arange(N) < 150),
        LABEL | (CPU > 66),
        LABEL | np.roll(LABEL, 1),
    ],
)
def test_a_column_of_few_values_that_gives_the_label_away_is_refused_unless_it_is_named(column: Any) -> None:
    with pytest.raises(InputError, match=r"'mode' gives the label away.*drop_columns='mode'"):
        read({"mode": column})
    assert read({"mode": column}, value_columns=["mode", "cpu"]).columns.metrics == ("mode", "cpu")
    assert read({"mode": column}, drop_columns=["mode"]).columns.metrics == ("cpu",)


@pytest.mark.parametrize("column", [RANDOM.integers(0, 2, N), np.roll(LABEL, 30), np.arange(N) % 60 > 30])
def test_a_switch_that_does_not_tell_the_label_is_a_metric(column: Any) -> None:
    assert read({"mode": column}).columns.metrics == ("mode", "cpu")


@pytest.mark.parametrize(
    ("anomalous", "normal"),
    [(1, 0), (-1, 1), (1, -1), (1.0, -1.0), ("t", "f"), ("Yes", "No"), ("TRUE", "FALSE"), ("A ttack", "Normal")],
)
def test_labels_in_two_words(anomalous: Any, normal: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"cpu": CPU, "label": np.where(LABEL, anomalous, normal)})
    frame.to_csv(tmp_path / "pump.csv", index=False)
    for source in (frame, tmp_path / "pump.csv"):
        table = read_table(source)
        np.testing.assert_array_equal(table.series[0].labels, LABEL == 1)
        assert str(anomalous).split(".")[0].lower() in table.columns.notes["label"].lower()


@pytest.mark.parametrize("cells", [[-1, 1] * 10, [-1] * 20, ["yes", "maybe"] * 10, ["yes", "0"] * 10])
def test_labels_that_could_mean_either_are_refused(cells: list[Any]) -> None:
    with pytest.raises(InputError, match=r"column 'label'.*write 0 or False \(normal\), 1 or True"):
        read_table(pd.DataFrame({"cpu": range(20), "label": cells}))


@pytest.mark.parametrize(
    "name", ["anomaly_score", "anomalyProb", "attack_cat", "attack_level", "fault_type", "label_id"]
)
@pytest.mark.parametrize("cells", [RANDOM.random(N), RANDOM.integers(0, 5, N)])
def test_what_is_named_like_a_label_is_no_metric(name: str, cells: Any) -> None:
    columns = read({name: cells}).columns
    assert (columns.label, columns.metrics, columns.unused) == ("label", ("cpu",), {name: "named like a label"})
    assert read({name: cells}, value_columns=name).columns.metrics == (name,)


@pytest.mark.parametrize("name", ["page_faults", "default_rate"])
def test_what_only_sounds_like_a_label_is_a_metric(name: str) -> None:
    assert read({name: RANDOM.random(N)}).columns.metrics == (name, "cpu")


@pytest.mark.parametrize("name", ["y_true", "y", "gt", "target", "class", "event", "is_malicious", "Machine failure"])
@pytest.mark.parametrize("cells", [LABEL, LABEL == 1])
def test_what_may_be_the_label_is_told_and_no_metric(name: str, cells: Any) -> None:
    frame = pd.DataFrame({"cpu": CPU, name: cells})
    columns = read_table(frame).columns
    assert (columns.label, columns.metrics) == (None, ("cpu",))
    assert columns.unused == {name: "may be the label: name it with label_column="}
    assert read_table(frame, label_column=name).columns.label == name
    assert read({name: cells}).columns.metrics == ("cpu",)
    assert read_table(pd.DataFrame({name: CPU})).columns.metrics == (name,)


def test_two_labels_that_mean_the_same_are_one_and_others_are_an_error() -> None:
    columns = read({"anomaly": LABEL == 1}).columns
    assert (columns.label, columns.unused) == ("label", {"anomaly": "a label, beside 'label'"})
    with pytest.raises(InputError, match=r"\['anomaly', 'label'\].*label_column='anomaly'"):
        read({"anomaly": np.roll(LABEL, 5)})
    assert read({"anomaly": np.roll(LABEL, 5)}, label_column="label").columns.metrics == ("cpu",)


# Numbers


def grouped(value: float, decimal: str, thousands: str) -> str:
    return f"{value:,.2f}".translate({ord(","): thousands, ord("."): decimal})


@pytest.mark.parametrize("thousands", ["", ".", " ", "\u00a0", "'"])
def test_a_decimal_comma_is_recognised(thousands: str, tmp_path: Path) -> None:
    values = CPU * 1000 + 0.25
    expected = values.round(2)
    cells = [grouped(value, ",", thousands) for value in values]
    np.testing.assert_allclose(one_metric(cells, tmp_path), expected, rtol=1e-6)


def test_where_commas_are_decimal_marks_points_stand_between_thousands(tmp_path: Path) -> None:
    cells = {"big": [f"{1000 + 7 * i * i:,}".replace(",", ".") for i in range(N)], "x": [f"{c},5" for c in LABEL]}
    pd.DataFrame({**cells, "label": np.roll(LABEL, 9)}).to_csv(tmp_path / "a.csv", index=False)
    table = read_table(tmp_path / "a.csv")
    assert table.series[0].values[:2, 0].tolist() == [1000, 1007]
    assert table.columns.notes["big"] == "decimal comma, thousands apart by '.'"


def test_what_could_be_either_is_an_error_whose_remedies_work(tmp_path: Path) -> None:
    pd.DataFrame({"x": ["1,234", "2,345"] * 9, "label": [0, 1] * 9}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match=r"'x': '1,234' is .*decimal=',' or decimal='.', or with thousands=','"):
        read_table(tmp_path / "a.csv")
    for options, value in (({"decimal": ","}, 1.234), ({"decimal": "."}, 1234), ({"thousands": ","}, 1234)):
        assert read_table(tmp_path / "a.csv", **options).series[0].values[0, 0] == pytest.approx(value)


@pytest.mark.parametrize("blank", [False, True])
def test_points_between_thousands_in_only_some_cells(blank: bool, tmp_path: Path) -> None:
    values = np.where(RANDOM.random(N) < 0.5, RANDOM.integers(1000, 9000, N), RANDOM.integers(1, 999, N))
    values[:2] = 1002, 778
    big = [f"{value:,}".replace(",", ".") for value in values]
    big[5] = "" if blank else big[5]
    frame = pd.DataFrame({"big": big, "x": [f"{cpu}".replace(".", ",") for cpu in CPU], "label": LABEL})
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert read_table(tmp_path / "a.csv", max_gap=1).series[0].values[:2, 0].tolist() == [1002, 778]
    frame.drop(columns="x").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(InputError, match=r"'big': '1.002' is .*decimal="):
        read_table(tmp_path / "b.csv", max_gap=1)
    assert read_table(tmp_path / "b.csv", max_gap=1, decimal=",").series[0].values[0, 0] == 1002
    assert read_table(tmp_path / "b.csv", max_gap=1, decimal=".").series[0].values[0, 0] == pytest.approx(1.002)


def test_beside_decimal_points_three_digits_are_a_fraction(tmp_path: Path) -> None:
    pd.DataFrame({"big": ["1.002", "778"] * 20, "x": np.arange(40) ** 1.5}).to_csv(tmp_path / "a.csv", index=False)
    assert read_table(tmp_path / "a.csv").series[0].values[0, 0] == pytest.approx(1.002)


def test_a_mark_that_is_asked_for_is_not_overruled(tmp_path: Path) -> None:
    pd.DataFrame({"x": ["1.25", "2.5"] * 9, "label": [0, 1] * 9}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match=r"'x': '1.25' is not written as decimal="):
        read_table(tmp_path / "a.csv", decimal=",")


@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=20),
    st.sampled_from([one for one in notations(None, None) if one.thousands]),
)
def test_what_is_written_in_a_notation_is_read_back(values: list[Any], notation: Any) -> None:
    cells = [grouped(value, notation.decimal, notation.thousands or "") for value in values]
    found = read_numbers(pd.Series(cells), [notation], "table")
    assert found is not None
    assert found.values.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("form", ["{} MB", "{}%", "{}ms", "{} °C", "${}", "{} km/h"])
def test_a_unit_is_read_and_told(form: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(one_metric([form.format(value) for value in CPU], tmp_path), CPU, rtol=1e-6)
    assert (
        read({"x": [form.format(value) for value in CPU]}).columns.notes["x"] == f"in {form.replace('{}', '').strip()}"
    )


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1 MB", "2 KB"], "mixes the units 'MB' and 'KB'"),
        (["100m", "1"], "mixes the units"),
        (["1.5", "-", "2.5", "-"], "row 1: '-' is not a number"),
        (["1.5", "missing", "2.5", "missing"], "row 1: 'missing' is not a number"),
    ],
)
def test_what_cannot_be_read_is_an_error_by_name(cells: list[str], words: str) -> None:
    with pytest.raises(InputError, match=rf"column 'x'.*{words}.*drop_columns='x'"):
        read_table(pd.DataFrame({"x": cells * 4, "cpu": range(0, 8 * len(cells), 2)}))


@pytest.mark.parametrize(("cells", "shown"), [(['="50.1"', '="51.3"'], '="50.1"'), (["12,34,567", "567"], "12,34,567")])
def test_what_looks_like_a_number_and_is_not_read_is_told_by_the_cell(cells: list[str], shown: str) -> None:
    with pytest.raises(InputError, match=rf"column 'x', row 0: '{shown}' is not written as a number.*drop_columns='x'"):
        read({"x": np.resize(cells, N)})


def test_files_of_a_folder_that_differ_in_their_decimal_mark(tmp_path: Path) -> None:
    for name, mark in (("a", ","), ("b", ".")):
        cells = [f"{value:.2f}".replace(".", mark) for value in CPU]
        pd.DataFrame({"x": cells, "label": LABEL}).to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(
        InputError, match=r"'x' has decimal commas and points: '.*' in row 0 of a\.csv and .* of b\.csv"
    ):
        read_table(tmp_path)


@pytest.mark.parametrize("cells", [["10.0.0.1", "10.0.0.2"], ["1.2.3", "1.2.4"]])
def test_addresses_and_versions_are_text(cells: list[str]) -> None:
    assert read({"x": np.resize(cells, N)}).columns.unused == {"x": "text"}


@pytest.mark.parametrize("states", [("OFF", "ON"), (False, True), ("no", "yes"), ("closed", "open"), ("False", "True")])
def test_two_states_are_a_metric(states: tuple[Any, Any], tmp_path: Path) -> None:
    on = RANDOM.random(N) < 0.5
    np.testing.assert_array_equal(one_metric(np.where(on, states[1], states[0]), tmp_path), on)


def test_numbers_keep_the_digits_of_float64() -> None:
    assert numbers(pd.Series([16777217, 0.1]), "table").tolist() == [16777217, 0.1]


@pytest.mark.parametrize(
    "cells",
    [
        2**60 + np.arange(N) % 7,
        [str(10**25 + i % 7) for i in range(N)],
        [f"1700000000.00000000{i % 7}" for i in range(N)],
    ],
)
def test_a_signal_that_float64_would_lose_is_an_error(cells: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'x' differs in digits only.*subtract.*drop_columns='x'"):
        read({"x": cells}, tmp_path)


@pytest.mark.parametrize("blank", [False, True])
def test_a_signal_that_float64_would_lose_is_an_error_where_it_is_the_only_one(blank: bool, tmp_path: Path) -> None:
    cells = [f"10000000000000000.00{i % 10}" for i in range(40)]
    cells[7] = "" if blank else cells[7]
    pd.DataFrame({"x": cells, "label": [0, 1] * 20}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match=r"'x' differs in digits only.*subtract"):
        read_table(tmp_path / "a.csv", max_gap=1)
