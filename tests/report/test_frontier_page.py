import json
import re
from pathlib import Path
from typing import Any

import pytest

from adt_gym.evaluation.frontier import FrontierRow, write_rows
from adt_gym.report.frontier import is_frontier, read_frontier, write_frontier_report
from adt_gym.series import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small frontier, as the command writes it."""
    rows = [
        FrontierRow(
            method, feedback, delay, 0.0, series, 0, saw, "", f1=f1, event_recall=0.5, false_alarms_per_1000=12.34
        )
        for series, shift in (("a", 0.0), ("b", 0.1))
        for method, feedback, delay, saw, f1 in (
            ("persistence(10)", "full", "10", True, 0.7),
            ("static", "full", "10", False, 0.3),
            ("ours", "full", "10", True, 0.6 + shift),
            ("ours", "alerts", "10", True, 0.5 + shift),
            ("static", "none", "never", False, 0.3),
            ("ours", "none", "never", False, 0.4 + shift),
        )
    ]
    found = tmp_path / "fron<tier"
    write_rows(found / "table.csv", rows)
    (found / "config.json").write_text(json.dumps({"kind": "frontier", "command": ["adt", "frontier", "a & b"]}))
    return found


def charts(page: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [[re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


def test_the_page_shows_the_tables(folder: Path, tmp_path: Path) -> None:
    write_frontier_report(tmp_path / "page.html", [folder])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>fron&lt;tier</title>" in page
    assert "&#x27;a &amp; b&#x27;" in page
    found = cells(page.split('<script type="application/json"')[0])
    assert ["persistence(d)", "yes", "0.700", "&ndash;"] in found
    assert ["static", "no", "0.300", "0.300"] in found
    assert ["static", "no", "&ndash;", "0.300"] in found, "with alerts there is no static row at 10"
    assert ["ours", "yes", "0.650", "0.450"] in found
    assert ["ours", "yes", "0.550", "0.450"] in found
    assert ["ours", "yes", "12.3", "12.3"] in found


def test_the_charts_hold_the_means(folder: Path, tmp_path: Path) -> None:
    write_frontier_report(tmp_path / "page.html", [folder, folder])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('<div class="chart">') == len(charts(page)) == 4
    full = {line["name"]: line for line in charts(page)[0]["data"]}
    assert full["ours"]["x"] == ["10", "never"]
    assert full["ours"]["y"] == pytest.approx([0.65, 0.45])
    assert full["persistence(d)"]["y"] == [pytest.approx(0.7), None]


def test_what_is_no_frontier_is_refused_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    for content in (None, "{", "[]", '{"settings": {}}'):
        if content is not None:
            (tmp_path / "config.json").write_text(content)
        assert not is_frontier(tmp_path)
        with pytest.raises(FileNotFoundError, match="adt frontier"):
            write_frontier_report(tmp_path / "page.html", [folder, tmp_path])
    with pytest.raises(InputError, match=r"\.html"):
        write_frontier_report(tmp_path / "page.txt", [folder])
    (folder / "table.csv").write_text((folder / "table.csv").read_text().splitlines()[0] + "\n")
    assert is_frontier(folder)
    with pytest.raises(InputError, match="no rows"):
        read_frontier(folder)
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, "config.json"}
