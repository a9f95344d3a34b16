"""The tables that `adt frontier --suite` prints."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from adt_gym.evaluation.frontier import delays_of, saw_labels
from adt_gym.evaluation.suite import REFERENCE, family_means, learning, learning_delay, ranks
from adt_gym.evaluation.told import BEFORE_AND_AFTER, COMPOSITE_AFTER, F1_AFTER, SETTLED
from adt_gym.report.frontier_tables import events_tables, in_parts, reasons
from adt_gym.report.tables import TEXT, caption_of, composite_note, new_table, number, yes_no

if TYPE_CHECKING:
    import pandas as pd

TOLD_NOTE = (
    "told: labels in a row that are the same count as one; over the windows from then on; in brackets the series left "
    "in: so many were told, and an anomaly came later"
)


def leading_tables(rows: "pd.DataFrame", where: str, deadline: int | None) -> list[Table]:
    """Return composite F1 and F1 by delay, ranks, and what labels bring, of the rows of a `panel`.

    Args:
        rows: What is shown.
        where: The words for the panel, `adt_gym.evaluation.frontier.title_of`.
        deadline: Of the composite F1.
    """
    return [
        *means_tables(rows, "composite_f1", f"Composite F1 by delay, {where}", composite_note(deadline)),
        *means_tables(rows, "f1", f"F1 by delay, {where}", reasons(rows)),
        *ranks_tables(rows, where),
        *learning_tables(rows, where),
    ]


def further_tables(rows: "pd.DataFrame", where: str) -> list[Table]:
    """Return the differences to the static threshold, every family apart, and what an operator gets."""
    differences = means_tables(
        rows, "composite_f1", f"Composite F1 minus that of {REFERENCE}, {where}", "paired, series by series", REFERENCE
    )
    families = (
        family_table(rows, measure, f"{title} of each family, {where}", delay)
        for delay in dict.fromkeys((learning_delay(rows), delays_of(rows)[-1]))
        for measure, title in (("composite_f1", "Composite F1"), ("f1", "F1"))
    )
    return [*differences, *families, *events_tables(rows, where)]


def means_tables(
    rows: "pd.DataFrame", measure: str, title: str, note: str, against: str | None = None
) -> Iterator[Table]:
    """Yield tables of the mean over families and its interval, several delays each."""
    means, saw = family_means(rows, measure, against), saw_labels(rows)
    caption = caption_of(f"{_over(rows)}; beside it the 95% interval, series drawn anew within each family", note)
    for delays in in_parts(list(means.mean.columns)):
        cells = [
            (
                method,
                yes_no(saw[method]),
                *(
                    _with_ends(*(one.loc[method, delay] for one in (means.mean, means.low, means.high)))
                    for delay in delays
                ),
            )
            for method in means.mean.index
        ]
        yield new_table((*TEXT, *delays), cells, title, caption)


def ranks_tables(rows: "pd.DataFrame", where: str) -> Iterator[Table]:
    """Yield tables of average ranks, the critical difference as their last row."""
    ranked, saw = ranks(rows), saw_labels(rows)
    best = ranked.among_the_best()
    caption = (
        f"mean over {ranked.series} series of the rank among all methods, 1 the best; * not worse than the best by "
        "more than the critical difference (Nemenyi, 5%); - not measured on all"
    )
    for delays in in_parts(list(ranked.rank.columns)):
        cells = [
            (
                method,
                yes_no(saw[method]),
                *(number(ranked.rank.loc[method, one], 2) + ("*" if best.loc[method, one] else " ") for one in delays),
            )
            for method in ranked.rank.index
        ]
        cells.append(("critical difference", "", *(number(ranked.difference[one], 2) + " " for one in delays)))
        yield new_table((*TEXT, *delays), cells, f"Average rank by composite F1, {where}", caption)


def learning_tables(rows: "pd.DataFrame", where: str) -> Iterator[Table]:
    """Yield tables of what a method does after so many labels."""
    delay, saw = learning_delay(rows), saw_labels(rows)
    for title, columns in (("Composite F1", COMPOSITE_AFTER), ("F1", F1_AFTER)):
        found = learning(rows, columns, delay)
        cells = [
            (
                method,
                yes_no(saw[method]),
                *(_with_count(found.mean.loc[method, n], found.left_in.loc[method, n]) for n in columns),
            )
            for method in found.mean.index
        ]
        names = (*TEXT, *(f"{n} told" for n in columns))
        yield new_table(
            names, cells, f"{title} after so many labels, {where}, delay {delay}", f"{_over(rows)}; {TOLD_NOTE}"
        )
    found = learning(rows, dict(enumerate(BEFORE_AND_AFTER)), delay)
    cells = [
        (
            method,
            yes_no(saw[method]),
            *(
                _with_count(found.mean.loc[method, i], found.left_in.loc[method, i], 3 if i % 2 else 1)
                for i in range(4)
            ),
        )
        for method in found.mean.index
    ]
    names = (*TEXT, "false per 1k\nbefore", "events found\nbefore", "false per 1k\nafter", "events found\nafter")
    title = f"Before the first label and after {SETTLED}, {where}, delay {delay}"
    yield new_table(
        names, cells, title, "flagged normal windows per 1,000; share of the events; in brackets the series"
    )


def family_table(rows: "pd.DataFrame", measure: str, title: str, delay: str) -> Table:
    """Return one measure of each family at one delay: the mean over its series and seeds."""
    here, saw = rows[rows["delay"] == delay], saw_labels(rows)
    means = here.groupby(["method", "family"])[measure].agg(lambda one: one.mean(skipna=False)).unstack("family")
    cells = [
        (method, yes_no(saw[method]), *(number(value) for value in means.loc[method]))
        for method in here["method"].unique()
    ]
    return new_table((*TEXT, *means.columns), cells, f"{title}, delay {delay}")


def _over(rows: "pd.DataFrame") -> str:
    families, series = rows["family"].nunique(), len(rows[["family", "series"]].drop_duplicates())
    seeds = rows["seed"].nunique()
    averaged = f"{seeds} seeds" if seeds > 1 else "one seed"
    return f"mean over {families} families, each the mean over its series ({series} in all), {averaged}"


def _with_ends(mean: float, low: float, high: float) -> str:
    return number(mean) if low != low else f"{number(mean)} {_end(low)}-{_end(high)}"


def _end(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.1f}"


def _with_count(mean: float, series: float, digits: int = 3) -> str:
    return f"{number(mean, digits)} ({series:.0f})" if mean == mean else "-"
