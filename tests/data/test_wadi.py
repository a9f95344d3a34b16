"""WADI.A1 and WADI.A2 as they are published."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from adt_gym.data.wadi import ATTACKS, attack_labels, wadi
from adt_gym.series import InputError

PREFIX = r"\\WIN-25J4RO10SBF\LOG_DATA\SUTD_WADI\LOG_DATA" + "\\"
TAGS = ["1_AIT_001_PV", "2_LS_001_AL", "2_LS_002_AL", "2_P_001_STATUS", "2_P_002_STATUS", "TOTAL_CONS"]
A1_HEADER = ",".join(["Row", "Date", "Time", *(PREFIX + tag for tag in TAGS)])
LABEL = '"Attack LABLE (1:No Attack, -1:Attack)"'
A2_HEADER = ",".join(["Row", "Date ", "Time", *TAGS])
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


def a1_rows(first: datetime, n: int = 3, values: Callable[[int], str] = str) -> str:
    times = [first + timedelta(seconds=i) for i in range(n)]
    return "".join(
        f"{i + 1},{t.month}/{t.day}/{t.year},{int(t.strftime('%I'))}:{t:%M:%S}.000 {t:%p},{values(i)},,,,,{i}.5\n"
        for i, t in enumerate(times)
    )


def write_a1(write: Write, train: str = a1_rows(datetime(2017, 9, 25, 18)), test: str = "") -> Path:
    write("WADI_14days.csv", "WADI\n\n,,\n2017\n" + A1_HEADER + "\n" + train)
    return write("WADI_attackdata.csv", A1_HEADER + "\n" + (test or a1_rows(datetime(2017, 10, 9, 19, 24, 58), 5)))


def write_a2(write: Write, labels: tuple[str, ...] = ("1", "-1", "1"), header: str = f"{A2_HEADER},{LABEL}") -> Path:
    write("WADI_14days_new.csv", A2_HEADER + "\n" + "".join(f"{i},9/25/17,x,{i},,,,,{i}\n" for i in (1, 2, 7)))
    rows = "".join(f"{i},10/9/17,x,{i},,,,,{i}.5,{label}\n" for i, label in enumerate(labels, start=1))
    blank = "," * len(A2_HEADER.split(",")) + "\n"
    return write("WADI_attackdataLABLE.csv", blank.replace(",", ",Unnamed", 1) + header + "\n" + rows + blank * 2)


def test_a1_header_below_four_lines_prefixed_tags_empty_tags_and_published_attacks(write: Write) -> None:
    train, test = wadi(write_a1(write))
    assert [(one.name, one.part) for one in (train, test)] == [("wadi", "train"), ("wadi", "test")]
    assert train.columns == test.columns == ("1_AIT_001_PV", "TOTAL_CONS")
    assert train.values.tolist() == [[0, 0.5], [1, 1.5], [2, 2.5]]
    assert train.index[0] == np.datetime64("2017-09-25T18:00:00")
    assert not train.labels.any()
    assert test.labels.tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("attack", ATTACKS)
def test_both_ends_of_an_attack_are_anomalous_to_the_second(attack: tuple[str, str, str]) -> None:
    day, first, last = attack
    seconds = np.array([f"{day}T{first}", f"{day}T{last}"], "M8[ns]")
    around = seconds[:, None] + np.array([-1, 0, 1]) * np.timedelta64(1, "s")
    assert attack_labels(around.ravel()).tolist() == [False, True, True, True, True, False]


def test_the_attacks_last_as_long_as_the_published_table_says() -> None:
    seconds = np.arange("2017-10-09T18:00:00", "2017-10-11T18:00:01", dtype="M8[s]")
    labels = attack_labels(seconds)
    assert len(seconds) == 172_801
    spans = (1517, 591, 1741, 851, 671, 699, 581, 88, 807, 630, 361, 203, 577, 631)
    assert np.count_nonzero(np.diff(labels.astype(int)) == 1) == len(spans) == len(ATTACKS)
    assert labels.sum() == sum(spans)


def test_a2_is_labelled_by_its_own_column_and_in_the_order_of_its_rows(write: Write) -> None:
    train, test = wadi(write_a2(write))
    assert test.columns == ("1_AIT_001_PV", "TOTAL_CONS")
    assert test.values.tolist() == [[1, 1.5], [2, 2.5], [3, 3.5]]
    assert test.labels.tolist() == [False, True, False]
    assert test.index is None
    assert len(train) == 3
    assert not train.labels.any()


def test_gaps_are_filled_up_to_a_minute(write: Write) -> None:
    rows = a1_rows(datetime(2017, 9, 25, 18), 62, lambda i: "" if 0 < i < 61 else str(i))
    with pytest.warns(UserWarning, match=r"60 in series 'wadi \(train\)'") as caught:
        train, _ = wadi(write_a1(write, rows))
    assert len(caught) == 1
    assert train.values[:, 0].tolist() == [0] * 61 + [61]
    with pytest.raises(InputError, match=r"column '1_AIT_001_PV', row 1: nan.*max_gap=59"):
        wadi(write_a1(write, rows), max_gap=59)


def test_a_file_larger_than_a_chunk_keeps_its_row_numbers(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adt_gym.data.recording.CHUNK", 7)
    train, _ = wadi(write_a1(write, a1_rows(datetime(2017, 9, 25, 18), 50)))
    assert train.values[:, 0].tolist() == list(range(50))
    rows = a1_rows(datetime(2017, 9, 25, 18), 50, lambda i: "oops" if i == 31 else str(i))
    with pytest.raises(InputError, match="column '1_AIT_001_PV', row 31: 'oops'"):
        wadi(write_a1(write, rows))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1;9/25/2017;6:00:00.000 PM;1;;;;;1\n", "column 'Date and Time', row 0"),
        ("1,25/9/2017,6:00:00.000 PM,1,,,,,1\n", "row 0: '25/9/2017 6:00:00.000 PM' is not a time"),
        ("1,9/25/2017,,1,,,,,1\n", "column 'Date and Time', row 0: an empty cell is not a time"),
        ("1,9/25/2017,6:00:00.000 PM,1,,,,,x\n", "column 'TOTAL_CONS', row 0: 'x' is not a number"),
        ("", "no rows below its header"),
        (",,,,,,,,\n", "only blank rows"),
    ],
)
def test_bad_rows_are_one_clear_error(write: Write, rows: str, words: str) -> None:
    root = write_a1(write, rows)
    with pytest.raises(InputError) as error:
        wadi(root)
    assert words in str(error.value)
    assert "WADI_14days.csv" in str(error.value)


def test_a_wrong_separator_a_missing_label_column_and_an_unknown_label(write: Write) -> None:
    with pytest.raises(InputError, match=r"no column 'Attack LABLE \.\.\.'"):
        wadi(write_a2(write, header=f"{A2_HEADER},Comment"))
    with pytest.raises(InputError, match="row 1: '0' is no label; WADI writes 1"):
        wadi(write_a2(write, ("1", "0")))
    with pytest.raises(InputError, match="starts with the column 'Row' and a comma"):
        wadi(write("WADI_attackdataLABLE.csv", A2_HEADER.replace(",", ";") + "\n"))


def test_mixed_encodings(write: Write, tmp_path: Path) -> None:
    root = write_a1(write)
    with (tmp_path / "WADI_14days.csv").open("ab") as file:
        file.write("4,9/25/2017,6:00:03.000 PM,1,,,,,1°\n".encode("latin1"))
    with pytest.raises(InputError, match="UTF-8"):
        wadi(root)


def test_a_folder_that_is_missing_empty_or_of_both_versions(write: Write, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="on request at https://itrust"):
            wadi(root)
    write_a1(write)
    with pytest.raises(InputError, match="several files"):
        wadi(write_a2(write))
