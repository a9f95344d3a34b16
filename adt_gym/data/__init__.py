"""Data sets: ``load(name)`` returns a list of Series; one file per data set or format."""

from typing import Any

from adt_gym.registry import Entry, Registry
from adt_gym.series import Series

__all__ = ["load", "names", "register", "registry"]

_OURS = ("kubernetes", "npz", "yahoo_like")
"""Are read or made without pandas."""

registry = Registry(
    "data set",
    {
        name: Entry(f"adt_gym.data.{name}:{name}", needs=() if name in _OURS else ("pandas",))
        for name in ("hai", "kubernetes", "nab", "npz", "smd", "swat", "table", "wadi", "yahoo", "yahoo_like")
    },
)
names, register = registry.names, registry.register


def load(name: str, **options: Any) -> list[Series]:
    """Return the series of a data set or, with ``name="table"``, of a file.

    Raises:
        InputError: If there is no such name, or the data set does not take such an option or cannot be read.
        FileNotFoundError: If a file is missing.
    """
    series: list[Series] = registry.make(name, **options)
    return series
