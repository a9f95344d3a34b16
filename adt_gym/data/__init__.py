"""Data sets: ``load(name)`` returns a list of Series; one file per data set or format."""

from typing import Any

from adt_gym.registry import build
from adt_gym.series import Series

__all__ = ["load", "names"]

_WHERE = {
    "hai": "adt_gym.data.hai:hai",
    "kubernetes": "adt_gym.data.kubernetes:kubernetes",
    "nab": "adt_gym.data.nab:nab",
    "npz": "adt_gym.data.npz:npz",
    "smd": "adt_gym.data.smd:smd",
    "swat": "adt_gym.data.swat:swat",
    "table": "adt_gym.data.table:table",
    "wadi": "adt_gym.data.wadi:wadi",
    "yahoo": "adt_gym.data.yahoo:yahoo",
    "yahoo_like": "adt_gym.data.yahoo_like:yahoo_like",
}


def names() -> list[str]:
    """Return the names that `load` knows."""
    return sorted(_WHERE)


def load(name: str, **options: Any) -> list[Series]:
    """Return the series of a data set or, with ``name="table"``, of a file.

    Raises:
        InputError: If there is no such name, or the data set does not take such an option or cannot be read.
        FileNotFoundError: If a file is missing.
    """
    series: list[Series] = build("data set", _WHERE, name, options)
    return series
