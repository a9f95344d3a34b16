"""The file of what every method made of every test series."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, whole
from adt_gym.files import require_npz, write_npz
from adt_gym.reading import as_dataclass, open_npz, parse_json
from adt_gym.scored_files import NO_LABELS
from adt_gym.series import Detection


def save_detections(path: str | Path, detections: Mapping[str, Sequence[Detection]]) -> None:
    """Write the detections of several methods on the same series to one ``.npz`` file, without pickle.

    Args:
        path: A file that ends in .npz.
        detections: By the method's name, one per series; every method has the same series in the same order.

    Raises:
        InputError: If ``path`` does not end in .npz, there is nothing to write, or the methods' series differ.
    """
    require_npz(path, "detections")
    if not detections or not all(detections.values()):
        raise InputError(f"{path}: no detections to write")
    first_method, first = next(iter(detections.items()))
    series = [(one.name, len(one.decisions)) for one in first]
    for method, each in detections.items():
        same_series = series == [(one.name, len(one.decisions)) for one in each]
        if not same_series or not all(_equal(one.labels, other.labels) for one, other in zip(first, each, strict=True)):
            raise InputError(f"{path}: {method!r} and {first_method!r} judged other series; compare them on the same")
    header = {"methods": list(detections), "series": series, "labelled": [one.labels is not None for one in first]}
    write_npz(
        path,
        header=np.array(json.dumps(header)),
        labels=np.packbits(np.concatenate([NO_LABELS, *(one.labels for one in first if one.labels is not None)])),
        thresholds=np.array([np.concatenate([one.thresholds for one in each]) for each in detections.values()]),
        decisions=np.array(
            [np.packbits(np.concatenate([one.decisions for one in each])) for each in detections.values()]
        ),
    )


def load_detections(path: str | Path) -> dict[str, list[Detection]]:
    """Read the detections of a file that ``save_detections`` wrote, by the method's name.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not one that ``save_detections`` wrote.
    """
    with open_npz(path, "a file of detections (save_detections writes them)") as arrays:
        return _unpack(arrays)


@dataclass(frozen=True)
class Header:
    """Which methods judged which series.

    Args:
        methods: Their names.
        series: Name and windows of each.
        labelled: Of which the labels are known; None, in files of before November 2026, for all.
    """

    methods: list[str]
    series: list[tuple[str, int]]
    labelled: list[bool] | None = None


def _unpack(arrays: Mapping[str, NDArray[Any]]) -> dict[str, list[Detection]]:
    header = as_dataclass(Header, parse_json(str(arrays["header"]), "its header"), "its header")
    names = [name for name, _ in header.series]
    lengths = [whole(f"windows of {name!r}", length) for name, length in header.series]
    cuts, total = np.cumsum(lengths)[:-1], sum(lengths)
    labelled = header.labelled or [True] * len(lengths)
    counts = [length * known for length, known in zip(lengths, labelled, strict=True)]
    parts = np.split(_bits(arrays["labels"], sum(counts)), np.cumsum(counts)[:-1])
    labels = [part if known else None for part, known in zip(parts, labelled, strict=True)]
    every = arrays["thresholds"]
    if every.shape != (len(header.methods), total) or every.dtype.kind != "f":
        raise ValueError(f"thresholds have shape {every.shape}, expected {(len(header.methods), total)}")
    detections = {}
    for method, deltas, packed in zip(header.methods, every, arrays["decisions"], strict=True):
        thresholds, decisions = np.split(deltas, cuts), np.split(_bits(packed, total), cuts)
        detections[method] = [Detection(*one) for one in zip(thresholds, decisions, labels, names, strict=True)]
    return detections


def _equal(labels: NDArray[np.bool_] | None, others: NDArray[np.bool_] | None) -> bool:
    if labels is None or others is None:
        return labels is others
    return np.array_equal(labels, others)


def _bits(packed: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    if len(packed) != -(-count // 8):
        raise ValueError(f"{len(packed)} bytes for {count} windows")
    return np.unpackbits(packed, count=count).astype(bool)
