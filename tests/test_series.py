import json
import os
import warnings
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn.preprocessing import MinMaxScaler

from adt_gym import Detection, InputError, ScoredSeries, Series
from adt_gym.files import replacing
from adt_gym.scaling import MinMax, Scaling
from adt_gym.scored_files import load_scored, save_scored
from adt_gym.series import MIN_SCORE

HOURS = np.datetime64("2015-03-29T00", "h") + np.arange(6)


# Series and windows


def test_one_metric_may_be_given_flat() -> None:
    series = Series([1, 2, 3], [0, 1, 0], "flat")
    assert series.values.shape == (3, 1)
    assert series.values.dtype == np.float64
    assert series.labels is not None
    assert series.labels.dtype == bool
    assert series.columns == ("value",)
    assert len(series) == 3


def test_the_values_that_flow_cannot_be_reassigned() -> None:
    series = Series(np.zeros(3))
    with pytest.raises(FrozenInstanceError):
        series.values = np.ones((3, 1), np.float32)  # type: ignore[misc]


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("length", [1, 4, 10])
def test_windows_are_views_of_the_values(columns: int, length: int) -> None:
    series = Series(np.random.default_rng(0).random((10, columns)))
    windows = series.windows(length)
    assert windows.shape == (10 - length + 1, length, columns)
    assert np.shares_memory(windows, series.values)
    for t, window in enumerate(windows):
        np.testing.assert_array_equal(window, series.values[t : t + length])


@given(labels=nps.arrays(bool, st.integers(1, 40)), data=st.data())
def test_a_window_is_anomalous_if_any_of_its_points_is(labels: np.ndarray, data: st.DataObject) -> None:
    length = data.draw(st.integers(1, len(labels)))
    computed = Series(np.zeros(len(labels)), labels).window_labels(length)
    points = labels.tolist()
    assert computed.tolist() == [any(points[t : t + length]) for t in range(len(points) - length + 1)]


def test_a_slice_keeps_everything_that_belongs_to_its_rows() -> None:
    part = Series(np.arange(12).reshape(6, 2), [0, 0, 1, 1, 0, 0], "name", HOURS, ("a", "b"))[2:5]
    assert (part.name, part.columns, len(part)) == ("name", ("a", "b"), 3)
    assert part.values.tolist() == [[4, 5], [6, 7], [8, 9]]
    assert part.labels is not None
    assert part.labels.tolist() == [True, True, False]
    np.testing.assert_array_equal(part.index, HOURS[2:5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [1.0, np.nan, 2.0]}, "'pump', column 'value', row 1: nan"),
        ({"values": [[1, 2], [3, np.inf]], "columns": ("heat", "load")}, "'pump', column 'load', row 1: inf"),
        ({"values": [[1, 2], [-np.inf, 0]]}, "'pump', column 'value_0', row 1: -inf"),
        ({"values": [1, 2, 3], "labels": [0, 2, 1]}, r"'pump', label 1: .*2"),
        ({"values": [1, 2, 3], "labels": [0, np.nan, 1]}, r"'pump', label 1: .*nan"),
        ({"values": [1, 2, 3], "labels": [0, 1]}, r"'pump'.*\(2,\).*\(3,\)"),
        ({"values": [1, 2, 3], "index": HOURS}, r"'pump'.*index.*\(6,\).*\(3,\)"),
        ({"values": [1, 2, 3], "index": ["a", "b", "c"]}, "'pump'.*index must be datetime64"),
        ({"values": ["one", "two"]}, "'pump': values must be numbers"),
        ({"values": []}, "'pump' has no points"),
        ({"values": np.zeros((2, 2, 2))}, "'pump'.*(2, 2, 2)"),
        ({"values": [[1, 2]], "columns": ("only",)}, "'pump': 1 column names for 2"),
    ],
)
def test_bad_series(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Series(name="pump", **arguments)


@pytest.mark.parametrize("method", [Series.windows, Series.window_labels])
def test_bad_windows(method: Callable[[Series, int], object]) -> None:
    series = Series(np.zeros(5), np.zeros(5), "pump")
    with pytest.raises(InputError, match=r"'pump' has 5 points.*6"):
        method(series, 6)
    with pytest.raises(InputError, match="at least 1 point, got 0"):
        method(series, 0)


def test_no_window_labels_without_labels() -> None:
    with pytest.raises(InputError, match="'pump' has no labels"):
        Series(np.zeros(5), name="pump").window_labels(2)


def test_a_small_signal_on_a_large_number_is_kept() -> None:
    signal = np.sin(np.arange(50.0))
    for values in (1e9 + signal, (1_700_000_000_000_000_000 + np.arange(50) * 1_000_000_000).astype(np.int64)):
        kept = Series(values)
        scaled = MinMax.fit(kept.values)(kept.values)[:, 0]
        exact = np.array([int(v) if values.dtype == np.int64 else v for v in values.tolist()], dtype=object)
        expected = [float((v - exact.min()) / (exact.max() - exact.min())) for v in exact]
        np.testing.assert_allclose(scaled, expected, atol=1e-6)


@pytest.mark.parametrize("kind", [float, np.float16, np.float32, np.int8, np.int64, np.uint8, bool, object])
def test_values_of_every_real_type_are_read(kind: Any) -> None:
    series = Series(np.array([1, 0, 1], dtype=kind))
    np.testing.assert_array_equal(series.values[:, 0], [1, 0, 1])
    assert series.values.dtype in (np.float32, np.float64)


def test_a_column_whose_signal_float64_cannot_hold_is_refused_by_name() -> None:
    values = np.column_stack([np.arange(3), 2**60 + np.arange(3)])
    with pytest.raises(InputError, match=r"'pump', column 'ticks' varies, but not in float64: subtract its first"):
        Series(values, name="pump", columns=("load", "ticks"))
    assert Series(values - values[0]).values[2, 1] == 2  # the remedy


@pytest.mark.parametrize(
    "values",
    [
        np.array([1 + 1j, 2]),
        np.array([1, 2j], dtype=object),
        np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
        np.array(["2024-01-01", "NaT"], dtype="datetime64[s]"),
        np.array([1, 2], dtype="timedelta64[s]"),
        np.array([b"1"]),
    ],
)
def test_what_is_no_real_number_is_neither_value_nor_score(values: np.ndarray) -> None:
    for make in (lambda: Series(values, name="pump"), lambda: ScoredSeries(values, np.zeros(len(values)), "pump")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(InputError, match=r"'pump': (values|scores) must be numbers"):
                make()


def test_a_time_that_is_none_is_refused_by_its_row() -> None:
    index = np.array(["2024-01-01", "NaT", "2024-01-03"], dtype="datetime64[s]")
    for make in (Series, ScoredSeries):
        with pytest.raises(InputError, match=r"'pump', row 1: the index has no time \(NaT\)"):
            make(np.zeros(3), np.zeros(3), "pump", index)


# Scored series


def test_a_part_knows_the_raw_scores_before_it_as_its_past() -> None:
    scaling = Scaling(np.array([0.0, 10.0]), np.array([0.1, 0.5]))
    whole = ScoredSeries.scaled(np.arange(6), scaling, np.zeros(6, bool), "s", past=np.array([7.0, 8.0], np.float32))
    part = whole[2:5][1:]
    np.testing.assert_array_equal(part.raw, [3, 4])
    np.testing.assert_array_equal(part.past, [7, 8, 0, 1, 2])
    np.testing.assert_allclose(part.scores, [0.22, 0.26])
    assert len(whole[:3].past) == 2
    unscaled = ScoredSeries([0.1, 0.2, 0.3], [0, 0, 0])
    np.testing.assert_array_equal(unscaled[1:].past, unscaled.scores[:1])
    assert unscaled[1:].raw is not None
    np.testing.assert_array_equal(unscaled.raw, unscaled.scores)


def test_scores_that_are_not_the_scaled_raw_ones_are_refused() -> None:
    scaling = Scaling(np.array([0.0, 10.0]), np.array([0.1, 0.5]))
    series = ScoredSeries.scaled([1.0, 2.0], scaling, np.zeros(2, bool), "s")
    with pytest.raises(InputError, match="'s': its scores are not its scaled raw scores"):
        replace(series, scores=[0.3, 0.4])
    given = replace(series, scores=np.array([0.3, 0.4]), raw=None, scaling=None)
    np.testing.assert_array_equal(given.raw, given.scores)


def test_a_raw_score_beyond_float32_is_the_largest_and_nan_is_refused() -> None:
    scaling = Scaling(np.array([0.0, 1.0]), np.array([0.1, 0.5]))
    scores = ScoredSeries.scaled([1.0, 1e30, np.inf], scaling, np.zeros(3, bool), "s").scores
    assert scores[0] < scores[1] < scores[2] < 1
    with pytest.raises(InputError, match="'s'"):
        ScoredSeries.scaled([1.0, np.nan], scaling, np.zeros(2, bool), "s")


def test_scores_leave_room_for_the_threshold_that_flags_all() -> None:
    series = ScoredSeries([0.0, 1e-9, 0.5, 1.0], [0, 0, 1, 1])
    assert series.scores.dtype == np.float32
    np.testing.assert_array_equal(series.scores, np.float32([MIN_SCORE, 1e-9, 0.5, 1.0]))
    assert Detection.at(0.0, series).decisions.all()
    assert not Detection.at(1.0, series).decisions.any()


def test_scores_given_are_not_written_to() -> None:
    given = np.zeros(3, dtype=np.float32)
    ScoredSeries(given, np.zeros(3))
    assert (given == 0).all()


def test_detection_flags_what_is_above_the_threshold_of_its_window() -> None:
    series = ScoredSeries([0.5, 0.5, 0.5], [0, 1, 0], "name")
    detection = Detection.at([0.4, 0.5, 0.6], series)
    assert detection.decisions.tolist() == [True, False, False]
    assert detection.thresholds.dtype == np.float32
    assert detection.labels.tolist() == [False, True, False]
    assert detection.name == "name"


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, np.nan], [0, 1], "'pump', window 1: score nan"),
        ([np.inf, 0.1], [0, 1], "'pump', window 0: score inf"),
        ([0.1, 0.2, 1.5], [0, 1, 0], r"'pump', window 2: score 1\.5"),
        ([-0.5, 0.2], [0, 1], r"'pump', window 0: score -0\.5"),
        ([0.1, 0.2], [0, 3], "'pump', label 1: .*3"),
        ([0.1, 0.2], [0.5, 0], r"'pump', label 0: .*0\.5"),
        ([0.1, 0.2], [0, 1, 0], r"'pump'.*\(3,\).*\(2,\)"),
        ([[0.1], [0.2]], [0, 1], r"'pump'.*\(2, 1\)"),
        ([], [], "'pump'"),
        (["a", "b"], [0, 1], "'pump': scores must be numbers"),
    ],
)
def test_bad_scored_series(scores: Any, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ScoredSeries(scores, labels, "pump")


# Scaling


def test_min_max_is_scikit_learns_per_column() -> None:
    random = np.random.default_rng(0)
    train, test = random.normal(size=(50, 3)), 10 * random.normal(size=(20, 3))
    expected = MinMaxScaler().fit(train).transform(test)
    np.testing.assert_allclose(MinMax.fit(train)(test), expected)
    np.testing.assert_allclose(MinMax.fit(train[:20], train[20:])(test), expected)
    assert expected.min() < 0
    assert expected.max() > 1


def test_min_max_of_a_constant_column_is_zero() -> None:
    scaled = MinMax.fit(np.full((4, 2), [3.0, 5.0]))(np.array([[3.0, 6.0]]))
    np.testing.assert_array_equal(scaled, [[0.0, 1.0]])


def test_min_max_of_one_metric_is_a_number() -> None:
    scale = MinMax.fit(np.array([2.0, 4.0]), np.array([3.0, 6.0]))
    np.testing.assert_allclose(scale(np.array([2.0, 5.0, 10.0])), [0.0, 0.75, 2.0])


# Files


def assert_equal_series(one: ScoredSeries, other: ScoredSeries) -> None:
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.scores.dtype == other.scores.dtype
    assert one.labels.dtype == other.labels.dtype
    assert (one.name, one.meta) == (other.name, other.meta)
    assert (one.index is None) == (other.index is None)
    if one.index is not None:
        np.testing.assert_array_equal(one.index, other.index)


def test_a_scored_series_survives_its_file(tmp_path: Path) -> None:
    series = ScoredSeries(
        np.random.default_rng(0).random(6), [0, 0, 1, 1, 0, 1], "päärm/1", HOURS, {"scorer": {"latent": 3, "on": None}}
    )
    series.save(tmp_path / "new" / "series.npz")
    assert_equal_series(ScoredSeries.load(tmp_path / "new" / "series.npz"), series)


def test_several_series_share_a_file(make_series: Callable[..., ScoredSeries], tmp_path: Path) -> None:
    timed = ScoredSeries(np.full(6, 0.5), np.zeros(6), "timed", HOURS)
    later = ScoredSeries(np.full(3, 0.5), np.zeros(3), "later", HOURS[:3] + 99, {"of": "timed"})
    series = [make_series(9, 1), timed, make_series(17, 2), later]
    save_scored(tmp_path / "all.npz", series)
    for one, other in zip(load_scored(tmp_path / "all.npz"), series, strict=True):
        assert_equal_series(one, other)
    with pytest.raises(InputError, match=r"all\.npz holds 4 series"):
        ScoredSeries.load(tmp_path / "all.npz")


def test_what_nobody_has_labelled_stays_so_in_its_file(
    make_series: Callable[..., ScoredSeries], tmp_path: Path
) -> None:
    dark = ScoredSeries([0.1, 0.2, 0.7], None, "dark")
    for series in ([dark], [make_series(9, 1), dark, make_series(5, 2), dark[1:]]):
        save_scored(tmp_path / "some.npz", series)
        for one, other in zip(load_scored(tmp_path / "some.npz"), series, strict=True):
            np.testing.assert_array_equal(one.scores, other.scores)
            np.testing.assert_array_equal(one.labels, other.labels)
            assert (one.labels is None) == (one.name == "dark")


def test_a_file_of_before_that_could_not_say_so_is_refused(tmp_path: Path) -> None:
    ScoredSeries([0.1, 0.2], [0, 1]).save(tmp_path / "old.npz")
    with np.load(tmp_path / "old.npz") as file:
        arrays = dict(file)
    header = [{key: one[key] for key in one if key != "labelled"} for one in json.loads(str(arrays["header"]))]
    np.savez(tmp_path / "old.npz", **{**arrays, "header": np.array(json.dumps(header))})
    with pytest.raises(InputError, match=r"does not say which series have labels.*write it anew"):
        load_scored(tmp_path / "old.npz")


def test_a_part_is_one_of_two_and_stays_with_the_rows() -> None:
    assert Series(np.arange(3), part="train")[1:].part == "train"
    assert Series(np.arange(3)).part is None
    with pytest.raises(InputError, match=r"'pump': its part is 'train', 'test' or None, got 'validation'"):
        Series(np.arange(3), name="pump", part="validation")


def test_raw_scores_past_and_scaling_survive_the_file(tmp_path: Path) -> None:
    scaling = Scaling(np.array([0.1, 0.7]), np.array([0.1, 1 / 3]))
    random = np.random.default_rng(0)
    one = ScoredSeries.scaled(random.exponential(9, 7), scaling, random.random(7) < 0.5, "one")[3:]
    plain = ScoredSeries([0.1, 0.2], [0, 1], "plain", past=[0.3])
    save_scored(tmp_path / "two.npz", [one, plain])
    for loaded, kept in zip(load_scored(tmp_path / "two.npz"), (one, plain), strict=True):
        assert_equal_series(loaded, kept)
        np.testing.assert_array_equal(loaded.raw, kept.raw)
        np.testing.assert_array_equal(loaded.past, kept.past)
        values = np.array([-5.0, 0.2, 30.0])
        np.testing.assert_array_equal(loaded.to_unit(values), kept.to_unit(values))


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, header: arrays.update(labels=arrays["labels"][:-1]),
        lambda arrays, header: arrays.update(labels=np.append(arrays["labels"], np.uint8(0))),
        lambda arrays, header: arrays.update(raw=arrays["raw"][:-1]),
        lambda arrays, header: arrays.update(raw=arrays["raw"][:, None]),
        lambda arrays, header: arrays.update(past=np.zeros(3, np.float32)),
        lambda arrays, header: arrays.update(index=np.zeros(5, "datetime64[s]")),
        lambda arrays, header: arrays.update(raw=arrays["raw"] * 1j),
        lambda arrays, header: header[0].update(windows=-1),
        lambda arrays, header: header[0].update(windows=19),
        lambda arrays, header: header[0].update(windows=20.0),
        lambda arrays, header: header[0].update(windows=True),
        lambda arrays, header: header[0].update(past=-1),
        lambda arrays, header: header[0].update(timed=True),
        lambda arrays, header: header[0].update(labelled=False),
        lambda arrays, header: header[0].update(labelled=None),
        lambda arrays, header: (header[0].update(windows=-9), header[1].update(windows=39)),
        lambda arrays, header: header[0].update(scaling={"knots": [1, 0], "levels": [0.1, 0.2]}),
        lambda arrays, header: header[0].update(scaling={"knots": [1], "levels": [1.5]}),
        lambda arrays, header: header[0].update(scaling={"knots": 1, "levels": 0.5}),
        lambda arrays, header: header.append(header[0]),
        lambda arrays, header: header.clear(),
        lambda arrays, header: arrays.pop("raw"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, change: Callable[[Any, Any], object]) -> None:
    path, random = tmp_path / "scores.npz", np.random.default_rng(0)
    save_scored(path, [ScoredSeries(random.random(n), random.random(n) < 0.5, str(n)) for n in (20, 10)])
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    change(arrays, header)
    np.savez(path, **{**arrays, "header": np.array(json.dumps(header))})
    with pytest.raises(InputError, match=r"scores\.npz is not a file of scored series"):
        load_scored(path)


def test_what_is_not_written(make_series: Callable[..., ScoredSeries], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"series\.csv.*\.npz"):
        make_series().save(tmp_path / "series.csv")
    with pytest.raises(InputError, match="no series"):
        save_scored(tmp_path / "none.npz", [])
    assert not any(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.npz"):
        ScoredSeries.load(tmp_path / "missing.npz")


class Explosive:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def write_something_else(kind: str, path: Path) -> None:
    if kind == "text":
        path.write_text("t,score\n0,0.5\n")
    elif kind == "empty":
        path.touch()
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "other arrays":
        np.savez(path, weights=np.zeros(3))
    elif kind == "other header":
        np.savez(path, header=np.array("[{}]"), scores=np.zeros(1), labels=np.zeros(1, np.uint8), index=np.zeros(0))
    elif kind == "cut short":
        ScoredSeries(np.random.default_rng(0).random(500), np.zeros(500)).save(path)
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "pickle":
        np.savez(path, header=np.array([Explosive(path.with_suffix(".exploded"))], dtype=object))
    elif kind == "bare pickle":
        with path.open("wb") as file:
            np.save(file, np.array([Explosive(path.with_suffix(".exploded"))], dtype=object))


@pytest.mark.parametrize(
    "kind", ["text", "empty", "array", "other arrays", "other header", "cut short", "pickle", "bare pickle"]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "other.npz"
    write_something_else(kind, path)
    with pytest.raises(InputError, match=r"other\.npz is not a file of scored series"):
        ScoredSeries.load(path)
    assert not path.with_suffix(".exploded").exists()


def test_replacing_replaces_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "table.csv"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            assert temporary.suffix == ".csv"
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("old", ["old", None])
def test_replacing_leaves_no_trace_of_a_failure(tmp_path: Path, old: str | None) -> None:
    path = tmp_path / "table.csv"
    if old is not None:
        path.write_text(old)

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [file.read_text() for file in tmp_path.iterdir()] == ([] if old is None else [old])


def test_a_file_with_any_wrong_byte_is_refused_with_one_clear_error_or_read(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    save_scored(path, [ScoredSeries(np.linspace(0, 1, 50), np.arange(50) > 40, "one")])
    content, refused = path.read_bytes(), []
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            load_scored(path)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > len(content) / 10
    assert all(str(path) in message for message in refused)
