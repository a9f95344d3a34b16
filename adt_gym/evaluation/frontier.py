"""The frontier: what methods reach on unseen series as labels come late, in part, wrongly or never."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adt_gym import thresholds
from adt_gym.evaluation.told import COLUMNS as LEARNED
from adt_gym.extras import require
from adt_gym.series import InputError
from adt_gym.spreadsheet import original, write_frame
from adt_gym.stream.feedback import Feedback, feedback_of

if TYPE_CHECKING:
    import pandas as pd

TEXTS = ("method", "feedback", "delay", "series", "detail", "panel", "family")
"""The columns of words."""

NEVER = "never"
"""Stands for the delay of labels that never come, as whose feedback "none" is written."""

KIND = "frontier"
"""What config.json says a folder is."""

OURS, PERSISTENCE = "ours", "persistence(d)"
"""Rows: of our agent, which pictures point out, and of copying the last label told, whatever the delay."""


@dataclass(frozen=True)
class FrontierRow:
    """How one method did on one unseen series; a line of table.csv.

    Args:
        method: Its name; persistence bears its delay.
        feedback: "full", "alerts" or "none".
        delay: Windows until a label is told, or "never".
        label_noise: The probability that a label that is told is the wrong one.
        series: The series it was measured on.
        seed: Of everything that was drawn.
        saw_labels: Whether it was told labels of that series.
        detail: Which PyThresh method was chosen, or why nothing was measured.
        precision: With all that follow to `alarms_per_1000` a metric of that name (`adt_gym.metrics.registry`); NaN
            where nothing was measured.
        detection_delay: The median over the found events, in windows.
        alarms_per_day: Alarm segments a day; NaN where times are unknown.
        seconds: Time to fit and detect; what methods share is counted for each, what series share for each, too.
        panel, family, fold: Of a suite (`adt_gym.experiments.suite`): how it was split, the family of the series, and
            which of its folds the series is in; empty, empty and 0 elsewhere.
        learned: By column of `adt_gym.evaluation.told.COLUMNS`, how it did after labels were told.
    """

    method: str
    feedback: str
    delay: str
    label_noise: float
    series: str
    seed: int
    saw_labels: bool
    detail: str = ""
    precision: float = float("nan")
    recall: float = float("nan")
    f1: float = float("nan")
    composite_f1: float = float("nan")
    event_recall: float = float("nan")
    detection_delay: float = float("nan")
    missed_events: float = float("nan")
    false_alarms_per_day: float = float("nan")
    false_alarms_per_1000: float = float("nan")
    alarms_per_1000: float = float("nan")
    alarms_per_day: float = float("nan")
    seconds: float = float("nan")
    panel: str = ""
    family: str = ""
    fold: int = 0
    learned: dict[str, float] = field(default_factory=dict)

    @property
    def cells(self) -> dict[str, Any]:
        """The line by column."""
        return {name: getattr(self, name) for name in OWN} | dict.fromkeys(LEARNED, float("nan")) | self.learned


OWN = tuple(one.name for one in fields(FrontierRow) if one.name != "learned")
COLUMNS = (*OWN, *LEARNED)
MEASURES = (*(one.name for one in fields(FrontierRow) if isinstance(one.default, float)), *LEARNED)
"""The columns of numbers that were measured."""


def delay_of(feedback: Feedback) -> str:
    """Return the word for the delay."""
    return str(feedback.delay) if feedback.tells else NEVER


# The table


def write_rows(path: str | Path, rows: Iterable[FrontierRow]) -> "pd.DataFrame":
    """Write the rows to a CSV file and return them as a table."""
    import pandas as pd

    table = pd.DataFrame([row.cells for row in rows], columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(MEASURES, float))  # as rows that were kept in the meantime are
    write_frame(path, table)
    return table


def read_rows(path: str | Path) -> "pd.DataFrame":
    """Read what `write_rows` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is no such table.
    """
    require("the table of a frontier", "pandas")
    import pandas as pd

    columns = list(COLUMNS)
    try:
        table = pd.read_csv(
            path, dtype=dict.fromkeys(TEXTS, "str"), keep_default_na=False, na_values={key: [""] for key in MEASURES}
        )
    except ValueError as error:
        raise InputError(f"{path} is not the table of a frontier: {error}") from error
    if missing := [column for column in columns if column not in table]:
        raise InputError(
            f"{path} is not the table of a frontier, or an old one: it has no {', '.join(missing)}; make it again with "
            "`adt frontier`, into a new folder (--out)"
        )
    try:
        table = table.map(original)
        return table[columns].astype(dict.fromkeys(MEASURES, float) | {"saw_labels": bool})
    except ValueError as error:
        raise InputError(f"{path} is not the table of a frontier: {error}") from error


def settings_of(table: "pd.DataFrame") -> list[tuple[str, float]]:
    """Return each feedback and label noise that has a panel: all but "never", which stands in every one."""
    told = table[table["feedback"] != "none"]
    pairs = told[["feedback", "label_noise"]].drop_duplicates().itertuples(index=False)
    return [(str(feedback), float(noise)) for feedback, noise in pairs] or [("none", 0.0)]


def parts(table: "pd.DataFrame") -> list[tuple[str, "pd.DataFrame"]]:
    """Return every panel of a suite and its rows; a frontier of plain series is one part without a name."""
    return [(str(name), table[table["panel"] == name]) for name in table["panel"].unique()]


def delays_of(rows: "pd.DataFrame") -> list[str]:
    """Return the delays, ascending."""
    return sorted(rows["delay"].unique(), key=_place)


def panel(table: "pd.DataFrame", feedback: str, noise: float) -> "pd.DataFrame":
    """Return the rows of that feedback and noise, those of labels that never come last; copies under one name each."""
    rows = table[((table["feedback"] == feedback) & (table["label_noise"] == noise)) | (table["feedback"] == "none")]
    told = [feedback_of(feedback, int(delay), noise) for delay in rows["delay"].unique() if delay != NEVER]
    registry = thresholds.registry
    copies = {
        registry.make_for(name, feedback=one).name: f"{name}(d)"
        for name in registry.names(thresholds.COPIES)
        for one in told
    }
    return rows.assign(method=rows["method"].replace(copies))


SPLITS = {"units": "unseen units", "families": "unseen families", "": ""}
"""What the methods had not seen before the test, by the name of a part."""


def title_of(feedback: str, noise: float, part: str = "") -> str:
    """Return the words above a panel."""
    words = (SPLITS.get(part, part), f"feedback {feedback}", f"{noise:.0%} of the labels told wrongly" if noise else "")
    return ", ".join(filter(None, words))


@dataclass(frozen=True, eq=False)
class OverDelays:
    """One measure of every method, a row each in the order of the table, at every delay, a column each.

    Args:
        mean: Over series, then families, and seeds.
        deviation: Over seeds, of the mean over series; NaN of a single seed.
    """

    mean: "pd.DataFrame"
    deviation: "pd.DataFrame"


def over_delays(rows: "pd.DataFrame", measure: str = "f1") -> OverDelays:
    """Sum up the rows of a `panel`; in a suite every family weighs the same, however many series it has.

    A method that could not be measured on some series has no mean; a detection delay is averaged over the series where
    some event was found.
    """
    keys, skipped = ["method", "delay"], measure == "detection_delay"
    by_family = rows.groupby([*keys, "seed", "family"])[measure].agg(lambda one: one.mean(skipna=skipped))
    by_seed = by_family.groupby([*keys, "seed"]).agg(lambda one: one.mean(skipna=skipped))
    over = by_seed.groupby(keys)
    methods, delays = rows["method"].unique(), delays_of(rows)
    means = over.agg(lambda one: one.mean(skipna=skipped)), over.agg(lambda one: one.std(skipna=skipped))
    mean, deviation = (one.unstack("delay").reindex(index=methods, columns=delays) for one in means)
    return OverDelays(mean, deviation)


def saw_labels(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Return by method whether it saw labels at any delay."""
    return rows.groupby("method")["saw_labels"].any()


def _place(delay: str) -> float:
    return float("inf") if delay == NEVER else int(delay)
