"""Arrays in an ``.npz`` file: ``train`` without labels, ``test`` and ``test_label``."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import fill_gaps, warn_counts
from adt_gym.reading import open_npz
from adt_gym.series import InputError, Series

KEYS = ("train", "test", "test_label")


def npz(source: str | Path, *, name: str | None = None, max_gap: int = 0) -> list[Series]:
    """Read the series that a scorer learns on and the labelled series that it is tested on.

    Args:
        source: The path of a file with ``train`` and ``test``, numbers of shapes ``(n, m)`` and ``(k, m)`` or ``(n,)``
            and ``(k,)``, and ``test_label``, 0 or 1 of shape ``(k,)``; it may have ``index``, datetime64 of shape
            ``(k,)``, ascending: the times of ``test``. Nothing is unpickled.
        name: By default the file's name without its ending.
        max_gap: Up to this many consecutive missing or infinite values are filled forward, and counted in one warning.

    Returns:
        Two series of that name: the part "train", whose labels nobody knows, and the part "test".

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not of that form, or a gap is longer than ``max_gap``.
    """
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"no arrays at {path}; give the path of an .npz file with {', '.join(KEYS)}")
    train, test, labels, index = _arrays(path)
    if train.ndim not in (1, 2) or train.shape[1:] != test.shape[1:]:
        raise InputError(
            f"{path}: train has shape {train.shape} and test {test.shape}; they need shapes (n, m) and (k, m)"
        )
    if labels.shape != test.shape[:1]:
        raise InputError(f"{path}: test_label has shape {labels.shape}, expected {test.shape[:1]}")
    name = name or path.stem
    parts = {"train": train, "test": test}
    filled = {part: _fill(values, max_gap, f"{path}, {part}") for part, values in parts.items()}
    warn_counts({}, {f"{name} ({part})": count for part, count in filled.items()})
    if index is not None and not (index.dtype.kind == "M" and (np.diff(index) >= np.timedelta64(0)).all()):
        raise InputError(f"{path}: index must be datetime64 and ascending; sort the rows by time, or leave it out")
    return [Series(train, None, name, part="train"), Series(test, labels, name, index, part="test")]


def _arrays(
    path: Path,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any], NDArray[np.datetime64] | None]:
    with open_npz(path, "an .npz file of numbers") as file:
        missing = [key for key in KEYS if key not in file]
        if missing:
            raise InputError(f"it has no array {missing[0]!r}; its arrays are {', '.join(file)}")
        index = file.get("index")
        return _numbers(file["train"]), _numbers(file["test"]), file["test_label"], index


def _numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind not in "biuf":
        raise InputError(f"its values are of type {values.dtype}, not real numbers")
    return np.array(values, dtype=np.float64)


def _fill(values: NDArray[np.float64], max_gap: int, where: str) -> int:
    table = values if values.ndim == 2 else values[:, None]
    return fill_gaps(table, max_gap, where, [f"value_{j}" for j in range(table.shape[1])], np.arange(len(table)))
