"""A grid of settings: read from words like ``k=2,10``, taken apart into its points, and what was measured there."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adt_gym.checks import InputError, shown
from adt_gym.files import replacing

if TYPE_CHECKING:
    import pandas as pd

Value = int | float | bool | str | tuple[int, ...]
Grid = dict[str, tuple[Value, ...]]
"""The values of each setting that the grid names."""

METRICS = ("composite_f1", "f1", "precision", "recall", "alarms_per_1000", "training_seconds")
"""What is summed up over seeds."""

MAX_POINTS = 100_000
"""Of a grid: each is an agent to train."""

ANY = "any"
"""Stands in a summary for a setting that a method does not depend on."""


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


def digest(settings: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that stand for settings which JSON can hold, in whatever order."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def as_text(value: Value) -> Value:
    """Return a value as tables hold it: a tuple as it is written in a grid."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def summarise(table: "pd.DataFrame", swept: Sequence[str], agent: str) -> "pd.DataFrame":
    """Return mean and standard deviation over seeds: the agent at every setting, the rules once per series.

    Args:
        table: A row per cell and method: the settings, ``method``, ``saw_labels`` and ``METRICS``, which are not a
            number where the cell failed.
        swept: Settings of more than one value, without the seed.
        agent: The method that depends on the settings.

    Returns:
        The columns ``series``, ``swept``, ``method``, ``saw_labels``, ``seeds`` (how many were measured), and for
        every metric its mean under its name and its sample deviation under ``METRIC_std``.
    """
    import pandas as pd

    settings = list(dict.fromkeys(["series", *swept]))
    is_agent = table["method"] == agent
    rules = table[~is_agent].drop_duplicates(["series", "seed", "method"])
    of_agent = _over_seeds(table[is_agent], [*settings, "method"])
    of_rules = _over_seeds(rules, ["series", "method"]).assign(**dict.fromkeys(set(settings) - {"series"}, ANY))
    rows = pd.concat([of_agent.astype(dict.fromkeys(settings, object)), of_rules])
    order = {name: i for i, name in enumerate(table["series"].unique())}
    rows = rows.sort_values("series", key=lambda names: names.map(order), kind="stable", ignore_index=True)
    measured = [column for metric in METRICS for column in (metric, f"{metric}_std")]
    return rows[[*settings, "method", "saw_labels", "seeds", *measured]]


def _over_seeds(table: "pd.DataFrame", by: list[str]) -> "pd.DataFrame":
    named = {metric: (metric, "mean") for metric in METRICS}
    named |= {f"{metric}_std": (metric, "std") for metric in METRICS}
    return table.groupby(by, sort=False, as_index=False).agg(
        saw_labels=("saw_labels", "first"), seeds=("f1", "count"), **named
    )


def heat_map(path: Path, summary: "pd.DataFrame", grid: Grid, x: str, y: str, agent: str) -> None:
    """Draw the agent's mean F1 over two swept settings and, below, that of the rules it must be held against.

    Args:
        path: An image file; the ending chooses the format.
        summary: What `summarise` returned.
        grid: The values of ``x`` and ``y`` in the order of the axes.
        x: The setting along the horizontal axis.
        y: The setting along the vertical axis.
        agent: Whose F1 is coloured.
    """
    from matplotlib.figure import Figure

    is_agent = summary["method"] == agent
    columns, rows = (list(map(as_text, grid[name])) for name in (x, y))
    f1 = summary[is_agent].groupby([y, x])["f1"].mean().unstack(x).reindex(index=rows, columns=columns)
    figure = Figure(figsize=(max(5.5, 2 + 0.7 * len(columns)), 2.2 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(f1, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for row, values in enumerate(f1.to_numpy()):
        for column, value in enumerate(values):
            text = "failed" if math.isnan(value) else f"{value:.3f}"
            colour = "black" if value > 0.6 or math.isnan(value) else "white"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(columns)), list(map(str, columns)), rotation=30 if x == "series" else 0)
    axes.set_yticks(range(len(rows)), list(map(str, rows)))
    axes.set(xlabel=x, ylabel=y)
    axes.set_title("F1 of the agent, which sees labels: mean over seeds and other settings", fontsize=9)
    figure.colorbar(image, ax=axes)
    rules = summary[~is_agent].groupby("method", sort=False).agg(f1=("f1", "mean"), saw=("saw_labels", "first"))
    beside = [f"{r.Index} {r.f1:.3f}{' (sees labels)' if r.saw else ''}" for r in rules.itertuples()]
    figure.supxlabel("F1 on the same windows: " + ", ".join(beside), fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


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
