"""From the cells of a table to numbers and labels: what cannot be read is an error that names column and row."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

Vocabulary = Mapping[str, bool]
"""What two states may be written as, in lower case and without white space."""

TRUTH: Vocabulary = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
"""What a label may be written as, unless the data set has its own spelling."""
VOCABULARIES: tuple[Vocabulary, ...] = (
    TRUTH,
    {"f": False, "t": True},
    {"no": False, "yes": True},
    {"n": False, "y": True},
    {"normal": False, "attack": True, "anomaly": True, "anomalous": True, "abnormal": True, "outlier": True},
    {"benign": False, "attack": True, "malicious": True, "anomaly": True},
)
SIGNED: Vocabulary = {"-1": False, "-1.0": False, "1": True, "1.0": True}
LABEL_REMEDY = "write 0 or False (normal), 1 or True (anomalous)"
MOST_SPELLINGS = 24
"""More different cells than these are not two words, however they are spelled."""
UNDECIDED = 0.05
"""How near to a half of the rows -1 and 1 are equally frequent."""
MOST_NAMED = 20
"""Series that a warning names."""
SHOWN = 60
"""Characters of a cell that a message repeats."""


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


def is_text(column: pd.Series) -> bool:
    """Return whether a column's cells are neither numbers nor times by its type."""
    import pandas as pd

    return not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_datetime64_any_dtype(column)


def steps_within(values: NDArray[Any], groups: NDArray[np.intp]) -> NDArray[Any]:
    """Return the differences between rows that follow each other in one group, group by group.

    Args:
        values: Shape ``(n,)``.
        groups: Shape ``(n,)``: the number of each row's series.
    """
    rows = np.argsort(groups, kind="stable")
    return np.diff(values[rows])[np.diff(groups[rows]) == 0]


def plain(name: str) -> str:
    """Return a column's name as names are compared: small letters and digits."""
    return re.sub("[^a-z0-9]", "", name.lower())


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names as messages show them: not all of thousands."""
    return f"[{', '.join(map(shown, names[:most]))}{', ...' if len(names) > most else ''}]"


def is_blank(column: pd.Series) -> NDArray[np.bool_]:
    """Return where a cell is missing or holds white space only."""
    return np.asarray(column.isna() | (column.astype(str).str.strip() == ""))


def shown(cell: object) -> str:
    """Return a cell as messages show it: not at any length."""
    text = repr(cell[: 2 * SHOWN] if isinstance(cell, str) else cell)  # which escapes lone surrogates
    return text if len(text) <= SHOWN + 2 else f"{text[:SHOWN]}..."


def require(valid: NDArray[np.bool_], column: pd.Series, where: str, problem: str) -> None:
    """Raise an InputError for the first cell that is not valid; the column's index holds the row numbers."""
    wrong = np.flatnonzero(~valid)
    if len(wrong):
        row = int(wrong[0])
        cell = "an empty cell" if is_blank(column.iloc[[row]])[0] else shown(column.iloc[[row]].tolist()[0])
        raise InputError(f"{where}, column {column.name!r}, row {column.index[row]}: {cell} is {problem}")


def numbers(column: pd.Series, where: str, remedy: str = "correct it") -> NDArray[np.float64]:
    """Return the column as numbers, not finite where a cell is missing or infinite.

    Raises:
        InputError: If a cell is text.
    """
    values = floats(column)
    unread = np.isnan(values)
    if unread.any():
        require(~unread | is_blank(column), column, where, f"not a number; {remedy}")
    return values


def flags(
    column: pd.Series,
    where: str,
    truth: Mapping[str, bool] = TRUTH,
    remedy: str = LABEL_REMEDY,
) -> NDArray[np.bool_]:
    """Return the column as labels; the case of letters and white space do not matter.

    Raises:
        InputError: If a cell is none of the keys of ``truth``.
    """
    found = column.map({cell: truth.get("".join(str(cell).lower().split())) for cell in column.unique()})
    require(found.notna().to_numpy(), column, where, f"no label; {remedy}")
    return found.to_numpy(bool)


@dataclass(frozen=True, eq=False)
class Words:
    """A column of two words, read in a vocabulary that holds them all."""

    vocabulary: Vocabulary
    flags: NDArray[np.bool_]


def read_words(column: pd.Series, vocabularies: Sequence[Vocabulary]) -> Words | None:
    """Return the column in the first vocabulary that holds all its cells, else None."""
    cells = column.unique()
    if len(cells) > MOST_SPELLINGS:
        return None
    words = {cell: "".join(str(cell).lower().split()) for cell in cells}
    for vocabulary in vocabularies:
        if set(words.values()) <= set(vocabulary):
            meaning = {cell: vocabulary[word] for cell, word in words.items()}
            return Words(vocabulary, column.astype(object).map(meaning).to_numpy(bool))
    return None


def read_labels(column: pd.Series, where: str) -> tuple[NDArray[np.bool_], str]:
    """Return a column of labels, and in words what was understood.

    Of -1 and 1 the rarer is anomalous: scikit-learn's detectors and WADI write -1 for what other data sets write 1.

    Raises:
        InputError: If a cell is no label, or -1 and 1 are equally frequent.
    """
    if (words := read_words(column, VOCABULARIES)) is not None:
        anomalous = dict.fromkeys(column[words.flags].astype(str).str.strip())
        return words.flags, " and ".join([*anomalous][:3]) or "nothing"
    if (words := read_words(column, (SIGNED,))) is not None:
        positive = words.flags.mean()
        if not positive:
            raise InputError(f"{where}, column {column.name!r} holds -1 only; {LABEL_REMEDY}")
        if abs(positive - 0.5) < UNDECIDED:
            raise InputError(
                f"{where}, column {column.name!r}: -1 and 1 are about equally frequent, so that neither can be taken "
                f"for anomalous; {LABEL_REMEDY}"
            )
        rarer = "1" if positive < 0.5 else "-1"
        return words.flags == (positive < 0.5), f"{rarer}, the rarer of -1 and 1,"
    return flags(column, where), ""


def fill_gaps(
    values: NDArray[np.floating[Any]],
    max_gap: int,
    where: str,
    columns: Sequence[str],
    rows: Sequence[int] | NDArray[Any],
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
    for j in np.flatnonzero(~np.isfinite(values).all(axis=0)):
        name, gaps = columns[j], ~np.isfinite(values[:, j])
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


def warn_counts(
    unordered: Mapping[str, int],
    filled: Mapping[str, int],
    repeated: Mapping[str, int] | None = None,
    missing: Mapping[str, int] | None = None,
    stacklevel: int = 3,
) -> None:
    """Say once for all series how many rows were put in order or repeat an hour, values were filled, times missing."""
    for what, counts in (
        ("rows whose time repeats or goes back, kept and sorted stably by time", unordered),
        ("rows of an hour that repeats, as when clocks are put back, kept in the file's order", repeated),
        ("missing or infinite values, filled with the value before", filled),
        ("gaps in time, longer than one and a half of the usual steps", missing),
    ):
        _warn(what, (counts or {}).items(), stacklevel + 1)


def _warn(what: str, counts: Iterable[tuple[str, int]], stacklevel: int) -> None:
    parts = [f"{count} in series {name!r}" for name, count in counts if count]
    if len(parts) > MOST_NAMED:
        parts = [*parts[:MOST_NAMED], f"and in {len(parts) - MOST_NAMED} more series"]
    if parts:
        warnings.warn(f"{what}: {', '.join(parts)}", UserWarning, stacklevel=stacklevel)
