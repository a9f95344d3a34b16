"""The page itself is tested in a real browser: Debian's chromium, driven by playwright."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import overheard
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from waiting import eventually

from adt_gym import Detection, ScoredSeries
from adt_gym.evaluation.compare import compare, write_table
from adt_gym.evaluation.detections import save_detections
from adt_gym.evaluation.results import LearningCurve, read_run
from adt_gym.metrics.events import find_events
from adt_gym.report.charts import as_script, drawn_series, event_delays, moving_average
from adt_gym.report.run import write_report
from adt_gym.scored_files import save_scored
from adt_gym.series import InputError
from adt_gym.thresholds import make

HOSTILE = "</script><script>document.title='owned'</script><b>&amp;"
METHODS = ("static", "persistence", "rolling_quantile", "always", "never")


def series_of(windows: int, name: str = "pump", seed: int = 0, timed: bool = False) -> ScoredSeries:
    random = np.random.default_rng(seed)
    labels = np.zeros(windows, bool)
    for start in random.integers(0, windows, 1 + windows // 300):
        labels[start : start + 20] = True
    scores = np.clip(0.2 + 0.05 * random.standard_normal(windows) + 0.4 * labels * random.random(windows), 0, 0.8)
    index = np.datetime64("2024-01-01T00:00") + np.arange(windows) * np.timedelta64(5, "m") if timed else None
    return ScoredSeries(scores, labels, name, index)


def write_run(folder: Path, test: Sequence[ScoredSeries], settings: Mapping[str, object], episodes: int = 50) -> Path:
    """Write what `adt run` writes, as far as the report needs it."""
    rows = compare([make(name) for name in METHODS], [series_of(400, seed=9)], test)
    folder.mkdir(parents=True)
    save_scored(folder / "scores-test.npz", test)
    write_table(folder / "table.csv", rows)
    save_detections(folder / "detections.npz", {row.method: row.detections for row in rows})
    episode = np.arange(1.0, episodes + 1)
    curve(episode).save(folder / "training.csv")
    config = {"settings": settings, "command": ["adt", "run", "my file.csv"], "versions": {"numpy": "2.3.4"}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def curve(episode: NDArray[np.float64]) -> LearningCurve:
    return LearningCurve(episode, 10 * np.log(episode), 1 / episode, np.where(episode < 3, np.nan, 1 / episode))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three short series, one with a hostile name."""
    test = [series_of(300, HOSTILE, 1), series_of(200, "fan", 2, timed=True), series_of(900, "pump", 3)]
    settings = {"source": {"source": HOSTILE, "window": 10}, "epochs": 3}
    return write_run(tmp_path_factory.mktemp("runs") / "<i>first", test, settings)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 100,000 windows, one of which is a spike."""
    series = series_of(100_000, "long", timed=True)
    scores = series.scores.copy()
    scores[54_321] = 1.0
    spiked = ScoredSeries(scores, series.labels, series.name, series.index)
    return write_run(tmp_path_factory.mktemp("runs") / "long", [spiked], {"epochs": 3}, episodes=20_000)


# What is computed


def test_event_delays_are_those_of_the_metrics(make_series: Callable[..., ScoredSeries]) -> None:
    for seed in range(20):
        series = make_series(seed=seed)
        detection = Detection.at(0.7, series)
        delays = event_delays(detection)
        events = find_events([detection])
        assert [delay for delay in delays if delay is not None] == events.delays.tolist()
        assert delays.count(None) == events.missed


def test_moving_average_is_the_mean_of_the_values_up_to_here() -> None:
    values = np.random.default_rng(0).normal(size=100)
    naive = [values[max(0, i - 29) : i + 1].mean() for i in range(100)]
    np.testing.assert_allclose(moving_average(values, 30), naive, atol=1e-12)


def test_the_series_with_the_most_anomalies_are_drawn_in_their_order() -> None:
    test = [np.arange(10) < anomalous for anomalous in (2, 0, 5)]
    assert drawn_series(test, 30) == [0, 1, 2]
    assert drawn_series(test, 29) == [0, 2]
    assert drawn_series(test, 19) == [2]
    assert drawn_series(test, 1) == [2]


def test_json_in_a_script_cannot_end_it() -> None:
    assert "<" not in as_script([HOSTILE, "<!--"])
    assert json.loads(as_script([HOSTILE, "<!--"])) == [HOSTILE, "<!--"]


def test_a_learning_curve_is_read_as_written(tmp_path: Path) -> None:
    for episodes in (1, 40):
        written = curve(np.arange(1.0, episodes + 1))
        written.save(tmp_path / "training.csv")
        read = LearningCurve.load(tmp_path / "training.csv")
        for column in ("episode", "reward", "epsilon", "loss"):
            np.testing.assert_allclose(getattr(read, column), getattr(written, column), rtol=1e-8)


# The page's tables


class Tables(HTMLParser):
    """The cells of all tables of a page, by row, and what it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.loads: list[str] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
            self._in_cell = True
        self.loads += [value for name, value in attributes if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def html(run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, [run])
    return path.read_text(encoding="utf-8")


def test_the_truth_table_says_who_saw_labels(html: str, run: Path) -> None:
    head, *rows = Tables(html).tables[0]
    assert head[:6] == ["method", "saw labels", "composite F1", "F1", "F1 low", "F1 high"]
    with (run / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row[0] for row in rows] == [row["method"] for row in written]
    assert [row[1] for row in rows] == ["yes" if row["saw_labels"] == "True" else "no" for row in written]
    assert [row[3] for row in rows] == [f"{float(row['f1']):.3f}" for row in written]
    assert [row[2] for row in rows] == [f"{float(row['composite_f1']):.3f}" for row in written]


def test_the_counts_are_those_of_all_windows(html: str, run: Path) -> None:
    results = read_run(run)
    labels = np.concatenate([one.labels for one in results.test])
    confusion = next(table for table in Tables(html).tables if table[0][1:] == ["TP", "TN", "FP", "FN"])
    for method, *counts in confusion[1:]:
        decisions = np.concatenate([one.decisions for one in results.detections[method]])
        tn, fp, fn, tp = confusion_matrix(labels, decisions, labels=[False, True]).ravel()
        assert [int(count.replace(",", "")) for count in counts] == [tp, tn, fp, fn]


def test_found_and_missed_events_are_counted(html: str, run: Path) -> None:
    events = {row[0]: row[1:3] for row in next(t for t in Tables(html).tables if t[0][1] == "events found")[1:]}
    labels = [one.labels.astype(int) for one in read_run(run).test]
    total = sum(int((np.diff(one, prepend=0) == 1).sum()) for one in labels)
    assert events["always"] == [str(total), "0"]
    assert events["never"] == ["0", str(total)]


def test_settings_versions_and_the_command_are_there(html: str) -> None:
    cells = [row for table in Tables(html).tables for row in table]
    assert ["source.window", "10"] in cells
    assert ["source.source", HOSTILE] in cells
    assert ["numpy", "2.3.4"] in cells
    assert "adt run &#x27;my file.csv&#x27;" in html


def test_the_page_loads_nothing_and_no_value_becomes_markup(html: str) -> None:
    assert Tables(html).loads == []
    assert "document.title='owned'</script>" not in html
    assert "<i>first" not in html


# Folders that are no runs


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no run in .*holds no config\.json"):
        write_report(tmp_path / "report.html", [tmp_path])
    with pytest.raises(InputError, match=r"report\.pdf.*\.html"):
        write_report(tmp_path / "report.pdf", [tmp_path])
    with pytest.raises(InputError, match="at least one"):
        write_report(tmp_path / "report.html", [])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["table.csv", "scores-test.npz", "detections.npz"])
def test_a_missing_file_is_named(run: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"has no {re.escape(name)}"):
        read_run(folder)


@pytest.mark.parametrize("name", ["config.json", "table.csv", "scores-test.npz", "detections.npz", "training.csv"])
@pytest.mark.parametrize("content", ["{}", "method,f1\nstatic,high\n", "not\x00this"])
def test_a_damaged_file_is_named(run: Path, tmp_path: Path, name: str, content: str) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=re.escape(name)):
        read_run(folder)


def test_files_of_two_runs_are_told_apart(run: Path, long_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    shutil.copy(long_run / "scores-test.npz", folder)
    with pytest.raises(InputError, match="not of one run"):
        read_run(folder)


def test_a_run_that_trained_nothing_has_no_learning_curve(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "training.csv").unlink()
    write_report(tmp_path / "report.html", [folder])
    assert "Learning curve" not in (tmp_path / "report.html").read_text(encoding="utf-8")


# The page in a browser


class Browser:
    """Opens reports; remembers what went wrong and what was asked of the network."""

    def __init__(self, context: Any, folder: Path) -> None:
        self.context, self.folder = context, folder
        self.problems: list[str] = []
        self.requests: list[str] = []

    def open(self, *runs: Path) -> Any:
        """Write a report, open it and return the page once its charts are drawn."""
        path = self.folder / f"report-{len(self.context.pages)}.html"
        write_report(path, runs)
        page = overheard(self.context.new_page(), self.problems, self.requests)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn]")
        return page


@pytest.fixture
def browser(context: Any, tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(context, tmp_path)
    yield opened
    for page in context.pages[1:]:
        page.close()
    assert opened.problems == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in opened.requests)


def traces(page: Any, chart: str = "scores") -> dict[str, dict[str, Any]]:
    """What a chart of the visible run draws, by name."""
    script = "e => e.data.map(({name, x, y}) => ({name, x: [...x], y: [...y]}))"
    drawn = page.locator(f"article:not([hidden]) [data-chart={chart}]").evaluate(script)
    return {trace["name"]: trace for trace in drawn}


def wait_for_points(page: Any, condition: str) -> None:
    """Wait until ``condition`` holds of n, the number of scores that are drawn."""
    count = "document.querySelector('[data-chart=scores]').data.find((t) => t.name === 'score').x.length"
    eventually(lambda: page.evaluate(f"() => {{ const n = {count}; return {condition}; }}"))


def test_scores_thresholds_and_labels_are_drawn(browser: Browser, run: Path) -> None:
    page = browser.open(run)
    drawn, (*_, pump) = traces(page), read_run(run).test
    np.testing.assert_allclose(drawn["score"]["y"], pump.scores, atol=1e-5)
    detections = {method: each[2] for method, each in read_run(run).detections.items()}
    for method, detection in detections.items():
        np.testing.assert_allclose(drawn[method]["y"], detection.thresholds, atol=1e-5)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pump.labels, [0]])))
    bars = [x for x in drawn["truth"]["x"] if x is not None]
    np.testing.assert_allclose(bars, edges - 0.5)


def test_a_method_is_toggled(browser: Browser, run: Path) -> None:
    page = browser.open(run)
    before = set(traces(page))
    drawn = "document.querySelector('[data-chart=delays]').data.some((t) => t.name === 'always')"
    page.get_by_text("always", exact=True).and_(page.locator(".methods span")).click()
    eventually(lambda: not page.evaluate(drawn))
    assert before - set(traces(page)) == {"always", "flagged by always"}
    page.get_by_text("always", exact=True).and_(page.locator(".methods span")).click()
    eventually(lambda: page.evaluate(drawn))
    assert set(traces(page)) == before


def test_another_series_is_chosen_and_its_name_is_only_text(browser: Browser, run: Path) -> None:
    page = browser.open(run)
    names = page.locator("select option").all_text_contents()
    assert names[0].startswith(HOSTILE)
    page.select_option("select", "0")
    wait_for_points(page, "n === 300")
    np.testing.assert_allclose(traces(page)["score"]["y"], read_run(run).test[0].scores, atol=1e-5)
    assert page.title() == "<i>first"
    assert page.locator("section b:not(.saw)").count() == 0


def test_a_drag_zooms_in_to_every_window_and_a_double_click_out(browser: Browser, long_run: Path) -> None:
    page = browser.open(long_run)
    whole = len(traces(page)["score"]["x"])
    plot = page.locator("[data-chart=scores] .nsewdrag[data-subplot=xy]").bounding_box()
    middle = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + 300, middle)
    page.mouse.down()
    page.mouse.move(plot["x"] + 308, middle + 2, steps=4)
    page.mouse.up()
    wait_for_points(page, f"n !== {whole}")
    series, shown = read_run(long_run).test[0], traces(page)["score"]
    times = series.index.astype("datetime64[ms]").astype(np.int64)
    first = int(np.searchsorted(times, shown["x"][0]))
    assert 100 < len(shown["x"]) < 2000
    np.testing.assert_array_equal(shown["x"], times[first : first + len(shown["x"])])
    np.testing.assert_allclose(shown["y"], series.scores[first : first + len(shown["x"])], atol=1e-5)
    page.mouse.dblclick(plot["x"] + 300, middle)
    wait_for_points(page, f"n === {whole}")


def test_of_100_000_windows_few_are_drawn_and_the_spike_survives(browser: Browser, long_run: Path) -> None:
    page = browser.open(long_run)
    paints = page.evaluate("performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)")
    size = next(browser.folder.glob("*.html")).stat().st_size
    print(f"first contentful paint of 100,000 windows after {paints[0]:.0f} ms; {size / 1e6:.1f} MB")
    assert len(paints) == 1
    assert size < 15e6
    drawn = traces(page)
    assert len(drawn["score"]["x"]) < 5000
    spike = int(np.argmax(drawn["score"]["y"]))
    assert drawn["score"]["y"][spike] == 1
    assert drawn["score"]["x"][spike] == read_run(long_run).test[0].index[54_321].astype("datetime64[ms]").astype(int)
    assert len(traces(page, "learning")["reward"]["x"]) < 5000
    assert max(len(trace["x"]) for trace in drawn.values()) < 10_000


def test_an_event_of_the_list_is_shown_with_its_delays(browser: Browser, run: Path) -> None:
    page = browser.open(run)
    pump = read_run(run).detections
    head = page.locator("[data-table=events] thead th").all_text_contents()
    first = page.locator("[data-table=events] tbody tr").first
    cells = first.locator("th, td").all_text_contents()
    start = int(cells[0])
    expected = [event_delays(each[2])[0] for each in pump.values()]
    assert head[2:] == list(pump)
    assert cells[2:] == ["missed" if delay is None else str(delay) for delay in expected]
    first.click()
    wait_for_points(page, "n < 900")
    shown = traces(page)["score"]["x"]
    assert shown[0] <= start <= shown[-1]


def test_several_runs_get_tabs(browser: Browser, run: Path, long_run: Path) -> None:
    page = browser.open(run, long_run)
    assert page.get_by_role("tab").all_text_contents() == ["<i>first", "long"]
    assert page.locator("article:visible h2").all_text_contents() == ["<i>first"]
    page.get_by_role("tab", name="long").click()
    page.wait_for_selector("html[data-drawn='1']")
    assert page.locator("article:visible h2").all_text_contents() == ["long"]
    assert len(traces(page)["score"]["x"]) > 1000


def test_nothing_is_wider_than_a_phone(browser: Browser, run: Path) -> None:
    page = browser.open(run)
    page.set_viewport_size({"width": 375, "height": 800})
    page.reload()
    page.wait_for_selector("html[data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_dark_is_dark(browser: Browser, run: Path) -> None:
    page = browser.open(run)
    background = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert min(page.evaluate(background)) > 200
    page.emulate_media(color_scheme="dark")
    eventually(lambda: page.evaluate(f"Math.max(...{background}) < 60"))
