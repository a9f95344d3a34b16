"""What a sweep came to: its table, the summary over seeds, and heat maps over every two of its settings."""

import math
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from adt_gym.evaluation.compare import columns
from adt_gym.experiments.cells import Outcome
from adt_gym.experiments.grid import Grid, as_text
from adt_gym.experiments.sweep import AGENT, Cell, Measured
from adt_gym.folders import Folder
from adt_gym.metrics.composite import DEADLINE
from adt_gym.report.pictures import saving
from adt_gym.report.progress import console
from adt_gym.report.tables import COMPOSITE, caption_of, composite_note, new_table, number, yes_no
from adt_gym.spreadsheet import write_frame

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("composite_f1", "f1", "precision", "recall", "alarms_per_1000", "training_seconds")
"""What is summed up over seeds."""

ANY = "any"
"""Stands in a summary for a setting that a method does not depend on."""

PRINTED = ("composite_f1", "f1", "precision", "recall", "training_seconds")
"""Of ``METRICS``, what the summary on the terminal has room for."""

TABLES = ("table.parquet", "table.csv")


def swept(grid: Grid) -> list[str]:
    """Return the settings of more than one value, without the seed."""
    return [name for name, values in grid.items() if len(values) > 1 and name != "seed"]


def pictures(grid: Grid) -> dict[str, tuple[str, str]]:
    """Return the files of the heat maps, and the settings along x and y of each."""
    return {f"heat-{y}-{x}.png": (x, y) for y, x in combinations(swept(grid), 2)}


def conclude(folder: Folder, grid: Grid, cells: Sequence[Cell], outcomes: Sequence[Outcome[Measured]]) -> None:
    """Write the table, print its summary, draw the heat maps, say what failed and where all is."""
    table = tabulate(cells, outcomes)
    with folder.writing("table.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    with folder.writing("table.csv") as temporary:
        write_frame(temporary, table)
    summary = summarise(table, swept(grid), AGENT)
    console.print(summary_table(summary))
    for name, (x, y) in pictures(grid).items():
        with folder.writing(name) as temporary:
            heat_map(temporary, summary, grid, x, y, AGENT)
    for one in outcomes:
        if one.error:
            console.print("failed:", one.name, one.error, style="red", markup=False, soft_wrap=True)
    if deaths := sum(one.deaths for one in outcomes):
        console.print(f"workers that died: {deaths}; each cost its own cell, which was started again")
    found = ["config.json", *TABLES, "cells", *pictures(grid)]
    console.print(f"{folder.path} holds {', '.join(found)}", soft_wrap=True)


def tabulate(cells: Sequence[Cell], outcomes: Sequence[Outcome[Measured]]) -> "pd.DataFrame":
    """Return a row per cell and method; of a failed cell one without measurements."""
    import pandas as pd

    rows = []
    for cell, outcome in zip(cells, outcomes, strict=True):
        settings = {name: as_text(value) for name, value in cell.settings.items()}
        ends = {"deaths": outcome.deaths, "error": outcome.error}
        if outcome.result is None:
            rows.append({**settings, "method": AGENT, "saw_labels": True, **ends})
            continue
        for row in outcome.result.rows:
            seconds = outcome.result.training_seconds if row.method == AGENT else None
            rows.append({**settings, **row.cells, "training_seconds": seconds, **ends})
    table = pd.DataFrame(rows, columns=[*Cell().settings, *columns(), "training_seconds", "deaths", "error"])
    return table.astype(dict.fromkeys(METRICS, float) | {"seconds": float, "error": "string"})


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


def summary_table(summary: "pd.DataFrame") -> Table:
    """Return the summary as a table to print."""
    settings = list(summary.columns[: summary.columns.get_loc("method")])
    series = summary["series"].unique()
    if len(series) == 1:
        settings.remove("series")
    title = f"{series[0] if len(series) == 1 else 'sweep'}: mean ± standard deviation over seeds"
    caption = caption_of("the rules below the agent do not depend on its settings", composite_note(DEADLINE))
    columns = ("method", *settings, "saw\nlabels", "seeds", COMPOSITE, "F1", "P", "R", "train s")
    cells = [
        (
            row["method"],
            *(str(row[name]) for name in settings),
            yes_no(row["saw_labels"]),
            str(row["seeds"]),
            *(_with_deviation(row[metric], row[f"{metric}_std"], metric) for metric in PRINTED),
        )
        for row in summary.to_dict("records")
    ]
    return new_table(columns, cells, title, caption)


def _with_deviation(mean: float, deviation: float, metric: str) -> str:
    digits = 1 if metric == "training_seconds" else 3
    shown = number(mean, digits)
    deviates = metric in ("composite_f1", "f1") and deviation == deviation
    return shown + (f" ±{number(deviation, digits)}" if deviates else "")


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
    is_agent = summary["method"] == agent
    columns, rows = (list(map(as_text, grid[name])) for name in (x, y))
    f1 = summary[is_agent].groupby([y, x])["f1"].mean().unstack(x).reindex(index=rows, columns=columns)
    with saving(path, (max(5.5, 2 + 0.7 * len(columns)), 2.2 + 0.4 * len(rows))) as figure:
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
