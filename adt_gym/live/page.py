"""The HTML of the page. Names and labels of series are anybody's words: every text that is not ours is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from html import escape
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from adt_gym.live.records import Alert
from adt_gym.live.views import SERIES_STATES, Overview, Told

HELP = (
    "<p class=help><span class=keys><kbd>j</kbd> <kbd>k</kbd> next and previous alert, <kbd>t</kbd> it was true, "
    "<kbd>f</kbd> it was a false alarm, <kbd>Enter</kbd> shows it. </span>All times are UTC.</p>"
)

RANGES = ((500, "500 points"), (2000, "2,000 points"), (20_000, "20,000 points"))


class Chosen(NamedTuple):
    """What of the list is shown.

    Args:
        search, state: Only such series; "" for all.
        page: From 1.
    """

    search: str
    state: str
    page: int

    def link(self, **other: Any) -> str:
        """Return the address of the same list, or of one with some of that changed."""
        search, state, page = self._replace(**other)
        asked = {"q": search, "state": state, "page": page if page > 1 else ""}
        return "/?" + urlencode({name: value for name, value in asked.items() if value})


def index(view: Overview, alerts: Sequence[Alert], chosen: Chosen, per_page: int, csrf: str) -> str:
    """Return the first page: newest alerts and the list of series."""
    chips = [_chip("all", sum(view.counts.values()), chosen.link(state="", page=1), not chosen.state)]
    chips += [_chip(s, view.counts[s], chosen.link(state=s, page=1), chosen.state == s) for s in SERIES_STATES]
    rows = [
        f"<tr><td class=text>{_badge(line.state)}</td>"
        f'<th scope=row><a href="/series/{line.id}">{escape(line.key)}</a></th>'
        f"<td>{_score(line.score, line.votes)}</td><td>{_score(line.threshold)}</td><td>{_time(line.time)}</td></tr>"
        for line in view.lines
    ]
    head = "<th class=text>state<th class=text>series<th>score<th>threshold<th>newest point"
    table = _table("series", head, rows, "No series here. Series appear with their first points.")
    last = max(1, -(-view.found // per_page))
    turns = []
    if chosen.page > 1:
        turns.append(f'<a rel=prev href="{escape(chosen.link(page=chosen.page - 1))}">previous</a>')
    if chosen.page < last:
        turns.append(f'<a rel=next href="{escape(chosen.link(page=chosen.page + 1))}">next</a>')
    hidden = f'<input type=hidden name=state value="{escape(chosen.state)}">' if chosen.state else ""
    body = f"""<section aria-labelledby=alerts-title><h3 id=alerts-title>Newest alerts</h3>
{HELP}<div data-fresh=alerts>{_alerts(alerts, with_series=True)}</div></section>
<section aria-labelledby=series-title><h3 id=series-title>Series</h3>
<form class=controls role=search action="/"><label>Search <input type=search name=q value="{escape(chosen.search)}"
 placeholder="part of a name or label"></label>{hidden}<button>Find</button></form>
<nav class=chips aria-label="series by state" data-fresh=chips>{"".join(chips)}</nav>
<div data-fresh=series>{table}</div>
<p class=pager data-fresh=pager>{view.found:,} found · page {chosen.page:,} of {last:,} {" ".join(turns)}</p>
</section>"""
    return _frame("adt watch", "Series and alerts", body, csrf)


def series(
    id: int, key: str, columns: Sequence[str], alerts: Sequence[Alert], told: Sequence[Told], members: int, csrf: str
) -> str:
    """Return the page of one series."""
    options = "".join(f"<option value={n}{' selected' * (n == 2000)}>{words}</option>" for n, words in RANGES)
    labels = [
        f"<tr><td class=text>{_verdict(one.verdict)}</td><td>{_time(one.since)}</td><td>{_time(one.until)}</td>"
        f"<td>{_time(one.received)}</td><td>{_time(one.heard) if one.heard else 'with the next point'}</td></tr>"
        for one in reversed(told)
    ]
    head = "<th class=text>told<th>from<th>to<th>received<th>heard by the threshold"
    many = f" Of {members} members, the one that stands highest above its threshold is drawn." if members > 1 else ""
    body = f"""<section aria-labelledby=chart-title><div class=controls><h3 id=chart-title>Score and threshold</h3>
<label>Show the newest <select id=points>{options}</select></label></div>
<div class=chart id=chart role=img aria-label="Score, threshold, alerts, labels and metrics over time; the tables below
 say the same in words"></div>
<p class=help>Red bands are alerts; dotted lines are where the threshold heard a label; the strips, from above: flagged
 windows, alerts, told true, told false alarm. Drag to zoom, double click for all.{many}</p></section>
<section aria-labelledby=alerts-title><h3 id=alerts-title>Alerts</h3>
{HELP}<div data-fresh=alerts>{_alerts(alerts, with_series=False)}</div></section>
<section aria-labelledby=labels-title><h3 id=labels-title>Labels told</h3>
<div data-fresh=labels>{_table("labels", head, labels, "None yet.")}</div></section>"""
    return _frame(f"{key} · adt watch", key, body, csrf, id, f"{len(columns)} metric{'s' * (len(columns) != 1)}")


def login(where: str, wrong: bool = False) -> str:
    """Return the form that asks for the token; ``where`` is gone to then."""
    note = "<p role=alert class=missed>That is not the token.</p>" if wrong else ""
    return f"""{_head("Sign in · adt watch", "")}<script src="{_asset("login.js")}" defer></script></head>
<body><main class=login><section><h3>adt watch</h3><p>This page needs the token of the file that
 <code>token_file</code> names.</p>{note}
<form method=post action="/login?next={quote(where, safe="")}" data-next="{escape(where)}"><label>Token
 <input type=password name=token required autofocus autocomplete=current-password></label>
<button>Sign in</button></form></section></main></body></html>"""


def _head(title: str, csrf: str) -> str:
    sheets = "".join(f'<link rel=stylesheet href="{_asset(name)}">' for name in ("report.css", "live.css"))
    return f"""<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width, initial-scale=1">
<meta name=color-scheme content="light dark"><meta name=csrf content="{escape(csrf)}">
<link rel=icon href="data:,"><title>{escape(title)}</title>{sheets}"""


def _frame(title: str, heading: str, body: str, csrf: str, id: int | None = None, note: str = "") -> str:
    plotly = "" if id is None else f'<script src="{_asset("plotly.min.js")}" defer></script>'
    scripts = plotly + "".join(f'<script src="{_asset(n)}" defer></script>' for n in ("chart.js", "live.js"))
    of = "" if id is None else f" data-series={id}"
    return f"""{_head(title, csrf)}{scripts}</head>
<body><header class=page><h1><a href="/">adt watch</a></h1><p role=status aria-live=polite id=status></p></header>
<main{of}><h2>{escape(heading)}</h2><p>{escape(note)}</p>{body}</main></body></html>"""


@cache
def _asset(name: str) -> str:
    """Return the address of a file; another content has another address, so that browsers may keep it for good."""
    if name == "plotly.min.js":
        mark = version("plotly")
    else:
        room = "adt_gym.report" if name == "report.css" else "adt_gym.live"
        mark = sha256((files(room) / "assets" / name).read_bytes()).hexdigest()[:12]
    return f"/assets/{name}?v={quote(mark)}"


def _alerts(alerts: Sequence[Alert], with_series: bool) -> str:
    rows = []
    for one in alerts:
        id, why = escape(one.id), one.why or {}
        link = f'<a href="/alerts/{quote(one.id, safe="")}">'
        name = f"{link}{escape(one.key)}</a>" if with_series else f"{link}{_time(one.started)}</a>"
        buttons = "".join(
            f'<button id="{id}-{word[0]}" data-verdict={word} aria-pressed={str(one.verdict == value).lower()}'
            f' aria-label="{words}: alert of {_clock(one.started)}">{words}</button>'
            for word, value, words in (("true", 1, "true"), ("false", 0, "false alarm"))
        )
        rows.append(
            f'<tr data-alert="{id}" id="row-{id}" tabindex=-1 data-started={one.started} data-last={one.last}>'
            f"<td class=text>{_badge(one.state)}</td><th scope=row>{name}</th>"
            f"<td class=text>{escape(one.severity)}</td>"
            + (f"<td>{_time(one.started)}</td>" if with_series else "")
            + f"<td>{_lasted(one)}</td><td>{_score(why.get('score'))} &gt; {_score(why.get('threshold'))}</td>"
            f'<td class="text why">{escape(_because(why))}</td><td class="text verdicts">{buttons}</td></tr>'
        )
    head = "<th class=text>state<th class=text>" + ("series" if with_series else "started") + "<th class=text>severity"
    head += "<th>started" * with_series + "<th>lasted<th>score<th class=text>because of<th class=text>it was"
    return _table("alerts", head, rows, "No alerts yet.", "wide tall")


def _table(name: str, head: str, rows: Iterable[str], empty: str, kind: str = "wide") -> str:
    body = "".join(rows)
    if not body:
        return f"<p>{empty}</p>"
    head = head.replace("<th", "<th scope=col")
    return (
        f'<div class="{kind}" tabindex=0 role=region aria-label="{name}"><table class="of-{name}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _chip(name: str, count: int, link: str, chosen: bool) -> str:
    current = " aria-current=true" if chosen else ""
    return f'<a href="{escape(link)}"{current} data-state="{name}">{name} <b>{count:,}</b></a>'


def _badge(state: str) -> str:
    return f'<span class=badge data-state="{escape(state)}">{escape(state)}</span>'


def _verdict(verdict: bool) -> str:
    return "true" if verdict else "false alarm"


def _score(value: Any, votes: int | None = None) -> str:
    if not isinstance(value, int | float):
        return "&ndash;"
    return f"<span{' class=missed' if votes else ''}>{value:.{3 if value < 0.999 else 6}f}</span>"


def _clock(ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return str(ms)


def _time(ms: int | None) -> str:
    return "&ndash;" if ms is None else f'<time datetime="{_clock(ms).replace(" ", "T")}Z">{_clock(ms)}</time>'


def _lasted(alert: Alert) -> str:
    seconds = max(0, (alert.ended or alert.last) - alert.started) // 1000
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if n]
    return " ".join(parts[:2]) or "0 s"


def _because(why: Mapping[str, Any]) -> str:
    """Return which metrics stood out the most, and how many members flagged the window."""
    first, *others = why.get("columns") or [None]
    words = []
    if first is not None:
        words.append(f"{first['name']} {first['value']:.6g}, usually {first['usual']:.6g}")
    if others:
        words.append("then " + ", ".join(one["name"] for one in others[:2]))
    members = why.get("members") or []
    if len(members) > 1:
        words.append(f"{sum(one['flagged'] for one in members)} of {len(members)} members")
    return "; ".join(words)
