"""Figures of a suite: a mean in which every family weighs the same, its interval, ranks, and what labels bring."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adt_gym.evaluation.frontier import NEVER, delays_of, panel, parts, saw_labels, settings_of
from adt_gym.evaluation.told import COMPOSITE_AFTER, F1_AFTER
from adt_gym.metrics.bootstrap import stratified_intervals
from adt_gym.metrics.ranks import average_ranks, critical_difference

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "static"
"""What all others are held against, series by series."""

LEADING = ("composite_f1", "f1")
"""What tables lead with, in this order."""

WITHIN = ("false_alarms_per_1000", "false_alarms_per_day", "event_recall", "detection_delay", "labels_told")
"""Further columns of the table of families: the mean over the series where there is such a number."""


@dataclass(frozen=True, eq=False)
class Means:
    """One measure, a row per method and a column per delay: the mean over families and its 95% interval."""

    mean: "pd.DataFrame"
    low: "pd.DataFrame"
    high: "pd.DataFrame"


def by_series(rows: "pd.DataFrame", measure: str) -> "pd.DataFrame":
    """Return a measure of the rows of a `panel`, the mean over seeds, by family and series, and by method and delay."""
    each = rows.groupby(["family", "series", "method", "delay"], sort=False)[measure].agg(
        lambda one: one.mean(skipna=False)
    )
    wide = each.unstack(["method", "delay"])
    return wide.sort_index()


def family_means(rows: "pd.DataFrame", measure: str, against: str | None = None) -> Means:
    """Return the mean over families of the means over their series, with intervals over series drawn within families.

    Args:
        rows: Those of a `panel`.
        measure: Its column.
        against: A method; what is averaged is then the difference to it, series by series.
    """
    wide = by_series(rows, measure)
    if against is not None:
        wide = wide.sub(wide[against], level="delay") if against in wide else wide * np.nan
    found = stratified_intervals([of.to_numpy() for _, of in wide.groupby(level="family")])
    methods, delays = rows["method"].unique(), delays_of(rows)

    def frame(values: "np.ndarray") -> "pd.DataFrame":
        import pandas as pd

        return pd.Series(values, wide.columns).unstack("delay").reindex(index=methods, columns=delays)

    return Means(frame(found.estimate), frame(found.low), frame(found.high))


@dataclass(frozen=True, eq=False)
class Ranks:
    """Average ranks over series, a row per method and a column per delay.

    Args:
        rank: NaN where a method was not measured on every series.
        difference: By delay, the critical difference.
        series: How many.
    """

    rank: "pd.DataFrame"
    difference: "pd.Series[float]"
    series: int

    def among_the_best(self) -> "pd.DataFrame":
        """Return where a method is not worse than the best by more than the critical difference."""
        return self.rank <= self.rank.min() + self.difference


def ranks(rows: "pd.DataFrame", measure: str = "composite_f1") -> Ranks:
    """Rank the methods on every series at each delay, by the rows of a `panel`."""
    import pandas as pd

    wide, delays = by_series(rows, measure), delays_of(rows)
    found, differences = {}, {}
    for delay in delays:
        here: pd.DataFrame = wide.loc[:, wide.columns.get_level_values("delay") == delay].droplevel("delay", axis=1)
        here = here.dropna(axis=1)
        found[delay] = pd.Series(average_ranks(here) if here.size else [], here.columns, dtype=float)
        differences[delay] = critical_difference(here.shape[1], len(here)) if here.shape[1] > 1 else float("nan")
    table = pd.DataFrame(found).reindex(index=rows["method"].unique(), columns=delays)
    return Ranks(table, pd.Series(differences, dtype=float), len(wide))


def learning_delay(rows: "pd.DataFrame") -> str:
    """Return the delay at which learning is looked at: the first of at least ten windows, else the longest."""
    told = [delay for delay in delays_of(rows) if delay != NEVER]
    return next((delay for delay in told if int(delay) >= 10), told[-1] if told else NEVER)


@dataclass(frozen=True, eq=False)
class Learning:
    """What came of so many told segments, a row per method and a column per number.

    Args:
        mean: Over the series that were left in, then families.
        left_in: How many series: so many segments were told of them, and an anomalous window came later.
    """

    mean: "pd.DataFrame"
    left_in: "pd.DataFrame"


def learning(rows: "pd.DataFrame", columns: Mapping[int, str], delay: str) -> Learning:
    """Return how methods did after labels were told, at one delay; see `adt_gym.evaluation.told`.

    Args:
        rows: Those of a `panel`.
        columns: By number of told segments, the column.
        delay: Which.
    """
    here, methods = rows[rows["delay"] == delay], rows["method"].unique()
    each = here.groupby(["method", "family", "series"])[list(columns.values())].mean()
    mean = each.groupby(["method", "family"]).mean().groupby("method").mean()
    left_in = each.notna().groupby("method").sum()
    numbers = {column: n for n, column in columns.items()}
    return Learning(*(one.rename(columns=numbers).reindex(methods) for one in (mean, left_in)))


# Files


def panels(table: "pd.DataFrame") -> Iterator[tuple[str, str, float, "pd.DataFrame"]]:
    """Yield every panel of the suite, feedback and label noise, and their rows."""
    for name, part in parts(table):
        for feedback, noise in settings_of(part):
            yield name, feedback, noise, panel(part, feedback, noise)


def families_frame(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the content of families.csv: a line per panel, condition, method and family, and "all" for their mean."""
    import pandas as pd

    lines = []
    for name, feedback, noise, rows in panels(table):
        saw = saw_labels(rows)
        means = {measure: family_means(rows, measure) for measure in LEADING}
        groups = rows.groupby(["method", "delay", "family"], sort=False)
        within = groups[[*LEADING, *WITHIN]].mean().assign(series=groups["series"].nunique())
        for (method, delay), of in within.groupby(["method", "delay"], sort=False):
            place = {"panel": name, "feedback": feedback, "label_noise": noise, "delay": delay, "method": method}
            place["saw_labels"] = bool(saw[str(method)])
            for family, line in of.droplevel(["method", "delay"]).iterrows():
                lines.append({**place, "family": family, **line})
            ends = {
                f"{measure}_{end}": getattr(mean, end).loc[method, delay]
                for measure, mean in means.items()
                for end in ("low", "high")
            }
            lines.append({**place, "family": "all", **of.mean(), "series": of["series"].sum(), **ends})
    return pd.DataFrame(lines).astype({"series": int})


def ranks_frame(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the content of ranks.csv: ranks, and differences to `REFERENCE` with their paired intervals."""
    import pandas as pd

    lines = []
    for name, feedback, noise, rows in panels(table):
        for measure in LEADING:
            ranked, against = ranks(rows, measure), family_means(rows, measure, REFERENCE)
            for method in ranked.rank.index:
                for delay in ranked.rank.columns:
                    lines.append({
                        "panel": name, "feedback": feedback, "label_noise": noise, "delay": delay, "measure": measure,
                        "method": method, "rank": ranked.rank.loc[method, delay],
                        "critical_difference": ranked.difference[delay], "series": ranked.series,
                        f"minus_{REFERENCE}": against.mean.loc[method, delay],
                        "low": against.low.loc[method, delay], "high": against.high.loc[method, delay],
                    })  # fmt: skip
    return pd.DataFrame(lines)


def learning_frame(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the content of learning.csv: a line per panel, condition, method and number of told segments."""
    import pandas as pd

    lines = []
    for name, feedback, noise, rows in panels(table):
        for delay in delays_of(rows):
            both = {"composite_f1": learning(rows, COMPOSITE_AFTER, delay), "f1": learning(rows, F1_AFTER, delay)}
            for method in rows["method"].unique():
                for n in F1_AFTER:
                    line = {"panel": name, "feedback": feedback, "label_noise": noise, "delay": delay, "method": method}
                    values = {measure: of.mean.loc[method, n] for measure, of in both.items()}
                    lines.append({**line, "told": n, **values, "series": both["f1"].left_in.loc[method, n]})
    return pd.DataFrame(lines)
