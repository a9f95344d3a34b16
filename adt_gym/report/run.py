"""One HTML page of one or several runs, which needs nothing but itself: no network, no server.

Tables are HTML, made here from all windows. Charts are drawn in the browser (assets/report.js) from compact copies of
the curves, so that zooming in shows every window while never more points are drawn than the screen can tell apart.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from adt_gym.evaluation.results import LearningCurve, RunResults, read_run
from adt_gym.metrics.events import Events, find_events, runs
from adt_gym.report.alerts import alerts_section
from adt_gym.report.charts import SMOOTHED, charts, drawn_series, marked_windows
from adt_gym.report.colours import colour
from adt_gym.report.page import asset, html_table, page_path, write_page
from adt_gym.series import InputError

MAX_WINDOWS = 1_000_000
"""A page draws at most so many windows, of the series with the most anomalous ones, but always a whole series."""

LEADING = (
    "composite_f1", "f1", "f1_low", "f1_high", "precision", "recall", "false_alarms_per_day", "delay_median",
    "alarms_per_1000",
)  # fmt: skip
"""The columns of the truth table that stand before all others."""

TITLES = {
    "composite_f1": "composite F1",
    "false_alarms_per_day": "false alarms / day",
    "delay_median": "delay",
    "precision": "P",
    "recall": "R",
    "f1": "F1",
    "f1_low": "F1 low",
    "f1_high": "F1 high",
    "point_precision": "point P",
    "point_recall": "point R",
    "point_f1": "point F1",
    "event_f1": "event F1",
    "range_f1": "range F1",
    "vus_pr": "VUS-PR",
    "vus_roc": "VUS-ROC",
    "alarms_per_1000": "alarms / 1,000",
    "saw_labels": "saw labels",
}


def write_report(path: str | Path, folders: Sequence[str | Path]) -> None:
    """Write the page of the runs in ``folders``, one tab each, to the HTML file ``path``.

    Raises:
        FileNotFoundError: If a folder is not that of a run.
        InputError: If there is no folder, ``path`` is no .html file, or a file of a run is damaged.
    """
    path = page_path(path)
    if not folders:
        raise InputError("no run to report on; give the folder of at least one")
    results = [read_run(folder) for folder in folders]
    drawn = [drawn_series(marked_windows(run), MAX_WINDOWS // len(results)) for run in results]
    articles = [_article(i, run, shown) for i, (run, shown) in enumerate(zip(results, drawn, strict=True))]
    data = [charts(run, shown, _colours(run)) for run, shown in zip(results, drawn, strict=True)]
    names = [run.name for run in results]
    write_page(path, names, f"<h1>Anomaly thresholds</h1>\n{_tabs(names)}", articles, data, asset("report.js"))


def _tabs(names: Sequence[str]) -> str:
    if len(names) == 1:
        return ""
    tabs = "".join(
        f'<button role="tab" id="tab-{i}" aria-controls="run-{i}" aria-selected="{str(i == 0).lower()}">'
        f"{escape(name)}</button>"
        for i, name in enumerate(names)
    )
    return f'<nav role="tablist" aria-label="runs">{tabs}</nav>'


def _article(number: int, run: RunResults, drawn: Sequence[int]) -> str:
    alerts = "" if run.alerts is None else alerts_section(run.alerts, run, drawn)
    return f"""
<article id="run-{number}" role="tabpanel">
<h2>{escape(run.name)}</h2>
<p class="facts">{" · ".join(_facts(run))}</p>
<pre class="command">{escape(" ".join(map(shlex.quote, run.command)))}</pre>
{_truth(run) if run.labelled else ""}
{alerts}
{_scores(run, len(drawn))}
{_events(run) if run.labelled else _flagged(run)}
{_learning(run.curve)}
<section><h3>Settings and versions</h3>
<div class="columns compact">
{_settings_table("setting", _flat(run.settings))}
{_settings_table("version", run.versions)}
</div>
</section>
</article>"""


def _facts(run: RunResults) -> list[str]:
    counts = [_plural(len(run.test), "series", "series"), _plural(sum(map(len, run.test)), "window")]
    if not run.labelled:
        return [*counts, "no labels: nobody knows what was anomalous"]
    labels, some = np.concatenate([one.truth for one in run.test]), find_events(next(iter(run.detections.values())))
    return [*counts, _plural(some.found + some.missed, "event"), f"{labels.mean():.2%} of the windows anomalous"]


def _truth(run: RunResults) -> str:
    return f"""<section><h3>Truth table</h3>
<p>Over all windows. A method marked <b class="saw">yes</b> was shown labels of the test series while it judged them.
F1 low and high are the ends of its 95% interval over series. The composite F1 is of precision over windows and recall
over events found before the deadline. {_copying(run)}</p>
{_truth_table(run)}
</section>"""


def _scores(run: RunResults, drawn: int) -> str:
    shaded, title, about = "", "Alarms of this series", "Runs of flagged windows. A click shows one."
    if run.labelled:
        shaded, title = "Shaded: labelled anomalous. ", "Events of this series"
        about = "Windows from the start of an event to a method's first flag in it; 0 is at once. A click shows it."
    return f"""<section class="scores"><h3>Scores and thresholds</h3>
<p>{shaded}Below: what each method flagged. Drag, or use the buttons of the
chart, to zoom in; double-click to zoom out. A click on a method hides it.</p>
{_controls(run, drawn)}
<div class="chart" data-chart="scores"></div>
<h4>{title}</h4>
<p>{about}</p>
<div class="wide tall" data-table="events" tabindex="0"></div>
</section>"""


def _events(run: RunResults) -> str:
    return f"""<section><h3>Delay</h3>
<p>The share of the events of all series that a method had found within so many windows of their start.</p>
<div class="chart" data-chart="delays"></div>
{_event_table(run)}
</section>
<section><h3>Confusion counts</h3>{_confusion_table(run)}</section>"""


def _flagged(run: RunResults) -> str:
    rows = []
    for i, (method, each) in enumerate(run.detections.items()):
        flagged = sum(int(one.decisions.sum()) for one in each)
        alarms = sum(len(runs(one.decisions)[0]) for one in each)
        share = f"<td>{flagged / sum(map(len, run.test)):.2%}</td>"
        rows.append([_method(i, method), _number(flagged), share, _number(alarms)])
    return f"""<section><h3>What was flagged</h3>
<p>Over all windows. An alarm is a run of flagged windows. Without labels nothing says what they are worth.</p>
{html_table(["method", "windows flagged", "share", "alarms"], rows)}
</section>"""


def _truth_table(run: RunResults) -> str:
    measured = dict.fromkeys(name for row in run.table for name in row.values)
    measures = [*(name for name in LEADING if name in measured), *(name for name in measured if name not in LEADING)]
    head = ["method", "saw_labels", *measures]
    rows = []
    for i, row in enumerate(run.table):
        saw = '<td class="text"><b class="saw">yes</b></td>' if row.saw_labels else '<td class="text">no</td>'
        cells = [_measure(name, row.values.get(name, float("nan"))) for name in measures]
        rows.append([_method(i, row.method), saw, *cells])
    return html_table([TITLES.get(name, name.replace("_", " ")) for name in head], rows, text_columns=2)


def _measure(name: str, value: float) -> str:
    if name in ("composite_f1", "precision", "recall", "f1") and np.isfinite(value):
        return f'<td class="share" style="--share: {value:.4f}">{value:.3f}</td>'
    return _number(value)


def _copying(run: RunResults) -> str:
    """Say how often the agent did what copying the last label does, where both were run."""
    if not {"adt", "persistence(1)"} <= set(run.detections):
        return ""
    pairs = zip(run.detections["adt"], run.detections["persistence(1)"], strict=True)
    equal = np.concatenate([agent.decisions == copy.decisions for agent, copy in pairs]).mean()
    return f"The agent decides as persistence(1), which copies the last label, on <b>{equal:.2%}</b> of the windows."


def _confusion_table(run: RunResults) -> str:
    labels = np.concatenate([one.truth for one in run.test])
    rows = []
    for i, (method, each) in enumerate(run.detections.items()):
        decisions = np.concatenate([one.decisions for one in each])
        tn, fp, fn, tp = np.bincount(2 * labels + decisions, minlength=4).tolist()
        rows.append([_method(i, method), *map(_number, (tp, tn, fp, fn))])
    return html_table(["method", "TP", "TN", "FP", "FN"], rows)


def _event_table(run: RunResults) -> str:
    found = {method: find_events(each) for method, each in run.detections.items()}
    rows = [[_method(i, method), *_event_cells(events)] for i, (method, events) in enumerate(found.items())]
    return html_table(
        ["method", "events found", "missed", "median delay", "95th percentile", "false alarm segments"], rows
    )


def _event_cells(events: Events) -> list[str]:
    values = (events.found, events.missed, events.median_delay, events.p95_delay, events.false_segments)
    return [_number(value) for value in values]


def _controls(run: RunResults, drawn: int) -> str:
    chips = "".join(
        f'<label style="--method: {colour(i)}"><input type="checkbox" checked value="{i}">'
        f"<span>{escape(row.method)}{' <small>saw labels</small>' if row.saw_labels else ''}</span></label>"
        for i, row in enumerate(run.table)
    )
    left_off = len(run.test) - drawn
    what = "anomalous" if run.labelled else "flagged"
    note = f"<small>{_plural(left_off, 'series', 'series')} with fewer {what} windows not drawn</small>"
    chooser = f'<label class="series">series <select></select></label>{note if left_off else ""}'
    return f'<div class="controls">{chooser if drawn > 1 else ""}<div class="methods">{chips}</div></div>'


def _learning(curve: LearningCurve | None) -> str:
    if curve is None:
        return ""
    return f"""<section><h3>Learning curve</h3>
<p>Reward of each training episode and its mean over {SMOOTHED} episodes; the loss of the update after it.</p>
<div class="chart" data-chart="learning"></div></section>"""


def _settings_table(kind: str, values: Mapping[str, object]) -> str:
    rows = [
        [f"<th scope=row>{escape(name)}</th>", f"<td>{escape(_plain(value))}</td>"] for name, value in values.items()
    ]
    return html_table([kind, "value"], rows, text_columns=2)


def _method(number: int, name: str) -> str:
    return f'<th scope=row class="method" style="--method: {colour(number)}">{escape(name)}</th>'


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "<td>&ndash;</td>"
    if isinstance(value, int):
        return f"<td>{value:,}</td>"
    return f"<td>{value:,.1f}</td>" if abs(value) >= 100 else f"<td>{value:.3f}</td>"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _colours(run: RunResults) -> list[str]:
    return [colour(i) for i in range(len(run.table))]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat


def _plain(value: object) -> str:
    if value in (None, "", []):
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
