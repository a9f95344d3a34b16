"""Water Distribution (WADI), October 2017: a water network under attack, 127 tags, one row a second."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import flags, floats, require
from adt_gym.data.reading import one_file, reading
from adt_gym.data.recording import MAX_GAP, Recording, read_csv
from adt_gym.data.times import times_in
from adt_gym.series import InputError, Series

EMPTY = ("2_LS_001_AL", "2_LS_002_AL", "2_P_001_STATUS", "2_P_002_STATUS")
"""Tags without a single value; 123 are left."""

ATTACKS = (
    ("2017-10-09", "19:25:00", "19:50:16"),
    ("2017-10-10", "10:24:10", "10:34:00"),
    ("2017-10-10", "10:55:00", "11:24:00"),
    ("2017-10-10", "11:30:40", "11:44:50"),
    ("2017-10-10", "13:39:30", "13:50:40"),
    ("2017-10-10", "14:48:17", "14:59:55"),
    ("2017-10-10", "17:40:00", "17:49:40"),
    ("2017-10-11", "10:55:00", "10:56:27"),  # printed as the 10th, a known misprint
    ("2017-10-11", "11:17:54", "11:31:20"),
    ("2017-10-11", "11:36:31", "11:47:00"),
    ("2017-10-11", "11:59:00", "12:05:00"),
    ("2017-10-11", "12:07:30", "12:10:52"),
    ("2017-10-11", "12:16:00", "12:25:36"),
    ("2017-10-11", "15:26:30", "15:37:00"),
)
"""First and last second of the attacks, local time, as the table of attacks that comes with WADI.A1 prints them."""

DATE_FORMAT, CLOCK_FORMAT = "%m/%d/%Y", "%I:%M:%S.%f %p"
LABEL = "Attack LAB"
"""How the label's column begins; it goes on as "LE (1:No Attack, -1:Attack)"."""
TRUTH = {"1": False, "1.0": False, "-1": True, "-1.0": True}
TOP = 20
"""The header stands within so many lines."""


def wadi(root: str | Path, *, max_gap: int = MAX_GAP) -> list[Series]:
    """Read a copy of WADI.A1 or WADI.A2, which iTrust gives on request and nobody may pass on.

    The testbed is described in Ahmed, Palleti and Mathur, "WADI: A Water Distribution Testbed for Research in the
    Design of Secure Cyber Physical Systems", CySWATER 2017.

    Args:
        root: The folder of A1 (9 October 2017), which holds ``WADI_14days.csv`` and ``WADI_attackdata.csv``, or that
            of A2 (19 November 2019), which holds ``WADI_14days_new.csv`` and ``WADI_attackdataLABLE.csv``.
        max_gap: Up to this many consecutive missing values of a tag are filled forward, and counted in one warning.

    Returns:
        ``wadi``: the part "train", 14 days of normal operation, and the part "test", with attacks; 123 tags. A1 is
        labelled by `ATTACKS` and has times; A2 has its own labels, is in the order of its row numbers and has no times.

    Raises:
        FileNotFoundError: If the folder or a file is missing.
        InputError: If a file is not as published, or a gap is longer than ``max_gap``.
    """
    root = Path(root)
    remedy = "WADI is given on request at https://itrust.sutd.edu.sg/itrust-labs_datasets/"
    train = one_file(root, r"WADI_14days(_new)?\.csv", remedy)
    if train.stem.lower().endswith("_new"):
        attacks = one_file(root, r"WADI_attackdataLAB(LE|EL)\.csv", remedy)
        return [_a2(train, "train", max_gap), _a2(attacks, "test", max_gap)]
    attacks = one_file(root, r"WADI_attackdata\.csv", remedy)
    return [_a1(train, "train", max_gap), _a1(attacks, "test", max_gap)]


def _a1(path: Path, part: str, max_gap: int) -> Series:
    recording = _read(path)
    written = (recording.note("Date").str.strip() + " " + recording.note("Time").str.strip()).rename("Date and Time")
    times = times_in(written, f"{DATE_FORMAT} {CLOCK_FORMAT}", recording.where)
    return recording.series("wadi", attack_labels(times), times, times, max_gap, part)


def _a2(path: Path, part: str, max_gap: int) -> Series:
    recording = _read(path)
    row = recording.note("Row")
    order = floats(row)
    require(np.isfinite(order), row, recording.where, "no row number")
    labels = np.zeros(len(order), dtype=bool)
    if part == "test":
        label = next((str(column) for column in recording.notes if str(column).startswith(LABEL)), f"{LABEL}LE ...")
        labels = flags(recording.note(label), recording.where, TRUTH, "WADI writes 1 (no attack) and -1 (attack)")
    return recording.series("wadi", labels, order, None, max_gap, part)


def attack_labels(times: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return shape ``(n,)``: whether a local time lies within one of the `ATTACKS`, both ends included."""
    labels = np.zeros(len(times), dtype=bool)
    for day, first, last in ATTACKS:
        start, after = np.datetime64(f"{day}T{first}"), np.datetime64(f"{day}T{last}") + np.timedelta64(1, "s")
        labels |= (start <= times) & (times < after)
    return labels


def _read(path: Path) -> Recording:
    with reading(path), path.open(encoding="utf-8-sig") as lines:
        top = [line.split(",")[0].strip() for line in islice(lines, TOP)]
    if "Row" not in top:
        raise InputError(f"{path}: none of the first {TOP} lines starts with the column 'Row' and a comma")
    return read_csv(path, _is_note, skip=top.index("Row"), clean=_tag, drop=EMPTY)


def _is_note(name: str) -> bool:
    return name in ("Row", "Date", "Time") or name.startswith(LABEL)


def _tag(name: str) -> str:
    r"""Return what follows the last backslash of ``\\WIN-...\LOG_DATA\SUTD_WADI\LOG_DATA\1_AIT_001_PV``."""
    return name.rpartition("\\")[2].strip()
