"""HIL-based Augmented ICS (HAI) 21.03: boiler, turbine and water treatment under attack, 78 tags, one row a second."""

from __future__ import annotations

import re
from pathlib import Path

from adt_gym.data.cells import flags
from adt_gym.data.reading import files
from adt_gym.data.recording import MAX_GAP, read_csv
from adt_gym.data.times import times_in
from adt_gym.series import Series

TIME, LABEL = "time", "attack"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def hai(root: str | Path, *, max_gap: int = MAX_GAP) -> list[Series]:
    """Read a copy of HAI 21.03.

    Shin, Lee, Yun and Min, "Two ICS Security Datasets and Anomaly Detection Contest on the HIL-Based Augmented ICS
    Testbed", CSET 2021. The columns ``attack_P1`` to ``attack_P3``, which say what process is attacked, are left out.

    Args:
        root: The folder that holds ``train1.csv`` and so on and ``test1.csv`` and so on; .csv.gz is read too.
        max_gap: Up to this many consecutive missing values of a tag are filled forward, and counted in one warning.

    Returns:
        ``train1``, ... of the part "train" and ``test1``, ... of the part "test", all labelled; the files are separate
        in time.

    Raises:
        FileNotFoundError: If the folder or the files are missing.
        InputError: If a file is not as published, or a gap is longer than ``max_gap``.
    """
    remedy = "get the folder hai-21.03 of https://github.com/icsdataset/hai"
    return [
        _series(path, part, max_gap)
        for part in ("train", "test")
        for path in files(Path(root), rf"{part}\d+\.csv(\.gz)?", remedy)
    ]


def _series(path: Path, part: str, max_gap: int) -> Series:
    recording = read_csv(path, _is_note)
    times = times_in(recording.note(TIME), TIME_FORMAT, recording.where)
    labels = flags(recording.note(LABEL), recording.where)
    return recording.series(path.name.split(".")[0], labels, times, times, max_gap, part)


def _is_note(name: str) -> bool:
    return name == TIME or bool(re.fullmatch(rf"{LABEL}(_P\d)?", name))
