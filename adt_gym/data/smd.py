"""The Server Machine Dataset (SMD): 28 servers of an internet company, 38 metrics, one row a minute for five weeks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import fill_gaps, flags, numbers, warn_counts
from adt_gym.data.reading import files, reading, separator_in
from adt_gym.series import InputError, Series


def smd(root: str | Path, *, max_gap: int = 0) -> list[Series]:
    """Read a copy of SMD.

    Y. Su et al., "Robust Anomaly Detection for Multivariate Time Series through Stochastic Recurrent Neural Network",
    KDD 2019.

    Args:
        root: The folder ``ServerMachineDataset``, which holds ``train``, ``test`` and ``test_label``, each with one
            file per machine: ``machine-1-1.txt`` and so on, text without a header.
        max_gap: Up to this many consecutive missing values of a metric are filled forward, and counted in one warning.

    Returns:
        Two series of each machine's name, such as ``machine-1-1``: the part "train", whose labels nobody knows, and the
        part "test", labelled.

    Raises:
        FileNotFoundError: If a folder or file is missing.
        InputError: If a file is not as published, or a gap is longer than ``max_gap``.
    """
    remedy = "get the folder ServerMachineDataset of https://github.com/NetManAIOps/OmniAnomaly"
    return read_machines(root, r"machine-\d+-\d+\.txt", remedy, max_gap)


def read_machines(root: str | Path, pattern: str, remedy: str, max_gap: int = 0) -> list[Series]:
    """Read the folders ``train``, ``test`` and ``test_label``, each with one file per machine.

    Args:
        root: Holds the three.
        pattern: A regular expression for the whole name of a file: text without a header, commas between.
        remedy: What a message says of a file that is missing.
        max_gap: See `smd`.

    Returns:
        Two series of each machine's name; see `smd`.

    Raises:
        FileNotFoundError: If a folder or file is missing.
        InputError: If a file is not of that form, or a gap is longer than ``max_gap``.
    """
    root, series, filled = Path(root), list[Series](), dict[str, int]()
    for train in files(root / "train", pattern, remedy):
        test, truth = root / "test" / train.name, root / "test_label" / train.name
        labels = _labels(truth, remedy)
        for part, path, known in (("train", train, None), ("test", test, labels)):
            values = _values(path, remedy)
            if known is not None and len(known) != len(values):
                raise InputError(f"{truth} has {len(known)} labels for the {len(values)} rows of {path}")
            columns = tuple(f"metric_{j}" for j in range(1, values.shape[1] + 1))
            filled[f"{train.stem} ({part})"] = fill_gaps(values, max_gap, str(path), columns, np.arange(len(values)))
            series.append(Series(values, known, train.stem, columns=columns, part=part))
    warn_counts({}, filled)
    return series


def _values(path: Path, remedy: str) -> NDArray[np.float64]:
    frame = _frame(path, remedy)
    return np.column_stack([numbers(frame[name], str(path)) for name in frame])


def _labels(path: Path, remedy: str) -> NDArray[np.bool_]:
    frame = _frame(path, remedy)
    if frame.shape[1] != 1:
        raise InputError(f"{path} has {frame.shape[1]} columns; labels are one 0 or 1 per line")
    return flags(frame["metric_1"].rename("label"), str(path))


def _frame(path: Path, remedy: str) -> Any:
    """Return the table of a file without a header; blank lines are left out."""
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}; {remedy}")
    with reading(path):
        frame = pd.read_csv(path, header=None, encoding="utf-8-sig")
    first = str(frame.iloc[0, 0])
    if frame.shape[1] == 1 and (other := separator_in(first)):
        raise InputError(f"{path} has one column, {first!r}; separate them by ',', not {other!r}")
    return frame.rename(columns=lambda j: f"metric_{j + 1}")
