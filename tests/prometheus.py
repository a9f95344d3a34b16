"""The real Prometheus and Alertmanager, each on a free port of this machine."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import eventually


def program(*names: str) -> str:
    """Return the path of a program that is called so; skip the test where there is none, but not in CI."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"no {names[0]} on this machine")
        pytest.skip(f"no {names[0]} on this machine: apt-get install prometheus prometheus-alertmanager")
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], port: int, folder: Path) -> Iterator[str]:
    import httpx

    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return httpx.get(f"{url}/-/ready", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            eventually(ready)
            yield url
        finally:
            process.terminate()
            process.wait()


@contextmanager
def prometheus(folder: Path, targets: Sequence[str] = (), recorded: str = "") -> Iterator[str]:
    """Yield the address of a Prometheus that scrapes targets every second, or knows what was recorded (OpenMetrics)."""
    executable = program("prometheus")
    folder.mkdir(parents=True)
    listed = ", ".join(f"'{one}'" for one in targets)
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: test, static_configs: [{{targets: [{listed}]}}]}}]\n"
    )
    if recorded:
        (folder / "recorded").write_text(recorded)
        command = [
            program("promtool"),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            folder / "recorded",
            folder / "data",
        ]
        subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    flags = [
        f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y",
    ]  # fmt: skip
    with _running([executable, *flags], port, folder) as url:
        yield url


@contextmanager
def alertmanager(folder: Path) -> Iterator[str]:
    """Yield the address of an Alertmanager that tells nobody."""
    executable = program("prometheus-alertmanager", "alertmanager")
    folder.mkdir(parents=True)
    (folder / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    port = free_port()
    flags = [
        f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with _running([executable, *flags], port, folder) as url:
        yield url
