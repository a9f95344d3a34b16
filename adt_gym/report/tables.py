"""The tables that commands print: methods by windows, by events, by kinds of anomaly, and over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from adt_gym.evaluation.compare import Measures
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.ranges import POINT_ADJUSTED
from adt_gym.report.progress import console
from adt_gym.series import Detection

T = TypeVar("T")

WIDTH = 100
"""Columns that every table fits into; in a narrower terminal names are clipped further, then the last columns go."""

SHORTEST = 12
"""To so many columns a name may be clipped."""

MENTIONED = 30
"""To so many columns a name below a table is clipped."""

TEXT = ("method", "saw\nlabels")
"""Columns of words; all others hold numbers."""

COMPOSITE = "composite\nF1"


def new_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", caption: str = "") -> Table:
    """Return a table in the one style of all commands; names in its first column are clipped until it fits.

    Args:
        columns: Their headers, of one or several lines.
        rows: A cell per column.
        title, caption: Above and below it; they are wrapped.
    """
    cells = [[" ".join(name.split()), *numbers] for name, *numbers in rows]
    whole = zip(columns, *cells, strict=True)
    widths = [max(map(cell_len, chain(*map(str.splitlines, column))), default=0) for column in whole]
    room = max(min(WIDTH, console.width) - 2 - sum(widths[1:]) - len(widths[1:]), SHORTEST)
    above, below = (Text(words) if words else None for words in (title, caption))
    table = Table(title=above, caption=below, box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for i, (column, least) in enumerate(zip(columns, widths, strict=True)):
        words = i == 0 or column in TEXT
        table.add_column(column, justify="left" if words else "right", no_wrap=True, min_width=least if i else None)
    for name, *numbers in cells:
        table.add_row(Text(clipped(name, room)), *numbers)
    return table


def clipped(name: str, width: int) -> str:
    """Return the name, or as much of it as ``width`` columns hold with an ellipsis at its end."""
    return name if cell_len(name) <= width else set_cell_size(name, width - 1) + "…"


def number(value: float | None, digits: int = 3) -> str:
    """Return the rounded number, or a dash for what was not measured."""
    if value is None or np.isnan(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}"


def numbers(row: Any, **digits: int) -> list[str]:
    """Return attributes of a row as cells, each rounded to so many digits."""
    return [number(getattr(row, name), places) for name, places in digits.items()]


def between(low: float, high: float) -> str:
    """Return the ends of an interval, or a dash where there was nothing to resample."""
    return "-" if np.isnan(low) else f"{low:.3f}-{high:.3f}"


def yes_no(saw_labels: bool) -> str:
    """Return the cell of the column "saw labels"."""
    return "yes" if saw_labels else "no"


def composite_note(deadline: int | None) -> str:
    """Say what the leading column is."""
    within = "flagged" if deadline is None else f"flagged within {deadline} windows"
    return f"composite F1: of precision over windows and recall over events, an event found if {within}"


def reasons_note(rows: Iterable[Any]) -> str:
    """Say why methods stand at 0 and which flag every window, so that neither is taken for what it is not.

    A row has ``method``, ``composite_f1``, ``f1`` and ``alarms_per_1000``.
    """
    methods: dict[str, list[str]] = {}
    for row in rows:
        if reason := _reason(row):
            methods.setdefault(reason, []).append(clipped(row.method, MENTIONED))
    return "; ".join(f"{reason}: {', '.join(names)}" for reason, names in methods.items())


def _reason(row: Any) -> str:
    if row.alarms_per_1000 == 0:
        return "flags nothing, its threshold lies above all scores"
    if row.alarms_per_1000 == 1000:
        return "flags everything"
    if row.f1 == 0:
        return "all its alarms are false"
    return "all its alarms come after the deadline" if row.composite_f1 == 0 else ""


def caption_of(*notes: str) -> str:
    """Return the notes below a table as its caption."""
    return "; ".join(note for note in notes if note)


def table(rows: Sequence[Measures], title: str, deadline: int | None = DEADLINE) -> Table:
    """Return how methods did: the composite F1, that over windows, and what an operator gets."""
    columns = (*TEXT, COMPOSITE, "F1", "F1 95%", "P", "R", "false\na day", "delay", "alarms\nper 1k")
    caption = caption_of(
        composite_note(deadline),
        "F1, P, R, alarms over windows; 95%: bootstrap over series",
        "false a day: alarms that touch no event; delay: median windows from an event's start to its first alarm",
        reasons_note(rows),
    )
    cells = [
        (
            row.method,
            yes_no(row.saw_labels),
            *numbers(row, composite_f1=3, f1=3),
            between(row.f1_low, row.f1_high),
            *numbers(row, precision=3, recall=3, false_alarms_per_day=2, delay_median=0, alarms_per_1000=1),
        )
        for row in rows
    ]
    return new_table(columns, cells, title, caption)


def further_tables(rows: Sequence[Measures]) -> list[Table]:
    """Return everything else that was measured of the same rows."""
    return [events_table(rows), points_table(rows)]


def events_table(rows: Sequence[Measures]) -> Table:
    """Return what cannot be had by flagging many windows of one event: the same rows by events."""
    columns = ("events", "event\nF1", "delay", "delay\np95", "missed", "false\nper 1k", "alarms\na day", "seconds")
    note = "events: share of anomalous stretches with an alarm; false: flagged normal windows; alarms: their stretches"
    cells = [
        (row.method, *numbers(
            row, event_recall=3, event_f1=3, delay_median=0, delay_p95=0, missed_events=0, false_alarms_per_1000=1,
            alarm_segments_per_day=2, seconds=2,
        ))
        for row in rows
    ]  # fmt: skip
    return new_table(("method", *columns), cells, "by events", note)


def points_table(rows: Sequence[Measures]) -> Table:
    """Return the same rows by points, by ranges and whatever the threshold."""
    adjusted = POINT_ADJUSTED.replace(", ", ",\n")
    columns = ("method", "point P", "point R", "point F1", "range F1", "VUS-PR", "VUS-ROC", adjusted)
    measures = ("point_precision", "point_recall", "point_f1", "range_f1", "vus_pr", "vus_roc", POINT_ADJUSTED)
    cells = [(row.method, *(number(getattr(row, measure)) for measure in measures)) for row in rows]
    return new_table(columns, cells, "by points and ranges", "VUS: of score minus threshold, measured if asked for")


def kinds_table(seeds: Sequence[Mapping[str, Mapping[str, float]]]) -> Table:
    """Return which share of each kind of anomaly every method finds, the mean over seeds.

    Args:
        seeds: Of each seed, by the method's name and by kind.
    """
    kinds = next(iter(seeds[0].values()))
    title = "kinds of anomaly" if len(seeds) == 1 else f"kinds of anomaly, mean over {len(seeds)} seeds"
    cells = [
        (method, *(number(float(np.mean([share[kind] for share in shares])), 2) for kind in kinds))
        for method, shares in by_method(one.items() for one in seeds).items()
    ]
    return new_table(("method", *kinds), cells, title, "flagged share of the windows that hold it")


def seeds_table(seeds: Sequence[Sequence[Measures]], deadline: int | None = DEADLINE) -> Table:
    """Return mean and standard deviation of every method over the seeds in which it has a row."""
    columns = (*TEXT, COMPOSITE, "F1", "P", "R", "seeds")
    caption = caption_of("± the standard deviation over seeds; F1, P, R over windows", composite_note(deadline))
    cells = []
    for method, rows in by_method([(row.method, row) for row in rows] for rows in seeds).items():
        measured = np.array([(row.composite_f1, row.f1, row.precision, row.recall) for row in rows])
        cells.append((method, yes_no(rows[0].saw_labels), *map(mean_and_deviation, measured.T), str(len(rows))))
    return new_table(columns, cells, f"mean over {len(seeds)} seeds", caption)


def by_method(seeds: Iterable[Iterable[tuple[str, T]]]) -> dict[str, list[T]]:
    """Return what belongs to each method, one of every seed that has it."""
    found: dict[str, list[T]] = {}
    for method, one in chain.from_iterable(seeds):
        found.setdefault(method, []).append(one)
    return found


def mean_and_deviation(values: NDArray[np.float64]) -> str:
    """Return the mean and, where there are several values, their sample standard deviation."""
    mean = f"{np.mean(values):.3f}"
    return f"{mean} ±{np.std(values, ddof=1):.3f}" if len(values) > 1 else mean


def copying(detections: Mapping[str, Sequence[Detection]], delay: int = 1) -> str:
    """Say how often the agent did what copying the newest label does, of the detections by the method's name."""
    pairs = zip(detections["adt"], detections[f"persistence({delay})"], strict=True)
    equal = np.concatenate([agent.decisions == copy.decisions for agent, copy in pairs])
    copied = "the window before" if delay == 1 else f"{delay} windows before"
    return f"the agent's decision equals the label of {copied} on {equal.mean():.2%} of the windows"
