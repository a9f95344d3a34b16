"""Families of a suite, laid out from clones of the repositories that publish them: one ``.npz`` file per series."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, one_of
from adt_gym.data.reading import files, reading
from adt_gym.data.smd import read_machines, smd
from adt_gym.files import write_npz
from adt_gym.folders import own_folder
from adt_gym.series import Series, known

KIND = "family"
"""What the log of a folder that was laid out says it is."""

TRAIN_SHARE = 0.4
"""Of a series of the cloud family that comes in one piece: what a scorer learns on."""

Arrays = dict[str, Any]
Named = Iterator[tuple[str, Arrays]]


@dataclass(frozen=True)
class Layout:
    """How one family is made.

    Args:
        source: The repository to clone.
        read: From the folder of the clone to the name and the arrays of each series.
    """

    source: str
    read: Callable[[Path, str], Named]


def lay_out(family: str, clone: str | Path, out: str | Path) -> list[str]:
    """Write the series of a family as ``.npz`` files of train, test, test_label and, where times are known, index.

    Args:
        family: Of `LAYOUTS`.
        clone: The folder of a clone of its repository.
        out: The folder of the family; what adt did not write there is not replaced.

    Returns:
        The names of the files.

    Raises:
        FileNotFoundError: If the clone lacks a folder or a file.
        InputError: If there is no such family, or a file is not as published.
    """
    layout = LAYOUTS[one_of("family", family, LAYOUTS)]
    made = {f"{name}.npz": arrays for name, arrays in layout.read(Path(clone), f"clone {layout.source}")}
    with own_folder(Path(out), KIND, list(made)) as folder:
        for name, arrays in made.items():
            with folder.writing(name) as temporary:
                write_npz(temporary, **arrays)
    return list(made)


def _smd(clone: Path, remedy: str) -> Named:
    del remedy  # the reader has its own
    for train, test in _pairs(smd(clone / "ServerMachineDataset")):
        yield train.name, _arrays(train.values, test.values, known(test.labels, test.name))


def _jumpstarter(number: int) -> Callable[[Path, str], Named]:
    def read(clone: Path, remedy: str) -> Named:
        for train, test in _pairs(read_machines(clone / f"dataset/Dataset{number}", r"service\d+\.csv", remedy)):
            name = f"service-{int(train.name.removeprefix('service')):02d}"
            yield name, _arrays(train.values, test.values, known(test.labels, test.name))

    return read


def _cloud(clone: Path, remedy: str) -> Named:
    import pandas as pd

    if not (clone / "data").is_dir():
        raise FileNotFoundError(f"no folder at {clone / 'data'}; {remedy}")
    for folder in sorted(one for one in (clone / "data").iterdir() if one.is_dir()):
        for path in files(folder, r"[^.]+\.csv", remedy):
            with reading(path):
                table = pd.read_csv(path, parse_dates=["TimeStamp"])
                values, labels = table["Value"].to_numpy(float)[:, None], table["Label"].to_numpy()
                index = table["TimeStamp"].to_numpy().astype("datetime64[s]")
            cut = int(TRAIN_SHARE * len(values))
            ascending = bool((np.diff(index[cut:]) >= np.timedelta64(0)).all())
            yield path.stem, _arrays(values[:cut], values[cut:], labels[cut:], index[cut:] if ascending else None)


def _kpi(clone: Path, remedy: str) -> Named:
    root = clone / "UTS" / "AIOPS"
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}; {remedy}")
    for i, folder in enumerate(sorted(one for one in root.iterdir() if re.fullmatch(r"[0-9a-f-]{36}", one.name))):
        train, test, labels = (_array(folder / f"{part}.npy", remedy) for part in ("train", "test", "test_label"))
        times = _array(folder / "test_timestamp.npy", remedy).ravel()
        if times.dtype.kind not in "iu":
            raise InputError(f"{folder / 'test_timestamp.npy'} holds {times.dtype}, not whole seconds since 1970")
        index = times.astype("datetime64[s]")
        yield f"kpi-{i:02d}", _arrays(train.reshape(-1, 1), test.reshape(-1, 1), labels.ravel(), index)


def _pairs(series: Sequence[Series]) -> Iterator[tuple[Series, Series]]:
    """Yield the training and the test part of each machine."""
    return zip(series[::2], series[1::2], strict=True)


def _array(path: Path, remedy: str) -> NDArray[Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}; {remedy}, with its large files (git lfs pull) where it has some")
    with reading(path):
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array


def _arrays(
    train: NDArray[Any], test: NDArray[Any], labels: NDArray[Any], index: NDArray[np.datetime64] | None = None
) -> Arrays:
    known: Arrays = {} if index is None else {"index": index}
    values = {"train": train.astype(np.float32), "test": test.astype(np.float32)}
    return values | {"test_label": labels.astype(bool)} | known


LAYOUTS = {
    "smd": Layout("https://github.com/NetManAIOps/OmniAnomaly", _smd),
    "jumpstarter2": Layout("https://github.com/NetManAIOps/JumpStarter", _jumpstarter(2)),
    "jumpstarter3": Layout("https://github.com/NetManAIOps/JumpStarter", _jumpstarter(3)),
    "cloud": Layout("https://github.com/microsoft/cloud-monitoring-dataset", _cloud),
    "kpi": Layout("https://github.com/CSTCloudOps/datasets", _kpi),
}
"""By family, those whose files are no pickles, which are never read."""
