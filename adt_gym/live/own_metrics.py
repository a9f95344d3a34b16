"""What the service tells Prometheus: what was decided, and how it fares itself."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from adt_gym.live.config import Config
from adt_gym.live.records import Kept
from adt_gym.live.step import REFUSED, Step
from adt_gym.live.views import SERIES_STATES, alerts_up, overview

ERRORS = ("timeout", "connection", "status", "body")
"""Kinds of errors that are counted from 0 on; others appear with their first."""

STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)


class Metrics:
    """The service's metrics; all threads may call all methods.

    Args:
        config: What is watched.
        path: The file of state, in which alerts and series are counted; None if there is none.
    """

    def __init__(self, config: Config, path: Path | None = None):
        self.registry = CollectorRegistry()
        self._done = time.monotonic()
        own = self.registry
        severities = [tier.severity for tier in config.alerts.tiers]
        self._fired = Counter("adt_alerts_fired", "Alerts that fired.", ["severity"], registry=own)
        self._told = Counter("adt_labels_told", "Labels that the methods were told.", registry=own)
        self._accepted = Counter("adt_samples_accepted", "Points that were taken in.", registry=own)
        self._refused = Counter("adt_samples_refused", "Points that were not taken in.", ["reason"], registry=own)
        self._missing = Counter("adt_samples_missing", "Points missing between those that came.", registry=own)
        self._resets = Counter("adt_counter_resets", "Watched counters that began anew.", registry=own)
        self._seconds = Histogram(
            "adt_step_seconds", "From a point's arrival to the commit.", registry=own, buckets=STEP_SECONDS
        )
        self._errors = Counter("adt_errors", "Errors that the service went on after.", ["kind"], registry=own)
        self._messages = Counter("adt_sink_messages", "What sinks were told.", ["sink", "result"], registry=own)
        age = Gauge("adt_state_age_seconds", "Since the last step was committed.", registry=own)
        age.set_function(lambda: time.monotonic() - self._done)
        for severity in severities:
            self._fired.labels(severity)
        for reason in REFUSED:
            self._refused.labels(reason)
        for kind in ERRORS:
            self._errors.labels(kind)
        stale = config.stale
        self._newest = _Newest(stale)
        own.register(self._newest)
        if path is not None:
            own.register(_Counted(path, stale, severities))
        ProcessCollector(registry=own)

    def step(self, step: Step, seconds: float) -> None:
        """Count what a step did that is committed, and took so many seconds."""
        self._done = time.monotonic()
        self._seconds.observe(seconds)
        self._accepted.inc(step.accepted)
        for reason, count in step.refused.items():
            self._refused.labels(reason).inc(count)
        self._missing.inc(step.gaps)
        self._resets.inc(step.resets)
        self._told.inc(step.told)
        for event, alert in step.events:
            if event == "firing":
                self._fired.labels(alert.severity).inc()
        self._newest.update(step)

    def error(self, kind: str) -> None:
        """Count an error."""
        self._errors.labels(kind).inc()

    def sink(self, name: str, result: str) -> None:
        """Count a message to a sink that was "sent" or "failed"."""
        self._messages.labels(name, result).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all of it, and its content type, in the format that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Newest(Collector):
    """Score, threshold and decision of the newest window of every series that is not silent."""

    def __init__(self, stale: float):
        self._stale, self._lock, self._now = stale, Lock(), 0
        self._kept: dict[str, Kept] = {}

    def update(self, step: Step) -> None:
        """Take in what was decided."""
        with self._lock:
            self._kept.update(step.decisions)
            self._now = step.now

    def describe(self) -> list[Metric]:
        """Return the names, so that registering collects nothing."""
        return [
            GaugeMetricFamily("adt_score", "Anomaly score of the newest window.", labels=["series"]),
            GaugeMetricFamily("adt_threshold", "Threshold of the newest window.", labels=["series"]),
            GaugeMetricFamily("adt_decision", "1 if a member flags the newest window.", labels=["series"]),
        ]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        with self._lock:  # the silent ones are left out here: a step may be of one point among ten thousand series
            self._kept = {key: one for key, one in self._kept.items() if one.time >= self._now - self._stale}
            kept = list(self._kept.items())
        score, threshold, decision = families = self.describe()
        for key, one in kept:
            if one.score is not None and one.threshold is not None:
                score.add_sample("adt_score", {"series": key}, one.score)
                threshold.add_sample("adt_threshold", {"series": key}, one.threshold)
                decision.add_sample("adt_decision", {"series": key}, float(bool(one.votes)))
        yield from families


class _Counted(Collector):
    """How many alerts and series there are, as the state has them: a restart changes nothing."""

    def __init__(self, path: Path, stale: float, severities: list[str]):
        self._path, self._stale, self._severities = path, stale, severities

    def describe(self) -> list[Metric]:
        """Return the names, so that registering collects nothing."""
        return [
            GaugeMetricFamily("adt_alerts", "Alerts that are up.", labels=["severity", "state"]),
            GaugeMetricFamily("adt_series", "Series that are kept.", labels=["state"]),
        ]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        alerts, series = families = self.describe()
        up = {(severity, state): 0 for severity in self._severities for state in ("firing", "pending")}
        for (severity, state), count in (up | alerts_up(self._path)).items():
            alerts.add_sample("adt_alerts", {"severity": severity, "state": state}, count)
        counts = overview(self._path, self._stale, limit=0).counts
        for state in SERIES_STATES:
            series.add_sample("adt_series", {"state": state}, counts[state])
        yield from families
