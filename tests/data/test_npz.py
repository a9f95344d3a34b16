"""Arrays with a training part and a labelled test part."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adt_gym.data.npz import npz
from adt_gym.series import InputError

REAL = Path(__file__).parents[2] / "../shared/data/asd/omi-9.npz"
GOOD = {"train": np.arange(6.0).reshape(3, 2), "test": np.ones((2, 2)), "test_label": np.array([0, 1])}


def write(folder: Path, **changes: Any) -> Path:
    arrays = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    np.savez(folder / "omi.npz", **arrays)
    return folder / "omi.npz"


def test_the_training_part_has_no_labels_the_test_part_has(tmp_path: Path) -> None:
    train, test = npz(write(tmp_path))
    assert [(one.name, one.part) for one in (train, test)] == [("omi", "train"), ("omi", "test")]
    assert train.labels is None
    np.testing.assert_array_equal(train.values, GOOD["train"])
    np.testing.assert_array_equal(test.values, GOOD["test"])
    assert test.labels.tolist() == [False, True]
    assert [one.name for one in npz(tmp_path / "omi.npz", name="server")] == ["server", "server"]


def test_one_metric_may_be_one_dimensional_and_labels_may_be_bool(tmp_path: Path) -> None:
    train, test = npz(write(tmp_path, train=np.arange(3), test=np.arange(2), test_label=np.array([True, False])))
    assert train.values.tolist() == [[0], [1], [2]]
    assert test.labels.tolist() == [True, False]


def test_gaps(tmp_path: Path) -> None:
    path = write(tmp_path, train=np.array([[1, np.nan], [np.inf, np.nan], [3, 4]]), test=np.array([[1], [np.nan]]))
    with pytest.raises(InputError, match="need shapes"):
        npz(path)
    path = write(tmp_path, train=np.array([1, np.inf, 3]), test=np.array([1, np.nan]))
    with pytest.raises(InputError, match=r"train, column 'value_0', row 1: inf.*max_gap=0"):
        npz(path)
    with pytest.warns(UserWarning, match=r"1 in series 'omi \(train\)', 1 in series 'omi \(test\)'") as caught:
        train, test = npz(path, max_gap=1)
    assert len(caught) == 1
    assert (train.values[:, 0].tolist(), test.values[:, 0].tolist()) == ([1, 1, 3], [1, 1])
    with pytest.raises(InputError, match=r"row 0: nan .*begins the series"):
        npz(write(tmp_path, train=np.array([np.nan, 1]), test=np.array([1, 2])), max_gap=5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test_label": None}, "no array 'test_label'; its arrays are train, test"),
        ({"test_label": np.array([0, 2])}, "label 1: "),
        ({"test_label": np.array([0, 1, 1])}, "test_label has shape (3,), expected (2,)"),
        ({"test": np.ones((2, 3))}, "train has shape (3, 2) and test (2, 3)"),
        ({"train": np.float64(3)}, "train has shape ()"),
        ({"train": np.array([["a", "b"]])}, "is not an .npz file of numbers: its values are of type <U1"),
        ({"train": np.array([[object()]], dtype=object)}, "array train.npy holds Python objects"),
        ({"test": np.ones((2, 2)) * 1j}, "its values are of type complex128, not real numbers"),
        ({"index": np.arange(2)}, "index must be datetime64 and ascending"),
        ({"index": np.datetime64("2024-01-02") - np.arange(2)}, "index must be datetime64 and ascending"),
        ({"index": np.datetime64("2024-01-02") + np.arange(3)}, "the index has shape (3,), expected (2,)"),
        ({"train": np.empty((0, 2))}, "has no points"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        npz(path)
    assert words in str(error.value)
    assert "omi" in str(error.value)


def test_a_file_that_is_missing_broken_or_one_array(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        npz(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("train")
    np.save(tmp_path / "one.npy", np.ones(3))
    for name in ("text.npz", "one.npy"):
        with pytest.raises(InputError, match=r"is not an \.npz file"):
            npz(tmp_path / name)


@pytest.mark.skipif(not REAL.is_file(), reason="the real ASD files are not here")
def test_a_real_file() -> None:
    train, test = npz(REAL)
    assert (train.values.shape, test.values.shape) == ((8640, 19), (4320, 19))
    assert test.labels.mean() == pytest.approx(0.06875)


def test_the_times_of_the_test_part_are_read(tmp_path: Path) -> None:
    index = np.datetime64("2024-01-02", "s") + np.arange(2)
    train, test = npz(write(tmp_path, index=index))
    assert train.index is None
    np.testing.assert_array_equal(test.index, index)
