"""Page, labels and metrics over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from adt_gym.checks import InputError, one_of
from adt_gym.live import page, views
from adt_gym.live.config import Config
from adt_gym.live.moments import now
from adt_gym.live.own_metrics import Metrics
from adt_gym.live.posted import NotThereError, leave
from adt_gym.live.records import STATES
from adt_gym.live.security import Guard, Keys, refused
from adt_gym.live.state import State
from adt_gym.reading import parse_json

MAX_BODY = 64 << 10
"""Bytes of a request's body."""

PER_PAGE = 200
"""Series of a page of the list."""

NEWEST_ALERTS = 50
"""Alerts of a page's table."""

MAX_POINTS = 25_000
"""Points of one answer."""

ASSETS = [("adt_gym.live", "assets"), ("adt_gym.report", "assets"), ("plotly", "package_data")]
"""Packages and folders whose files the page is made of; the first that has a file counts."""


def app(config: Config, state_path: Path, metrics: Metrics) -> Starlette:
    """Return what a server such as uvicorn serves.

    Args:
        config: Of the service.
        state_path: The file of state, which is there.
        metrics: What the service counts.

    Raises:
        InputError: If the config names a token file that cannot be read or is empty.
    """
    keys = Keys(config)
    pages = _Pages(config, state_path, metrics, keys)
    packed = [Middleware(GZipMiddleware, compresslevel=5)]  # pages of HTML are not: they hold a secret beside a search
    routes = [
        Route("/", pages.index),
        Route("/series/{id:int}", pages.series),
        Route("/alerts/{id:path}", pages.alert),
        Route("/api/series", pages.api_index, middleware=packed),
        Route("/api/series/{id:int}", pages.api_series, middleware=packed),
        Route("/api/alerts", pages.api_alerts, middleware=packed),
        Route("/labels", pages.labels, methods=["POST"]),
        Route("/login", pages.login, methods=["GET", "POST"]),
        Route("/metrics", pages.metrics, middleware=packed),
        Route("/healthz", pages.healthz),
        Mount("/assets", StaticFiles(packages=[*ASSETS]), middleware=packed),
    ]
    handlers: dict[Any, Callable[..., Any]] = {
        NotThereError: lambda _, error: refused(404, str(error)),
        InputError: lambda _, error: refused(400, str(error)),
        HTTPException: lambda _, error: refused(error.status_code, error.detail, error.headers),
    }
    guard = Middleware(Guard, config=config, keys=keys)
    return Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)


class _Pages:
    """The answers. Those that read the state are no coroutines: each runs in a thread of its own."""

    def __init__(self, config: Config, path: Path, metrics: Metrics, keys: Keys):
        self._path, self._metrics, self._keys = path, metrics, keys
        self._stale = config.stale
        self._members = config.model.members
        self._secure = urlsplit(config.service.address).scheme == "https"

    def index(self, request: Request) -> Response:
        """The list of series."""
        chosen, view = self._overview(request)
        with State(self._path, owner=False) as state:
            alerts = state.alerts(newest=NEWEST_ALERTS)
        return HTMLResponse(page.index(view, alerts, chosen, PER_PAGE, self._keys.csrf))

    def series(self, request: Request) -> Response:
        """One series."""
        id, key, columns = self._series(request)
        with State(self._path, owner=False) as state:
            alerts = state.alerts(key=key, newest=NEWEST_ALERTS)
            marked = state.alert(request.query_params.get("alert", ""))
        if marked is not None and marked.key == key and marked not in alerts:
            alerts.append(marked)
        told = views.told(self._path, id, NEWEST_ALERTS)
        return HTMLResponse(page.series(id, key, columns, alerts, told, self._members, self._keys.csrf))

    def alert(self, request: Request) -> Response:
        """The series of an alert."""
        id = request.path_params["id"]
        with State(self._path, owner=False) as state:
            alert = state.alert(id)
        series = None if alert is None else views.id_of(self._path, alert.key)
        if series is None:
            raise NotThereError("there is no such alert, or it is older than what is kept")
        return RedirectResponse(f"/series/{series}?alert={quote(id, safe='')}", 303)

    def api_index(self, request: Request) -> Response:
        """The list of series as JSON."""
        chosen, view = self._overview(request)
        lines = [line._asdict() for line in view.lines]
        return JSONResponse({"counts": view.counts, "found": view.found, "page": chosen.page, "series": lines})

    def api_series(self, request: Request) -> Response:
        """What is drawn of a series."""
        since = _number(request, "since", 0, 2**53)
        newest = _number(request, "points", 2000, MAX_POINTS)
        return JSONResponse(views.drawn(self._path, *self._series(request), since, newest))

    def api_alerts(self, request: Request) -> Response:
        """The newest alerts as JSON."""
        states = request.query_params.getlist("state") or STATES
        for one in states:
            one_of("state", one, STATES)
        with State(self._path, owner=False) as state:
            found = state.alerts(states, request.query_params.get("series"), _number(request, "newest", 50, 1000))
        return JSONResponse({"alerts": [one.body() for one in found]})

    async def labels(self, request: Request) -> Response:
        """A label."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "a label is JSON: send Content-Type: application/json")
        given = parse_json(await _body(request), "the label is no JSON")
        new = await run_in_threadpool(leave, self._path, given, now())
        return JSONResponse({"label": "new" if new else "known"}, 202)

    async def login(self, request: Request) -> Response:
        """The form that asks for the token, and what follows."""
        where = _local(request.query_params.get("next", "/"))
        if not self._keys.needed:
            return RedirectResponse(where, 303)
        if request.method != "POST":
            return HTMLResponse(page.login(where))
        given = parse_qs((await _body(request)).decode("latin-1")).get("token", [""])[0]
        if not self._keys.right(given.encode()):
            return HTMLResponse(page.login(where, wrong=True), 403)
        answer = RedirectResponse(where, 303)
        answer.set_cookie(self._keys.cookie, self._keys.begin(), httponly=True, samesite="strict", secure=self._secure)
        return answer

    def metrics(self, request: Request) -> Response:
        """What Prometheus scrapes."""
        content, content_type = self._metrics.exposition(request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": content_type})

    def healthz(self, _: Request) -> Response:
        """Whether the service lives."""
        return PlainTextResponse("ok\n")

    def _series(self, request: Request) -> tuple[int, str, tuple[str, ...]]:
        id = request.path_params["id"]
        found = views.key_of(self._path, id) if id < 2**63 else None
        if found is None:
            raise NotThereError("there is no such series")
        return id, *found

    def _overview(self, request: Request) -> tuple[page.Chosen, views.Overview]:
        asked = request.query_params
        state = asked.get("state", "")
        if state:
            one_of("state", state, views.SERIES_STATES)
        chosen = page.Chosen(asked.get("q", "").strip(), state, _number(request, "page", 1, 10**6, least=1))
        offset = PER_PAGE * (chosen.page - 1)
        return chosen, views.overview(self._path, self._stale, chosen.search, state, offset, PER_PAGE)


def _number(request: Request, name: str, default: int, most: int, least: int = 0) -> int:
    """Return a number of the query.

    Raises:
        InputError: If it is none.
    """
    given = request.query_params.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 20 and least <= int(given) <= most):
        raise InputError(f"{name} must be a whole number from {least} to {most}")
    return int(given)


async def _body(request: Request) -> bytes:
    """Return the body.

    Raises:
        HTTPException: If it is too long; the rest of it is not read.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"a request has at most {MAX_BODY >> 10} kB", {"Connection": "close"})
    return bytes(body)


def _local(where: str) -> str:
    """Return a path of ours: what leads to somebody else's page becomes the first page."""
    safe = where.startswith("/") and not where.startswith("//") and "\\" not in where and where.isprintable()
    return where if safe else "/"
