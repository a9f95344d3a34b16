"""NAB's windows and folder."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adt_gym.data.nab import nab, window_labels
from adt_gym.data.table import table
from adt_gym.series import InputError

Windows = Callable[[object], Path]
REAL = Path(__file__).parents[2] / "../shared/data/nab"
HOURS = np.datetime64("2013-12-10T00:00", "ns") + np.arange(5) * np.timedelta64(1, "h")
WINDOW = ["2013-12-10 01:00:00.000000", "2013-12-10 03:00:00.000000"]
ALL = ["2013-12-10 00:00:00.000000", "2013-12-10 23:00:00.000000"]


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    def write(entries: object) -> Path:
        path = tmp_path / "combined_windows.json"
        path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
        return path

    return write


def write_nab(root: Path, entries: dict[str, list[list[str]]], names: tuple[str, ...] = ("b", "a")) -> Path:
    folder = root / "data" / "realKnownCause"
    folder.mkdir(parents=True)
    for name in names:
        rows = "".join(f"{str(hour)[:19].replace('T', ' ')},{i}\n" for i, hour in enumerate(HOURS))
        (folder / f"{name}.csv").write_text("timestamp,value\n" + rows)
    (root / "labels").mkdir()
    (root / "labels" / "combined_windows.json").write_text(json.dumps(entries))
    return root


def test_both_ends_of_a_window_are_anomalous(windows: Windows) -> None:
    labels = window_labels(HOURS, "x.csv", windows({"folder/x.csv": [WINDOW]}))
    assert labels.tolist() == [False, True, True, True, False]


def test_a_file_without_windows_is_normal_and_several_windows_add_up(windows: Windows) -> None:
    path = windows({"f/none.csv": [], "f/two.csv": [[str(HOURS[0])] * 2, [str(HOURS[4])] * 2]})
    assert not window_labels(HOURS, "none.csv", path).any()
    assert window_labels(HOURS, "two.csv", path).tolist() == [True, False, False, False, True]


def test_the_whole_key_goes_before_the_file_name(windows: Windows) -> None:
    path = windows({"x.csv": [], "real/x.csv": [ALL], "other/x.csv": [], "only/y.csv": [ALL]})
    assert window_labels(HOURS, "/somewhere/real/x.csv", path).all()
    assert not window_labels(HOURS, "other/x.csv", path).any()
    assert window_labels(HOURS, "/elsewhere/y.csv", path).all()
    with pytest.raises(InputError, match=r"several windows for 'x\.csv'"):
        window_labels(HOURS, "/elsewhere/x.csv", windows({"real/x.csv": [], "other/x.csv": []}))
    with pytest.raises(InputError, match="no windows for"):
        window_labels(HOURS, "/somewhere/really.csv", windows({"y.csv": [ALL]}))


def test_a_json_that_names_other_files_lists_the_close_keys(windows: Windows) -> None:
    path = windows({"realKnownCause/nyc_taxi.csv": [], "realKnownCause/ambient.csv": []})
    with pytest.raises(InputError, match=r"no windows for 'nyc_taxis.csv'.*realKnownCause/nyc_taxi.csv"):
        window_labels(HOURS, "nyc_taxis.csv", path)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ("{", "is not JSON"),
        ([1, 2], "is not of the form"),
        ({"x.csv": 3}, "is not of the form"),
        ({"x.csv": [["2013-12-10"]]}, "is not [start, end]"),
        ({"x.csv": [["2013-12-10", "later"]]}, "is not [start, end]"),
        ({"x.csv": ["2013-12-10"]}, "is not [start, end]"),
        ({"x.csv": [["2013-12-11", "2013-12-10"]]}, "ends before it starts"),
        ("[" * 100_000, "is not JSON"),
        ('{"x.csv": ' + "[" * 50_000 + "]" * 50_000 + "}", "is not JSON"),
        ({"x.csv": [[1386633600, 1386637200]]}, "is not [start, end]"),
        ({"x.csv": [[None, "2013-12-10"]]}, "is not [start, end]"),
        ('{"x.csv": [[Infinity, NaN]]}', "is not JSON"),
        ({"x.csv": [{"start": "2013-12-10"}]}, "is not [start, end]"),
        ({"x.csv": [["\ud800", "\udfff"]]}, "is not JSON"),
        ({"\ud800.csv": []}, "is not JSON"),
        ({"x.csv": [["9" * 10_000, "2013-12-10"]]}, "is not [start, end]"),
        ({"x.csv": [["+99999-01-01", "2013-12-10"]]}, "is not [start, end]"),
        ('{"x.csv": ' + "9" * 10_000 + "}", "is not JSON"),
        ({"x.csv": {"start": "2013-12-10"}}, "is not of the form"),
        ("null", "is not of the form"),
    ],
)
def test_malformed_windows(windows: Windows, entries: object, words: str) -> None:
    path = windows(entries)
    with pytest.raises(InputError) as error:
        window_labels(HOURS, "x.csv", path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 500
    str(error.value).encode()


def test_windows_need_times_and_a_file(windows: Windows, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="time_column"):
        window_labels(None, "x.csv", windows({"x.csv": []}))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        window_labels(HOURS, "x.csv", tmp_path / "nowhere.json")


def test_a_table_with_windows(tmp_path: Path, windows: Windows) -> None:
    file = tmp_path / "x.csv"
    file.write_text("timestamp,value,label\n2013-12-10 03:00:00,3,0\n2013-12-10 04:00:00,4,0\n")
    (series,) = table(file, windows=windows({"folder/x.csv": [WINDOW]}))
    assert series.columns == ("value",)
    assert series.labels.tolist() == [True, False]


def test_the_folder_is_read_sorted_by_name(tmp_path: Path) -> None:
    root = write_nab(tmp_path, {"realKnownCause/a.csv": [WINDOW], "realKnownCause/b.csv": []})
    first, second = nab(root)
    assert (first.name, second.name) == ("a", "b")
    assert first.labels.tolist() == [False, True, True, True, False]
    assert not second.labels.any()
    np.testing.assert_array_equal(first.index, HOURS)


def test_missing_pieces_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no NAB series"):
        nab(tmp_path)
    root = write_nab(tmp_path, {"realKnownCause/a.csv": []})
    with pytest.raises(InputError, match=r"no windows for .*b\.csv"):
        nab(root)
    (root / "labels" / "combined_windows.json").unlink()
    with pytest.raises(FileNotFoundError, match="combined_windows"):
        nab(root)


def nab_of_one_file(root: Path, rows: bytes) -> Path:
    write_nab(root, {"realKnownCause/a.csv": []}, ("a",))
    (root / "data" / "realKnownCause" / "a.csv").write_bytes(rows)
    return root


def test_gaps_of_the_folder(tmp_path: Path) -> None:
    text = b"timestamp,value\n2013-12-10 00:00:00,1\n2013-12-10 01:00:00,\n2013-12-10 02:00:00,3\n"
    root = nab_of_one_file(tmp_path, text)
    with pytest.raises(InputError, match=r"column 'value', row 1: nan.*max_gap=0"):
        nab(root)
    with pytest.warns(UserWarning, match="1 in series 'a'") as caught:
        assert nab(root, max_gap=1)[0].values[:, 0].tolist() == [1, 1, 3]
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (b"timestamp;value\n2013-12-10 00:00:00;1\n", "delimiter=';'"),
        (b"timestamp,count\n2013-12-10 00:00:00,1\n", "no column 'value'"),
        (b"timestamp,value\n2013-12-10 00:00:00,1\n,\n", "column 'timestamp', row 1: an empty cell is not a time"),
        (b"timestamp,value\n2013-12-10 00:00:00,1\nnoon,1\n", "column 'timestamp', row 1: 'noon' is not a time"),
        (b"timestamp,value\n2013-12-10 00:00:00,1\n2013-12-10 01:00:00,1\xb0\n", "UTF-8"),
    ],
)
def test_bad_files_of_the_folder(tmp_path: Path, rows: bytes, words: str) -> None:
    with pytest.raises(InputError) as error:
        nab(nab_of_one_file(tmp_path, rows))
    assert words in str(error.value)
    assert "a.csv" in str(error.value)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real NAB files are not here")
def test_the_real_files_load_and_a_tenth_is_anomalous() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        series = nab(REAL)
    assert len(series) == 7
    assert sum(len(one) for one in series) == 69_561
    for one in series:
        assert 0.08 < one.labels.mean() < 0.11
        assert (np.diff(one.index) >= np.timedelta64(0)).all()
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 2
    assert any("12 in series 'machine_temperature_system_failure'" in message for message in messages)


@pytest.mark.parametrize("ending", [".gz", ".zip"])
def test_a_packed_file_has_the_windows_of_the_file_in_it(ending: str, windows: Windows) -> None:
    path = windows({"folder/x.csv": [["2024-01-01 00:01:00", "2024-01-01 00:02:00"]]})
    index = np.datetime64("2024-01-01", "ns") + np.arange(5) * np.timedelta64(1, "m")
    assert window_labels(index, f"folder/x.csv{ending}", path).tolist() == [False, True, True, False, False]
    with pytest.warns(UserWarning, match=r"x\.csv.*the window .*00:01:00.* holds no point of folder/x\.csv"):
        window_labels(index + np.timedelta64(1, "D"), "folder/x.csv", path)
