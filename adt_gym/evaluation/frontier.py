"""The frontier: what methods reach on unseen series as labels come late, in part, wrongly or never."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from adt_gym.evaluation.compare import Row
from adt_gym.feedback import Feedback
from adt_gym.series import InputError
from adt_gym.spreadsheet import original, write_frame

if TYPE_CHECKING:
    import pandas as pd

TEXTS = ("method", "feedback", "delay", "series", "detail")
"""The columns of words."""

NEVER = "never"
"""Stands for the delay of labels that never come, as whose feedback "none" is written."""

OURS, PAPER, PERSISTENCE = "ours", "adt (paper)", "persistence(d)"
SIMPLE = (PERSISTENCE, "static", "rolling_quantile", "dspot")
"""The rules whose best is what our agent is held against."""

METHODS = (*SIMPLE, "pythresh (best on train)", "gradient boosting", PAPER, OURS, "always", "never")
"""All rows of a table, in their order."""

FLOOR, AIM, AIMED_AT = 0.95, 1.05, ("10", "60", "300")
"""The project's goals: our F1 over that of the best simple rule, at every delay, and what is aimed at for some."""

ALERTS_FLOOR, ALERTS_AIM = 0.90, 0.97
"""The project's goals: our F1 with labels of alerts only over our F1 with all labels."""

NOISE, NOISE_FLOOR, NOISE_AIM = 0.1, 0.15, 0.05
"""The project's goals: with so many labels flipped, the share of our F1 that is lost."""


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
        precision, recall, f1, event_recall, missed_events, false_alarms_per_1000: See `adt_gym.evaluation.compare.Row`;
            NaN where nothing was measured.
        detection_delay: The median over the found events, in windows.
        seconds: Time to fit and detect; what methods share is counted for each.
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
    event_recall: float = float("nan")
    detection_delay: float = float("nan")
    missed_events: float = float("nan")
    false_alarms_per_1000: float = float("nan")
    seconds: float = float("nan")

    @classmethod
    def of(cls, row: Row, feedback: Feedback, series: str, seed: int, detail: str = "") -> "FrontierRow":
        """Return the row of what was measured under that feedback."""
        return cls(
            method=row.method,
            feedback=feedback.kind,
            delay=delay_of(feedback),
            label_noise=feedback.noise,
            series=series,
            seed=seed,
            saw_labels=row.saw_labels,
            detail=detail,
            precision=row.precision,
            recall=row.recall,
            f1=row.f1,
            event_recall=row.event_recall,
            detection_delay=row.delay_median,
            missed_events=row.missed_events,
            false_alarms_per_1000=row.false_alarms_per_1000,
            seconds=row.seconds,
        )


def delay_of(feedback: Feedback) -> str:
    """Return the word for the delay."""
    return str(feedback.delay) if feedback.tells else NEVER


# The table


def write_rows(path: str | Path, rows: Iterable[FrontierRow]) -> "pd.DataFrame":
    """Write the rows to a CSV file and return them as a table."""
    import pandas as pd

    table = pd.DataFrame([asdict(row) for row in rows], columns=[f.name for f in fields(FrontierRow)])
    write_frame(path, table)
    return table


def read_rows(path: str | Path) -> "pd.DataFrame":
    """Read what `write_rows` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is no such table.
    """
    import pandas as pd

    columns = [f.name for f in fields(FrontierRow)]
    numbers = columns[columns.index("precision") :]
    try:
        table = pd.read_csv(
            path, dtype=dict.fromkeys(TEXTS, "str"), keep_default_na=False, na_values={key: [""] for key in numbers}
        )
        table = table.map(original)
        return table[columns].astype(dict.fromkeys(numbers, float) | {"saw_labels": bool})
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is not the table of a frontier: {error}") from error


def settings_of(table: "pd.DataFrame") -> list[tuple[str, float]]:
    """Return each feedback and label noise that has a panel: all but "never", which stands in every one."""
    told = table[table["feedback"] != "none"]
    pairs = told[["feedback", "label_noise"]].drop_duplicates().itertuples(index=False)
    return [(str(feedback), float(noise)) for feedback, noise in pairs] or [("none", 0.0)]


def panel(table: "pd.DataFrame", feedback: str, noise: float) -> "pd.DataFrame":
    """Return the rows of that feedback and noise, those of labels that never come last; persistence under one name."""
    rows = table[((table["feedback"] == feedback) & (table["label_noise"] == noise)) | (table["feedback"] == "none")]
    copies = rows["method"].str.startswith("persistence(")
    return rows.assign(method=rows["method"].mask(copies, PERSISTENCE))


def title_of(feedback: str, noise: float) -> str:
    """Return the words above a panel."""
    return f"feedback {feedback}" + (f", {noise:.0%} of the labels told wrongly" if noise else "")


@dataclass(frozen=True, eq=False)
class OverDelays:
    """One measure of every method, a row each, at every delay, a column each.

    Args:
        mean: Over series and seeds.
        deviation: Over seeds, of the mean over series; NaN of a single seed.
    """

    mean: "pd.DataFrame"
    deviation: "pd.DataFrame"


def over_delays(rows: "pd.DataFrame", measure: str = "f1") -> OverDelays:
    """Sum up the rows of a `panel`.

    A method that could not be measured on some series has no mean; a detection delay is averaged over the series where
    some event was found.
    """
    keys, skipped = ["method", "delay"], measure == "detection_delay"
    by_seed = rows.groupby([*keys, "seed"])[measure].mean(skipna=skipped)
    over = by_seed.groupby(keys)
    methods, delays = _ordered(rows["method"], METHODS), sorted(rows["delay"].unique(), key=_place)
    means = over.mean(skipna=skipped), over.std(skipna=skipped)
    mean, deviation = (one.unstack("delay").reindex(index=methods, columns=delays) for one in means)
    return OverDelays(mean, deviation)


def saw_labels(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Return by method whether it saw labels at any delay."""
    return rows.groupby("method")["saw_labels"].any()


def _ordered(found: Iterable[str], order: Sequence[str]) -> list[str]:
    names = dict.fromkeys(found)
    return [name for name in order if name in names]


def _place(delay: str) -> float:
    return float("inf") if delay == NEVER else int(delay)


# The goals


@dataclass(frozen=True)
class Goal:
    """A figure of our agent beside what it must reach and what is aimed at.

    Args:
        what: Which figure.
        value: What it came to.
        floor: What it must reach.
        aim: What is hoped for; None where no more is.
        loss: Whether less is better: then it must stay below.
    """

    what: str
    value: float
    floor: float
    aim: float | None = None
    loss: bool = False

    def reached(self, limit: float) -> bool:
        """Return whether the value is on the good side of a limit."""
        return self.value < limit if self.loss else self.value >= limit


def goals(table: "pd.DataFrame") -> list[Goal]:
    """Return the figures that the project must reach, as far as what was measured gives them."""
    ours: dict[tuple[str, float], dict[str, float]] = {}
    found: list[Goal] = []
    for feedback, noise in settings_of(table):
        f1 = over_delays(panel(table, feedback, noise)).mean
        delays, mine = [str(delay) for delay in f1.columns], f1.loc[OURS]
        each = dict(zip(delays, mine.to_numpy(float), strict=True))
        ours[feedback, noise] = {delay: value for delay, value in each.items() if delay != NEVER}
        if noise == 0:
            ratios = mine / f1.reindex(list(SIMPLE)).max()
            for delay, ratio in zip(delays, ratios.to_numpy(float), strict=True):
                aim = AIM if delay in AIMED_AT else None
                found.append(Goal(f"{feedback}, delay {delay}: F1 over the best simple rule's", ratio, FLOOR, aim))
    full, alerts = ours.get(("full", 0.0)), ours.get(("alerts", 0.0))
    if full and alerts:
        for delay, ratio in _each_and_all(alerts, full).items():
            found.append(Goal(f"{delay}: F1 with alerts over F1 with full", ratio, ALERTS_FLOOR, ALERTS_AIM))
    for feedback in dict.fromkeys(feedback for feedback, _ in ours):
        clean, noisy = ours.get((feedback, 0.0)), ours.get((feedback, NOISE))
        if clean and noisy:
            for delay, ratio in _each_and_all(noisy, clean).items():
                what = f"{feedback}, {delay}: share of F1 lost at label noise {NOISE:g}"
                found.append(Goal(what, 1 - ratio, NOISE_FLOOR, NOISE_AIM, loss=True))
    return found


def _each_and_all(some: Mapping[str, float], whole: Mapping[str, float]) -> dict[str, float]:
    """Return the ratio at each delay, and that of the sums over all delays; NaN over 0."""
    pairs = {f"delay {delay}": (some[delay], whole[delay]) for delay in whole}
    pairs["all delays"] = sum(some.values()), sum(whole.values())
    return {what: one / other if other else float("nan") for what, (one, other) in pairs.items()}
