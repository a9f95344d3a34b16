"""How a column writes its numbers: decimal comma, thousands, a unit, or two words for a switch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import Vocabulary, floats, is_blank, read_words, shown
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

SPACES = " \u00a0\u202f"
"""The blanks that stand between thousands: plain, no-break and narrow no-break."""
MARKS = (".", ",")
SEPARATORS: tuple[str | None, ...] = (None, ",", ".", " ", "'", "_")
BODY = r"[+-]?[\d.,'_\u2019" + SPACES + r"]*\d\.?(?:[eE][+-]?\d+)?"
UNIT = r"[A-Za-zµμ°%‰Ω]{1,6}(?:/[A-Za-zµμ]{1,6})?[²³]?"
WITH_UNIT = rf"^(?P<currency>[$€£¥]?)\s*(?P<body>{BODY})\s*(?P<unit>{UNIT})?$"
GROUPED = r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+"
"""1.234, which where commas are decimal marks is more than a thousand."""
NUMBER_LIKE = r"=\"[^\"]*\d[^\"]*\"|[+-]?\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"
"""Excel's ="50.1", and lakhs."""
SMALL = r"[+-]?(?:0|[1-9]\d{0,2})"
KNOWN_UNITS = {
    *("%", "‰", "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "k", "m", "g", "t", "ki", "mi", "gi", "ti"),
    *("ns", "us", "µs", "μs", "ms", "s", "sec", "min", "h", "d", "hz", "khz", "mhz", "ghz", "v", "mv", "kv", "a", "ma"),
    *("w", "mw", "kw", "wh", "kwh", "c", "f", "°c", "°f", "pa", "kpa", "bar", "bps", "kbps", "mbps", "gbps"),
    *("b/s", "kb/s", "mb/s", "gb/s", "bytes", "mm", "cm", "km", "l", "ml", "kg", "rpm", "pct"),
}
SWITCHES: tuple[Vocabulary, ...] = tuple(
    {off: False, on: True}
    for off, on in (
        *(("false", "true"), ("off", "on"), ("no", "yes"), ("f", "t"), ("n", "y"), ("closed", "open")),
        *(("down", "up"), ("stopped", "running"), ("inactive", "active"), ("disabled", "enabled")),
    )
)


@dataclass(frozen=True)
class Notation:
    """How numbers are written.

    Args:
        decimal: "." or ",".
        thousands: What stands between groups of three digits; None where nothing does.
    """

    decimal: str = "."
    thousands: str | None = None

    @property
    def pattern(self) -> str:
        """What a whole cell looks like."""
        between = {None: None, " ": f"[{SPACES}]", "'": "['\u2019]"}.get(
            self.thousands, re.escape(self.thousands or "")
        )
        grouped = "" if between is None else rf"[1-9]\d{{0,2}}(?:{between}\d{{3}})+|"
        mark = re.escape(self.decimal)
        return rf"[+-]?(?:(?:{grouped}\d+)(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"

    def read(self, text: pd.Series) -> NDArray[np.float64]:
        """Return the numbers of cells that fit the pattern."""
        if self.thousands is not None:
            blanks = {" ": f"[{SPACES}]", "'": "['\u2019]"}
            text = text.str.replace(blanks.get(self.thousands, re.escape(self.thousands)), "", regex=True)
        return floats(text.str.replace(self.decimal, ".", regex=False) if self.decimal != "." else text)

    def __str__(self) -> str:
        """Describe it."""
        words = ["decimal comma"] if self.decimal == "," else []
        words += [f"thousands apart by {self.thousands!r}"] if self.thousands is not None else []
        return ", ".join(words)


PLAIN = Notation()


def notations(decimal: str | None, thousands: str | None) -> tuple[Notation, ...]:
    """Return the notations that are looked for where these are asked for; None asks for nothing.

    Raises:
        InputError: If there is no such decimal mark or separator.
    """
    if decimal not in (None, *MARKS):
        raise InputError(f"decimal={decimal!r}: the decimal mark is '.' or ','")
    if thousands is not None and (thousands not in SEPARATORS or thousands == decimal):
        known = ", ".join(repr(one) for one in SEPARATORS[1:])
        raise InputError(f"thousands={thousands!r}: one of {known}, and another than the decimal mark")
    marks = MARKS if decimal is None else (decimal,)
    between = SEPARATORS if thousands is None else (thousands,)
    return tuple(Notation(mark, one) for mark in marks for one in between if mark != one)


@dataclass(frozen=True, eq=False)
class Numbers:
    """A text column as numbers.

    Args:
        values: Shape ``(n,)``, NaN where a cell is blank.
        how: What was understood, for people: "decimal comma", "in MB", "off 0, on 1"; empty where nothing was.
        decimal: The decimal mark, where the cells tell; else None.
    """

    values: NDArray[np.float64]
    how: str = ""
    decimal: str | None = None


def read_numbers(column: pd.Series, known: Sequence[Notation], where: str) -> Numbers | None:
    """Return a text column as numbers, or None where it is text.

    Args:
        column: Its name stands in messages.
        known: The notations that it may be in.
        where: How messages call the table.

    Raises:
        InputError: If the column could be read as numbers in two ways, mixes units, or holds numbers and one word.
    """
    filled = ~is_blank(column)
    cells = column[filled].astype(str).str.strip()
    if cells.empty:
        return None
    if (switch := read_words(cells, SWITCHES)) is not None:
        off, on = switch.vocabulary
        return Numbers(_spread(switch.flags.astype(float), filled), f"{off} 0, {on} 1")
    if PLAIN in known and not may_be_grouped(cells) and not np.isnan(plain := floats(cells)).any():
        return Numbers(_spread(plain, filled), decimal="." if cells.str.contains(".", regex=False).any() else None)
    parts = cells.str.extract(WITH_UNIT)
    fits = parts["body"].notna()
    odd = cells.str.fullmatch(NUMBER_LIKE)
    if odd.any() and (odd | fits).all():
        raise InputError(
            f"{where}, column {column.name!r}, row {cells.index[odd][0]}: {shown(cells[odd].iloc[0])} is not written "
            f"as a number is; write it like 1234567.8, or drop the column (drop_columns={str(column.name)!r})"
        )
    if not fits.all():
        words = set(cells[~fits].str.lower())
        if len(words) == 1 and fits.sum() > 1 and not fits.all() and _is_numeric_text(cells[fits]):
            raise InputError(
                f"{where}, column {column.name!r}, row {column.index[filled][np.flatnonzero(~fits)[0]]}: "
                f"{shown(cells[~fits].iloc[0])} is not a number; leave cells without a value empty, or drop the column "
                f"(drop_columns={str(column.name)!r})"
            )
        return None
    unit = _unit(parts, column, where)
    if unit is None:
        return None
    body = parts["body"].str.replace(rf"[{SPACES}]+$", "", regex=True)
    readings = {one: one.read(body) for one in known if body.str.fullmatch(one.pattern).all()}
    if not readings:
        _refuse_two_marks(cells, body, column, where)
        return None
    chosen, values = next(iter(readings.items()))
    for other, also in readings.items():
        if not np.array_equal(values, also):
            example = cells[values != also].iloc[0]
            raise AmbiguousNumbers(
                f"{where}, column {column.name!r}: {example!r} is {values[values != also][0]:g} or "
                f"{also[values != also][0]:g}; say which with decimal={other.decimal!r} or decimal={chosen.decimal!r}, "
                f"or with thousands={other.thousands or chosen.thousands!r}"
            )
    told = chosen.decimal if body.str.contains(chosen.decimal, regex=False).any() else None
    how = ", ".join(filter(None, (str(chosen), f"in {unit}" if unit else "")))
    return Numbers(_spread(values, filled), how, told)


def may_be_grouped(cells: pd.Series) -> bool:
    """Return whether points in cells of text may stand between thousands, as in 1.234 beside 999."""
    return bool(cells.str.fullmatch(f"{GROUPED}|{SMALL}").all() and cells.str.contains(".", regex=False).any())


class AmbiguousNumbers(InputError):
    """A column that could be read as numbers in two ways."""


def _refuse_two_marks(cells: pd.Series, body: pd.Series, column: pd.Series, where: str) -> None:
    """Raise where some cells are numbers with a decimal comma and the others numbers with a point."""
    point, comma = (
        np.logical_or.reduce([body.str.fullmatch(one.pattern) for one in notations(mark, None)]) for mark in MARKS
    )
    only_point, only_comma = point & ~comma, comma & ~point
    if (point | comma).all() and only_point.any() and only_comma.any():
        seen = " and ".join(
            f"{shown(cells[one].iloc[0])} in row {cells.index[one][0]}" for one in (only_comma, only_point)
        )
        raise InputError(
            f"{where}, column {column.name!r} has decimal commas and points: {seen}; write all rows and files with one "
            f"mark, or drop the column (drop_columns={str(column.name)!r})"
        )


def _is_numeric_text(cells: pd.Series) -> bool:
    return any(cells.str.fullmatch(one.pattern).all() for one in notations(None, None))


def _unit(parts: pd.DataFrame, column: pd.Series, where: str) -> str | None:
    """Return the unit, "" where there is none, None where what follows the numbers is no unit but makes them text."""
    zero = parts["body"].str.fullmatch(r"[+-]?0+(?:[.,]0*)?")
    units = (parts["currency"].fillna("") + parts["unit"].fillna("")).where(~zero | parts["unit"].notna())
    found = list(dict.fromkeys(units.dropna()))
    if len(found) < 2:
        return found[0] if found else ""
    if any(one and one.lower() not in KNOWN_UNITS and one not in "$€£¥" for one in found):
        return None
    shown = " and ".join(repr(one or "none") for one in found[:3])
    raise InputError(
        f"{where}, column {column.name!r} mixes the units {shown}; write it in one unit, or drop it "
        f"(drop_columns={str(column.name)!r})"
    )


def _spread(values: NDArray[np.float64], filled: NDArray[np.bool_]) -> NDArray[np.float64]:
    whole = np.full(len(filled), np.nan)
    whole[filled] = values
    return whole
