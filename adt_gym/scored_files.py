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
            "meta": s.meta,
            "scaled": _is_scaled(s),
            "past": len(s.past),
            "scaling": s.scaling and {"knots": s.scaling.knots.tolist(), "levels": s.scaling.levels.tolist()},
        }
        for s in series
    ]
    timed = [s.index for s in series if s.index is not None]
    raw = [s.raw for s in series if _is_scaled(s)]
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            header=np.array(json.dumps(header)),
            scores=np.concatenate([s.scores for s in series]),
            labels=np.packbits(np.concatenate([s.labels for s in series])),
            index=np.concatenate(timed) if timed else np.empty(0, "datetime64[s]"),
            raw=np.concatenate(raw) if raw else np.empty(0, np.float32),
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
    header = json.loads(str(arrays["header"]))
    scores, index, packed = arrays["scores"], arrays["index"], arrays["labels"]
    raw, past = arrays["raw"], arrays["past"]
    counts = [(entry["windows"], entry["past"]) for entry in header]
    if any(type(n) is not int or n < least for pair in counts for n, least in zip(pair, (1, 0), strict=True)):
        raise ValueError(f"windows and past of a series are whole numbers, got {counts}")
    claimed = {
        "scores": sum(entry["windows"] for entry in header),
        "labels": -(-len(scores) // 8),
        "index": sum(entry["windows"] for entry in header if entry["timed"]),
        "raw": sum(entry["windows"] for entry in header if entry["scaled"]),
        "past": sum(entry["past"] for entry in header),
    }
    for name, count in claimed.items():
        if arrays[name].shape != (count,):
            raise ValueError(f"{name} have shape {arrays[name].shape}, the header says ({count},)")
    labels = np.unpackbits(packed, count=len(scores)).astype(bool)
    series, window, time, found, earlier = [], 0, 0, 0, 0
    for entry in header:
        count, scaling = entry["windows"], entry["scaling"]
        timed, scaled = count * bool(entry["timed"]), count * bool(entry["scaled"])
        series.append(
            ScoredSeries(
                scores[window : window + count],
                labels[window : window + count],
                str(entry["name"]),
                index[time : time + timed] if timed else None,
                dict(entry["meta"]),
                raw[found : found + scaled] if scaled else scores[window : window + count],
                past[earlier : earlier + entry["past"]],
                Scaling(np.array(scaling["knots"]), np.array(scaling["levels"])) if scaling else None,
            )
        )
        window, time, found, earlier = window + count, time + timed, found + scaled, earlier + entry["past"]
    return series


def _is_scaled(series: ScoredSeries) -> bool:
    return series.scaling is not None or not np.array_equal(series.raw, series.scores)
