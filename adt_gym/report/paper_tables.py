"""The tables of `adt reproduce`: ours, the paper's beside them, and what its numbers tell by themselves."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from adt_gym.experiments import paper
from adt_gym.experiments.paper import Reported, What
from adt_gym.experiments.paper_results import ReproduceSettings, Result
from adt_gym.experiments.paper_scores import PaperScores
from adt_gym.report.progress import console
from adt_gym.report.tables import (
    COMPOSITE,
    TEXT,
    between,
    caption_of,
    composite_note,
    new_table,
    number,
    numbers,
    reasons_note,
    yes_no,
)
from adt_gym.spreadsheet import write_csv


def csv_row(result: Result) -> dict[str, Any]:
    """Return what table.csv holds of a row; None is left blank."""
    row = asdict(result)
    setting, said, interval = row.pop("setting") or {}, row.pop("reported"), row.pop("interval")
    bounds = {f"f1_{end}": None if np.isnan(interval[end]) else interval[end] for end in ("low", "high")}
    columns = zip(("paper_precision", "paper_recall", "paper_f1"), said, strict=True)
    varied = {"k": setting.get("k"), "l": setting.get("hold"), "alpha": setting.get("alpha")}
    return {**row, **bounds, **dict(columns), **varied}


def write_table(path: Path, results: Sequence[Result], published: Sequence[Result] | None) -> None:
    """Write a CSV file with a row per method, with the as-published numbers in further columns if there are any."""
    rows = [csv_row(result) for result in results]
    for row, other in zip(rows, published or (), strict=False):
        row |= {f"published_{metric}": getattr(other, metric) for metric in ("precision", "recall", "f1")}
    write_csv(path, list(rows[0]), (row.values() for row in rows))


def show(
    settings: ReproduceSettings,
    scores: PaperScores,
    results: Sequence[Result],
    published: Sequence[Result] | None,
    every: bool,
) -> None:
    """Print the table, the paper's and what they mean; if asked for, all else and what the training windows change."""
    what, dataset = settings.what, settings.dataset
    console.print(leading_table(settings, sum(map(len, scores.test)), results))
    agents = [row for row in results if row.setting is not None]
    if len(agents) == 1:
        copied = f"{agents[0].copied:.2%}"
        console.print(f"the agent's decision equals the label of the window before on {copied} of the windows")
    if every:
        console.print(further_table(results))
    if said := paper.rows_reported(what, dataset):
        console.print(reported_table(what, said))
    if what in paper.SAID:
        console.print(f"the paper's {name_of(what)}: {paper.SAID[what]}", soft_wrap=True, highlight=False)
    if what == "table2":
        console.print(paper.errors_note(), soft_wrap=True, highlight=False)
    if published is not None:
        console.print(published_table(sum(map(len, scores.whole)), results, published))


def name_of(what: What) -> str:
    """Return what the paper calls it."""
    return what.replace("table", "Table ").replace("figure", "Figure ")


def leading_table(settings: ReproduceSettings, windows: int, results: Sequence[Result]) -> Table:
    """Return how the methods did, with the paper's F1."""
    tested = settings.what == "table3"
    over = f"{paper.SUBSETS} even subsets" if tested else f"{settings.seeds} seed{'s' * (settings.seeds > 1)}"
    last = "p" if tested else "as\nlast"
    columns = (*TEXT, COMPOSITE, "F1", "F1 95%", "P", "R", "false\na day", "delay", "paper\nF1", last)
    caption = caption_of(
        composite_note(settings.deadline),
        f"F1, P, R over windows; 95%: bootstrap over {'subsets' if tested else 'series'} and seeds",
        "false a day: alarms that touch no event; delay: median windows to an event's first alarm",
        f"p: two-tailed Wilcoxon of F1 against adt, * below {paper.SIGNIFICANCE}; composite F1, false alarms and delay "
        "over all windows"
        if tested
        else "as last: decisions equal to those of persistence(1)",
        reasons_note(results),
    )
    title = f"{name_of(settings.what)}, {settings.dataset}: {windows:,} windows that no training saw"
    cells = [
        (
            row.method,
            yes_no(row.saw_labels),
            *numbers(row, composite_f1=3, f1=3),
            between(row.interval.low, row.interval.high),
            *numbers(row, precision=3, recall=3, false_alarms_per_day=2, delay_median=0),
            number(row.reported[2]),
            _p_value(row) if tested else f"{row.copied:.1%}",
        )
        for row in results
    ]
    return new_table(columns, cells, f"{title}, mean over {over}", caption)


def further_table(results: Sequence[Result]) -> Table:
    """Return what else was measured of the same rows."""
    columns = ("P std", "R std", "F1 std", "alarms\nper 1k", "as\nlast", "train\nCPU s", "paper\nP", "paper\nR")
    cells = [
        (
            row.method,
            *numbers(row, precision_std=3, recall_std=3, f1_std=3, alarms_per_1000=1),
            f"{row.copied:.1%}",
            number(row.seconds, 1),
            *map(number, row.reported[:2]),
        )
        for row in results
    ]
    return new_table(
        ("method", *columns), cells, "deviations, alarms and training", "as last: decisions equal to persistence(1)'s"
    )


def reported_table(what: What, rows: Sequence[Reported]) -> Table:
    """Return the paper's own rows, as it prints them."""
    named = [one.method if what != "table4" else f"adt l={one.setting.hold} alpha={one.setting.alpha:g}"  # type: ignore[union-attr]
             for one in rows]  # fmt: skip
    cells = [
        (name, *map(_as_printed, (one.precision, one.recall, one.f1), one.deviations or ("", "", "")))
        for name, one in zip(named, rows, strict=True)
    ]
    return new_table(("method", "P", "R", "F1"), cells, f"the paper's {name_of(what)}, {rows[0].dataset}")


def published_table(windows: int, results: Sequence[Result], published: Sequence[Result]) -> Table:
    """Return the F1 of every method with the training windows kept out and in."""
    columns = ("method", "composite held out", "as published", "F1 held out", "as published", "difference")
    cells = [
        (
            ours.method,
            *map(number, (ours.composite_f1, theirs.composite_f1, ours.f1, theirs.f1)),
            f"{theirs.f1 - ours.f1:+.3f}",
        )
        for ours, theirs in zip(results, published, strict=True)
    ]
    return new_table(columns, cells, f"as published: all {windows:,} windows, those of the training among them")


def _p_value(row: Result) -> str:
    return number(row.p_value) + ("*" if row.p_value is not None and row.p_value < paper.SIGNIFICANCE else "")


def _as_printed(value: float | None, deviation: str) -> str:
    return "-" if value is None else f"{value:g}" + (f" ±{deviation}" if deviation else "")
