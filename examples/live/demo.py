"""Prometheus, Alertmanager, two made-up clusters and `adt watch`, on this machine alone; Ctrl-C ends them all.

`make live` runs it. All files lie in a temporary folder, all ports are free ones of 127.0.0.1.
"""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from exporter import Clusters, past, serve

PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager")
MINUTES = 10
"""Of a past that Prometheus knows when it starts."""

AHEAD = 8.0
"""Seconds for which it knows what comes, as it does not scrape at once: else there would be a gap at the start."""

PATIENCE = 60.0
"""Seconds that a program may take until it answers."""

SCRAPES = """\
global:
  scrape_interval: {step}
  scrape_timeout: {step}
scrape_configs:
  - job_name: clusters
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
  - job_name: adt-watch
    static_configs: [{{targets: ["127.0.0.1:{page}"]}}]
"""

ROUTES = """\
route:
  receiver: people
  group_by: [alertname, series]
  group_wait: 1s
  group_interval: 5s
receivers:
  - name: people # who would be called
"""

WATCH = """\
[service]
listen = "127.0.0.1:{page}"

[source]
url = "http://127.0.0.1:{prometheus}"
step = "{step}"
past = "{minutes}m"
timeout = "5s"
backfill = "1m"

[[series]]
name = "requests"
query = "requests_per_second"

[[series]]
name = "latency"
query = "latency_p99_ms"

[[series]]
name = "cluster"
by = ["cluster"]
columns = {{ cpu = "node_cpu_percent", memory = "node_memory_percent", errors = "errors_per_second" }}

[model]
scorers = ["arima"]

[alerts]
minimum_duration = "2s"
keep_firing = "3s"
stale = "1m"

[[sinks]]
kind = "alertmanager"
url = "http://127.0.0.1:{alertmanager}"
resend = "5s"

[labels]
alertmanager = "http://127.0.0.1:{alertmanager}"
every = "1s"
"""


@dataclass(frozen=True)
class Demo:
    """What runs.

    Args:
        page, prometheus, alertmanager: Their addresses.
        clusters: Have faults on demand.
        folder: Of all files, the logs ``*.log`` of the programs among them.
    """

    page: str
    prometheus: str
    alertmanager: str
    clusters: Clusters
    folder: Path


@contextmanager
def running(folder: Path, clusters: Clusters, step: str = "1s") -> Iterator[Demo]:
    """Start everything and wait until it answers; stop it at the end.

    Args:
        folder: An empty one.
        clusters: What is watched.
        step: How often it is scraped and judged.

    Raises:
        SystemExit: If a program is not installed, or does not start.
    """
    if missing := [one for one in PROGRAMS if shutil.which(one) is None]:
        raise SystemExit(f"{missing[0]} is missing: apt-get install prometheus prometheus-alertmanager")
    names = ("exporter", "prometheus", "alertmanager", "page")
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    address = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    for name, text in (("prometheus.yml", SCRAPES), ("alertmanager.yml", ROUTES), ("watch.toml", WATCH)):
        (folder / name).write_text(text.format(step=step, minutes=MINUTES, **ports))
    _write_past(folder, f'instance="127.0.0.1:{ports["exporter"]}",job="clusters"', _seconds(step))
    programs = {
        "prometheus": (
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"]
            + [f"--web.listen-address=127.0.0.1:{ports['prometheus']}"],
            "/-/ready",
        ),
        "alertmanager": (
            ["prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alertmanager"]
            + [f"--web.listen-address=127.0.0.1:{ports['alertmanager']}", "--cluster.listen-address="],
            "/-/ready",
        ),
        "page": ([sys.executable, "-P", "-m", "adt_gym.scripts", "watch", "watch.toml"], "/healthz"),
    }
    with ExitStack() as stack:
        stack.callback(serve(clusters, ports["exporter"]))
        for name, (words, ready) in programs.items():
            process = stack.enter_context(_process(words, folder, name))
            _wait(process, address[name] + ready, folder / f"{name}.log")
        while not _scraped(address["prometheus"]):
            time.sleep(0.1)
        yield Demo(address["page"], address["prometheus"], address["alertmanager"], clusters, folder)


def _seconds(step: str) -> float:
    return float(step.removesuffix("ms")) / 1000 if step.endswith("ms") else float(step.removesuffix("s"))


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on; all are held until the last is found, so that they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _write_past(folder: Path, labels: str, step: float) -> None:
    """Write blocks of a past for Prometheus, as if it had scraped all the time."""
    now = time.time()
    with (folder / "past.om").open("w") as file:
        file.writelines(past(now - 60 * MINUTES, now + AHEAD, step, labels))
    words = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", "past.om", "prometheus"]
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _process(words: Sequence[str], folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end; it is not in the way of Ctrl-C, which is for the demo to hear."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a program answers.

    Raises:
        SystemExit: If it ends before, or does not.
    """
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{log.stem} does not answer at {url}:\n{log.read_text(errors='replace')[-2000:]}")


def _scraped(prometheus: str) -> bool:
    """Return whether Prometheus has begun to scrape the clusters: before, it does not know of faults."""
    asked = {"query": 'up{job="clusters"}'}
    found = httpx.get(f"{prometheus}/api/v1/query", params=asked, trust_env=False).raise_for_status().json()
    return bool(found["data"]["result"])


def main() -> None:
    """Run until Ctrl-C or SIGTERM; Return makes a fault."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("Starting Prometheus, Alertmanager, two clusters and adt watch ...", flush=True)
    with TemporaryDirectory(prefix="adt-live-") as folder, running(Path(folder), Clusters(every=40)) as demo:
        print(f"""
  the page       {demo.page}
  Prometheus     {demo.prometheus}
  Alertmanager   {demo.alertmanager}
  files, logs    {demo.folder}

The clusters blue and green are twins, and both have a fault of 8 s every 40 s. Once an alert is there, call those of
blue false alarms on the page: its thresholds rise with what it is told, green's, which is told nothing, do not.
A silence in Alertmanager with "false alarm" in its comment says the same.

Return makes a fault at once, Ctrl-C ends everything.""", flush=True)  # fmt: skip
        try:
            for _ in sys.stdin:
                demo.clusters.fault()
                print("a fault has begun", flush=True)
            signal.pause()
        except KeyboardInterrupt:
            print("stopping ...", flush=True)


if __name__ == "__main__":
    main()
