"""What Prometheus scrapes, read by its client's own parser."""

from collections import Counter
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from served import BEGIN, MINUTE, alert_of, config_of, fill, served

from adt_gym.live.own_metrics import Metrics
from adt_gym.live.points import Found
from adt_gym.live.records import Kept
from adt_gym.live.step import Decision, Step

HOSTILE = Found("disk", {"path": 'C:\\"temp"\nx'}, ("value",))
NAMES = {"cpu": Found("cpu", {}, ("value",)), "disk": HOSTILE}

Sample = tuple[str, frozenset[tuple[str, str]]]


def read(text: str) -> dict[Sample, float]:
    found = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in found for one in family.samples}


def of(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


def scraped(metrics: Metrics) -> dict[Sample, float]:
    content, content_type = metrics.exposition("")
    assert content_type.startswith("text/plain")
    return read(content.decode())


def decision(key: str, minute: int, score: float, votes: int) -> Decision:
    return Decision(key, Kept(minute, BEGIN + minute * MINUTE, 0, (1.0,), minute, score, 0.5, votes))


def test_everything_is_there_from_the_start() -> None:
    found = scraped(Metrics(config_of()))
    for reason in ("late", "duplicate", "missing", "columns"):
        assert found[of("adt_samples_refused_total", reason=reason)] == 0
    for name in ("adt_samples_accepted_total", "adt_samples_missing_total", "adt_counter_resets_total"):
        assert found[of(name)] == 0
    assert found[of("adt_labels_told_total")] == found[of("adt_step_seconds_count")] == 0
    assert found[of("adt_alerts_fired_total", severity="warning")] == 0
    assert found[of("adt_errors_total", kind="timeout")] == 0
    assert 0 <= found[of("adt_state_age_seconds")] < 60
    assert found[of("process_resident_memory_bytes")] > 1e6


def test_steps_are_counted() -> None:
    metrics = Metrics(config_of())
    alert = alert_of("cpu", 1, 0, 1)
    for minute in (1, 2):
        metrics.step(
            Step(
                BEGIN + minute * MINUTE, [decision("cpu", minute, 0.4, 0), decision(HOSTILE.key, minute, 0.9, minute)],
                accepted=2, refused=Counter(late=1), gaps=3, resets=4, told=5,
                events=[("pending", alert), ("firing", alert), ("resolved", alert), ("suppressed", alert)],
            ),
            0.02,
        )  # fmt: skip
    metrics.error("timeout")
    metrics.error("odd")
    metrics.sink("webhook", "failed")
    found = scraped(metrics)
    assert found[of("adt_score", series="cpu")] == 0.4
    assert found[of("adt_score", series=HOSTILE.key)] == 0.9
    assert found[of("adt_threshold", series=HOSTILE.key)] == 0.5
    assert (found[of("adt_decision", series="cpu")], found[of("adt_decision", series=HOSTILE.key)]) == (0, 1)
    assert found[of("adt_samples_accepted_total")] == 4
    assert found[of("adt_samples_refused_total", reason="late")] == 2
    assert found[of("adt_samples_missing_total")] == 6
    assert found[of("adt_counter_resets_total")] == 8
    assert found[of("adt_labels_told_total")] == 10
    assert found[of("adt_alerts_fired_total", severity="warning")] == 2
    assert found[of("adt_step_seconds_count")] == 2
    assert found[of("adt_step_seconds_sum")] == pytest.approx(0.04)
    assert found[of("adt_errors_total", kind="timeout")] == found[of("adt_errors_total", kind="odd")] == 1
    assert found[of("adt_sink_messages_total", sink="webhook", result="failed")] == 1


def test_a_series_that_is_silent_has_no_score() -> None:
    metrics = Metrics(config_of())  # vanished after ten minutes
    metrics.step(Step(BEGIN, [decision("cpu", 0, 0.4, 0), decision("disk", 5, 0.4, 0)]), 0.1)
    assert of("adt_score", series="cpu") in scraped(metrics)
    metrics.step(Step(BEGIN + 11 * MINUTE), 0.1)
    found = scraped(metrics)
    assert of("adt_score", series="cpu") not in found
    assert of("adt_score", series="disk") in found


def test_what_is_up_is_what_the_state_says(tmp_path: Path) -> None:
    fill(tmp_path / "state", NAMES)
    config = config_of()
    found = scraped(Metrics(config, tmp_path / "state"))  # as after a restart
    assert found[of("adt_alerts", severity="warning", state="firing")] == 2
    assert found[of("adt_alerts", severity="warning", state="pending")] == 0
    assert found[of("adt_series", state="firing")] == 2
    assert found[of("adt_series", state="warming up")] == 0


def test_it_is_served_in_the_format_that_is_asked_for(tmp_path: Path) -> None:
    fill(tmp_path / "state", NAMES)
    with served(config_of(), tmp_path / "state") as client:
        plain = client.get("/metrics")
        assert plain.headers["content-type"].startswith("text/plain")
        assert of("adt_series", state="firing") in read(plain.text)
        assert openmetric(client)


def openmetric(client: httpx.Client) -> bool:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    return "adt_samples_accepted" in {one.name for one in openmetrics.text_string_to_metric_families(answer.text)}
