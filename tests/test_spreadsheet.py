import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.spreadsheet import harmless, original, read_csv, write_csv, write_frame

DANGEROUS = tuple("=+-@\t\r\n")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "=cmd|'/c calc'!A1", "-", "'=1", "\r-1", "\t2"]
)
def test_no_cell_begins_as_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert original(harmless(text)) == text


@pytest.mark.parametrize("cell", [-1, -0.5, "-0.5", "-1e-05", "-inf", "", "a=b", "it's", "'quoted'", None, True, 3.0])
def test_numbers_and_other_cells_stay_as_they_are(cell: object) -> None:
    assert harmless(cell) is cell
    assert original(cell) is cell


@given(st.text(alphabet="=+-@'\t\ra1,\"\n", max_size=8))
def test_every_text_is_harmless_and_comes_back(text: str) -> None:
    written = harmless(text)
    assert not written.startswith(DANGEROUS) or written.lstrip("+-").strip().isdecimal()
    assert original(written) == text


def test_a_file_holds_harmless_cells_and_is_read_back(tmp_path: Path) -> None:
    rows = [["=HYPERLINK()", "-0.5"], ["plain", "'=x"]]
    write_csv(tmp_path / "a.csv", ["@name", "value"], rows)
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["'@name", "value"], ["'=HYPERLINK()", "-0.5"], ["plain", "''=x"]]
    assert read_csv(tmp_path / "a.csv") == (["@name", "value"], rows)


def test_a_frame_keeps_its_numbers(tmp_path: Path) -> None:
    table = pd.DataFrame({"method": ["=a", "b"], "f1": [-0.25, float("nan")], "n": [-1, 2]})
    write_frame(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_text() == "method,f1,n\n'=a,-0.25,-1\nb,,2\n"
