"""One HTML page of one or several frontiers: how methods do on unseen series as labels come late, in part or never."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adt_gym.checks import InputError
from adt_gym.evaluation.frontier import (
    KIND,
    OURS,
    over_delays,
    panel,
    parts,
    read_rows,
    saw_labels,
    settings_of,
    title_of,
)
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.colours import colour
from adt_gym.report.page import html_table, page_path, write_page

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "composite_f1": ("Composite F1", 3),
    "f1": ("F1", 3),
    "false_alarms_per_day": ("False alarms a day", 2),
    "event_recall": ("Share of the events found", 3),
    "detection_delay": ("Windows until an event is found (median)", 1),
    "false_alarms_per_1000": ("False alarms per 1,000 windows", 1),
}
"""What the tables of a panel show, and with how many digits."""


DRAW = """
const charts = JSON.parse(document.getElementById("charts").textContent);
document.querySelectorAll(".chart").forEach((place, i) =>
  Plotly.newPlot(place, charts[i].data, charts[i].layout, {responsive: true, displaylogo: false}));
"""
"""Draws the charts of all panels, in their order."""


CONFIG = "the config.json of a frontier"


@dataclass(frozen=True)
class FrontierConfig:
    """What a report wants of config.json: the words of the command."""

    command: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FrontierResults:
    """The content of a folder that `adt frontier` wrote: its name, the words of its command and its table."""

    name: str
    command: tuple[str, ...]
    table: "pd.DataFrame"


def is_frontier(folder: str | Path) -> bool:
    """Return whether the folder is one that `adt frontier` wrote."""
    try:
        config = read_json(Path(folder) / "config.json", CONFIG)
    except (FileNotFoundError, InputError):
        return False
    return isinstance(config, dict) and config.get("kind") == KIND


def read_frontier(folder: str | Path) -> FrontierResults:
    """Read a folder that `adt frontier` wrote.

    Raises:
        FileNotFoundError: If it is no such folder, or has no table.
        InputError: If its table is damaged or empty.
    """
    folder = Path(folder)
    if not is_frontier(folder):
        raise FileNotFoundError(f"{folder} holds no frontier; `adt frontier` makes one")
    path = folder / "config.json"
    config = as_dataclass(FrontierConfig, read_json(path, CONFIG), f"{path} is not {CONFIG}", others=True)
    table = read_rows(folder / "table.csv")
    if table.empty:
        raise InputError(f"{folder / 'table.csv'} has no rows: go on with the frontier first")
    return FrontierResults(folder.resolve().name, config.command, table)


def write_frontier_report(path: str | Path, folders: Sequence[str | Path]) -> None:
    """Write the page of the frontiers in ``folders``, one below the other, to the HTML file ``path``.

    Raises:
        FileNotFoundError: If a folder is not that of a frontier.
        InputError: If ``path`` is no .html file, or a table is damaged.
    """
    path = page_path(path)
    results = [read_frontier(folder) for folder in folders]
    data = [chart for one in results for chart in _charts(one.table)]
    names = [one.name for one in results]
    write_page(path, names, "<h1>Late, partial and missing labels</h1>", map(_article, results), data, DRAW)


def _article(results: FrontierResults) -> str:
    table = results.table
    seeds = table["seed"].nunique()
    counts = f"{len(table[['family', 'series']].drop_duplicates())} unseen series · {seeds} seed{'s' * (seeds > 1)}"
    panels = "".join(_panel(part, *setting, name) for name, part in parts(table) for setting in settings_of(part))
    return f"""
<article>
<h2>{escape(results.name)}</h2>
<p class="facts">{counts}</p>
<pre class="command">{escape(" ".join(map(shlex.quote, results.command)))}</pre>
{panels}
</article>"""


def _panel(table: "pd.DataFrame", feedback: str, noise: float, part: str) -> str:
    rows = panel(table, feedback, noise)
    saw = saw_labels(rows)
    tables = "".join(
        f"<h4>{title}</h4>{_measure(over_delays(rows, measure).mean, saw, digits)}"
        for measure, (title, digits) in MEASURES.items()
    )
    return f"""
<section><h3>{escape(title_of(feedback, noise, part))}</h3>
<p>Mean over unseen series{", then families," if part else ""} and seeds, by the windows until a label is told. A method
marked <b class="saw">yes</b> was told labels of the test series while it judged them.</p>
<div class="chart"></div>{tables}</section>"""


def _measure(mean: "pd.DataFrame", saw: "pd.Series[bool]", digits: int) -> str:
    rows = [
        [f'<th scope=row class="method" style="--method: {colour(i)}">{escape(method)}</th>']
        + [f'<td class="text">{"<b class=saw>yes</b>" if saw[method] else "no"}</td>']
        + [f"<td>{value:.{digits}f}</td>" if value == value else "<td>&ndash;</td>" for value in mean.loc[method]]
        for i, method in enumerate(mean.index)
    ]
    return html_table(["method", "saw labels", *mean.columns], rows, text_columns=2)


def _charts(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return for every panel what Plotly draws: F1 over delay, a line per method."""
    return [
        _chart(over_delays(panel(part, *setting)).mean) for _, part in parts(table) for setting in settings_of(part)
    ]


def _chart(f1: "pd.DataFrame") -> dict[str, Any]:
    lines = [
        {
            "type": "scatter", "mode": "lines+markers", "name": method, "x": list(f1.columns),
            "y": [value if value == value else None for value in f1.loc[method]], "hovertemplate": "%{y:.3f}",
            "line": {"color": colour(i), "width": 4 if method == OURS else 1.5},
            "zorder": int(method != OURS),  # below the others, so that none is hidden
        }
        for i, method in enumerate(f1.index)
    ]  # fmt: skip
    grid = {"gridcolor": "rgba(128,128,128,0.2)", "zeroline": False}
    layout = {
        "height": 420, "margin": {"l": 48, "r": 8, "t": 8, "b": 40}, "hovermode": "x unified",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": "#808a94"},
        "xaxis": {"type": "category", "title": {"text": "windows until a label is told"}, **grid},
        "yaxis": {"range": [0, 1], "title": {"text": "F1"}, **grid},
    }  # fmt: skip
    return {"data": lines, "layout": layout}
