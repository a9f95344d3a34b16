"""Which column of a table is what: time, label, key, metric, or nothing, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import SIGNED, VOCABULARIES, floats, is_blank, is_numeric, numbers, read_words, shown
from adt_gym.data.notation import PLAIN, AmbiguousNumbers, Notation, Numbers, read_numbers
from adt_gym.data.times import EPOCH_UNITS, epoch_unit, holds_clock, holds_dates, times_or_steps
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

TIME_NAMES = {
    *("timestamp", "timestamps", "time", "date", "datetime", "ds", "ts", "epoch", "unix", "unixtime", "unixtimestamp"),
    *("epochtime", "epochms", "epochseconds", "timems", "timens", "timestampms", "timestampns", "tsms", "tsns"),
    *("timeutc", "dateutc", "datetimeutc", "timestamputc", "utctime", "eventtime", "localtime", "clock"),
}
TIME_WORDS = {"time", "timestamp", "ts", "date", "datetime", "epoch", "unix"}
LABEL_NAMES = {"label", "labels", "anomaly", "anomalous", "isanomaly", "isanomalous"}
LABEL_STEMS = ("label", "anomal", "outlier", "attack", "changepoint", "groundtruth", "intrusion", "isfault")
"""A column of two states with one of these in its name tells the truth."""
ROW_NAMES = {"", "id", "index", "idx", "row", "rows", "rowid", "rownumber", "rowno", "rownum", "no", "nr", "seq"}
LEAST_COUNTED = 10
"""Rows of which a column, whatever its name, goes up by one in every row, to be taken for their numbers."""
LEAK_STATES, LEAK_PRECISION, LEAK_HITS, LEAK_CHANCE = 20, 0.95, 0.05, 1e-3
"""A column of at most so many states leaks if of the rows in some of them at least this share is anomalous, if these
are at least this share of all anomalous rows, and if rows drawn at random would be so with less than this chance."""
LONGEST = 30 * 366 * 86_400
"""Seconds that a column of an unknown name may span to be taken for times."""


@dataclass(frozen=True)
class Columns:
    """What each column of a table is taken for.

    Args:
        time: None, one column, or a column of dates and one of clock times.
        label: The column of labels.
        key: The column that tells series apart.
        metrics: The columns of values, in order.
        unused: Why each of the others is not used.
        notes: How columns were understood where that is not plain: "decimal comma", "in MB", "off 0, on 1".
        decimal: The decimal mark of the metrics, where they tell and agree.
    """

    time: tuple[str, ...] = ()
    label: str | None = None
    key: str | None = None
    metrics: tuple[str, ...] = ()
    unused: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    decimal: str | None = None


@dataclass(frozen=True)
class Asked:
    """What the user says about the columns; None where nothing is said.

    Args:
        values, time, label, key: Names of columns.
        drop: Columns that are left out.
        windows: Whether labels come from elsewhere.
        notations: The notations of numbers that are looked for.
    """

    values: tuple[str, ...] | None
    time: str | None
    label: str | None
    key: str | None
    drop: tuple[str, ...]
    windows: bool
    notations: tuple[Notation, ...]

    @property
    def named(self) -> list[str]:
        """All that must be there."""
        return [name for name in (*(self.values or ()), self.time, self.label, self.key) if name is not None]


def plain(name: str) -> str:
    """Return a name as names are compared: small letters and digits."""
    return re.sub("[^a-z0-9]", "", name.lower())


def require_columns(names: Sequence[str], asked: Asked, where: str) -> None:
    """Check that what is named is there, once.

    Raises:
        InputError: If a column is missing or used twice.
    """
    used = asked.named
    for name in (*used, *asked.drop):
        if name not in names:
            raise InputError(f"{where} has no column {name!r}; its columns are {listed(names)}")
        if used.count(name) > 1 or (name in used and name in asked.drop):
            raise InputError(
                f"{where}: column {name!r} is used twice, among the values, time, label, key and dropped columns"
            )


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names as messages show them: not all of thousands."""
    return f"[{', '.join(map(shown, names[:most]))}{', ...' if len(names) > most else ''}]"


def assign(frame: pd.DataFrame, asked: Asked, where: str) -> tuple[Columns, dict[str, NDArray[np.float64]]]:
    """Decide what each column is, and return the values of the metrics too, each of shape ``(n,)``.

    Raises:
        InputError: If a column is missing, or one could be read in two ways; the message says what to name or drop.
    """
    names = list(frame.columns)
    require_columns(names, asked, where)
    unused = dict.fromkeys(asked.drop, "dropped")
    free = [name for name in names if name not in {*asked.named, *asked.drop}]
    label, others = _label(frame, free, asked)
    unused |= others
    free = [name for name in free if name != label and name not in unused]
    time, others = _time(frame, free, asked, where)
    unused |= others
    free = [name for name in free if name not in time and name not in unused]
    reader = _Reader(frame, asked.notations, where)
    if asked.values is not None:
        values = reader.named(asked.values)
        unused |= dict.fromkeys(free, "not among the columns that were named")
    else:
        values = reader.metrics(free, unused)
    if not values:
        reasons = [*unused.items()]
        why = "; ".join(f"{shown(name)}: {reason}" for name, reason in reasons[:8])
        raise InputError(f"{where} has no column of values{f' ({why})' if why else ''}; name them with value_columns=")
    notes = {name: how for name, how in reader.notes.items() if name in values}
    return Columns(time, label, asked.key, tuple(values), unused, notes, reader.mark), values


# Labels


def _label(frame: pd.DataFrame, free: Sequence[str], asked: Asked) -> tuple[str | None, dict[str, str]]:
    """Return the column of labels, and why others that look like one are not used."""
    first = [name for name in free if plain(name) in LABEL_NAMES]
    like = [name for name in free if name not in first and _is_second_label(frame[name])]
    label = asked.label
    if label is None and not asked.windows:
        if len(first) == 1 or (len(first) > 1 and all(frame[name].equals(frame[first[0]]) for name in first)):
            label = first[0]
        elif not first and len(like) == 1:
            label = like[0]
    if label is not None:
        why = f"a label, beside {label!r}"
    elif asked.windows:
        why = "a label; the windows are used"
    else:
        why = "a label; several columns look like one: name one with label_column="
    return label, {name: why for name in (*first, *like) if name != label}


def _is_second_label(column: pd.Series) -> bool:
    name = plain(str(column.name))
    if not any(stem in name for stem in LABEL_STEMS):
        return False
    return read_words(column, (*VOCABULARIES, SIGNED)) is not None


def leaks(values: NDArray[np.float64], labels: NDArray[np.bool_]) -> bool:
    """Return whether some states of a column of few states are practically never seen without an anomaly."""
    states, which = np.unique(values, return_inverse=True)
    if not 2 <= len(states) <= LEAK_STATES or (len(states) > 2 and len(values) < 10 * len(states)):
        return False
    rate = labels.mean()
    found = np.bincount(which, labels)
    share = found / np.bincount(which)
    hits = int(found[share >= LEAK_PRECISION].sum())
    return bool(0 < rate < 1 and hits and rate**hits < LEAK_CHANCE and hits >= LEAK_HITS * labels.sum())


# Times


def _time(frame: pd.DataFrame, free: Sequence[str], asked: Asked, where: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the column of times, or of dates and clock times, and why other times are not used."""
    by_name = [name for name in free if plain(name) in TIME_NAMES]
    by_content = [name for name in free if name not in by_name and _holds_times(frame[name])]
    if asked.time is not None:
        chosen: tuple[str, ...] = (asked.time,)
    else:
        chosen = _choose_time(frame, by_name or by_content, where)
    if not chosen:
        _refuse_counter_or_time(frame, free, where)
    return chosen, {name: "times" for name in (*by_name, *by_content) if name not in chosen}


def _choose_time(frame: pd.DataFrame, candidates: Sequence[str], where: str) -> tuple[str, ...]:
    if len(candidates) < 2:
        return tuple(candidates)
    clocks = [name for name in candidates if _is_text(frame[name]) and holds_clock(frame[name])]
    dates = [name for name in candidates if name not in clocks]
    if len(clocks) == len(dates) == 1 and _whole_days(frame[dates[0]], where):
        return dates[0], clocks[0]
    raise InputError(
        f"{where} has {len(candidates)} columns of times, {listed(candidates)}: name the one to use, time_column="
        f"{candidates[0]!r} or another; the others are left out"
    )


def _whole_days(column: pd.Series, where: str) -> bool:
    try:
        _, index = times_or_steps(column, where)
    except InputError:
        return False
    return index is not None and bool((index == index.astype("M8[D]")).all())


def _is_text(column: pd.Series) -> bool:
    import pandas as pd

    return not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_datetime64_any_dtype(column)


def _holds_times(column: pd.Series) -> bool:
    """Return whether a column of any name holds times: dates, or numbers since 1970 that go on as a clock does."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_bool_dtype(column):
        return False
    if _is_text(column):
        return not is_numeric(column[:100]) and holds_dates(column[~is_blank(column)])
    values = floats(column)
    if not _in_epoch(values):
        return False
    words = re.split("[^a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", str(column.name)).lower())
    steps = np.diff(values)
    if TIME_WORDS & set(words) or len(steps) < 3:
        return bool(TIME_WORDS & set(words))
    usual = np.median(steps)
    return bool((steps * usual > 0).all() and (steps == usual).mean() >= 0.5)


def _in_epoch(values: NDArray[np.float64]) -> bool:
    """Return whether all numbers are times since 1970 in one unit, within 30 years."""
    if not np.isfinite(values).all() or (unit := epoch_unit(values)) is None:
        return False
    ends = np.array([values.min(), values.max()])
    within = all(epoch_unit(end[None]) == unit for end in ends)
    return within and bool(np.ptp(ends) <= LONGEST * EPOCH_UNITS[unit])


def _refuse_counter_or_time(frame: pd.DataFrame, free: Sequence[str], where: str) -> None:
    """Raise where, for want of another time, rising whole numbers could be times."""
    import pandas as pd

    for name in free:
        column = frame[name]
        if pd.api.types.is_integer_dtype(column) and _in_epoch(values := floats(column)):
            steps = np.diff(values)
            if len(steps) > 2 and ((steps > 0).all() or (steps < 0).all()):
                raise InputError(
                    f"{where}, column {name!r}: these rising numbers may be times since 1970 or a counter; name it in "
                    f"time_column={name!r} or value_columns={name!r}, or leave it out with drop_columns={name!r}"
                )


# Metrics


class _Reader:
    """Reads columns as metrics; notes how."""

    def __init__(self, frame: pd.DataFrame, known: Sequence[Notation], where: str):
        self.frame, self.known, self.where = frame, known, where
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
            why = _not_measured(name, found.values)
            if why in (None, CONSTANT):
                self._require_digits(name, found.values)
            if why is None:
                values[name] = found.values
            else:
                unused[name] = why
            if why in (CONSTANT, ROW_NUMBERS) and not _is_row_name(name) and not _is_id_name(name):
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
        marks = {one.decimal for name, one in read.items() if one and one.decimal and _is_text(self.frame[name])}
        marks = marks or {one.decimal for one in read.values() if one and one.decimal}
        self.mark = marks.pop() if len(marks) == 1 else None
        for name, problem in unsure.items():
            likely = [one for one in self.known if one.decimal == self.mark] or [PLAIN]
            read[name] = self._try(name, likely)
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
            wrong = f"written with decimal={known[0].decimal!r}" if PLAIN not in known else _CORRECT
            return Numbers(numbers(column, self.where, wrong))
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


_CORRECT = "correct it, or name the columns to use with value_columns="
CONSTANT, ROW_NUMBERS, TEXT = "constant", "row numbers", "text"


def _is_row_name(name: str) -> bool:
    return plain(name) in ROW_NAMES or bool(re.fullmatch(r"Unnamed: \d+(_level_\d+)?", name))


def _is_id_name(name: str) -> bool:
    return bool(re.search(r"(^|[^A-Za-z])(id|ID|Id|uuid|guid)$|[a-z]I[dD]$", name))


def _not_measured(name: str, values: NDArray[np.float64]) -> str | None:
    """Say why numbers are no metric, or return None."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return "empty"
    if len(values) > 1 and len(known) == len(values) and (known == known[0]).all():
        return CONSTANT
    whole = bool((known % 1 == 0).all())
    if re.fullmatch(r"Unnamed: \d+(_level_\d+)?", name) or name == "":
        return "no name"
    if whole and len(np.unique(known)) == len(known) and (_is_row_name(name) or _counts_rows(values)):
        return ROW_NUMBERS
    if whole and _is_id_name(name):
        return "an id"
    return None


def _counts_rows(values: NDArray[np.float64]) -> bool:
    steps = np.diff(values)
    return len(values) >= LEAST_COUNTED and bool((steps == 1).all() or (steps == -1).all())
