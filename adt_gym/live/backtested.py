"""What a back-test leaves behind: alerts, by series and by hour, and where labels are known the truth table."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit

from rich.table import Table

from adt_gym import thresholds
from adt_gym.evaluation.alerts import ALERTS, COLUMNS, by_hour
from adt_gym.evaluation.compare import Row, evaluate, measure, write_table
from adt_gym.evaluation.detections import save_detections
from adt_gym.experiments.versions import versions
from adt_gym.folders import Folder
from adt_gym.live.backtest import History, Outcome, Task
from adt_gym.live.moments import written
from adt_gym.live.records import Alert
from adt_gym.report.progress import console
from adt_gym.report.tables import new_table, table
from adt_gym.scored_files import save_scored
from adt_gym.series import Detection, ScoredSeries
from adt_gym.spreadsheet import write_csv

FILES = (
    ALERTS, "series.csv", "hours.csv", "config.json", "scores-test.npz", "detections.npz", "table.csv",
    "report.html",
)  # fmt: skip
NAME = "adt watch"
DAY = 86_400_000
SHOWN = 15
"""Series that are printed, those with the most alerts."""


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Return what several shards came to, together."""
    refused: Counter[str] = sum((Counter(one.refused) for one in outcomes), Counter())
    return Outcome(
        tuple(sorted((series for one in outcomes for series in one.series), key=lambda one: one.key)),
        tuple(sorted((alert for one in outcomes for alert in one.alerts), key=lambda one: (one.started, one.id))),
        sum(one.accepted for one in outcomes),
        refused,
        sum(one.gaps for one in outcomes),
        sum(one.told for one in outcomes),
        sum(one.warming for one in outcomes),
    )


def publish(task: Task, outcome: Outcome, folder: Folder) -> None:
    """Print what a back-test came to and leave its files in a folder, those of before removed."""
    folder.remove(*FILES)
    fired = [one for one in outcome.alerts if one.fired is not None]
    with folder.writing(ALERTS) as temporary:
        write_csv(temporary, COLUMNS, (_alert_row(one) for one in outcome.alerts if one.state != "dropped"))
    by_series, hours = list(_by_series(outcome, fired)), list(enumerate(by_hour(fired)))
    with folder.writing("series.csv") as temporary:
        write_csv(temporary, _SERIES, by_series)
    with folder.writing("hours.csv") as temporary:
        write_csv(temporary, _HOUR, hours)
    _say(outcome, fired)
    shown = sorted(by_series, key=lambda row: -row[3])[:SHOWN]
    console.print(new_table(_SERIES, [[*map(str, row)] for row in shown], f"Alerts by series, the first {len(shown)}"))
    console.print(_hours(hours))
    with folder.writing("config.json") as temporary:
        config = {"settings": _settings(task), **versions()}
        temporary.write_text(json.dumps(config, indent=2, default=str) + "\n")
    if not outcome.series:
        return
    rows = _truth(task, outcome)
    with folder.writing("scores-test.npz") as temporary:
        save_scored(temporary, [_scored(one) for one in outcome.series])
    with folder.writing("detections.npz") as temporary:
        save_detections(temporary, {row.method: row.detections for row in rows})
    if task.told.labels is not None:
        with folder.writing("table.csv") as temporary:
            write_table(temporary, rows)
        console.print(table([row.measures for row in rows], "What labels say of it"))


def _settings(task: Task) -> dict[str, Any]:
    settings = asdict(task.config)
    del settings["sinks"]  # nothing was sent, and the address of a webhook may be a secret
    for part, name in (("source", "url"), ("labels", "alertmanager")):  # so may names and paths in others
        settings[part][name] = _host(settings[part][name])
    return {**settings, "told": task.told._asdict(), "start": task.start, "end": task.end}


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if url else ""


def _say(outcome: Outcome, fired: Sequence[Alert]) -> None:
    windows, flagged = sum(len(one.times) for one in outcome.series), _flagged(outcome.series)
    days = _days(outcome.series)
    severities = Counter(one.severity for one in fired)
    each = ", ".join(f"{count:,} {severity}" for severity, count in severities.items())
    suppressed = sum(one.state == "suppressed" for one in outcome.alerts)
    lines = [
        f"{len(outcome.series):,} series, {windows:,} windows in {days:.2f} days: {flagged:,} flagged",
        f"would have fired {len(fired):,} alerts{f' ({each})' if each else ''}, {len(fired) / days:.2f} a day"
        + (f"; {suppressed:,} more were over the budget" if suppressed else ""),
        f"{outcome.accepted:,} points, {outcome.gaps:,} missing between them"
        + "".join(f", {count:,} refused as {reason}" for reason, count in outcome.refused.items())
        + f"; {outcome.told:,} labels told",
    ]
    if not outcome.accepted:
        lines.append("no point is there: look at the source, --start and --end")
    if outcome.gaps > outcome.accepted:
        lines.append("more points are missing than came: is source.step the time between two of them?")
    if outcome.warming:
        lines.append(f"{outcome.warming:,} series have too few points to be judged (source.min_past)")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _flagged(series: Sequence[History]) -> int:
    return sum(int((one.votes > 0).sum()) for one in series)


def _days(series: Sequence[History]) -> float:
    """Return the days from the first window of all to the last."""
    if not series:
        return 1.0
    first, last = min(one.times[0] for one in series), max(one.times[-1] for one in series)
    return max(float(last - first), 60_000.0) / DAY


_SERIES = ("series", "windows", "flagged", "alerts", "alerts_per_day")
_HOUR = ("hour", "alerts")


def _alert_row(one: Alert) -> list[Any]:
    times = [written(at) if at is not None else "" for at in (one.started, one.fired, one.ended)]
    why = one.why or {}
    columns = " ".join(column["name"] for column in why.get("columns", ()))
    return [one.key, one.severity, one.state, *times, why.get("score", ""), why.get("threshold", ""), columns]


def _by_series(outcome: Outcome, fired: Sequence[Alert]) -> Iterator[list[Any]]:
    counts, days = Counter(one.key for one in fired), _days(outcome.series)
    for one in outcome.series:
        alerts = counts[one.key]
        yield [one.key, len(one.times), int((one.votes > 0).sum()), alerts, round(alerts / days, 3)]


def _hours(hours: Sequence[tuple[int, int]]) -> Table:
    most = max(count for _, count in hours) or 1
    rows = [[f"{hour:02d}", str(count), "#" * round(30 * count / most)] for hour, count in hours]
    return new_table(("hour", "alerts", ""), rows, "Alerts by hour of the day, in UTC")


def _truth(task: Task, outcome: Outcome) -> list[Row]:
    """Return a row for what was watched, beside those that it must be held against."""
    scored = [_scored(one) for one in outcome.series]
    saw, judged = outcome.told > 0, [_detection(one) for one in outcome.series]
    if task.told.labels is None:
        return [Row(NAME, saw, {}, judged)]
    rate = _flagged(outcome.series) / sum(map(len, scored))
    others = [
        thresholds.make("persistence", delay=task.told.delay),
        thresholds.make("always"),
        thresholds.make("never"),
        thresholds.make("random", rate=rate),
        thresholds.make("static", on="test"),
    ]
    return [measure(NAME, saw, judged, scored), *(evaluate(one, [], scored) for one in others)]


def _scored(one: History) -> ScoredSeries:
    return ScoredSeries(one.scores, one.labels, one.key, index=one.times.astype("M8[ms]"))


def _detection(one: History) -> Detection:
    return replace(Detection.at(one.thresholds, _scored(one)), decisions=one.votes > 0)
