"""Secure Water Treatment (SWaT), December 2015: a water treatment plant under attack, 51 tags, one row a second."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adt_gym.data.cells import flags
from adt_gym.data.reading import one_file, reading
from adt_gym.data.recording import CHUNK, MAX_GAP, Recording, assemble, read_csv
from adt_gym.data.times import times_in
from adt_gym.extras import require
from adt_gym.series import InputError, Series

if TYPE_CHECKING:
    import pandas as pd

TIME, LABEL = "Timestamp", "Normal/Attack"
TIME_FORMAT = "%d/%m/%Y %I:%M:%S %p"
TRUTH = {"normal": False, "attack": True}
"""White space is removed first: some attacks are labelled "A ttack"."""
TOP = 20
"""The header stands within so many rows: the stages of the plant (P1 to P6) may stand above it."""


def swat(root: str | Path, *, max_gap: int = MAX_GAP) -> list[Series]:
    """Read a copy of SWaT.A1 & A2, which iTrust gives on request and nobody may pass on.

    Goh, Adepu, Junejo and Mathur, "A Dataset to Support Research in the Design of Secure Water Treatment Systems",
    CRITIS 2016.

    Args:
        root: The folder that holds one file of normal operation and one of attacks, with "normal" and "attack" in
            their names, or one file. Files are .csv, perhaps with semicolons and decimal commas, or .xlsx, which takes
            minutes to read: save it as .csv to read it often.
        max_gap: Up to this many consecutive missing values of a tag are filled forward, and counted in one warning.

    Returns:
        ``swat``: the part "train" (normal operation) and the part "test", both labelled; of one file, one series.

    Raises:
        FileNotFoundError: If the folder or a file is missing.
        InputError: If a file is not as published, or a gap is longer than ``max_gap``.
    """
    root = Path(root)
    if root.is_file():
        return [_series(root, None, max_gap)]
    remedy = "SWaT is given on request at https://itrust.sutd.edu.sg/itrust-labs_datasets/"
    return [
        _series(one_file(root, r".*normal.*\.(csv|xlsx)", remedy), "train", max_gap),
        _series(one_file(root, r".*attack.*\.(csv|xlsx)", remedy), "test", max_gap),
    ]


def _series(path: Path, part: str | None, max_gap: int) -> Series:
    recording = _read_xlsx(path) if path.suffix.lower() == ".xlsx" else _read_csv(path)
    times = times_in(recording.note(TIME), TIME_FORMAT, recording.where)
    labels = flags(recording.note(LABEL), recording.where, TRUTH, "SWaT writes Normal and Attack")
    return recording.series("swat", labels, times, times, max_gap, part)


def _is_note(name: str) -> bool:
    return name in (TIME, LABEL)


def _header(rows: Sequence[Sequence[Any]], path: Path) -> int:
    for number, row in enumerate(rows):
        if any(str(cell).strip() == TIME for cell in row):
            return number
    raise InputError(f"{path}: none of the first {TOP} rows has a cell {TIME!r} between commas or semicolons")


def _read_csv(path: Path) -> Recording:
    with reading(path), path.open(encoding="utf-8-sig") as lines:
        top = list(islice(lines, TOP))
    skip = _header([re.split("[,;]", line) for line in top], path)
    delimiter, decimal = (";", ",") if ";" in top[skip] else (",", ".")
    return read_csv(path, _is_note, skip=skip, delimiter=delimiter, decimal=decimal)


def _read_xlsx(path: Path) -> Recording:
    require(f"{path}", "openpyxl")
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an Excel workbook: {error}") from error
    try:
        return assemble(_chunks(book.worksheets[0].iter_rows(values_only=True), path), str(path), _is_note)
    finally:
        book.close()


def _chunks(rows: Iterator[tuple[Any, ...]], path: Path) -> Iterator[pd.DataFrame]:
    import pandas as pd

    top = list(islice(rows, TOP))
    header = _header(top, path)
    names = [str(cell or "").strip() for cell in top[header]]
    part, start = top[header + 1 :], 0
    while part:
        frame = pd.DataFrame(part, columns=names, index=range(start, start + len(part)), dtype=object)
        frame[TIME] = frame[TIME].map(lambda cell: f"{cell:{TIME_FORMAT}}" if isinstance(cell, datetime) else cell)
        yield frame.drop(columns="", errors="ignore")
        start += len(part)
        part = list(islice(rows, CHUNK))
