"""The file of scored series."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.files import MALFORMED_NPZ, replacing
from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries


def save_scored(path: str | Path, series: Sequence[ScoredSeries]) -> None:
    """Write scored series to one ``.npz`` file, without pickle.

    Raises:
        InputError: If ``path`` does not end in .npz or there is nothing to write.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"{path}: scored series are kept in .npz files; give the file that ending")
    if not series:
        raise InputError(f"{path}: no series to write")
    header = [
        {
            "name": s.name,
            "windows": len(s),
            "timed": s.index is not None,
            "past": len(s.past),
            "scaling": s.scaling and {"knots": s.scaling.knots.tolist(), "levels": s.scaling.levels.tolist()},
            "meta": s.meta,
        }
        for s in series
    ]
    timed = [s.index for s in series if s.index is not None]
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            header=np.array(json.dumps(header)),
            raw=np.concatenate([s.raw for s in series]),
            labels=np.packbits(np.concatenate([s.labels for s in series])),
            index=np.concatenate(timed) if timed else np.empty(0, "datetime64[s]"),
            past=np.concatenate([s.past for s in series]),
        )


def load_scored(path: str | Path) -> list[ScoredSeries]:
    """Read the scored series of an ``.npz`` file that ``save_scored`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not one that ``save_scored`` wrote, or contradicts itself.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file of scored series at {path}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _unpack(arrays)
    except MALFORMED_NPZ as error:
        raise InputError(f"{path} is not a file of scored series (ScoredSeries.save writes them): {error}") from error


def _unpack(arrays: Mapping[str, NDArray[Any]]) -> list[ScoredSeries]:
    if "raw" not in arrays:
        raise ValueError("it has no raw scores, as those of version 0.1 before November 2026; write it anew")
    header = json.loads(str(arrays["header"]))
    windows, pasts = [entry["windows"] for entry in header], [entry["past"] for entry in header]
    if any(type(count) is not int or count < 0 for count in (*windows, *pasts)):
        raise ValueError(f"counts of windows must be whole numbers from 0, got {windows} and {pasts}")
    timed = [entry["windows"] if entry["timed"] else 0 for entry in header]
    lengths = {"raw": sum(windows), "labels": -(-sum(windows) // 8), "index": sum(timed), "past": sum(pasts)}
    for name, length in lengths.items():
        if arrays[name].shape != (length,):
            raise ValueError(f"{name} has shape {arrays[name].shape}, the header says ({length},)")
    labels = np.unpackbits(arrays["labels"], count=sum(windows)).astype(bool)
    parts = zip(
        header,
        _parts(arrays["raw"], windows),
        _parts(labels, windows),
        _parts(arrays["index"], timed),
        _parts(arrays["past"], pasts),
        strict=True,
    )
    return [_series(*part) for part in parts]


def _parts(array: NDArray[Any], lengths: list[int]) -> list[NDArray[Any]]:
    return np.split(array, np.cumsum(lengths)[:-1])


def _series(
    entry: dict[str, Any], raw: NDArray[Any], labels: NDArray[Any], index: NDArray[Any], past: NDArray[Any]
) -> ScoredSeries:
    more: dict[str, Any] = {"index": index if entry["timed"] else None, "meta": dict(entry["meta"]), "past": past}
    if entry["scaling"] is None:
        return ScoredSeries(raw, labels, str(entry["name"]), **more)
    scaling = Scaling(np.array(entry["scaling"]["knots"]), np.array(entry["scaling"]["levels"]))
    return ScoredSeries.scaled(raw, scaling, labels, str(entry["name"]), **more)
