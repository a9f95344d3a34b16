"""What a command says of its source before it works, and the package's messages in the words of the command line."""

import re
from collections.abc import Sequence
from dataclasses import fields
from functools import partial

from adt_gym.data.sources import SourceSettings, Summary
from adt_gym.report.progress import console
from adt_gym.settings import as_option

SHOWN = 30
"""Columns of one kind that are printed; config.json has all."""


def show(summary: Summary) -> None:
    """Print what a source was taken for as a block."""
    for line in _lines(summary):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def in_options(message: str) -> str:
    """Return a message of the package in the words of the command line: ``max_gap=3`` is ``--max-gap 3`` there."""
    settings = [*(one.name for one in fields(SourceSettings)[1:]), "epochs", "device"]
    names, spelled = "|".join(settings), "|".join(name for name in settings if "_" in name)
    for found, after in ((rf"({names})=(?=[^\s),])", " "), (rf"({names})=|({spelled})(?![\w'\"])", "")):
        message = re.sub(rf"(?<![\w/'\"-])(?:{found})", partial(_as_option, after=after), message)
    return message


def _as_option(found: re.Match[str], after: str) -> str:
    return as_option(found[0].rstrip("=")) + after


def _lines(summary: Summary) -> list[str]:
    columns, notes = summary.columns, summary.columns.notes
    metrics = [f"{name} ({notes[name]})" if name in notes else name for name in columns.metrics]
    label = columns.label or (summary.labelled_by if summary.anomalous is not None else "none")
    if said := notes.get(columns.label or ""):
        label += f": {said} is anomalous"
    if summary.anomalous is not None:
        label += f" ({summary.anomalous:.2%} of the points are anomalous)"
    gaps = f"  gaps      {summary.gaps:,} in time, {summary.left_out:,} windows that span one left out"
    return [
        f"{summary.source}: {summary.series:,} series, {summary.points:,} points",
        f"  time      {' and '.join(columns.time) or 'none: the order of the rows'}",
        f"  label     {label}",
        f"  metrics   {_some(metrics)}",
        f"  not used  {_some([f'{name} ({in_options(why)})' for name, why in columns.unused.items()]) or 'none'}",
        *([gaps] if summary.gaps else []),
    ]


def _some(words: Sequence[str]) -> str:
    more = f", and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
