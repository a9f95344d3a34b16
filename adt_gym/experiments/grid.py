"""A grid of settings: read from words like ``k=2,10``, and taken apart into its points."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from adt_gym.checks import InputError, shown

Value = int | float | bool | str | tuple[int, ...]
Grid = dict[str, tuple[Value, ...]]
"""The values of each setting that the grid names."""

MAX_POINTS = 100_000
"""Of a grid: each is an agent to train."""


def parse_grid(words: Sequence[str], kinds: Mapping[str, Any]) -> Grid:
    """Read words such as ``k=2,10``, ``alpha=0.9,0.5``, ``seed=0:10`` or ``net_arch=32x16,64``.

    Args:
        words: One per setting: its name and a list of values, apart by commas. A whole number may be a range
            ``a:b``, which leaves b out; a tuple is written with ``x``, a bool as true or false.
        kinds: The type of every setting there is: int, float, bool, str or ``tuple[int, ...]``.

    Raises:
        InputError: If there is no word, a setting is unknown or named twice, a value does not fit the type of the
            setting or occurs twice, or a range is empty.
    """
    if not words:
        raise InputError("the grid is empty; name settings and their values: k=2,10 seed=0:10")
    grid: Grid = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise InputError(f"grid: {word!r} is not SETTING=VALUES, such as k=2,10 or seed=0:10")
        if name not in kinds:
            raise InputError(f"grid: unknown setting {name!r}; known: {', '.join(sorted(kinds))}")
        if name in grid:
            raise InputError(f"grid: {name} is named twice; list all its values once: {name}=...,...")
        values = [value for item in text.split(",") for value in _parse(word, item.strip(), kinds[name])]
        if len(set(values)) < len(values):
            raise InputError(f"grid: {word!r} holds a value twice")
        grid[name] = tuple(values)
        if math.prod(map(len, grid.values())) > MAX_POINTS:
            raise InputError(f"grid: {shown(word)} makes more than {MAX_POINTS:,} points; name fewer values")
    return grid


def points(grid: Grid) -> list[dict[str, Value]]:
    """Return every combination of the grid's values; the setting named last changes fastest."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def as_text(value: Value) -> Value:
    """Return a value as tables hold it: a tuple as it is written in a grid."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def _parse(word: str, item: str, kind: Any) -> Sequence[Value]:
    try:
        if kind is int and ":" in item:
            low, high = map(int, item.split(":"))
            values = range(low, min(high, low + MAX_POINTS + 1))  # more are refused anyway
        else:
            return [_PARSERS[kind](item)]
    except (ValueError, KeyError):
        raise InputError(f"grid: {item!r} in {word!r} is not {_MEANINGS[kind]}") from None
    if not values:
        raise InputError(f"grid: the range {item!r} in {word!r} is empty: it must rise, and its end is left out")
    return values


def _finite(item: str) -> float:
    if not math.isfinite(number := float(item)):
        raise ValueError
    return number


def _text(item: str) -> str:
    if not item:
        raise ValueError
    return item


def _whole_numbers(item: str) -> tuple[int, ...]:
    return tuple(int(part) for part in item.split("x"))


_PARSERS: dict[Any, Callable[[str], Value]] = {
    int: int,
    float: _finite,
    bool: {"true": True, "false": False}.__getitem__,
    str: _text,
    tuple[int, ...]: _whole_numbers,
}
_MEANINGS = {
    int: "a whole number or a range like 0:10",
    float: "a finite number",
    bool: "true or false",
    str: "a name",
    tuple[int, ...]: "whole numbers like 32x32x16",
}
