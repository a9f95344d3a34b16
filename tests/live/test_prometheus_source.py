"""The source against the real Prometheus, which is asked by other means what is true."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus import prometheus
from prometheus_client import CollectorRegistry, Gauge, start_http_server
from waiting import eventually

from adt_gym.checks import InputError
from adt_gym.live.config import Config, Query, Source
from adt_gym.live.points import Point, Shard
from adt_gym.live.sources import open_source

START, STEP, POINTS = 1_700_000_040_000, 10_000, 12_000
"""Recorded points: more of a series than Prometheus answers at once."""


def counted(i: int) -> int:
    """A counter that begins anew now and then, sometimes at more than 0."""
    return i % 701 * 3 + i % 7 % 2


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that knows two gauges of two hosts, and a counter."""
    times = [(i, (START + i * STEP) / 1000) for i in range(POINTS)]
    lines = ["# TYPE load gauge"]
    lines += [
        f'load{{host="{host}"}} {i % 100 + shift} {time}' for host, shift in (("a", 0), ("b", 0.5)) for i, time in times
    ]
    lines += ["# TYPE memory gauge", *(f'memory{{host="a",bank="1"}} {i} {time}' for i, time in times if i != 3)]
    lines += ["# TYPE asked counter", *(f"asked_total {counted(i)} {time}" for i, time in times), "# EOF", ""]
    with prometheus(tmp_path_factory.mktemp("prometheus") / "it", recorded="\n".join(lines)) as url:
        yield url


def source(url: str, *queries: Query, step: str = "10s", **options: Any) -> Config:
    return Config(source=Source(url=url, timeout="30s", step=step, **options), series=queries)


def points(config: Config, start: int, end: int, shard: Shard = Shard()) -> list[Point]:  # noqa: B008
    return [one for batch in open_source(config, shard).between(start, end) for one in batch.points]


def test_every_point_is_delivered_once_and_in_order(url: str) -> None:
    found = points(source(url, Query("load", "load")), START, START + POINTS * STEP)
    expected = [
        (f'load{{host="{host}"}}', START + i * STEP, (i % 100 + shift,))
        for i in range(POINTS)
        for host, shift in (("a", 0.0), ("b", 0.5))
    ]
    assert found == expected


def test_the_end_is_not_in_it_and_times_are_multiples_of_the_step(url: str) -> None:
    config = source(url, Query("load", 'load{host="a"}'))
    times = [one.time for one in points(config, START + 1, START + 3 * STEP)]
    assert times == [START + STEP, START + 2 * STEP]


def test_queries_are_joined_as_columns(url: str) -> None:
    config = source(url, Query("node", columns={"load": "load", "memory": "last_over_time(memory[5s])"}, by=("host",)))
    found = points(config, START, START + 5 * STEP)
    assert {one.key for one in found} == {'node{host="a"}'}  # b has no memory
    assert [one.values[0] for one in found] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [one.values[1] for one in found if one.time != START + 3 * STEP] == [0.0, 1.0, 2.0, 4.0]
    assert math.isnan(found[3].values[1])


def test_two_series_that_become_one_are_an_error(url: str) -> None:
    with pytest.raises(InputError, match="column load has two series for node; aggregate"):
        points(
            source(url, Query("node", columns={"load": "load", "memory": "memory"}, by=("job",))), START, START + STEP
        )


def test_a_shard_has_its_share(url: str) -> None:
    config, end = source(url, Query("load", "load")), START + 3 * STEP
    shares = [points(config, START, end, Shard(i + 1, 3)) for i in range(3)]
    assert sorted(one for share in shares for one in share) == sorted(points(config, START, end))
    assert len({one.key for share in shares for one in share}) == 2


def test_rates_are_those_of_prometheus(url: str) -> None:
    """Between two samples that are as far apart as the range is long, ``rate`` invents nothing."""
    end = START + POINTS * STEP
    config = source(url, Query("asked", "asked_total"), counters=("asked",))
    batches = list(open_source(config).between(START, end))
    found = {one.time: one.values[0] for batch in batches for one in batch.points}
    expected: dict[int, float] = {}
    for first in range(START, end, 5_000 * STEP):
        form = {"query": "rate(asked_total[10s])", "start": first / 1000, "end": first / 1000 + 49_990, "step": 10}
        for one in httpx.get(f"{url}/api/v1/query_range", params=form).json()["data"]["result"]:
            expected |= {time * 1000: float(value) for time, value in one["values"]}
    assert len(expected) == POINTS - 1
    assert found == pytest.approx(expected, rel=1e-12)
    drops = sum(counted(i) < counted(i - 1) for i in range(1, POINTS))
    assert sum(batch.resets for batch in batches) == drops == 17


def test_a_wrong_query_is_an_error_that_names_it(url: str) -> None:
    stream = open_source(source(url, Query("load", "load{"))).arrivals(None, threading.Event())
    with pytest.raises(InputError, match=r"refuses the query 'load\{': .*unexpected end of input"):
        next(stream)


def test_live(tmp_path: Path) -> None:
    """A first life and a second see every scrape of an exporter, the past first, and a series that comes later."""
    registry = CollectorRegistry()
    gauge = Gauge("temperature", "It.", ["room"], registry=registry)
    gauge.labels("north").set(20)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        target = f"127.0.0.1:{server.server_port}"
        with prometheus(tmp_path / "it", [target]) as url:
            config = source(url, Query("temperature", "temperature"), step="1s", past="5s")

            def scraped() -> list[object]:
                query = {"query": "temperature offset 2s"}
                return httpx.get(f"{url}/api/v1/query", params=query).json()["data"]["result"]  # type: ignore[no-any-return]

            eventually(scraped)
            stop = threading.Event()
            arrivals = open_source(config).arrivals(None, stop)
            past = next(arrivals)
            assert past.past
            assert past.error is None
            assert {one.values for one in past.batch.points} == {(20.0,)}
            assert len({one.time for one in past.batch.points}) <= 6
            gauge.labels("south").set(25)
            seen = [next(arrivals)]
            while len(seen[-1].batch.points) < 2 and len(seen) < 30:
                seen.append(next(arrivals))
            assert sorted(one.values[0] for one in seen[-1].batch.points) == [20.0, 25.0]
            assert f'temperature{{instance="{target}",job="test",room="south"}}' in {
                one.key for one in seen[-1].batch.found
            }
            stop.set()
            assert next(arrivals, None) is None
            newest = seen[-1].now
            second = open_source(config).arrivals(newest, threading.Event())
            arrival = next(second)
            assert not arrival.past
            assert arrival.batch.points[0].time == newest + 1000
            times = sorted({one.time for one in (*past.batch.points, *(p for s in seen for p in s.batch.points))})
            assert times == list(range(times[0], newest + 1, 1000))
    finally:
        server.shutdown()
        thread.join()
