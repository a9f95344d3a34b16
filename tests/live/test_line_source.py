import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from adt_gym.checks import InputError
from adt_gym.live import moments
from adt_gym.live.config import Config, Source
from adt_gym.live.points import Arrival, Point, Shard
from adt_gym.live.sources.lines import LONGEST, Lines, parse


def arrivals(text: bytes, since: int | None = None, shard: Shard = Shard(), **options: Any) -> list[Arrival]:  # noqa: B008
    config = Config(source=Source(kind="stdin", **options))
    return list(Lines(config, shard, io.BytesIO(text)).arrivals(since, threading.Event()))


def line(**given: Any) -> bytes:
    return json.dumps({"series": "cpu", "time": 100, "value": 1.0} | given).encode() + b"\n"


@pytest.mark.parametrize(
    ("given", "time"),
    [(1700000000.5, 1700000000500), ("1700000000.5", 1700000000500), ("2023-11-14T23:13:20+01:00", 1700000000000),
     ("2023-11-14T22:13:20.25Z", 1700000000250), (0, 0)],
)  # fmt: skip
def test_times(given: Any, time: int) -> None:
    found, point = parse(line(time=given, labels={"b": "2", "a": "1"}))
    assert point == Point('cpu{a="1",b="2"}', time, (1.0,))
    assert found.columns == ("cpu",)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b"{", "is no JSON"), (b"[" * 100_000, "is no JSON"), (b"\xff", "is no JSON"), (b"3", "is no object"),
        (line(more=1), "'more' is unknown"), (line(values={"a": 1}), "either value or values"),
        (line(series=""), "series must be a name"), (line(series=3), "series must be a name"),
        (line(labels=[]), "labels must be words"), (line(labels={"a": 1}), "labels must be words"),
        (line(labels={"": "a"}), "labels must be words"),
        (line(value="1"), "is no number"), (line(value=True), "is no number"), (line(value=[1]), "is no number"),
        (line(series="\ud800"), "is no text"), (line(labels={"a": "\udfff"}), "is no text"),
        (json.dumps({"series": "a", "time": 1, "values": {"\ud800": 1}}).encode(), "is no text"),
        (line(time=None), "is no time"), (line(time="2023-11-14T23:13:20"), "with a zone"),
        (line(time=True), "no time"),
        (line(time=1700000000000), "write seconds"), (line(time=-1), "is no time"), (line(time="noon"), "is no time"),
        (line(time=float("nan")), "is no time"), (line(time=float("inf")), "is no time"),
        (json.dumps({"series": "a", "time": 1, "values": {}}).encode(), "values must be numbers"),
        (json.dumps({"series": "a", "time": 1}).encode(), "either value or values"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_left_out(wrong: bytes, words: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError, match=words):
        parse(wrong)
    with caplog.at_level(logging.WARNING):
        found = arrivals(line() + wrong.strip() + b"\n\n" + line(time=101))
    assert [(one.now, one.error, len(one.batch.points)) for one in found] == [
        (100_000, None, 1), (100_000, "body", 0), (101_000, None, 1),
    ]  # fmt: skip
    assert "line 2 is left out" in caplog.text


def test_a_line_without_end() -> None:
    found = arrivals(line() + b"x" * (3 * LONGEST + 5) + b"\n" + line(time=101) + b"y" * 2 * LONGEST)
    assert [one.error for one in found] == [None, "body", None, "body"]


def test_numbers_that_are_none() -> None:
    values = [parse(one)[1].values[0] for one in (line(value=float("nan")), line(value=None), line(value=10**400))]
    assert [repr(one) for one in values] == ["nan", "nan", "inf"]


def test_points_of_one_time_arrive_in_order_and_never_with_another_time() -> None:
    rows = [(f"s{i % 7}", 100 + i // 7) for i in range(70)] + [("s1", 50)]
    found = arrivals(b"".join(line(series=name, time=time) for name, time in rows))
    assert [(p.key, p.time // 1000) for one in found for p in one.batch.points] == rows
    assert all({p.time for p in one.batch.points} == {one.now} for one in found)
    assert not any(one.past for one in found)


def test_shard_and_counters() -> None:
    text = b"".join(line(series=name, time=100 + i, value=i * i) for i in range(4) for name in "abcd")
    shares = [arrivals(text, shard=Shard(i, 3), counters=("a", "b", "c")) for i in (1, 2, 3)]
    found = sorted(p for share in shares for one in share for p in one.batch.points)
    rates = [Point(name, 101_000 + 1000 * i, (2.0 * i + 1,)) for name in "abc" for i in range(3)]
    assert found == rates + [Point("d", 100_000 + 1000 * i, (float(i * i),)) for i in range(4)]


def test_it_stops_while_nothing_comes() -> None:
    reading, writing = os.pipe()
    stop = threading.Event()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", 0) as pipe:
        found = Lines(Config(source=Source(kind="stdin")), Shard(), stream).arrivals(None, stop)
        pipe.write(line())
        assert next(found).now == 100_000
        stop.set()
        assert next(found, None) is None
        pipe.close()  # the thread that reads ends, too


def test_a_link_has_the_port_that_the_system_chose(tmp_path: Path) -> None:
    """A sink's link is where the page is, on a port that nobody could know before."""
    lines = b"".join(line(time=t, value=1e4 if t >= 280 else t % 7) for t in range(300))
    (tmp_path / "watch.toml").write_text(
        '[service]\nlisten = "127.0.0.1:0"\n[source]\nkind = "stdin"\nstep = "1s"\npast = "2m"\n'
        '[[sinks]]\nkind = "lines"\n'
    )
    command = [sys.executable, "-P", "-m", "adt_gym.scripts", "watch", "watch.toml"]
    done = subprocess.run(command, cwd=tmp_path, input=lines, capture_output=True, timeout=120, check=True)
    (page,) = re.findall(rb"the page is at (\S+)", done.stderr)
    links = {json.loads(one)["link"].rpartition("/alerts/")[0] for one in done.stdout.splitlines()}
    assert links == {page.decode()}
    assert not page.endswith(b":0")


def test_no_back_test() -> None:
    with pytest.raises(InputError, match="cannot be back-tested; save it to a file"):
        Lines(Config(source=Source(kind="stdin")), Shard(), io.BytesIO()).between(0, 1)


def test_a_point_from_the_future_is_not_the_clock() -> None:
    before = moments.now()
    (found,) = arrivals(line(time="2099-01-01T00:00:00Z"))
    assert before <= found.now <= moments.now()
    assert found.batch.points[0].time > found.now


@pytest.mark.parametrize("closed", [False, True])
def test_the_command_ends_though_nothing_comes(tmp_path: Path, closed: bool) -> None:
    (tmp_path / "watch.toml").write_text('[service]\nlisten = "127.0.0.1:0"\n[source]\nkind = "stdin"\n')
    command = [sys.executable, "-P", "-m", "adt_gym.scripts", "watch", "watch.toml"]
    shell = ["sh", "-c", 'exec "$@" <&-', "sh", *command] if closed else command
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(shell, cwd=tmp_path, **pipes) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        if not closed:
            process.terminate()
        said += process.stderr.read()
        assert process.wait(60) == (2 if closed else 0), said
    assert ("standard input is closed" if closed else "stopped") in said
