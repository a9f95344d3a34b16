"""Recordings of industrial plants: one row a second, dozens of tags, too large to be held as anything but float32."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import count_unordered, fill_gaps, is_blank, numbers, warn_counts
from adt_gym.data.reading import csv_header, csv_options, reading
from adt_gym.series import InputError, Series

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 50_000
"""Rows that are held as text or float64 at one time."""

MAX_GAP = 60
"""Missing values in a row that the loaders of plants fill: a minute."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One file of a plant, in the order of its rows.

    Args:
        where: How messages call the file.
        values: Shape ``(n, m)``, float32, not finite where a cell is empty.
        columns: Shape ``(m,)``: the names of the tags.
        notes: The other columns (times, labels), as text.
    """

    where: str
    values: NDArray[np.float32]
    columns: tuple[str, ...]
    notes: pd.DataFrame

    def note(self, name: str) -> pd.Series:
        """Return a column that is not a tag.

        Raises:
            InputError: If there is none of that name.
        """
        if name not in self.notes:
            known = [*self.notes.columns, *self.columns]
            shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
            raise InputError(f"{self.where} has no column {name!r}; its columns are {shown}")
        return self.notes[name]

    def series(
        self,
        name: str,
        labels: NDArray[np.bool_] | None,
        order: NDArray[Any],
        index: NDArray[np.datetime64] | None,
        max_gap: int,
        part: str | None = None,
    ) -> Series:
        """Return the recording in the given order, its gaps filled; the recording is used up.

        Raises:
            InputError: If a gap is longer than ``max_gap`` or begins the recording.
        """
        values, rows, unordered = self.values, np.arange(len(order)), count_unordered(order)
        if unordered:
            rows = np.argsort(order, kind="stable")
            values = values[rows]
            labels = None if labels is None else labels[rows]
            index = None if index is None else index[rows]
        filled = fill_gaps(values, max_gap, self.where, self.columns, rows)
        called = f"{name} ({part})" if part else name
        warn_counts({called: unordered}, {called: filled}, stacklevel=4)
        return Series(values, labels, name, index, self.columns, part=part)


def read_csv(
    path: Path,
    is_note: Callable[[str], bool],
    *,
    skip: int = 0,
    delimiter: str = ",",
    decimal: str = ".",
    clean: Callable[[str], str] = str.strip,
    drop: Collection[str] = (),
) -> Recording:
    """Read a CSV file by chunks.

    Args:
        path: The file.
        is_note: Whether the column of that name is kept as text; all others are tags.
        skip: Lines above the header.
        delimiter: What separates the cells.
        decimal: The decimal mark.
        clean: Makes the name of a column from what is written.
        drop: Columns that are left out, by their clean names.

    Raises:
        InputError: If the file cannot be read, or a cell of a tag is no number.
    """
    import pandas as pd

    with reading(path):
        header = csv_header(path, delimiter, f"separate them by {delimiter!r}, not {{!r}}", skip)
        texts = {raw: str for raw in header if is_note(clean(raw))}
        unwanted = [raw for raw in header if clean(raw) in drop or raw.startswith("Unnamed: ")]
        options = csv_options(delimiter)
        with pd.read_csv(path, skiprows=skip, dtype=texts, decimal=decimal, chunksize=CHUNK, **options) as chunks:
            parts = (chunk.drop(columns=unwanted).rename(columns=clean) for chunk in chunks)
            return assemble(parts, str(path), is_note, decimal)


def assemble(
    chunks: Iterable[pd.DataFrame], where: str, is_note: Callable[[str], bool], decimal: str = "."
) -> Recording:
    """Put the chunks of a file together, without the blank rows at its end.

    Args:
        chunks: Tables of the same columns, whose index holds the row numbers.
        where: How messages call the file.
        is_note: Whether a column is kept as text.
        decimal: The decimal mark in cells that are text.

    Raises:
        InputError: If there are no rows or no tags, a name stands twice, or a cell of a tag is no number.
    """
    import pandas as pd

    parts, notes = [], []
    for chunk in chunks:
        twice = chunk.columns[chunk.columns.duplicated()]
        if len(twice):
            raise InputError(f"{where} has two columns called {twice[0]!r}; rename one")
        tags = [name for name in chunk.columns if not is_note(name)]
        if not tags:
            raise InputError(f"{where} has no column of values; its columns are {', '.join(chunk.columns)}")
        values = [numbers(_pointed(chunk[tag], decimal), where).astype(np.float32) for tag in tags]
        parts.append(np.column_stack(values))
        notes.append(chunk.drop(columns=tags))
    if not parts or not sum(map(len, parts)):
        raise InputError(f"{where} has no rows below its header")
    whole, texts = np.concatenate(parts), pd.concat(notes)
    blank: NDArray[np.bool_] = np.asarray(np.isnan(whole).all(axis=1))
    for name in texts:
        blank &= is_blank(texts[name])
    if blank.all():
        raise InputError(f"{where} has only blank rows below its header")
    end = len(blank) - int(np.argmin(blank[::-1]))
    return Recording(where, whole[:end], tuple(tags), texts[:end])


def _pointed(column: pd.Series, decimal: str) -> pd.Series:
    """Return a column with decimal points; it is text where a chunk holds a cell that is no number."""
    import pandas as pd

    if decimal == "." or pd.api.types.is_numeric_dtype(column):
        return column
    return column.str.replace(decimal, ".")
