"""HAI 21.03 as it is published."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from adt_gym.data.hai import hai
from adt_gym.series import InputError

HEADER = "time,P1_B2004,P4_HT_LD,attack,attack_P1,attack_P2,attack_P3\n"
ROWS = "2020-07-07 15:00:00,0.09830,0,0,0,0,0\n2020-07-07 15:00:01,0.5,1,1,1,0,0\n"


def write(root: Path, test: str = HEADER + ROWS) -> Path:
    for number in (1, 2, 10):
        (root / f"train{number}.csv").write_text(HEADER + ROWS.replace("1,1,0,0\n", "0,0,0,0\n"))
    (root / "test1.csv").write_text(test)
    return root


def test_files_in_the_order_of_their_numbers_and_only_the_overall_label(tmp_path: Path) -> None:
    series = hai(write(tmp_path))
    assert [one.name for one in series] == ["train1", "train2", "train10", "test1"]
    assert [one.part for one in series] == ["train", "train", "train", "test"]
    assert all(one.columns == ("P1_B2004", "P4_HT_LD") for one in series)
    assert not any(one.labels.any() for one in series[:3])
    test = series[3]
    assert test.labels.tolist() == [False, True]
    assert test.values.tolist() == [[np.float32(0.0983), 0], [0.5, 1]]
    assert test.index.tolist() == [int(np.datetime64(f"2020-07-07T15:00:0{i}", "ns").astype(int)) for i in (0, 1)]


def test_gzipped_files_as_the_repository_keeps_them(tmp_path: Path) -> None:
    write(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert [one.name for one in hai(tmp_path)][-1] == "test1"


def test_gaps(tmp_path: Path) -> None:
    rows = ROWS + "2020-07-07 15:00:02,,2,1,1,0,0\n2020-07-07 15:00:03,,2,1,1,0,0\n"
    with pytest.warns(UserWarning, match=r"2 in series 'test1 \(test\)'") as caught:
        test = hai(write(tmp_path, HEADER + rows))[-1]
    assert len(caught) == 1
    assert test.values[:, 0].tolist() == [np.float32(0.0983), 0.5, 0.5, 0.5]
    with pytest.raises(InputError, match=r"column 'P1_B2004', row 2: nan.*max_gap=1"):
        hai(tmp_path, max_gap=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ((HEADER + ROWS).replace(",", ";"), "separate them by ',', not ';'"),
        (HEADER.replace(",attack,", ",Attack,") + ROWS.replace(",0,0,0,0\n", ",0,0,0,0\n"), "no column 'attack'"),
        (HEADER + "2020-07-07 15:00:00,1,2,yes,0,0,0\n", "column 'attack', row 0: 'yes' is no label"),
        (HEADER + "2020-07-07 15:00:00,1,2,,0,0,0\n", "column 'attack', row 0: an empty cell is no label"),
        (HEADER + ROWS + "7 July,1,2,0,0,0,0\n", "column 'time', row 2: '7 July' is not a time"),
        (HEADER + "2020-07-07 15:00:00,x,2,0,0,0,0\n", "column 'P1_B2004', row 0: 'x' is not a number"),
        (HEADER + "2020-07-07 15:00:00,1,2,0,0,0,0,9\n", "more fields than its header"),
        (HEADER, "no rows below its header"),
        ("", "is empty"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        hai(write(tmp_path, text))
    assert words in str(error.value)
    assert "test1.csv" in str(error.value)


def test_blank_rows_at_the_end_and_mixed_encodings(tmp_path: Path) -> None:
    assert len(hai(write(tmp_path, HEADER + ROWS + ",,,,,,\n\n,,,,,,\n"))[-1]) == 2
    (tmp_path / "test1.csv").write_bytes((HEADER + ROWS).encode() + "2020-07-07 15:00:02,1°,1,0,0,0,0".encode("latin1"))
    with pytest.raises(InputError, match="UTF-8"):
        hai(tmp_path)


def test_a_folder_that_is_missing_or_empty_says_where_to_get_the_data(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"get the folder hai-21\.03 of https://github"):
            hai(root)
