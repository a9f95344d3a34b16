"""The live service as people meet it: real Prometheus, Alertmanager and browser, `adt watch` as a process of its own.

Two clusters that are twins are watched. One of them is told what its alert was: whatever differs between them from then
on, the label did.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from chromium import chromium
from prometheus import program
from waiting import eventually

CLUSTERS = ("blue", "green")
EXAMPLES = Path(__file__).parents[2] / "examples" / "live"
DEADLINE = 90.0
"""Seconds; all that is waited for comes within a few."""


def module(name: str) -> ModuleType:
    """Import one of the example's files, as it imports the others."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))


class Watched:
    """What the service shows, and what Alertmanager does."""

    def __init__(self, demo: Any):
        self.demo = demo
        self.client = httpx.Client(trust_env=False)

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(self.demo.page + path, params=params).raise_for_status().json()

    def ids(self, name: str) -> dict[str, int]:
        """Return the numbers of the series of a name by their cluster; nothing before both are judged."""
        judged = [one for one in self.get("/api/series")["series"] if one["score"] is not None]
        found = {
            cluster: one["id"]
            for one in judged
            for cluster in CLUSTERS
            if one["key"].startswith(f'{name}{{cluster="{cluster}"')
        }
        return found if len(found) == len(CLUSTERS) else {}

    def thresholds(self, series: int) -> dict[int, float]:
        """Return the thresholds of a series by their times."""
        found = self.get(f"/api/series/{series}")
        pairs = zip(found["times"], found["thresholds"], strict=True)
        return {time: threshold for time, threshold in pairs if threshold is not None}

    def differences(self, name: str) -> dict[int, float]:
        """Return by how much the thresholds of blue are above those of its twin, at the times that both have."""
        ids = self.ids(name)
        blue, green = self.thresholds(ids["blue"]), self.thresholds(ids["green"])
        return {time: blue[time] - green[time] for time in sorted(blue.keys() & green.keys())}

    def moved(self, name: str) -> bool:
        """Return whether blue's thresholds are above those of its twin somewhere; else let there be a fault again."""
        if max(self.differences(name).values()) > 0:
            return True
        if not any(self.firing(name, one) for one in CLUSTERS):
            self.demo.clusters.fault()
        return False

    def firing(self, name: str, cluster: str) -> list[Any]:
        """Return what the real Alertmanager says that fires."""
        filters = [f'alertname="{name}"', f'cluster="{cluster}"']
        asked = {"filter": filters, "active": "true", "silenced": "true", "inhibited": "true"}
        return self.client.get(f"{self.demo.alertmanager}/api/v2/alerts", params=asked).raise_for_status().json()

    def silence(self, name: str, cluster: str, comment: str) -> None:
        now = datetime.now(UTC)
        wanted = {"alertname": name, "cluster": cluster}.items()
        silence = {
            "matchers": [{"name": key, "value": value, "isRegex": False} for key, value in wanted],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(minutes=5)).isoformat(),
            "createdBy": "somebody",
            "comment": comment,
        }
        self.client.post(f"{self.demo.alertmanager}/api/v2/silences", json=silence).raise_for_status()

    def heard(self, series: int) -> list[bool]:
        """Return the labels that the thresholds of a series have heard."""
        return [one["verdict"] for one in self.get(f"/api/series/{series}")["labels"] if one["heard"] is not None]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    for one in module("demo").PROGRAMS:
        program(one)
    folder = tmp_path / "demo"
    folder.mkdir()
    clusters = module("exporter").Clusters(lasting=2.0)
    with module("demo").running(folder, clusters, step="500ms") as demo:
        yield Watched(demo)


def test_an_alert_is_called_false_and_the_thresholds_move(watched: Watched, tmp_path: Path) -> None:
    requests, latency = (eventually(partial(watched.ids, name), DEADLINE) for name in ("requests", "latency"))
    watched.demo.clusters.fault()
    fired = {one: eventually(partial(watched.firing, "requests", one), DEADLINE) for one in CLUSTERS}
    assert [alert["labels"]["severity"] for (alert,) in fired.values()] == ["warning", "warning"]

    eventually(partial(watched.firing, "latency", "blue"), DEADLINE)
    watched.silence("latency", "blue", "false alarm: somebody tries something")
    eventually(lambda: watched.heard(latency["blue"]) == [False], DEADLINE)

    for cluster in CLUSTERS:
        eventually(lambda c=cluster: not watched.firing("requests", c), DEADLINE)
    assert set(watched.differences("requests").values()) == {0.0}
    with chromium(tmp_path / "profile") as browser:
        page = browser.new_page()
        page.goto(fired["blue"][0]["generatorURL"])
        page.locator("html[data-ready]").wait_for()
        page.get_by_role("button", name="false alarm").first.click()
        page.locator("[data-verdict=false][aria-pressed=true]").first.wait_for()
    eventually(lambda: watched.heard(requests["blue"]) == [False], DEADLINE)

    eventually(partial(watched.moved, "requests"), DEADLINE)
    assert watched.heard(requests["green"]) == watched.heard(latency["green"]) == []
