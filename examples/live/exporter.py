"""An exporter of two small clusters' metrics for Prometheus: a day that takes two minutes, and faults.

The metrics are those of the packaged series ``kubernetes``. The clusters are twins: whatever happens, happens to both.
So one of them can be told what its alerts were, and the other shows what would have become of it untold. Every value
follows from its time alone, so that a past can be written that Prometheus never scraped.
"""

import argparse
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from adt_gym.data.kubernetes import METRICS

DAY = 120.0
"""Seconds of the day of these clusters."""

CLUSTERS = ("blue", "green")

NOISE = 0.5
"""Share of the noise of the packaged series: there it drifts from minute to minute, here it is drawn anew."""

FAULT = 6.0
"""How far a fault lifts what follows the load, in standard deviations of the packaged series' noise."""


class Clusters(Collector):
    """The metrics of the clusters, as they are at the moment when Prometheus asks.

    Args:
        every: Seconds from the start of one fault to that of the next; 0 for none but those on demand.
        first: Seconds until the first of these.
        lasting: Seconds that a fault lasts.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(
        self, every: float = 0.0, first: float = 25.0, lasting: float = 8.0, clock: Callable[[], float] = time.time
    ):
        self._every, self._first, self._lasting, self._clock = every, first, lasting, clock
        self._started, self._until = clock(), -math.inf

    def fault(self) -> None:
        """Let there be a fault from now on, for as long as one lasts."""
        self._until = self._clock() + self._lasting

    def faulty(self, now: float) -> bool:
        """Return whether there is a fault."""
        since = now - self._started - self._first
        return now < self._until or (self._every > 0 and since >= 0 and since % self._every < self._lasting)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics for prometheus_client."""
        now = self._clock()
        for metric, value in zip(METRICS, values(now, self.faulty(now)), strict=True):
            family = GaugeMetricFamily(metric.name, "Of a cluster that is made up.", labels=["cluster"])
            for cluster in CLUSTERS:
                family.add_metric([cluster], value)
            yield family


def values(now: float, faulty: bool = False) -> list[float]:
    """Return every metric of a cluster at a time, in the order of ``METRICS``."""
    noise = np.random.default_rng(int(now * 1000)).standard_normal(len(METRICS))
    day = math.sin(2 * math.pi * now / DAY)
    lifted = FAULT if faulty else 0.0
    return [
        max(0.0, one.base + one.season * day + one.noise * (NOISE * drawn + lifted * one.follows_load))
        for one, drawn in zip(METRICS, noise.tolist(), strict=True)
    ]


def past(since: float, until: float, step: float, labels: str) -> Iterator[str]:
    """Yield the lines of an OpenMetrics file of what Prometheus would have scraped, without a fault.

    Args:
        since, until: Seconds since 1970.
        step: Seconds between two points.
        labels: Those that Prometheus adds, such as ``job="cluster"``.
    """
    rows = [(now, values(now)) for now in np.arange(since, until, step).tolist()]
    for i, metric in enumerate(METRICS):
        yield f"# TYPE {metric.name} gauge\n"
        for cluster in CLUSTERS:
            yield from (f'{metric.name}{{cluster="{cluster}",{labels}}} {row[i]} {now:.3f}\n' for now, row in rows)
    yield "# EOF\n"


def serve(clusters: Clusters, port: int, address: str = "127.0.0.1") -> Callable[[], None]:
    """Serve the metrics; return what ends it."""
    registry = CollectorRegistry()
    registry.register(clusters)
    server, thread = start_http_server(port, address, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def main() -> None:
    """Serve until SIGINT or SIGTERM comes; SIGUSR1 makes a fault."""
    options = argparse.ArgumentParser(description="Metrics of two made-up clusters, for Prometheus.")
    options.add_argument("--address", default="127.0.0.1")
    options.add_argument("--port", type=int, default=9200)
    options.add_argument("--every", type=float, default=600.0, help="seconds between two faults; 0 for none")
    options.add_argument("--lasting", type=float, default=90.0, help="seconds that one lasts")
    given = options.parse_args()
    clusters, over = Clusters(given.every, given.every, given.lasting), threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: clusters.fault())
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: over.set())
    stop = serve(clusters, given.port, given.address)
    print(f"http://{given.address}:{given.port}/metrics", flush=True)
    over.wait()
    stop()


if __name__ == "__main__":
    main()
