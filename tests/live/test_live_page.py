"""The live page in a real browser: what people see of it, and do there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chromium import overheard
from served import BEGIN, MINUTE, config_of, fill, running, served, told
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from waiting import eventually

from adt_gym.live.points import Found
from adt_gym.live.state import State

HOSTILE = "</title><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
NAMES = {
    "cpu": Found("cpu", {"instance": "a"}, ("value",)),
    "host": Found("host", {"x": HOSTILE}, ("<b>load</b>", "memory")),
}
CPU, HOST = (found.key for found in NAMES.values())
SPANS = [(BEGIN + (100 * i + 50) * MINUTE, BEGIN + (100 * i + 54) * MINUTE) for i in range(3)]


class Browser:
    """Opens pages of one server; remembers what went wrong, and who was asked for something."""

    def __init__(self, context: Any, base: str) -> None:
        self.context, self.base = context, base
        self.problems: list[str] = []
        self.requests: list[str] = []

    def open(self, path: str) -> Any:
        page = overheard(self.context.new_page(), self.problems, self.requests)
        page.goto(self.base + path)
        page.wait_for_selector("html[data-ready]")
        return page


@pytest.fixture
def state(tmp_path: Path) -> Path:
    fill(tmp_path / "state.sqlite", NAMES)
    return tmp_path / "state.sqlite"


@pytest.fixture
def browser(context: Any, state: Path) -> Iterator[Browser]:
    with served(config_of(), state) as client:
        base = str(client.base_url).rstrip("/")
        opened = Browser(context, base)
        yield opened
        for page in context.pages[1:]:
            page.close()
    assert opened.problems == []
    assert {urlsplit(one).netloc for one in opened.requests} - {""} == {urlsplit(base).netloc}  # "" is of data:


def traces(page: Any) -> dict[str, dict[str, Any]]:
    """What the chart draws, by name."""
    page.wait_for_selector("html[data-drawn]")
    script = "e => e.data.map(({name, x, y}) => ({name, x: [...x], y: [...y]}))"
    return {one["name"]: one for one in page.locator("#chart").evaluate(script)}


def drawn_points(page: Any, count: int) -> None:
    page.wait_for_selector(f"html[data-drawn='{count}']")


def test_a_series_is_found_and_drawn(browser: Browser, state: Path) -> None:
    page = browser.open("/")
    assert page.locator("table.of-series tbody th").all_inner_texts() == [CPU, HOST]
    page.get_by_role("searchbox").fill("INSTANCE")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=INSTANCE")
    assert page.locator("table.of-series tbody th").all_inner_texts() == [CPU]
    page.locator("table.of-series a").click()
    drawn = traces(page)
    with State(state, owner=False) as opened:
        kept = opened.points(1)
    assert drawn["score"]["x"] == [one.time for one in kept]
    assert drawn["score"]["y"] == [one.score for one in kept]
    assert drawn["threshold"]["y"] == [one.threshold for one in kept]
    assert drawn["value"]["y"] == [one.point[0] for one in kept]
    half = MINUTE / 2
    assert drawn["alert"]["x"] == [t for a, b in reversed(SPANS) for t in (a - half, b + half, None)]
    assert drawn["flagged"]["x"] == [t for a, b in SPANS for t in (a - half, b + half, None)]
    assert page.locator("#chart .main-svg").first.bounding_box()["height"] > 300


def test_a_click_leaves_a_label(browser: Browser, state: Path) -> None:
    page = browser.open("/")
    row = page.locator(f"tr[data-alert]:has-text('{CPU}')").first
    row.get_by_role("button", name="false alarm").click()
    page.wait_for_selector("#status[data-kind=done]")
    assert told(state) == [(CPU, *SPANS[2], 0)]
    assert "Told: false alarm" in page.get_by_role("status").inner_text()
    assert row.get_by_role("button", name="false alarm").get_attribute("aria-pressed") == "true"
    row.get_by_role("button", name="true", exact=False).first.click()
    page.locator("#status", has_text="Told: true").wait_for()
    assert told(state)[1:] == [(CPU, *SPANS[2], 1)]
    assert row.locator("[aria-pressed=true]").all_inner_texts() == ["true"]


def test_the_keyboard_is_enough(browser: Browser, state: Path) -> None:
    page = browser.open("/series/2")
    page.keyboard.press("f")  # nothing is chosen yet
    for key in "jjjk":
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.alert") == "a2-1"
    assert page.locator("tr.chosen").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("f")
    page.wait_for_selector("#status[data-kind=done]")
    assert told(state) == [(HOST, *SPANS[1], 0)]
    assert page.evaluate("document.activeElement.dataset.alert") == "a2-1"  # the table is another, the place is not
    page.keyboard.press("Tab")  # the link, then the buttons
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.verdict") == "true"
    page.keyboard.press("Enter")
    eventually(lambda: len(told(state)) == 2)
    assert told(state)[1] == (HOST, *SPANS[1], 1)


def test_news_come_and_the_zoom_stays(browser: Browser, state: Path) -> None:
    page = browser.open("/alerts/a1-1")
    drawn_points(page, 300)
    assert page.locator("tr.chosen").get_attribute("data-alert") == "a1-1"
    assert traces(page)["chosen alert"]["x"][0] == SPANS[1][0] - MINUTE / 2
    shown = "document.getElementById('chart').layout.xaxis.range.map((t) => Date.parse(t + 'Z') || t)"
    range_before = page.evaluate(shown)
    assert range_before[0] < SPANS[1][0] < SPANS[1][1] < range_before[1] < BEGIN + 200 * MINUTE
    with State(state, owner=False) as opened, opened.transaction():
        newest = opened.points(1, newest=1)[0]
        opened.add_points(
            [(1, newest._replace(n=300 + i, time=newest.time + (i + 3) * MINUTE, gap=2 * (not i))) for i in range(5)]
        )
    with State(state, owner=False) as opened:
        opened.leave_verdict("a1-1", 0, "test", BEGIN)
        (label,) = opened.labels()
        opened.set_told(label.id, 170, [150])
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as if one looked again
    drawn_points(page, 305)
    assert page.evaluate(shown) == range_before
    found = traces(page)
    assert len(found["score"]["x"]) == 306  # with the gap, where the line is broken
    assert found["score"]["y"].index(None) == 300
    assert found["heard false alarm"]["x"][0] == BEGIN + 169 * MINUTE
    assert found["told false"]["x"][:2] == [SPANS[1][0] - MINUTE / 2, SPANS[1][1] + MINUTE / 2]
    assert page.locator("table.of-labels tbody tr").count() == 1


def test_names_are_only_text(browser: Browser) -> None:
    for path in ("/", "/series/2"):
        page = browser.open(path)
        assert HOST in page.locator("main").inner_text()
        assert page.locator("main img, main script, main b:not(.chips b)").count() == 0
        assert "owned" not in page.title() or HOST in page.title()
    assert "<b>load</b>" in page.locator("#chart .annotation").first.text_content()


def test_it_fits_a_phone_and_the_night(browser: Browser) -> None:
    background = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    for path in ("/", "/series/2"):
        page = browser.open(path)
        assert min(page.evaluate(background)) > 200
        page.emulate_media(color_scheme="dark")
        eventually(lambda: max(page.evaluate(background)) < 60)  # noqa: B023
        page.set_viewport_size({"width": 375, "height": 800})
        page.reload()
        page.wait_for_selector("html[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        button = page.get_by_role("button", name="false alarm").first
        box = button.bounding_box()
        assert 0 < box["x"] < box["x"] + box["width"] < 375
        assert box["height"] >= 32


def test_a_page_of_another_port_leaves_nothing(context: Any, state: Path) -> None:
    form = """<form method=post enctype=text/plain action="{0}/labels">
    <input name='{{"alert":"a1-0","verdict":false,"x":"' value='"}}'></form>
    <script>const body = '{{"alert":"a1-0","verdict":false}}', post = (more) =>
      fetch("{0}/labels", {{method: "POST", body, credentials: "include", ...more}}).then(() => 1, () => 0);
    Promise.all([post({{mode: "no-cors"}}), post({{}}), post({{headers: {{"Content-Type": "application/json"}}}}),
      fetch("{0}/api/series").then(() => "read", () => "not read")]).then((all) => (document.title = all));</script>"""
    with served(config_of(), state) as ours:
        html = form.format(str(ours.base_url).rstrip("/"))
        with running(Starlette(routes=[Route("/", lambda _: HTMLResponse(html))])) as theirs:
            page = context.new_page()
            page.goto(str(theirs.base_url))
            eventually(page.title)
            assert page.title() == "0,0,0,not read"
            page.evaluate("document.forms[0].submit()")
            page.wait_for_url("**/labels")
            assert "no page of somebody else may do that" in page.content()
            assert told(state) == []
            page.close()


def test_who_is_signed_in_follows_a_link_from_elsewhere(context: Any, state: Path) -> None:
    (state.parent / "token").write_text("secret")
    with served(config_of(state.parent, token_file="token"), state) as ours:
        base = str(ours.base_url).rstrip("/")
        page = context.new_page()
        page.goto(f"{base}/series/1")
        page.get_by_label("Token").fill("secret")
        page.get_by_role("button").click()
        drawn_points(page, 300)
        assert page.url == f"{base}/series/1"
        elsewhere = HTMLResponse(f'<a href="{base}/alerts/a1-1">alert</a>')
        with running(Starlette(routes=[Route("/", lambda _: elsewhere)])) as chat:
            page.goto(str(chat.base_url).replace("127.0.0.1", "localhost"))  # another site: no cookie goes along
            page.get_by_role("link").click()
            page.wait_for_url("**/series/1?alert=a1-1")
            drawn_points(page, 300)
        page.close()
