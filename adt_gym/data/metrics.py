"""The columns of a table as metrics, and why some are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import floats, is_blank, is_numeric, is_text, numbers, plain, shown, steps_within
from adt_gym.data.notation import PLAIN, AmbiguousNumbers, Notation, Numbers, read_numbers
from adt_gym.data.time_columns import is_counter, is_ramp
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

UNNAMED = r"Unnamed: \d+(_level_\d+)?"
"""What pandas calls a column without a name."""
ROW_NAMES = {"", "id", "index", "idx", "row", "rows", "rowid", "rownumber", "rowno", "rownum", "no", "nr", "seq"}
MOSTLY = 0.9
LEAST_COUNTED = 10
"""Rows of which a column, whatever its name, goes up by one in every row, to be taken for their numbers."""
_CORRECT = "correct it, or name the columns to use with value_columns="
CONSTANT, ROW_NUMBERS, STEPS, TEXT = "constant", "row numbers", "steps of one size", "text"


class MetricReader:
    """Reads columns as metrics; notes how."""

    def __init__(self, frame: pd.DataFrame, known: Sequence[Notation], groups: NDArray[np.intp], where: str):
        self.frame, self.known, self.groups, self.where = frame, known, groups, where
        self.notes: dict[str, str] = {}
        self.mark: str | None = None

    def named(self, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return columns that the user calls metrics.

        Raises:
            InputError: If a cell is no number.
        """
        read = self._read(names)
        values = {
            name: one.values if (one := read[name]) else numbers(self.frame[name], self.where, "it is no metric")
            for name in names
        }
        for name in names:
            self._require_digits(name, values[name])
        return values

    def metrics(self, names: Sequence[str], unused: dict[str, str]) -> dict[str, NDArray[np.float64]]:
        """Return the metrics among the columns, and write into ``unused`` why others are none."""
        values, flat = {}, {}
        for name, found in self._read(names).items():
            if found is None:
                unused[name] = "empty" if is_blank(self.frame[name]).all() else TEXT
                continue
            why = _not_measured(name, found.values, self.groups)
            if why in (None, CONSTANT):
                self._require_digits(name, found.values)
            if why is None:
                values[name] = found.values
            else:
                unused[name] = why
            if why in (CONSTANT, ROW_NUMBERS, STEPS) and not _is_row_name(name) and not _is_id_name(name):
                flat[name] = found.values
        if not values:  # a flat line is a series where there is no other
            values = flat
            for name in values:
                del unused[name]
        return values

    def _read(self, names: Sequence[str]) -> dict[str, Numbers | None]:
        """Return each column as numbers, None where it is text.

        A column that could be read in two ways is read with the decimal mark of the columns that tell.

        Raises:
            InputError: If most cells are numbers and one is none, or nothing tells how a column is written.
        """
        read: dict[str, Numbers | None] = {}
        unsure: dict[str, AmbiguousNumbers] = {}
        for name in names:
            try:
                read[name] = self._try(name, self.known)
            except AmbiguousNumbers as error:
                unsure[name] = error
        marks = {one.decimal for name, one in read.items() if one and one.decimal and is_text(self.frame[name])}
        marks = marks or {one.decimal for one in read.values() if one and one.decimal}
        self.mark = marks.pop() if len(marks) == 1 else None
        for name, problem in unsure.items():
            if self.mark is None:
                raise problem
            read[name] = self._try(name, [one for one in self.known if one.decimal == self.mark])
            if read[name] is None:
                raise problem
        self.notes |= {name: one.how for name, one in read.items() if one and one.how}
        return {name: read[name] for name in names}

    def _try(self, name: str, known: Sequence[Notation]) -> Numbers | None:
        import pandas as pd

        column = self.frame[name]
        if pd.api.types.is_bool_dtype(column):
            return Numbers(floats(column.astype(float)), "False 0, True 1")
        if pd.api.types.is_complex_dtype(column):
            raise InputError(f"{self.where}, column {name!r} holds complex numbers; write their parts as two columns")
        if pd.api.types.is_numeric_dtype(column):
            values = floats(column)
            return Numbers(values, decimal="." if (values[np.isfinite(values)] % 1).any() else None)
        if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
            return None
        found = read_numbers(column, known, self.where)
        if found is None and is_numeric(column):
            if PLAIN not in known:
                raise InputError(
                    f"{self.where}, column {name!r}: {shown(column[~is_blank(column)].iloc[0])} is not written as "
                    f"decimal= and thousands= say; leave one of them out, or the column with drop_columns={name!r}"
                )
            return Numbers(numbers(column, self.where, _CORRECT))
        return found

    def _require_digits(self, name: str, values: NDArray[np.float64]) -> None:
        """Raise where float64 does not tell apart what the column does."""
        import pandas as pd

        column = self.frame[name]
        if pd.api.types.is_integer_dtype(column) and not column.isna().any():
            exact = column.to_numpy()
            lost = bool(((exact[1:] != exact[:-1]) & (values[1:] == values[:-1])).any())
        elif pd.api.types.is_numeric_dtype(column):
            return
        else:
            text = column.astype(str).str.strip()
            lost = bool(text.str.fullmatch(r"[+-]?\d{16,}").all()) and text.nunique() > len(np.unique(values))
        if lost:
            raise InputError(digits_lost(name, self.where))


def digits_lost(name: str, where: str) -> str:
    """Say that float64 does not tell apart what a column does."""
    return (
        f"{where}, column {name!r} differs in digits only that a number of 64 bits does not hold; subtract its first "
        f"value from it, or leave it out with drop_columns={name!r}"
    )


def _is_row_name(name: str) -> bool:
    called = plain(name) in ROW_NAMES or re.fullmatch(UNNAMED, name)
    return name != "Id" and bool(called)  # Id is a current, beside Iq


def _is_id_name(name: str) -> bool:
    return bool(re.search(r"(^|_)(id|ID)$|[a-z]I[dD]$|(^|[^A-Za-z])(uuid|guid)$", name))


def _not_measured(name: str, values: NDArray[np.float64], groups: NDArray[np.intp]) -> str | None:
    """Say why numbers are no metric, or return None."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return "empty"
    if len(values) > 1 and len(known) == len(values) and (known == known[0]).all():
        return CONSTANT
    whole = bool((known % 1 == 0).all())
    if re.fullmatch(UNNAMED, name) or name == "":
        return "no name"
    if whole and (
        (_counts_rows(values, groups) and not is_counter(name)) or (_is_row_name(name) and _unequal(values, groups))
    ):
        return ROW_NUMBERS
    if whole and _is_id_name(name):
        return "an id"
    if is_ramp(values, groups) and not is_counter(name):
        return ROW_NUMBERS if whole and np.ptp(known) == len(known) - 1 else STEPS
    return None


def _unequal(values: NDArray[np.float64], groups: NDArray[np.intp]) -> bool:
    """Return whether no number comes twice in a series, or nearly all follow the one before."""
    steps = steps_within(np.sort(values), groups[np.argsort(values, kind="stable")])
    return bool((steps > 0).all() or (steps_within(values, groups) == 1).mean() >= MOSTLY)


def _counts_rows(values: NDArray[np.float64], groups: NDArray[np.intp]) -> bool:
    steps = steps_within(values, groups)
    return len(steps) + 1 >= LEAST_COUNTED and bool((steps == 1).all() or (steps == -1).all())
