"""The Server Machine Dataset as it is published."""

from pathlib import Path

import pytest

from adt_gym.data.smd import smd
from adt_gym.series import InputError

ROWS = "0.5,1.0\n0.25,0.0\n0.75,0.5\n"


def write(root: Path, machine: str = "machine-1-1", test: str = ROWS, labels: str = "0\n1\n1\n") -> Path:
    for part, text in (("train", "0.0,1.0\n1.0,0.0\n"), ("test", test), ("test_label", labels)):
        (root / part).mkdir(exist_ok=True)
        (root / part / f"{machine}.txt").write_text(text)
    return root


def test_machines_in_the_order_of_their_numbers_each_with_its_two_parts(tmp_path: Path) -> None:
    for machine in ("machine-1-10", "machine-2-1", "machine-1-2"):
        write(tmp_path, machine)
    series = smd(tmp_path)
    assert [(one.name, one.part) for one in series[::2]] == [
        ("machine-1-2", "train"),
        ("machine-1-10", "train"),
        ("machine-2-1", "train"),
    ]
    train, test = series[:2]
    assert train.labels is None
    assert train.values.tolist() == [[0, 1], [1, 0]]
    assert (test.name, test.part) == ("machine-1-2", "test")
    assert test.values.tolist() == [[0.5, 1], [0.25, 0], [0.75, 0.5]]
    assert test.labels.tolist() == [False, True, True]
    assert test.columns == ("metric_1", "metric_2")


def test_blank_lines_at_the_end_do_not_matter(tmp_path: Path) -> None:
    assert len(smd(write(tmp_path, test=ROWS + "\n\n", labels="0\n1\n1\n\n"))[1]) == 3


def test_gaps(tmp_path: Path) -> None:
    write(tmp_path, test="1,1\n,2\n,3\n", labels="0\n0\n0\n")
    with pytest.raises(InputError, match=r"metric_1', row 1: nan.*max_gap=1"):
        smd(tmp_path, max_gap=1)
    with pytest.warns(UserWarning, match=r"2 in series 'machine-1-1 \(test\)'") as caught:
        assert smd(tmp_path, max_gap=2)[1].values.tolist() == [[1, 1], [1, 2], [1, 3]]
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("test", "labels", "words"),
    [
        (ROWS.replace(",", ";"), "0\n1\n1\n", "separate them by ',', not ';'"),
        (ROWS, "0\n1\n2\n", "column 'label', row 2: 2 is no label"),
        (ROWS, "0\n1\n", "has 2 labels for the 3 rows"),
        (ROWS, "0,0\n1,0\n1,0\n", "has 2 columns"),
        (ROWS, "", "is empty"),
        ("", "0\n", "is empty"),
        ("1,x\n", "0\n", "column 'metric_2', row 0: 'x' is not a number"),
        ("1,2\n1,2,3\n", "0\n0\n", "line 2"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, test: str, labels: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        smd(write(tmp_path, test=test, labels=labels))
    assert words in str(error.value)
    assert "machine-1-1.txt" in str(error.value)


def test_mixed_encodings(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "test" / "machine-1-1.txt").write_bytes(ROWS.encode() + "1,°\n".encode("latin1"))
    with pytest.raises(InputError, match="UTF-8"):
        smd(tmp_path)


def test_missing_pieces_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="get the folder ServerMachineDataset"):
        smd(tmp_path)
    write(tmp_path)
    (tmp_path / "test_label" / "machine-1-1.txt").unlink()
    with pytest.raises(FileNotFoundError, match="test_label/machine-1-1"):
        smd(tmp_path)
