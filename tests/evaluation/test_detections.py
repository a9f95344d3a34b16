import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym import Detection
from adt_gym.evaluation.detections import load_detections, save_detections
from adt_gym.series import InputError


def detection(windows: int, seed: int, labels_of: int = 0, name: str = "pump") -> Detection:
    random = np.random.default_rng(seed)
    labels = np.random.default_rng(labels_of).random(windows) < 0.3
    thresholds = random.random(windows).astype(np.float32)
    return Detection(thresholds, random.random(windows) < 0.5, labels, name)


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    methods=st.lists(st.text(), min_size=1, max_size=3, unique=True),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], methods: list[str]
) -> None:
    path = tmp_path_factory.mktemp("detections") / "detections.npz"
    given = {
        method: [detection(n, 10 * i + j, labels_of=j, name=f"unit {j}") for j, n in enumerate(lengths)]
        for i, method in enumerate(methods)
    }
    save_detections(path, given)
    read = load_detections(path)
    assert list(read) == methods
    for method in methods:
        assert [one.name for one in read[method]] == [f"unit {j}" for j in range(len(lengths))]
        for one, other in zip(given[method], read[method], strict=True):
            for part in ("thresholds", "decisions", "labels"):
                np.testing.assert_array_equal(getattr(one, part), getattr(other, part), strict=True)


@pytest.mark.parametrize("known", [[False, False], [True, False], [False, True]])
def test_unknown_labels_stay_unknown(tmp_path: Path, known: list[bool]) -> None:
    given = [detection(n, n, name=f"unit {n}") for n in (5, 9)]
    some = [one if is_known else replace(one, labels=None) for one, is_known in zip(given, known, strict=True)]
    save_detections(tmp_path / "d.npz", {"a": some, "b": some})
    for read in load_detections(tmp_path / "d.npz").values():
        for one, other in zip(some, read, strict=True):
            assert (one.labels is None) == (other.labels is None)
            if one.labels is not None:
                np.testing.assert_array_equal(one.labels, other.labels)
    with pytest.raises(InputError, match="judged other series"):
        save_detections(tmp_path / "d.npz", {"a": some, "b": given})


def test_a_file_of_before_labels_could_be_unknown_is_read(tmp_path: Path) -> None:
    path, given = tmp_path / "d.npz", [detection(8, 0), detection(3, 1)]
    save_detections(path, {"a": given})
    with np.load(path) as arrays:
        parts = dict(arrays)
    header = json.loads(str(parts["header"]))
    del header["labelled"]
    np.savez(path, **(parts | {"header": np.array(json.dumps(header))}))
    for one, other in zip(given, load_detections(path)["a"], strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)


def test_thresholds_that_are_no_number_of_the_unit_interval_are_kept(tmp_path: Path) -> None:
    odd = np.array([np.nan, np.inf, -1.0, 7.5], dtype=np.float32)
    flags = np.zeros(4, bool)
    save_detections(tmp_path / "d.npz", {"spot": [Detection(odd, flags, flags)]})
    np.testing.assert_array_equal(load_detections(tmp_path / "d.npz")["spot"][0].thresholds, odd)


@pytest.mark.parametrize(
    "other",
    [detection(9, 1), detection(8, 1, name="fan"), detection(8, 1, labels_of=5)],
    ids=["length", "name", "labels"],
)
def test_methods_that_judged_other_series_are_refused(tmp_path: Path, other: Detection) -> None:
    with pytest.raises(InputError, match="'b' and 'a' judged other series"):
        save_detections(tmp_path / "d.npz", {"a": [detection(8, 0)], "b": [other]})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("nothing", [{}, {"a": []}])
def test_nothing_to_write_is_refused(tmp_path: Path, nothing: dict[str, list[Detection]]) -> None:
    with pytest.raises(InputError, match="no detections to write"):
        save_detections(tmp_path / "d.npz", nothing)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.npz"):
        save_detections(tmp_path / "d.csv", {"a": [detection(8, 0)]})


def test_files_that_are_none_of_ours_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        load_detections(tmp_path / "gone.npz")
    path = tmp_path / "d.npz"
    save_detections(path, {"a": [detection(80, 0)]})
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"d\.npz is not a file of detections"):
            load_detections(path)
    with np.load(save_and_return(path), allow_pickle=False) as arrays:
        parts = dict(arrays)
    for name, value in (("decisions", parts["decisions"][:, :-1]), ("labels", np.array([print], dtype=object))):
        np.savez(path, **(parts | {name: value}))
        with pytest.raises(InputError, match=r"d\.npz is not a file of detections"):
            load_detections(path)


def save_and_return(path: Path) -> Path:
    save_detections(path, {"a": [detection(80, 0)]})
    return path
