"""The live service's page on a real server, over a state that is filled by hand."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from waiting import eventually

from adt_gym.live.config import Config, Service, Source
from adt_gym.live.own_metrics import Metrics
from adt_gym.live.points import Found
from adt_gym.live.records import Alert, Kept
from adt_gym.live.state import State
from adt_gym.live.web import app

BEGIN = 1_760_000_040_000
"""Of all series, in milliseconds since 1970; a whole minute."""

MINUTE = 60_000


def config_of(folder: Path = Path(), **service: Any) -> Config:
    return Config(service=Service(**service), source=Source("stdin"), folder=folder)


def fill(path: Path, names: dict[str, Found], points: int = 300) -> None:
    """Write a state: every series is flagged for five windows at every hundredth, and has an alert there."""
    with State(path) as state, state.transaction():
        state.set_meta("stepped", str(BEGIN + points * MINUTE))
        for series, found in enumerate(names.values(), 1):
            state.add_series(series, found)
            state.set_watched(series, 100)
            rows = []
            for n in range(points):
                high = n % 100 in range(50, 55)
                score = 0.3 + 0.2 * math.sin(n / 9 + series) ** 2 + 0.4 * high
                point = tuple(10 * (i + 1) + math.sin(n / 20 + i) + 3 * high for i in range(len(found.columns)))
                threshold = 0.62 + 0.05 * (n > 170)
                rows.append(
                    (series, Kept(n, BEGIN + n * MINUTE, 0, point, n, score, threshold, int(score > threshold)))
                )
            state.add_points(rows)
            for i in range(points // 100):
                state.set_alert(series, alert_of(found.key, series, i, points // 100, found.columns[-1]))


def alert_of(key: str, series: int, i: int, count: int, strangest: str = "value") -> Alert:
    started = BEGIN + (100 * i + 50) * MINUTE
    last = started + 4 * MINUTE
    ended = None if i == count - 1 else last + 5 * MINUTE
    column = {"name": strangest, "value": 13.5, "usual": 10.25, "distance": 4.0}
    why = {"time": started, "score": 0.91, "threshold": 0.62, "members": [], "columns": [column]}
    state = "firing" if ended is None else "resolved"
    return Alert(f"a{series}-{i}", key, "warning", state, started, last, started, ended, why)


def told(path: Path) -> list[tuple[str, int, int, int]]:
    """Return key, since, until and verdict of all labels that were left, in their order."""
    with State(path, owner=False) as state:
        keys = {one.id: one.found.key for one in state.series()}
        return [(keys[one.series], one.since, one.until, one.verdict) for one in state.labels()]


@contextmanager
def served(config: Config, path: Path, metrics: Metrics | None = None) -> Iterator[httpx.Client]:
    """Yield a client of the live service's page."""
    with running(app(config, path, metrics or Metrics(config, path))) as client:
        yield client


@contextmanager
def running(made: Any) -> Iterator[httpx.Client]:
    """Yield a client of an ASGI application that a server in a thread serves on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(made, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
