"""The page of a run of which nobody knows the truth, and of a back-test, in a real browser where it draws."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import overheard
from waiting import eventually

from adt_gym import Detection, ScoredSeries
from adt_gym.evaluation.alerts import ALERTS, COLUMNS, by_hour, read_alerts
from adt_gym.evaluation.detections import save_detections
from adt_gym.evaluation.results import read_run
from adt_gym.report.run import write_report
from adt_gym.scored_files import save_scored
from adt_gym.series import InputError
from adt_gym.spreadsheet import write_csv

HOSTILE = "</script><script>document.title='owned'</script>"
START, MINUTE, CUT = 1_700_000_000_000, 60_000, 0.8
WINDOWS = {"a": 300, HOSTILE: 500}
HIGH = {"a": [(50, 53)], HOSTILE: [(100, 110), (400, 402)]}
"""Which windows are flagged, by series."""


def when(window: int) -> str:
    return f"{np.datetime64(START + window * MINUTE, 'ms')}Z"


def series_of(name: str) -> ScoredSeries:
    random = np.random.default_rng(len(name))
    scores = random.uniform(0.1, 0.5, WINDOWS[name])
    for start, stop in HIGH[name]:
        scores[start:stop] = random.uniform(0.85, 0.95, stop - start)
    times = np.array([START + i * MINUTE for i in range(WINDOWS[name])], "M8[ms]")
    return ScoredSeries(scores, None, name, times)


def lines(name: str) -> Iterator[list[Any]]:
    for start, stop in HIGH[name]:
        yield [name, "warning", "resolved", when(start), when(start), when(stop + 5), 0.9, CUT, "cpu memory"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a back-test leaves of two series: three alerts, one that was pending, and one over the budget."""
    folder = tmp_path_factory.mktemp("runs") / "unlabelled"
    folder.mkdir()
    test = [series_of(name) for name in WINDOWS]
    save_scored(folder / "scores-test.npz", test)
    save_detections(folder / "detections.npz", {"adt watch": [Detection.at(CUT, one) for one in test]})
    config = {"settings": {"model": {"window": 5}}, "command": ["adt", "backtest"], "versions": {"numpy": "2.3.4"}}
    (folder / "config.json").write_text(json.dumps(config))
    others = [["a", "heal", state, when(200), "", "", "", "", ""] for state in ("pending", "suppressed")]
    write_csv(folder / ALERTS, COLUMNS, [*(line for name in WINDOWS for line in lines(name)), *others])
    return folder


def html_of(folder: Path, to: Path) -> str:
    write_report(to / "report.html", [folder])
    return (to / "report.html").read_text(encoding="utf-8").split("<script")[0]


def test_nothing_on_it_takes_unknown_for_normal(run: Path, tmp_path: Path) -> None:
    html = html_of(run, tmp_path)
    for word in ("Truth table", "Confusion", "of the windows anomalous", "labelled anomalous", "TP", "events found"):
        assert word not in html
    assert "2 series · 800 windows · no labels" in html
    assert "<td>15</td><td>1.88%</td><td>3</td>" in html  # 3 + 10 + 2 windows flagged, of 800, in 3 alarms


def test_alerts_are_counted_by_state_and_series(run: Path, tmp_path: Path) -> None:
    html = html_of(run, tmp_path)
    assert "<b>3</b> would have fired, 3 warning; 1 more were pending at the end; 1 more were over the budget" in html
    assert "<th scope=row>a</th><td>1</td><td>3</td><td>300</td>" in html
    assert "<td>2</td><td>12</td><td>500</td>" in html
    assert "document.title='owned'</script>" not in html
    assert html.count("cpu memory") == 3


def test_a_run_that_is_no_back_test_has_no_alerts(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / ALERTS).unlink()
    assert "Alerts" not in html_of(folder, tmp_path)


def test_hours_are_those_of_the_day_in_utc(run: Path) -> None:
    alerts = read_alerts(run)
    assert alerts is not None
    hours = [0] * 24
    for starts in HIGH.values():
        for start, _ in starts:
            hours[(START // 1000 + 60 * start) // 3600 % 24] += 1
    assert by_hour(alerts) == hours


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", f"{','.join(COLUMNS)}\na,warning,resolved,soon,,,,,\n", "\x00"])
def test_a_damaged_file_of_alerts_is_named(run: Path, tmp_path: Path, content: str) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / ALERTS).write_text(content)
    with pytest.raises(InputError, match=r"alerts\.csv does not hold"):
        read_run(folder)


def test_where_some_labels_are_known_the_others_are_none(run: Path, tmp_path: Path) -> None:
    """A table over all windows would have to guess."""
    folder = shutil.copytree(run, tmp_path / "run")
    first, other = read_run(run).test
    labels = np.zeros(len(first), bool)
    labels[50:60] = True
    test = [replace(first, labels=labels), other]
    save_scored(folder / "scores-test.npz", test)
    save_detections(folder / "detections.npz", {"adt watch": [Detection.at(CUT, one) for one in test]})
    read = read_run(folder)
    assert not read.labelled
    np.testing.assert_array_equal(read.detections["adt watch"][0].labels, labels)
    assert read.detections["adt watch"][1].labels is None
    assert "Truth table" not in html_of(folder, tmp_path)


# In a browser


@pytest.fixture
def page(context: Any, run: Path, tmp_path: Path) -> Iterator[Any]:
    """The page, once it is drawn; nothing may go wrong on it."""
    write_report(tmp_path / "report.html", [run])
    problems = list[str]()
    opened = overheard(context.new_page(), problems, [])
    opened.goto((tmp_path / "report.html").as_uri())
    opened.wait_for_selector("html[data-drawn]")
    yield opened
    opened.close()
    assert problems == []


def traces(page: Any, chart: str = "scores") -> dict[str, dict[str, Any]]:
    script = "e => e.data.map(({name, x, y}) => ({name, x: [...x], y: [...y]}))"
    return {one["name"]: one for one in page.locator(f"[data-chart={chart}]").evaluate(script)}


def test_scores_thresholds_alerts_and_what_is_flagged_are_drawn_and_no_truth(page: Any, run: Path) -> None:
    drawn, series = traces(page), read_run(run).test[1]
    assert set(drawn) == {"score", "adt watch", "alerts", "flagged by adt watch"}
    np.testing.assert_allclose(drawn["score"]["y"], series.scores, atol=1e-5)
    np.testing.assert_allclose(drawn["adt watch"]["y"], np.full(500, CUT), atol=1e-5)
    for name, more in (("alerts", 5.5), ("flagged by adt watch", 0)):
        bars = [x for x in drawn[name]["x"] if x is not None]
        edges = [(start - 0.5, stop - 0.5 + more) for start, stop in HIGH[HOSTILE]]
        np.testing.assert_allclose(bars, [START + edge * MINUTE for both in edges for edge in both])
    hours = traces(page, "hours")["alerts"]["y"]
    assert hours == by_hour(read_alerts(run) or [])
    assert page.locator("[data-chart=delays]").count() == 0


def test_alarms_are_listed_with_their_highest_score(page: Any, run: Path) -> None:
    rows = page.locator("[data-table=events] tbody tr")
    cells = [row.locator("th, td").all_text_contents() for row in rows.all()]
    scores = read_run(run).test[1].scores
    assert [cell[1:] for cell in cells] == [
        [str(stop - start), f"{scores[start:stop].max():.4f}"] for start, stop in HIGH[HOSTILE]
    ]
    assert page.locator("select option").all_text_contents() == ["a · 1 alarm", f"{HOSTILE} · 2 alarms"]


def test_a_click_on_an_alert_shows_it(page: Any, run: Path) -> None:
    page.locator("[data-alert]").first.click()
    near = "document.querySelector('[data-chart=scores]').data.find((t) => t.name === 'score').x.length < 100"
    eventually(lambda: page.evaluate(near))
    shown, (start, stop) = traces(page)["score"]["x"], HIGH["a"][0]
    assert shown[0] <= START + start * MINUTE
    assert START + stop * MINUTE <= shown[-1] < START + 100 * MINUTE
    first = round((shown[0] - START) / MINUTE)
    scores = read_run(run).test[0].scores[first : first + len(shown)]
    np.testing.assert_allclose(traces(page)["score"]["y"], scores, atol=1e-5)
    assert len(traces(page)["alerts"]["x"]) == 3, "one fired, and what did not fire is no bar"
    assert page.locator("select").input_value() == "0"


def test_nothing_is_wider_than_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    page.reload()
    page.wait_for_selector("html[data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
