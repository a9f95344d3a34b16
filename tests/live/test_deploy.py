"""What is deployed is right as it stands: by the programs that read it, where they are there."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from prometheus import program

from adt_gym import data
from adt_gym.data.kubernetes import METRICS
from adt_gym.live.config import Config, load, parse, templates
from adt_gym.live.loop import Loop
from adt_gym.live.own_metrics import Metrics
from adt_gym.live.points import Arrival, Batch, Found, Point
from adt_gym.live.records import Alert
from adt_gym.live.state import State

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONFIGS = [*templates().values(), *sorted(DEPLOY.glob("*.toml"))]


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page in a language."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def checked(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_config_parses(path: Path) -> None:
    assert load(path).series


def test_the_configs_on_a_page_parse() -> None:
    shown = blocks("live.md", "toml")
    assert len(shown) > 1
    for block in shown:
        assert parse(block if "[[series]]" in block else f'{block}[[series]]\nname = "up"\nquery = "up"').series


def test_the_kubernetes_pipeline_watches_its_16_metrics_with_four_members_and_two_tiers() -> None:
    config = load(templates()["kubernetes"])
    (series,) = config.series
    assert list(series.columns) == [metric.name for metric in METRICS]
    assert config.model.members == 4
    assert [(tier.severity, tier.votes) for tier in config.alerts.tiers] == [("warning", "any"), ("heal", "majority")]
    rules = yaml.safe_load((DEPLOY / "kubernetes.rules.yml").read_text())["groups"][0]["rules"]
    assert [rule["record"] for rule in rules] == list(series.columns.values())


def test_the_kubernetes_pipeline_alerts_people_of_an_anomaly_and_then_heals() -> None:
    """On a part of the packaged series that is normal, as the past, and the anomaly after it."""
    (series,) = data.load("kubernetes")
    assert series.index is not None
    assert series.labels is not None
    found = Found("kubernetes", {}, series.columns)
    times = series.index.astype("M8[ms]").astype(np.int64).tolist()
    points = [Point(found.key, time, tuple(row)) for time, row in zip(times, series.values.tolist(), strict=True)]
    first, event = 600, int(np.flatnonzero(series.labels[600:])[0]) + 600
    assert event == 1526
    fired: list[Alert] = []
    with State(None) as state:
        loop = Loop(load(templates()["kubernetes"]), state)
        loop.step(Arrival(times[1499], Batch.of([found], points[first:1500]), past=True))
        for point in points[1500:1545]:
            step = loop.step(Arrival(point.time, Batch.of([found], [point])))
            fired += [alert for kind, alert in step.events if kind == "firing"]
    (warning,) = [alert for alert in fired if alert.severity == "warning"]
    (heal,) = [alert for alert in fired if alert.severity == "heal"]
    assert times[event] <= warning.started <= heal.started < times[event + 5]
    assert heal.why is not None
    assert [one["scorer"] for one in heal.why["members"]] == ["arima", "pca", "forecast", "autoencoder"]
    assert sum(one["flagged"] for one in heal.why["members"]) > 2


def test_prometheus_takes_its_config_and_the_rules() -> None:
    checked(program("promtool"), "check", "config", "--syntax-only", DEPLOY / "prometheus.yml")
    checked(program("promtool"), "check", "rules", DEPLOY / "kubernetes.rules.yml")


def test_prometheus_takes_the_alerts_about_the_service_that_a_page_shows(tmp_path: Path) -> None:
    (shown,) = blocks("operations.md", "yaml")
    (tmp_path / "rules.yml").write_text(shown)
    checked(program("promtool"), "check", "rules", tmp_path / "rules.yml")


def test_alertmanager_takes_its_config() -> None:
    checked(program("amtool"), "check-config", DEPLOY / "alertmanager.yml")


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    text = (DEPLOY / "adt-watch.service").read_text()
    assert "ExecStart=/opt/adt/bin/adt watch /etc/adt/watch.toml\n" in text
    unit = tmp_path / "adt-watch.service"
    unit.write_text(text.replace("/opt/adt/bin/adt", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr  # unknown keys and values are only warned of


def test_the_files_that_compose_names_are_there_and_its_programs_reach_each_other() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    for service in services.values():
        for volume in service.get("volumes", []):
            source, _, _ = volume.partition(":")
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in compose["volumes"], volume
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert set(service.get("depends_on", [])) <= set(services)
    config = load(DEPLOY / "watch.toml")
    assert config.service.token_file == "/run/secrets/token"
    urls = [config.source.url, config.labels.alertmanager, *(sink.url for sink in config.sinks)]
    targets = [
        target
        for job in yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    hosts = {re.sub(r"http://|:\d+$", "", one) for one in [*urls, *targets]}
    assert hosts == set(services)


def test_the_container_copies_what_its_context_lets_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    text = (DEPLOY / "Containerfile").read_text()
    copied = {word for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE) for word in line.split()}
    copied |= set(re.findall(r"type=bind,source=(\S+?),", text))
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


# Grafana


def queries(value: Any) -> Iterator[str]:
    """Yield what a dashboard asks Prometheus."""
    if isinstance(value, dict):
        yield from (one for key, one in value.items() if key in ("expr", "definition") and isinstance(one, str))
        for one in value.values():
            yield from queries(one)
    elif isinstance(value, list):
        for one in value:
            yield from queries(one)


def test_the_dashboard_asks_for_metrics_that_the_service_has(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    State(path).close()
    exposed = Metrics(Config(series=load(templates()["watch"]).series), path).exposition("text/plain")[0].decode()
    known = set(re.findall(r"^# TYPE (\w+) ", exposed, re.MULTILINE))
    known |= {f"{name}_bucket" for name in re.findall(r"^# TYPE (\w+) histogram", exposed, re.MULTILINE)}
    asked = {name for one in queries(dashboard()) for name in re.findall(r"\b(?:adt|process)_\w+", one)}
    assert len(asked) > 12
    assert asked <= known


def test_the_dashboard_is_whole() -> None:
    found = dashboard()
    kinds = {variable["name"]: variable["type"] for variable in found["templating"]["list"]}
    assert kinds == {"datasource": "datasource", "job": "query", "series": "query"}
    ids = [panel["id"] for panel in found["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in found["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
    assert [panel["title"] for panel in found["panels"] if panel.get("repeat") == "series"] == ["$series"]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    return found


def test_prometheus_takes_what_the_dashboard_asks(tmp_path: Path) -> None:
    """As rules, whose PromQL promtool parses; Grafana's variables are words there."""
    asked = [one.replace("$job", "j").replace("$series", "s") for one in queries(dashboard())]
    rules = [{"record": f"r{i}", "expr": one} for i, one in enumerate(asked) if "label_values" not in one]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked(program("promtool"), "check", "rules", tmp_path / "rules.yml")
