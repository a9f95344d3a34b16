"""The tables of scorers that commands print: under one static threshold each."""

from collections.abc import Sequence

from rich.table import Table

from adt_gym.evaluation.scorers import ScorerRow
from adt_gym.metrics.composite import DEADLINE
from adt_gym.report.curves import PARTS
from adt_gym.report.tables import (
    COMPOSITE,
    TEXT,
    caption_of,
    composite_note,
    new_table,
    number,
    numbers,
    reasons_note,
    yes_no,
)


def scorer_tables(rows: Sequence[ScorerRow], title: str, every: bool = False) -> list[Table]:
    """Return what the static rule makes of the scores; if asked for all, counts and the ends of the curves too."""
    tables = [_rule_table(rows, title)]
    if every:
        tables.append(_counts_table(rows))
        tables += [_curves_table(rows)] if any(row.curve for row in rows) else []
    return tables


def _rule_table(rows: Sequence[ScorerRow], title: str) -> Table:
    columns = (*TEXT, COMPOSITE, "F1", "P", "R", "false\na day", "delay", "AUROC", "threshold", "accuracy")
    caption = caption_of(
        "a scorer's row: one static threshold, chosen on the training part; over windows",
        composite_note(DEADLINE),
        reasons_note(row.report for row in rows),
    )
    cells = [
        (
            one.method,
            yes_no(one.saw_labels),
            *numbers(one, composite_f1=3, f1=3, precision=3, recall=3, false_alarms_per_day=2, delay_median=0),
            *numbers(one, auroc=3, threshold=3, accuracy=3),
        )
        for one in (row.report for row in rows)
    ]
    return new_table(columns, cells, title, caption)


def _counts_table(rows: Sequence[ScorerRow]) -> Table:
    cells = [
        (
            one.method,
            *(f"{count:,}" for count in (one.tp, one.fp, one.fn, one.tn)),
            *numbers(one, macro_precision=3, macro_recall=3, macro_f1=3),
            number(row.seconds, 1),
        )
        for one, row in ((row.report, row) for row in rows)
    ]
    columns = ("method", "TP", "FP", "FN", "TN", "macro P", "macro R", "macro F1", "seconds")
    return new_table(columns, cells, "counts of windows, and means of both classes")


def _curves_table(rows: Sequence[ScorerRow]) -> Table:
    cells = [
        (
            row.report.method,
            *(number(getattr(row.curve[-1], part), 5) for part in PARTS),
            *(number(getattr(row.curve[-1], f"{part}_r2")) for part in PARTS),
        )
        for row in rows
        if row.curve
    ]
    return new_table(
        ("method", *(f"{part}\n{what}" for what in ("MSE", "R2") for part in PARTS)), cells, "the last epoch"
    )
