"""SWaT in the layouts in which it is passed around."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from adt_gym.data.swat import swat
from adt_gym.series import InputError, Series

STAGES = ["", "P1", "", "P2"]
HEADER = [" Timestamp", "FIT101", " MV101", "Normal/Attack"]
ROWS = [
    [" 28/12/2015 11:59:59 PM", "2.5", "2", "Normal"],
    [" 29/12/2015 12:00:00 AM", "2.25", "1", "A ttack"],
    [" 29/12/2015 12:00:01 AM", "0", "1", "Attack"],
]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(rows: list[list[str]], name: str = "SWaT_Dataset_Attack_v0.csv", separator: str = ",") -> Path:
        path = tmp_path / name
        path.write_text("".join(separator.join(row) + "\n" for row in rows))
        return path

    return write


def check(series: Series) -> None:
    assert series.columns == ("FIT101", "MV101")
    assert series.values.tolist() == [[2.5, 2], [2.25, 1], [0, 1]]
    assert series.labels.tolist() == [False, True, True]
    midnight = np.datetime64("2015-12-29T00:00:00")
    np.testing.assert_array_equal(series.index, midnight + np.arange(-1, 2) * np.timedelta64(1, "s"))


@pytest.mark.parametrize("top", [[], [STAGES]])
def test_a_csv_with_or_without_stages_above_the_names(write: Write, top: list[list[str]]) -> None:
    (series,) = swat(write([*top, HEADER, *ROWS]))
    assert series.name == "swat"
    check(series)


def test_semicolons_and_decimal_commas(write: Write) -> None:
    (series,) = swat(write([[cell.replace(".", ",") for cell in row] for row in [HEADER, *ROWS]], separator=";"))
    check(series)


def test_decimal_commas_stay_numbers_beside_a_cell_that_is_none(write: Write) -> None:
    rows = [ROWS[0][:1] + ["2,5", "2", "Normal"], ROWS[1][:1] + ["oops", "1", "Attack"]]
    with pytest.raises(InputError, match="column 'FIT101', row 1: 'oops' is not a number"):
        swat(write([HEADER, *rows], separator=";"))


@pytest.mark.parametrize("as_dates", [False, True])
def test_a_workbook_with_stages_and_times_as_text_or_as_dates(tmp_path: Path, as_dates: bool) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(STAGES)
    sheet.append(HEADER)
    for time, flow, valve, label in ROWS:
        when = datetime.strptime(time.strip(), "%d/%m/%Y %I:%M:%S %p")
        sheet.append([when if as_dates else time, float(flow), int(valve), label])
    book.save(tmp_path / "swat.xlsx")
    check(*swat(tmp_path / "swat.xlsx"))


def test_a_workbook_is_read_by_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adt_gym.data.swat.CHUNK", 7)
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    for second in range(50):
        book.active.append([datetime(2015, 12, 28, 10, 0, second), second, 1, "Normal"])
    book.save(tmp_path / "swat.xlsx")
    assert swat(tmp_path / "swat.xlsx")[0].values[:, 0].tolist() == list(range(50))


def test_a_folder_gives_the_normal_part_for_training_and_the_attacks_for_testing(write: Write) -> None:
    write([HEADER, ROWS[0]], "SWaT_Dataset_Normal_v1.csv")
    root = write([HEADER, *ROWS]).parent
    train, test = swat(root)
    assert (train.name, train.part, len(train), train.labels.any()) == ("swat", "train", 1, False)
    assert (test.name, test.part) == ("swat", "test")
    check(test)
    write([HEADER, ROWS[0]], "SWaT_Dataset_Normal_v0.csv")
    with pytest.raises(InputError, match=r"several files.*Normal_v0.*Normal_v1"):
        swat(root)


def test_rows_that_are_not_in_the_order_of_time_are_sorted_with_a_warning(write: Write) -> None:
    path = write([HEADER, ROWS[2], ROWS[0], ROWS[1]])
    with pytest.warns(UserWarning, match="2 in series 'swat'"):
        check(*swat(path))


def test_short_gaps_are_filled_and_counted_once_longer_ones_are_an_error(write: Write) -> None:
    rows = [[ROWS[0][0], "1", "2", "Normal"], [ROWS[1][0], "", "", "Normal"], [ROWS[2][0], "", "3", "Normal"]]
    with pytest.warns(UserWarning, match="filled with the value before: 3 in series 'swat'") as caught:
        (series,) = swat(write([HEADER, *rows]))
    assert len(caught) == 1
    assert series.values.tolist() == [[1, 2], [1, 2], [1, 3]]
    with pytest.raises(InputError, match=r"column 'FIT101', row 1: nan is not finite.*max_gap=1"):
        swat(write([HEADER, *rows]), max_gap=1)


def test_blank_rows_at_the_end_are_left_out(write: Write) -> None:
    check(*swat(write([HEADER, *ROWS, ["", "", "", ""], [" ", "", "", ""]])))


@pytest.mark.parametrize(
    ("rows", "separator", "words"),
    [
        ([HEADER, *ROWS], "\t", "a cell 'Timestamp' between commas or semicolons"),
        ([row[:3] for row in (HEADER, *ROWS)], ",", "no column 'Normal/Attack'; its columns are Timestamp, FIT101"),
        ([HEADER, [*ROWS[0][:3], "Maybe"]], ",", "column 'Normal/Attack', row 0: 'Maybe' is no label"),
        ([HEADER, [*ROWS[0][:3], ""]], ",", "column 'Normal/Attack', row 0: an empty cell is no label"),
        ([HEADER, ROWS[0], ["2015-12-28", *ROWS[1][1:]]], ",", "column 'Timestamp', row 1: '2015-12-28' is not a time"),
        ([HEADER, [ROWS[0][0], "x", "1", "Normal"]], ",", "column 'FIT101', row 0: 'x' is not a number"),
        ([HEADER], ",", "no rows below its header"),
        ([HEADER, ["", "", "", ""]], ",", "only blank rows"),
        ([[*HEADER, "MV101"], [*ROWS[0], "1"]], ",", "two columns called 'MV101'"),
        ([[HEADER[0], HEADER[3]], [ROWS[0][0], "Normal"]], ",", "no column of values"),
    ],
)
def test_bad_input_is_one_clear_error(write: Write, rows: list[list[str]], separator: str, words: str) -> None:
    path = write(rows, separator=separator)
    with pytest.raises(InputError) as error:
        swat(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)


def test_mixed_encodings_and_what_is_no_workbook(write: Write, tmp_path: Path) -> None:
    path = write([HEADER, *ROWS])
    path.write_bytes(path.read_bytes() + "29/12/2015 12:00:02 AM,1,1,Attäck\n".encode("latin1"))
    with pytest.raises(InputError, match="UTF-8"):
        swat(path)
    path.rename(tmp_path / "swat.xlsx")
    with pytest.raises(InputError, match="cannot be read as an Excel workbook"):
        swat(tmp_path / "swat.xlsx")


def test_a_folder_that_is_missing_or_empty_says_where_to_get_the_data(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="on request at https://itrust"):
            swat(root)
