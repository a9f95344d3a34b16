"""The tables that commands print: methods by windows, by events, by kinds of anomaly, and over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from adt_gym.evaluation.compare import Row

T = TypeVar("T")

TEXT = ("method", "saw labels")
"""Columns of words; all others hold numbers."""


def new_table(columns: Sequence[str], title: str = "", caption: str = "") -> Table:
    """Return a table without rows, in the one style of all commands."""
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        text = column in TEXT
        table.add_column(column, justify="left" if text else "right", no_wrap=text)
    return table


def number(value: float | None, digits: int = 3) -> str:
    """Return the rounded number, or a dash for what was not measured."""
    return "-" if value is None or np.isnan(value) else f"{value:.{digits}f}"


def yes_no(saw_labels: bool) -> str:
    """Return the cell of the column "saw labels"."""
    return "yes" if saw_labels else "no"


def table(rows: Sequence[Row], title: str) -> Table:
    """Return how methods did over all windows."""
    columns = (*TEXT, "P", "R", "F1", "F1 95%", "alarms/1k", "seconds")
    caption = "P, R, F1 and alarms per 1,000 are over windows; 95%: bootstrap over series"
    shown = new_table(columns, title, caption)
    for row in rows:
        measures = [number(value) for value in (row.precision, row.recall, row.f1)]
        alarms, seconds = number(row.alarms_per_1000, 1), number(row.seconds, 2)
        interval = "-" if np.isnan(row.f1_low) else f"{row.f1_low:.3f}-{row.f1_high:.3f}"
        shown.add_row(row.method, yes_no(row.saw_labels), *measures, interval, alarms, seconds)
    return shown


def events_table(rows: Sequence[Row]) -> Table:
    """Return what cannot be had by flagging many windows of one event: the same rows by events."""
    columns = ("method", "events", "delay", "p95", "missed", "false/1k", "event F1", "point F1", "VUS-PR")
    caption = "events: share of anomalous stretches with an alarm; delay: windows to the first one, median and p95"
    shown = new_table(columns, caption=caption)
    for row in rows:
        shown.add_row(
            row.method,
            number(row.event_recall),
            number(row.delay_median, 0),
            number(row.delay_p95, 0),
            str(row.missed_events),
            number(row.false_alarms_per_1000, 1),
            number(row.event_f1),
            number(row.point_f1),
            number(row.vus_pr),
        )
    return shown


def kinds_table(seeds: Sequence[Mapping[str, Mapping[str, float]]]) -> Table:
    """Return which share of each kind of anomaly every method finds, the mean over seeds.

    Args:
        seeds: Of each seed, by the method's name and by kind.
    """
    kinds = next(iter(seeds[0].values()))
    title = "kinds of anomaly" if len(seeds) == 1 else f"kinds of anomaly, mean over {len(seeds)} seeds"
    shown = new_table(("method", *kinds), title, "flagged share of the windows that hold it")
    for method, shares in by_method(one.items() for one in seeds).items():
        shown.add_row(method, *(number(float(np.mean([share[kind] for share in shares])), 2) for kind in kinds))
    return shown


def seeds_table(seeds: Sequence[Sequence[Row]]) -> Table:
    """Return mean and standard deviation of every method over the seeds in which it has a row."""
    columns = (*TEXT, "P", "R", "F1", "seeds")
    shown = new_table(columns, f"mean over {len(seeds)} seeds", "± the standard deviation over seeds; over windows")
    for method, rows in by_method([(row.method, row) for row in rows] for rows in seeds).items():
        measured = np.array([(row.precision, row.recall, row.f1) for row in rows])
        shown.add_row(method, yes_no(rows[0].saw_labels), *map(mean_and_deviation, measured.T), str(len(rows)))
    return shown


def by_method(seeds: Iterable[Iterable[tuple[str, T]]]) -> dict[str, list[T]]:
    """Return what belongs to each method, one of every seed that has it."""
    found: dict[str, list[T]] = {}
    for method, one in chain.from_iterable(seeds):
        found.setdefault(method, []).append(one)
    return found


def mean_and_deviation(values: NDArray[np.float64]) -> str:
    """Return the mean and, where there are several values, their sample standard deviation."""
    mean = f"{np.mean(values):.3f}"
    return f"{mean} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else mean


def copying(rows: Sequence[Row], delay: int = 1) -> str:
    """Say how often the agent did what copying the newest label does."""
    agent, copy = (next(r for r in rows if r.method == name) for name in ("adt", f"persistence({delay})"))
    pairs = zip(agent.detections, copy.detections, strict=True)
    equal = np.concatenate([a.decisions == b.decisions for a, b in pairs])
    copied = "the window before" if delay == 1 else f"{delay} windows before"
    return f"the agent's decision equals the label of {copied} on {equal.mean():.2%} of the windows"
