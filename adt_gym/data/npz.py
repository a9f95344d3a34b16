"""Arrays in an ``.npz`` file: ``train`` without labels, ``test`` and ``test_label``."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.data.cells import fill_gaps, warn_counts
from adt_gym.files import MALFORMED_NPZ
from adt_gym.series import InputError, Series

KEYS = ("train", "test", "test_label")


def npz(source: str | Path, *, name: str | None = None, max_gap: int = 0) -> list[Series]:
    """Read the series that a scorer learns on and the labelled series that it is tested on.

    Args:
        source: The path of a file with ``train`` and ``test``, numbers of shapes ``(n, m)`` and ``(k, m)`` or ``(n,)``
            and ``(k,)``, and ``test_label``, 0 or 1 of shape ``(k,)``. Nothing is unpickled.
        name: By default the file's name without its ending.
        max_gap: Up to this many consecutive missing or infinite values are filled forward, and counted in one warning.

    Returns:
        ``NAME/train``, whose labels nobody knows, and ``NAME/test``.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not of that form, or a gap is longer than ``max_gap``.
    """
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"no arrays at {path}; give the path of an .npz file with {', '.join(KEYS)}")
    train, test, labels = _arrays(path)
    if train.ndim not in (1, 2) or train.shape[1:] != test.shape[1:]:
        raise InputError(
            f"{path}: train has shape {train.shape} and test {test.shape}; they need shapes (n, m) and (k, m)"
        )
    if labels.shape != test.shape[:1]:
        raise InputError(f"{path}: test_label has shape {labels.shape}, expected {test.shape[:1]}")
    name = name or path.stem
    parts = {"train": train, "test": test}
    warn_counts({}, {f"{name}/{part}": _fill(parts[part], max_gap, f"{path}, {part}") for part in parts})
    return [Series(train, None, f"{name}/train"), Series(test, labels, f"{name}/test")]


def _arrays(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in KEYS if key not in file]
            if missing:
                raise InputError(f"{path} has no array {missing[0]!r}; its arrays are {', '.join(file)}")
            return _numbers(file["train"]), _numbers(file["test"]), file["test_label"]
    except InputError:
        raise
    except MALFORMED_NPZ as error:
        raise InputError(f"{path} cannot be read as an .npz file of numbers: {error}") from error


def _numbers(values: ArrayLike) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def _fill(values: NDArray[np.float64], max_gap: int, where: str) -> int:
    table = values if values.ndim == 2 else values.reshape(len(values), -1)
    return fill_gaps(table, max_gap, where, [f"value_{j}" for j in range(table.shape[1])], np.arange(len(table)))
