"""Files and folders as users have them: read, or refused in one line whose remedy works."""

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adt_gym.data.table import table
from adt_gym.series import InputError, Series

FRAME = pd.DataFrame(
    {
        "time": pd.date_range("2024-01-01", periods=60, freq="min"),
        "cpu": np.arange(60) % 7,
        "label": np.arange(60) % 9 < 1,
    }
)
TEXT = FRAME.to_csv(index=False)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "pump.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def assert_is_the_frame(series: list[Series], name: str) -> None:
    (one,) = series
    assert (one.name, one.columns) == (name, ("cpu",))
    np.testing.assert_array_equal(one.values[:, 0], FRAME["cpu"])
    np.testing.assert_array_equal(one.labels, FRAME["label"])
    np.testing.assert_array_equal(one.index, FRAME["time"].to_numpy())


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (TEXT.encode("utf-8-sig"), {}),
        (TEXT.encode("utf-16"), {}),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), {}),
        (TEXT.replace(",", "\t"), {"delimiter": "\\t"}),
        (TEXT.replace(",", "\t"), {"delimiter": "\t"}),
        (TEXT.replace(",", ";"), {"delimiter": ";"}),
        ("sep=;\n" + TEXT.replace(",", ";"), {}),
        ("sep=\t\r\n" + TEXT.replace(",", "\t"), {}),
        ("\n\n" + TEXT.replace("\n", "\r\n"), {}),
    ],
)
def test_text_is_read_however_it_is_written(write: Write, content: str | bytes, options: dict[str, Any]) -> None:
    assert_is_the_frame(table(write(content), **options), "pump")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_delimiter_that_an_error_names_works(write: Write, separator: str) -> None:
    path = write(TEXT.replace(",", separator))
    with pytest.raises(InputError) as error:
        table(path)
    named = str(error.value).partition("delimiter='")[2].partition("'")[0]
    assert_is_the_frame(table(path, delimiter=named), "pump")


def test_zip_excel_and_parquet_files(write: Write, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pump.zip", "w") as archive:
        archive.writestr("inside.csv", TEXT)
        archive.writestr("__MACOSX/._inside.csv", "junk")
    FRAME.to_excel(tmp_path / "pump.xlsx", index=False)
    FRAME.to_parquet(tmp_path / "pump.parquet")
    for ending in ("zip", "xlsx", "parquet"):
        assert_is_the_frame(table(tmp_path / f"pump.{ending}"), "pump")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_parts_of_a_spark_folder_are_one_table(write: Write, tmp_path: Path, ending: str) -> None:
    folder = write("", "pump/_SUCCESS").parent
    write("junk", f"pump/.part-00000.{ending}.crc")
    for number, part in enumerate((FRAME[:25], FRAME[25:])):
        path = folder / f"part-{number:05}-c000.{ending}"
        part.to_csv(path, index=False) if ending == "csv" else part.to_parquet(path)
    assert_is_the_frame(table(folder), "pump")


def test_a_folder_of_files_is_a_series_per_file_with_the_same_columns(write: Write) -> None:
    for number, level in ((10, 2), (9, 1)):
        write(FRAME.assign(cpu=level, disk=np.arange(60) * number).to_csv(index=False), f"fleet/web-{number}.csv")
    write("junk", "fleet/.hidden.csv")
    write("junk", "fleet/README.md")
    first, second = table(write("junk", "fleet/_notes.csv").parent)
    assert (first.name, second.name) == ("web-9", "web-10")
    assert first.columns == second.columns == ("cpu", "disk")  # flat in each, not in all
    assert (first.values[0].tolist(), second.values[1].tolist()) == ([1, 0], [2, 10])
    write(TEXT.replace("cpu", "load"), "fleet/web-1.csv")
    with pytest.raises(InputError, match="differ in column 'cpu'"):
        table(write("junk", "fleet/_notes.csv").parent)


def test_a_bad_cell_in_a_folder_is_told_with_its_file(write: Write) -> None:
    write(TEXT, "fleet/a.csv")
    folder = write(TEXT.replace(",3,", ",three,", 1), "fleet/b.csv").parent
    with pytest.raises(InputError, match=r"column 'cpu', row 3 of b\.csv: 'three' is not a number"):
        table(folder)


LONG = "x" * 500_000


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (TEXT.encode("utf-16-le"), "pump.csv", "NUL bytes"),
        (TEXT[:90] + "\0" + TEXT[90:], "pump.csv", "NUL bytes"),
        (TEXT.replace("cpu", "température").encode("latin-1"), "pump.csv", "UTF-8"),
        (TEXT[:90] + '"' + TEXT[90:], "pump.csv", "EOF inside string"),
        (TEXT.replace(",3,", ',"3\n2024,4,"\n', 1).replace('"\n', '",', 1), "pump.csv", "'cpu', row 3"),
        (TEXT.replace(",3,", f",{LONG},", 1), "pump.csv", "'cpu', row 3"),
        (TEXT.replace("cpu", LONG), "pump.csv", "no header that can be read"),
        ("", "pump.csv", "is empty"),
        (" \n\n", "pump.csv", "is empty"),
        ("1.5,2.5\n1.6,2.6\n", "pump.csv", "has no header"),
        ("2024-01-01 00:00:00,1\n2024-01-01 00:01:00,2\n", "pump.csv", "has no header"),
        ("cpu,cpu\n1,2\n", "pump.csv", "two columns called 'cpu'"),
        (",".join(f"c{i}" for i in range(20_000)) + "\n", "pump.csv", "20,000 columns.*value_columns="),
        ("junk", "pump.zip", "cannot be read as a .zip file"),
        ("junk", "pump.xlsx", "cannot be read as an Excel workbook"),
        ("junk", "pump.xls", r"is not a \.csv"),
    ],
    ids=lambda part: None if len(str(part)) > 30 else str(part),
)
def test_what_cannot_be_read_is_one_short_line(write: Write, content: str | bytes, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        table(write(content, name))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_archives_and_workbooks_that_hold_several_tables_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    with pytest.raises(InputError, match=r"holds 2 \.csv files"):
        table(tmp_path / "two.zip")
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        for name in ("a", "b"):
            FRAME.to_excel(book, sheet_name=name, index=False)
    with pytest.raises(InputError, match="2 sheets with rows, a, b"):
        table(tmp_path / "two.xlsx")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no table in the folder"):
        table(tmp_path / "empty")


def test_of_many_columns_those_that_are_named_are_read(write: Write) -> None:
    names = [f"c{i}" for i in range(20_000)]
    rows = "".join(f"2024-01-01 00:{i:02},{','.join([str(i)] * 20_000)},{i % 2}\n" for i in range(12))
    path = write(f"time,{','.join(names)},label\n{rows}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (series,) = table(path, value_columns=["c7", "c19999"])
    assert series.columns == ("c7", "c19999")
    assert series.labels.tolist() == [False, True] * 6
    assert series.index[-1] == np.datetime64("2024-01-01T00:11")


INDEXED = pd.date_range("2024-01-01", periods=30, freq="min")


@pytest.mark.parametrize(
    "index",
    [
        pd.DatetimeIndex(INDEXED, name="timestamp"),
        pd.DatetimeIndex(INDEXED),
        pd.MultiIndex.from_arrays([["web"] * 30, INDEXED], names=["host", "timestamp"]),
        pd.Index(INDEXED.astype(str), name="timestamp"),
        pd.Index(INDEXED.astype(str)),
        pd.PeriodIndex(INDEXED, freq="min", name="timestamp"),
        pd.Index(INDEXED.astype("datetime64[s]").astype(int), name="ts"),
    ],
)
def test_times_in_the_index_are_not_lost(index: pd.Index, tmp_path: Path) -> None:
    frame = pd.DataFrame({"cpu": np.arange(30.0) ** 2}, index=index)
    frame.to_parquet(tmp_path / "a.parquet")
    for source in (frame, tmp_path / "a.parquet"):
        (series,) = table(source)
        assert series.columns == ("cpu",)
        assert series.index is not None
        np.testing.assert_array_equal(series.index, INDEXED.to_numpy())


def test_an_index_that_is_a_column_too_is_read_once_and_one_that_differs_is_an_error() -> None:
    index = pd.DatetimeIndex(INDEXED, name="timestamp")
    frame = pd.DataFrame({"timestamp": INDEXED, "cpu": np.arange(30.0) ** 2}, index=index)
    assert table(frame)[0].columns == ("cpu",)
    with pytest.raises(InputError, match="two columns called 'timestamp'"):
        table(frame.assign(timestamp=INDEXED[::-1]))


@pytest.mark.parametrize("other", ["a.csv.gz", "a.parquet"])
def test_a_folder_with_two_series_of_one_name_is_an_error(other: str, tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    (FRAME.to_parquet if other.endswith("parquet") else FRAME.to_csv)(tmp_path / other, index=False)
    with pytest.raises(InputError, match=rf"a\.csv and {other} are two series of one name; rename"):
        table(tmp_path)
