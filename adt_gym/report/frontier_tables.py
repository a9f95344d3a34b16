"""The tables that `adt frontier` prints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from adt_gym.evaluation.frontier import over_delays, saw_labels
from adt_gym.report.tables import TEXT, caption_of, composite_note, new_table, number, reasons_note, yes_no

if TYPE_CHECKING:
    import pandas as pd

ABREAST = 5
"""So many delays stand beside each other; further ones get a table of their own."""


@dataclass(frozen=True)
class _Everywhere:
    """What holds of a method on every series, at every delay."""

    method: str
    composite_f1: float
    f1: float
    alarms_per_1000: float

    @classmethod
    def of(cls, method: object, rows: "pd.DataFrame") -> "_Everywhere":
        alarms = rows["alarms_per_1000"]
        same = float(alarms.iloc[0]) if alarms.nunique() == 1 else float("nan")
        return cls(str(method), rows["composite_f1"].max(), rows["f1"].max(), same)


def leading_tables(rows: "pd.DataFrame", where: str, deadline: int | None) -> list[Table]:
    """Return the composite F1 of each method at each delay, then its F1 over windows, of the rows of a `panel`.

    Args:
        rows: What is shown.
        where: The words for the panel, `adt_gym.evaluation.frontier.title_of`.
        deadline: Of the composite F1.
    """
    return [
        *by_delay(rows, "composite_f1", f"Composite F1 by delay, {where}", composite_note(deadline)),
        *by_delay(rows, "f1", f"F1 by delay, {where}", reasons(rows)),
    ]


def reasons(rows: "pd.DataFrame") -> str:
    """Say why methods stand at 0 everywhere, and which flag everything."""
    return reasons_note(_Everywhere.of(method, some) for method, some in rows.groupby("method", sort=False))


def further_tables(rows: "pd.DataFrame", where: str) -> list[Table]:
    """Return what an operator gets at each delay."""
    title, note = f"False alarms a day, {where}", "alarms that touch no event, per day of normal time"
    return [*by_delay(rows, "false_alarms_per_day", title, note, digits=1), *events_tables(rows, where)]


def by_delay(rows: "pd.DataFrame", measure: str, title: str, note: str, digits: int = 3) -> Iterator[Table]:
    """Yield tables of one measure of each method, ``ABREAST`` delays each."""
    over, saw = over_delays(rows, measure), saw_labels(rows)
    seeds, series = rows["seed"].nunique(), rows.groupby(["method", "delay", "seed"]).size().max()
    averaged = f" and {seeds} seeds ± deviation over seeds" if seeds > 1 else ", one seed"
    caption = caption_of(f"mean over {series} unseen series{averaged}", note)
    for delays in in_parts(list(over.mean.columns)):
        cells = []
        for method in over.mean.index:
            pairs = zip(over.mean.loc[method, delays], over.deviation.loc[method, delays], strict=True)
            cells.append((method, yes_no(saw[method]), *(_with_deviation(*pair, digits) for pair in pairs)))
        yield new_table((*TEXT, *delays), cells, title, caption)


def events_tables(rows: "pd.DataFrame", where: str) -> Iterator[Table]:
    """Yield tables of the events found, the windows until then and the false alarms, three numbers in a cell."""
    measures = ("event_recall", "detection_delay", "false_alarms_per_1000")
    recall, delay, alarms = (over_delays(rows, measure).mean for measure in measures)
    title = f"Events found/windows until then/false alarms per 1,000, {where}"
    caption = "share of the events with an alarm; median windows from their start to it; flagged normal windows"
    for delays in in_parts(list(recall.columns)):
        cells = []
        for method in recall.index:
            triples = zip(*(one.loc[method, delays] for one in (recall, delay, alarms)), strict=True)
            cells.append((method, *(f"{number(r, 2)}/{number(d, 0)}/{number(a, 0)}" for r, d, a in triples)))
        yield new_table(("method", *delays), cells, title, caption)


def in_parts(delays: Sequence[str]) -> Iterator[list[str]]:
    """Yield as many delays at a time as stand beside each other."""
    for start in range(0, len(delays), ABREAST):
        yield list(delays[start : start + ABREAST])


def _with_deviation(mean: float, deviation: float, digits: int) -> str:
    return number(mean, digits) + (f" ±{number(deviation, digits)}" if deviation == deviation else "")
