"""What a page says of the alerts of a back-test."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from adt_gym.evaluation.alerts import ALERTS, AlertLine
from adt_gym.evaluation.results import RunResults
from adt_gym.report.page import html_table

MAX_ROWS = 500
"""A page lists so many alerts, and so many series."""


def alerts_section(alerts: Sequence[AlertLine], run: RunResults, drawn: Sequence[int]) -> str:
    """Return the part of a page that is about alerts.

    Args:
        alerts: All of them.
        run: What they were raised on.
        drawn: The series that the page draws, which alerts lead to.
    """
    fired = [one for one in alerts if one.fired is not None]
    severities = Counter(one.severity for one in fired)
    each = "".join(f", {count:,} {escape(severity)}" for severity, count in severities.items())
    more = Counter(one.state for one in alerts if one.fired is None)
    others = "".join(f"; {count:,} more {_NOT_FIRED.get(state, state)}" for state, count in more.items())
    numbers = {run.test[place].name: i for i, place in enumerate(drawn)}
    return f"""
<section><h3>Alerts</h3>
<p><b>{len(fired):,}</b> would have fired{each}{others}.</p>
<h4>By hour of the day, in UTC</h4>
<div class="chart low" data-chart="hours"></div>
<h4>By series</h4>
{_series_table(fired, run)}
<h4>One by one</h4>
<p>In UTC; a click on one shows its scores. Score, threshold and the metrics that contributed most are those of its
strangest window.</p>
{_list(alerts, numbers)}
</section>"""


_NOT_FIRED = {"suppressed": "were over the budget of their day", "pending": "were pending at the end"}


def _series_table(fired: Sequence[AlertLine], run: RunResults) -> str:
    counts, detections = Counter(one.series for one in fired), next(iter(run.detections.values()))
    order = sorted(range(len(run.test)), key=lambda i: -counts[run.test[i].name])
    rows = []
    for i in order[:MAX_ROWS]:
        name, windows, flagged = run.test[i].name, len(run.test[i]), int(detections[i].decisions.sum())
        cells = (counts[name], flagged, windows)
        rows.append([f"<th scope=row>{escape(name)}</th>", *(f"<td>{count:,}</td>" for count in cells)])
    table = html_table(["series", "alerts", "flagged", "windows"], rows, tall=True)
    return table + _left_off(len(order), "series", "series.csv")


def _list(alerts: Sequence[AlertLine], numbers: Mapping[str, int]) -> str:
    if not alerts:
        return "<small>none</small>"
    rows = [
        [
            f"<th scope=row>{_started(one, numbers)}</th>",
            *(f'<td class="text">{escape(text)}</td>' for text in (one.severity, one.series, one.metrics)),
            f"<td>{_lasted(one)}</td>",
            *(f"<td>{_short(number)}</td>" for number in (one.score, one.threshold)),
        ]
        for one in alerts[:MAX_ROWS]
    ]
    head = ["started", "severity", "series", "metrics", "minutes", "score", "threshold"]
    return html_table(head, rows, text_columns=4, tall=True) + _left_off(len(alerts), "alerts", ALERTS)


def _started(one: AlertLine, numbers: Mapping[str, int]) -> str:
    text = str(np.datetime64(one.started, "ms").astype("M8[s]")).replace("T", " ")
    if one.series not in numbers:
        return text
    until = one.started if one.ended is None else one.ended
    return f'<button data-alert="{numbers[one.series]} {one.started} {until}">{text}</button>'


def _lasted(one: AlertLine) -> str:
    if one.fired is None:
        return escape(one.state)
    return "going on" if one.ended is None else f"{(one.ended - one.started) / 60_000:,.0f}"


def _short(number: float) -> str:
    return f"{number:.3f}" if np.isfinite(number) else "&ndash;"


def _left_off(total: int, what: str, file: str) -> str:
    return f"<small>the first {MAX_ROWS:,} of {total:,} {what}; all are in {file}</small>" if total > MAX_ROWS else ""
