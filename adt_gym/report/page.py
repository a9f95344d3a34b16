"""The frame of every report: one HTML page that needs nothing but itself, no network, no server."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from adt_gym.files import replacing
from adt_gym.report.charts import as_script
from adt_gym.series import InputError


def page_path(path: str | Path) -> Path:
    """Return where a page is to be written.

    Raises:
        InputError: If it is no .html file.
    """
    path = Path(path)
    if path.suffix not in (".html", ".htm"):
        raise InputError(f"{path}: a report is an HTML page; give the file the ending .html")
    return path


def write_page(
    path: Path, names: Sequence[str], header: str, articles: Iterable[str], data: object, script: str
) -> None:
    """Write a page.

    Args:
        path: The file.
        names: Of the articles; together they are the page's title.
        header: HTML.
        articles: HTML, one below the other.
        data: What the script finds, as JSON, in the element "charts".
        script: JavaScript, run where Plotly is there.
    """
    from plotly.offline import get_plotlyjs

    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data: blob:">
<title>{escape(" · ".join(names))}</title>
<style>{asset("report.css")}</style>
</head>
<body>
<header class="page">{header}</header>
<main>{"".join(articles)}</main>
<script type="application/json" id="charts">{as_script(data)}</script>
<script>{get_plotlyjs()}</script>
<script>{script}</script>
</body>
</html>
"""
    with replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def asset(name: str) -> str:
    """Return the text of a packaged file that pages are made of."""
    return (files("adt_gym.report") / "assets" / name).read_text(encoding="utf-8")


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1, tall: bool = False) -> str:
    """Return a table.

    Args:
        head: The titles, plain text.
        rows: Per row its cells, HTML elements.
        text_columns: How many of the first columns hold words; all others hold numbers.
        tall: Whether it may be long: it scrolls then.
    """
    titles = "".join(
        f"<th scope=col{' class=text' if i < text_columns else ''}>{escape(t)}</th>" for i, t in enumerate(head)
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="{"wide tall" if tall else "wide"}" tabindex="0">{table}</div>'
