"""The tables that `adt frontier` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from adt_gym.evaluation.frontier import Goal, over_delays, saw_labels, title_of
from adt_gym.scripts.tables import TEXT, new_table, number, yes_no

if TYPE_CHECKING:
    import pandas as pd


def f1_table(rows: "pd.DataFrame", feedback: str, noise: float) -> Table:
    """Return the F1 of each method at each delay."""
    f1, saw = over_delays(rows), saw_labels(rows)
    seeds, series = rows["seed"].nunique(), rows["series"].nunique()
    over = f" and {seeds} seeds ± deviation over seeds" if seeds > 1 else ", one seed"
    caption = f"mean over {series} unseen series{over}"
    shown = new_table((*TEXT, *f1.mean.columns), f"F1 by delay, {title_of(feedback, noise)}", caption)
    for method in f1.mean.index:
        pairs = zip(f1.mean.loc[method], f1.deviation.loc[method], strict=True)
        shown.add_row(method, yes_no(saw[method]), *(_with_deviation(*pair) for pair in pairs))
    return shown


def events_table(rows: "pd.DataFrame", feedback: str, noise: float) -> Table:
    """Return what matters to an operator beside F1, at each delay."""
    measures = ("event_recall", "detection_delay", "false_alarms_per_1000")
    recall, delay, alarms = (over_delays(rows, measure).mean for measure in measures)
    title = f"Events found/windows until then/false alarms per 1,000, {title_of(feedback, noise)}"
    caption = "share of the events with an alarm; median windows from their start to it; flagged normal windows"
    shown = new_table(("method", *recall.columns), title, caption)
    for method in recall.index:
        cells = zip(recall.loc[method], delay.loc[method], alarms.loc[method], strict=True)
        shown.add_row(method, *(f"{number(r, 2)}/{number(d, 0)}/{number(a, 0)}" for r, d, a in cells))
    return shown


def goals_table(goals: Sequence[Goal]) -> Table:
    """Return the figures that must be reached."""
    shown = new_table(("figure", "value", "floor", "aim", "reached"), "What our agent must reach")
    shown.columns[0].justify = "left"
    for goal in goals:
        sign = "<" if goal.loss else ">="
        aim = "-" if goal.aim is None else f"{sign} {goal.aim:.2f}"
        shown.add_row(goal.what, number(goal.value), f"{sign} {goal.floor:.2f}", aim, _reached(goal))
    return shown


def _reached(goal: Goal) -> str:
    if not goal.reached(goal.floor):
        return "no"
    return "floor only" if goal.aim is not None and not goal.reached(goal.aim) else "yes"


def _with_deviation(mean: float, deviation: float) -> str:
    return number(mean) + (f" ±{deviation:.3f}" if deviation == deviation else "")
