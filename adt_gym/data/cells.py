"""From the cells of a table to numbers and labels: what cannot be read is an error that names column and row."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

TRUTH = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
"""What a label may be written as, unless the data set has its own spelling."""


def floats(column: pd.Series) -> NDArray[np.float64]:
    """Return the column as float64, NaN where a cell is no number."""
    import pandas as pd

    cells = column if pd.api.types.is_numeric_dtype(column) else column.astype(object)
    return pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def is_numeric(column: pd.Series) -> bool:
    """Return whether this is a column of numbers: by its type, or because more than half of its cells are."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return True
    return bool((~np.isnan(floats(column))).sum() > (~is_blank(column)).sum() / 2)


def is_blank(column: pd.Series) -> NDArray[np.bool_]:
    """Return where a cell is missing or holds white space only."""
    return np.asarray(column.isna() | (column.astype(str).str.strip() == ""))


def require(valid: NDArray[np.bool_], column: pd.Series, where: str, problem: str) -> None:
    """Raise an InputError for the first cell that is not valid; the column's index holds the row numbers."""
    wrong = np.flatnonzero(~valid)
    if len(wrong):
        row = int(wrong[0])
        cell = "an empty cell" if is_blank(column)[row] else repr(column.tolist()[row])
        raise InputError(f"{where}, column {column.name!r}, row {column.index[row]}: {cell} is {problem}")


def numbers(column: pd.Series, where: str, remedy: str = "correct it") -> NDArray[np.float32]:
    """Return the column as numbers, not finite where a cell is missing or infinite.

    Raises:
        InputError: If a cell is text.
    """
    values = floats(column)
    unread = np.isnan(values)
    if unread.any():
        require(~unread | is_blank(column), column, where, f"not a number; {remedy}")
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def flags(
    column: pd.Series,
    where: str,
    truth: Mapping[str, bool] = TRUTH,
    remedy: str = "write 0 or False (normal), 1 or True (anomalous)",
) -> NDArray[np.bool_]:
    """Return the column as labels; the case of letters and white space do not matter.

    Raises:
        InputError: If a cell is none of the keys of ``truth``.
    """
    found = column.map({cell: truth.get("".join(str(cell).lower().split())) for cell in column.unique()})
    require(found.notna().to_numpy(), column, where, f"no label; {remedy}")
    return found.to_numpy(bool)


def fill_gaps(
    values: NDArray[np.float32], max_gap: int, where: str, columns: Sequence[str], rows: Sequence[int] | NDArray[Any]
) -> int:
    """Fill short gaps, in place, with the value before; return how many values were filled.

    Args:
        values: Shape ``(n, m)``, in the order of time; missing values are not finite.
        max_gap: The most consecutive missing values of a column that are filled.
        where: How messages call the table.
        columns: Shape ``(m,)``: their names.
        rows: Shape ``(n,)``: the number of each row in the table.

    Raises:
        InputError: If a gap is longer or begins the series.
    """
    import pandas as pd

    filled = 0
    for j, name in enumerate(columns):
        gaps = ~np.isfinite(values[:, j])
        if not gaps.any():
            continue
        known = pd.Series(np.where(gaps, np.nan, values[:, j]))
        whole = known.ffill(limit=max_gap) if max_gap else known
        left = np.flatnonzero(whole.isna())
        if len(left):
            first = left[0] - (max_gap if left[0] else 0)  # ffill has filled the first rows of the gap
            raise InputError(
                f"{where}, column {name!r}, row {rows[first]}: {values[first, j]} is not finite, and the gap is longer "
                f"than max_gap={max_gap} or begins the series; drop or fill such rows, or raise max_gap"
            )
        values[:, j] = whole
        filled += int(gaps.sum())
    return filled


def count_unordered(order: NDArray[Any]) -> int:
    """Count the rows that are not later than every row before them."""
    return int(np.count_nonzero(order[1:] <= np.maximum.accumulate(order)[:-1]))


def warn_counts(unordered: Mapping[str, int], filled: Mapping[str, int], stacklevel: int = 3) -> None:
    """Say once for all series how many rows were put in order, and once how many values were filled."""
    _warn("rows whose time repeats or goes back, kept and sorted stably by time", unordered.items(), stacklevel + 1)
    _warn("missing or infinite values, filled with the value before", filled.items(), stacklevel + 1)


def _warn(what: str, counts: Iterable[tuple[str, int]], stacklevel: int) -> None:
    parts = [f"{count} in series {name!r}" for name, count in counts if count]
    if parts:
        warnings.warn(f"{what}: {', '.join(parts)}", UserWarning, stacklevel=stacklevel)
