"""The file of scored series."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.files import require_npz, write_npz
from adt_gym.reading import as_dataclass, open_npz, parse_json
from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries

NO_LABELS = np.empty(0, dtype=bool)


@dataclass(frozen=True)
class Entry:
    """What the file says of one series, beside its arrays.

    Args:
        name: Its name.
        windows: How many scores are its own.
        labelled: Whether it has as many labels.
        timed: Whether it has times.
        past: How many scores of its past there are.
        scaling: Of its scores; None where they are kept as they are.
        meta: Its own.
    """

    name: str
    windows: int
    labelled: bool
    timed: bool
    past: int
    scaling: Scaling | None
    meta: dict[str, Any]


def save_scored(path: str | Path, series: Sequence[ScoredSeries]) -> None:
    """Write scored series to one ``.npz`` file, without pickle.

    Raises:
        InputError: If ``path`` does not end in .npz or there is nothing to write.
    """
    require_npz(path, "scored series")
    if not series:
        raise InputError(f"{path}: no series to write")
    header = [
        asdict(Entry(s.name, len(s), s.labels is not None, s.index is not None, len(s.past), s.scaling, s.meta))
        for s in series
    ]
    timed = [s.index for s in series if s.index is not None]
    write_npz(
        path,
        header=np.array(json.dumps(header, default=np.ndarray.tolist)),
        raw=np.concatenate([s.raw for s in series]),
        labels=np.packbits(np.concatenate([NO_LABELS, *(s.labels for s in series if s.labels is not None)])),
        index=np.concatenate(timed) if timed else np.empty(0, "datetime64[s]"),
        past=np.concatenate([s.past for s in series]),
    )


def load_scored(path: str | Path) -> list[ScoredSeries]:
    """Read the scored series of an ``.npz`` file that ``save_scored`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not one that ``save_scored`` wrote, or contradicts itself.
    """
    with open_npz(path, "a file of scored series (ScoredSeries.save writes them)") as arrays:
        return _unpack(arrays)


def load_families(folder: str | Path) -> dict[str, list[ScoredSeries]]:
    """Read a folder of families: each a folder of ``.npz`` files of scored series, whose name is the family's.

    Raises:
        InputError: If there are none, or a file is not one that ``save_scored`` wrote.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(Path(folder).glob("*/*.npz")):
        if not path.name.startswith("."):
            files.setdefault(path.parent.name, []).append(path)
    if not files:
        raise InputError(f"{folder}: no families; put scored series there as FAMILY/NAME.npz, which adt score writes")
    return {family: [one for path in paths for one in load_scored(path)] for family, paths in files.items()}


def _unpack(arrays: Mapping[str, NDArray[Any]]) -> list[ScoredSeries]:
    if "raw" not in arrays:
        raise InputError("it has no raw scores, as those of before November 2026; write it anew")
    written = parse_json(str(arrays["header"]), "its header")
    if any(isinstance(one, dict) and "labelled" not in one for one in written):
        raise InputError("it does not say which series have labels, as those of before November 2026; write it anew")
    header = [as_dataclass(Entry, one, "its header") for one in written]
    windows, pasts = [entry.windows for entry in header], [entry.past for entry in header]
    if min([*windows, *pasts]) < 0:
        raise InputError(f"counts of windows must be at least 0, got {windows} and {pasts}")
    timed = [entry.windows if entry.timed else 0 for entry in header]
    labelled = [entry.windows if entry.labelled else 0 for entry in header]
    lengths = {"raw": sum(windows), "labels": -(-sum(labelled) // 8), "index": sum(timed), "past": sum(pasts)}
    for name, length in lengths.items():
        if arrays[name].shape != (length,):
            raise InputError(f"{name} has shape {arrays[name].shape}, the header says ({length},)")
    labels = np.unpackbits(arrays["labels"], count=sum(labelled)).astype(bool)
    parts = zip(
        header,
        _parts(arrays["raw"], windows),
        _parts(labels, labelled),
        _parts(arrays["index"], timed),
        _parts(arrays["past"], pasts),
        strict=True,
    )
    return [_series(*part) for part in parts]


def _parts(array: NDArray[Any], lengths: list[int]) -> list[NDArray[Any]]:
    return np.split(array, np.cumsum(lengths)[:-1])


def _series(
    entry: Entry, raw: NDArray[Any], flags: NDArray[Any], index: NDArray[Any], past: NDArray[Any]
) -> ScoredSeries:
    labels = flags if entry.labelled else None
    more: dict[str, Any] = {"index": index if entry.timed else None, "meta": entry.meta, "past": past}
    if entry.scaling is None:
        return ScoredSeries(raw, labels, entry.name, **more)
    return ScoredSeries.scaled(raw, entry.scaling, labels, entry.name, **more)
