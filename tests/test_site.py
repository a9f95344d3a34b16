"""The site that `make docs` makes: it is whole, needs no network, and can be searched when it is read from disk."""

import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlparse

import nbformat
import pytest
from chromium import chromium, overheard
from filelock import FileLock

ROOT = Path(__file__).parents[1]
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser fetches by itself; a `link` only where it is one of those below."""

FETCHED = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch"}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it once, however many processes run the tests."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    built = shared / "site"
    with FileLock(shared / "site.lock"):
        if not (built / "sitemap.xml").exists():
            subprocess.run(["make", "layout"], cwd=ROOT, check=True)
            build = [sys.executable, "-m", "mkdocs", "build", "--site-dir", built]
            made = subprocess.run(build, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True)
            assert made.returncode == 0, made.stderr.decode()
    return built


class Page(HTMLParser):
    """What a page links to, what it fetches, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        target = given.get("href") or given.get("src")
        if target:
            self.links.append(target)
        if tag in LOADED and (tag != "link" or set((given.get("rel") or "").split()) & FETCHED):
            self.fetched.append(given.get(LOADED[tag]) or "")


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_no_link_is_dead(pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for link in page.links:
            place, anchor = urldefrag(link)
            if urlparse(place).scheme:
                continue
            target = (path.parent / unquote(place)).resolve() if place else path
            known = pages[target].anchors if target in pages else {anchor}
            if not target.exists() or unquote(anchor) not in known:
                dead.append(f"{path.name}: {link}")
    assert sum(len(page.links) for page in pages.values()) > 1000
    assert not dead


def test_nothing_is_fetched_from_a_server(pages: dict[Path, Page]) -> None:
    assert not {link for page in pages.values() for link in page.fetched if urlparse(link).scheme not in ("", "data")}


def test_every_module_has_its_docstring_on_a_page(pages: dict[Path, Page]) -> None:
    anchors = set[str]().union(*(page.anchors for path, page in pages.items() if path.parent.name == "api"))
    for folder, package in (("adt_gym", "adt_gym"), ("agents", "adt_gym.agents"), ("scripts", "adt_gym.scripts")):
        for path in (ROOT / folder).rglob("*.py"):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            if path.name != "__main__.py":
                assert ".".join([package, *(part for part in inner if part != "__init__")]) in anchors


def test_every_tutorial_is_a_notebook_that_ran(site: Path) -> None:
    notebooks = list((site / "tutorials").glob("*.ipynb"))
    assert {path.stem for path in notebooks} == {
        path.stem for path in (ROOT / "docs" / "tutorials").glob("*.md") if path.stem != "index"
    }
    for path in notebooks:
        cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        assert any(cell.outputs for cell in cells)
        assert not [
            one for cell in cells for one in cell.outputs if one.output_type == "error" or one.get("name") == "stderr"
        ]


# In a browser


class Reader:
    """Opens pages from disk; remembers what went wrong and what was asked for."""

    def __init__(self, context: Any, site: Path) -> None:
        self.site, self.problems, self.requests = site, list[str](), list[str]()
        self.page = overheard(context.new_page(), self.problems, self.requests)

    def open(self, page: str) -> Any:
        self.page.goto((self.site / page).as_uri())
        return self.page


@pytest.fixture
def reader(site: Path, tmp_path: Path) -> Iterator[Reader]:
    with chromium(tmp_path) as context:
        yield (opened := Reader(context, site))
        assert opened.problems == []
        assert all(url.startswith(("file:", "data:", "about:")) for url in opened.requests)


def test_the_search_finds_things_offline(reader: Reader) -> None:
    page = reader.open("index.html")
    page.click("input[name=query]")
    page.keyboard.type("persistence")
    page.wait_for_selector(".md-search-result__item")
    found = page.locator(".md-search-result__item a").evaluate_all("all => all.map(one => one.href)")
    assert len(found) > 5
    assert any("truth.html" in link for link in found)


def test_pages_open_without_an_error_and_fit_a_phone(reader: Reader, pages: dict[Path, Page]) -> None:
    for path in pages:
        page = reader.open(str(path.relative_to(reader.site)))
        assert page.title()
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
