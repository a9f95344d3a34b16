"""Which column of a table is what: time, label, key, metric, or nothing, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.cells import SIGNED, VOCABULARIES, Words, listed, plain, read_words, shown
from adt_gym.data.metrics import MetricReader
from adt_gym.data.notation import Notation
from adt_gym.data.time_columns import choose_time, words_in
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

LABEL_NAMES = {"label", "labels", "anomaly", "anomalous", "isanomaly", "isanomalous"}
LABEL_STEMS = ("label", "anomal", "outlier", "attack", "changepoint", "groundtruth", "intrusion", "isfault")
"""A column of two states with one of these in its name tells the truth; one of more states is no metric either."""
FAULT_WORDS = {"fault", "faulty"}
"""Words in a name that mean the same; page faults are measured."""
TRUTH_NAMES = {
    *("y", "ytrue", "yt", "gt", "target", "class", "truth", "fault", "faulty", "event", "malicious", "ismalicious"),
    *("fraud", "isfraud", "failure", "isfailure", "machinefailure", "fail", "failed", "abnormal", "isabnormal"),
    *("incident", "isincident", "defect", "isdefect", "isevent", "annotation", "annotated", "outcome", "isbad"),
}
"""A column of two states that is called so may be the label."""
LEAK_F1 = 0.8
"""A column of two states leaks if one of them, as a decision, has this F1 or more."""
LEAK_STATES, LEAK_PRECISION, LEAK_HITS, LEAK_CHANCE = 20, 0.95, 0.05, 1e-3
"""A column of at most so many states leaks if of the rows in some of them at least this share is anomalous, if these
are at least this share of all anomalous rows, and if rows drawn at random would be so with less than this chance."""


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


def assign(
    frame: pd.DataFrame, asked: Asked, groups: NDArray[np.intp], where: str
) -> tuple[Columns, dict[str, NDArray[np.float64]]]:
    """Decide what each column is, and return the values of the metrics too, each of shape ``(n,)``.

    Args:
        frame: The table.
        asked: What the user says.
        groups: Shape ``(n,)``: the number of each row's file.
        where: How messages call the table.

    Raises:
        InputError: If a column is missing, or one could be read in two ways; the message says what to name or drop.
    """
    import pandas as pd

    names = list(frame.columns)
    require_columns(names, asked, where)
    if asked.key is not None:
        groups = np.unique(np.column_stack([groups, pd.factorize(frame[asked.key])[0]]), axis=0, return_inverse=True)[1]
        groups = groups.ravel()  # NumPy 2.0 keeps the axis
    unused = dict.fromkeys(asked.drop, "dropped")
    free = [name for name in names if name not in {*asked.named, *asked.drop}]
    label, others = _label(frame, free, asked, where)
    unused |= others
    free = [name for name in free if name != label and name not in unused]
    time, others = choose_time(frame, free, asked.time, groups, where)
    unused |= others
    free = [name for name in free if name not in time and name not in unused]
    reader = MetricReader(frame, asked.notations, groups, where)
    if asked.values is not None:
        values = reader.named(asked.values)
        unused |= dict.fromkeys(free, "not among the columns that were named")
    else:
        values = reader.metrics(free, unused)
    if not values:
        reasons = [*unused.items()]
        why = "; ".join(f"column {shown(name)}: {reason}" for name, reason in reasons[:8])
        raise InputError(f"{where} has no column of values{f' ({why})' if why else ''}; name them with value_columns=")
    notes = {name: how for name, how in reader.notes.items() if name in values}
    return Columns(time, label, asked.key, tuple(values), unused, notes, reader.mark), values


def _label(frame: pd.DataFrame, free: Sequence[str], asked: Asked, where: str) -> tuple[str | None, dict[str, str]]:
    """Return the column of labels, and why others that look like one are not used.

    Raises:
        InputError: If two columns that are called labels differ.
    """
    first = [name for name in free if plain(name) in LABEL_NAMES]
    alike = [name for name in free if name not in first and _is_named_like_label(name)]
    like = [name for name in alike if _truth(frame[name]) is not None]
    label = asked.label
    if label is None and not asked.windows:
        if first and all(_mean_the_same(frame[name], frame[first[0]]) for name in first):
            label = min(first, key=lambda name: plain(name) != "label")
        elif first:
            raise InputError(
                f"{where} has {len(first)} columns of labels that differ, {listed(first)}: name the one to use, "
                f"label_column={first[0]!r} or another; the others are left out"
            )
        elif len(like) == 1:
            label = like[0]
    if label is not None:
        why = f"a label, beside {label!r}"
    elif asked.windows:
        why = "a label; the windows are used"
    else:
        why = "a label; several columns look like one: name one with label_column="
    unused = {name: why for name in (*first, *like) if name != label}
    unused |= {name: "named like a label" for name in alike if name not in like}
    maybe = [name for name in free if plain(name) in TRUTH_NAMES and name not in (label, *alike)]
    for name in maybe:
        if _truth(frame[name]) is not None and frame[name].nunique() > 1:
            unused[name] = why if label is not None else "may be the label: name it with label_column="
    return label, unused


def _is_named_like_label(name: str) -> bool:
    words = words_in(name)
    return any(stem in plain(name) for stem in LABEL_STEMS) or bool(FAULT_WORDS & words and "page" not in words)


def _truth(column: pd.Series) -> Words | None:
    return read_words(column, (*VOCABULARIES, SIGNED))


def _mean_the_same(one: pd.Series, other: pd.Series) -> bool:
    """Return whether two columns of labels say the same, in whatever words."""
    first, second = _truth(one), _truth(other)
    if first is None or second is None:
        return one.equals(other)
    return np.array_equal(first.flags, second.flags)


def leaks(values: NDArray[np.float64], labels: NDArray[np.bool_]) -> bool:
    """Return whether a column of two states is nearly the label, or some of few states practically never lack it."""
    states, which = np.unique(values, return_inverse=True)
    if not 2 <= len(states) <= LEAK_STATES or (len(states) > 2 and len(values) < 10 * len(states)):
        return False
    rate = labels.mean()
    found = np.bincount(which, labels)
    share = found / np.bincount(which)
    if len(states) == 2 and 2 * found.max() / (np.bincount(which)[found.argmax()] + labels.sum()) >= LEAK_F1:
        return bool(rate < LEAK_F1 and rate ** found.max() < LEAK_CHANCE)
    hits = int(found[share >= LEAK_PRECISION].sum())
    return bool(0 < rate < 1 and hits and rate**hits < LEAK_CHANCE and hits >= LEAK_HITS * labels.sum())
