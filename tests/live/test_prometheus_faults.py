"""The source against a Prometheus that fails in every way."""

import json
import logging
import math
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from prometheus import free_port
from scripted import Clock, Handler, server

from adt_gym.checks import InputError
from adt_gym.live import peer
from adt_gym.live.config import Config, Query, Source, seconds
from adt_gym.live.peer import Peer
from adt_gym.live.points import Arrival, Shard
from adt_gym.live.sources.prometheus import Prometheus

SECOND = 1000
NOON = 1_700_000_000_000


def answered(form: bytes, value: Callable[[int], str] = lambda time: str(time % 97)) -> bytes:
    """Return what Prometheus would answer, if a series "a" had such a value at each second."""
    given = {name: values[0] for name, values in parse_qs(form.decode()).items()}
    start, end = (round(float(given[name]) * 1000) for name in ("start", "end"))
    step = round(seconds(given["step"]) * 1000)
    values = [[time / 1000, value(time // 1000)] for time in range(start, end + 1, step)]
    result = [{"metric": {"__name__": given["query"], "host": "a"}, "values": values}]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def mocked(clock: Clock, respond: Callable[[httpx.Request], httpx.Response], **options: Any) -> Prometheus:
    config = Config(source=Source(**{"step": "1s", "past": "10s"} | options), series=(Query("load", "load"),))
    made = Prometheus(config, Shard(), Peer("http://prometheus", 5.0, transport=httpx.MockTransport(respond)))
    made.clock = clock
    return made


def right(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=answered(request.content))


def times(arrivals: list[Arrival]) -> list[int]:
    return [point.time for one in arrivals for point in one.batch.points]


def test_past_then_what_is_new() -> None:
    clock = Clock(NOON + 500)
    past, *later = islice(mocked(clock, right).arrivals(None, clock), 5)
    assert past.past
    assert times([past]) == list(range(NOON - 10 * SECOND, NOON + 1, SECOND))
    assert not any(one.past for one in later)
    assert [(one.now, times([one])) for one in later] == [(NOON + i * SECOND, [NOON + i * SECOND]) for i in range(1, 5)]


def test_offset_and_shard() -> None:
    clock = Clock(NOON + 500)
    first = next(mocked(clock, right, offset="3s").arrivals(None, clock))
    assert first.now == times([first])[-1] == NOON - 3 * SECOND
    source = mocked(clock, right)
    other = next(i for i in (1, 2) if 'load{host="a"}' not in Shard(i, 2))
    source._queries[0].shard = Shard(other, 2)
    assert next(source.arrivals(None, clock)).batch.found == ()


BAD: dict[str, tuple[str, Callable[[bytes], httpx.Response]]] = {
    "a server error": ("status", lambda form: httpx.Response(500)),
    "too much asked": ("status", lambda form: httpx.Response(429)),
    "a redirection": ("status", lambda form: httpx.Response(302, headers={"Location": "http://elsewhere"})),
    "no JSON": ("body", lambda form: httpx.Response(200, content=b"<html>")),
    "cut off": ("body", lambda form: httpx.Response(200, content=answered(form)[:-9])),
    "nested": ("body", lambda form: httpx.Response(200, content=b"[" * 100_000)),
    "an error": ("body", lambda form: httpx.Response(200, json={"status": "error", "errorType": "x", "error": "y"})),
    "a list": ("body", lambda form: httpx.Response(200, json=[])),
    "a number": ("body", lambda form: httpx.Response(200, json=1)),
    "a vector": ("body", lambda form: httpx.Response(200, content=answered(form).replace(b"matrix", b"vector"))),
    "no metric": ("body", lambda form: httpx.Response(200, content=answered(form).replace(b"metric", b"other"))),
    "no values": ("body", lambda form: httpx.Response(200, content=answered(form).replace(b"values", b"other"))),
    "histograms": ("body", lambda form: httpx.Response(200, content=answered(form).replace(b"values", b"histograms"))),
    "words": ("body", lambda form: httpx.Response(200, content=answered(form, lambda time: "much"))),
    "not gzip": ("body", lambda form: httpx.Response(200, content=b"x", headers={"Content-Encoding": "gzip"})),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("good", [0, 2], ids=["at first", "later"])
def test_trouble_is_an_arrival_and_what_was_missed_comes(name: str, good: int) -> None:
    kind, bad = BAD[name]
    clock, asked = Clock(NOON + 500), 0

    def respond(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return bad(request.content) if good < asked <= good + 3 else right(request)

    seen = list(islice(mocked(clock, respond).arrivals(None, clock), good + 4))
    assert [one.error for one in seen] == [None] * good + [kind] * 3 + [None]
    assert not times(seen[good : good + 3])
    assert times(seen) == list(range(seen[-1].now - SECOND * (len(times(seen)) - 1), seen[-1].now + 1, SECOND))
    assert [one.past for one in seen if one.error is None] == [True] + [False] * good


def test_back_off_doubles_to_a_minute_with_jitter_and_begins_anew() -> None:
    clock, bad = Clock(NOON), True
    source = mocked(clock, lambda request: httpx.Response(503) if bad else right(request))
    arrivals = source.arrivals(None, clock)
    assert {one.error for one in islice(arrivals, 13)} == {"status"}
    assert all(
        most / 2 <= wait <= most for wait, most in zip(clock.waits, [1, 2, 4, 8, 16, 32, *[60] * 6], strict=True)
    )
    assert len(set(clock.waits[-6:])) > 1
    bad = False
    assert next(arrivals).error is None
    bad = True
    clock.waits.clear()
    list(islice(arrivals, 2))
    assert clock.waits[-1] <= 1


def test_backfill_has_an_end() -> None:
    clock, bad = Clock(NOON + 500), False
    source = mocked(clock, lambda request: httpx.Response(503) if bad else right(request), backfill="30s")
    arrivals = source.arrivals(None, clock)
    next(arrivals)
    bad = True
    next(one for one in arrivals if one.error is None or one.now > NOON + 100 * SECOND)
    bad = False
    found = times([next(arrivals)])
    assert len(found) == 31
    assert found == list(range(found[0], found[-1] + 1, SECOND))
    assert found[-1] > NOON + 100 * SECOND


def test_a_clock_that_was_ahead_is_not_waited_for() -> None:
    clock = Clock(NOON + 365 * 86_400 * SECOND)
    arrivals = mocked(clock, right).arrivals(None, clock)
    next(arrivals)
    clock.now = NOON
    assert times([next(arrivals), next(arrivals)]) == [NOON, NOON + SECOND]


def test_what_is_not_finite_is_handed_on() -> None:
    clock = Clock(NOON)
    words = {NOON // SECOND: "NaN", NOON // SECOND - 1: "+Inf", NOON // SECOND - 2: "-Inf"}
    first = next(
        mocked(
            clock, lambda request: httpx.Response(200, content=answered(request.content, lambda t: words.get(t, "1")))
        ).arrivals(None, clock)
    )
    *_, lowest, highest, missing = (one.values[0] for one in first.batch.points)
    assert (lowest, highest) == (-math.inf, math.inf)
    assert math.isnan(missing)


def test_a_column_that_is_missing_is_nan_once_all_were_there() -> None:
    gone = False

    def respond(request: httpx.Request) -> httpx.Response:
        if b"memory" in request.content and gone:
            return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": []}})
        return right(request)

    clock = Clock(NOON)
    source = Source(step="1s", past="2s")
    config = Config(source=source, series=(Query("node", columns={"load": "load", "memory": "memory"}),))
    for known in (True, False):
        made = Prometheus(config, Shard(), Peer("http://prometheus", 5.0, transport=httpx.MockTransport(respond)))
        made.clock = clock
        arrivals, gone = made.arrivals(None, clock), not known
        next(arrivals)
        gone = True
        points = next(arrivals).batch.points
        assert len(points) == known
        assert all(math.isnan(one.values[1]) and not math.isnan(one.values[0]) for one in points)


def test_counters_are_the_same_after_any_restart() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        words = answered(request.content, lambda t: "NaN" if t % 11 == 0 else str(t % 7))
        return httpx.Response(200, content=words)

    def life(start: int, since: int | None) -> Iterator[Arrival]:
        clock = Clock(start)
        return mocked(clock, respond, counters=("load",)).arrivals(since, clock)

    whole = list(islice(life(NOON, None), 40))
    shown = [repr((one.now, one.batch)) for one in whole]
    assert sum(one.batch.resets for one in whole) > 4
    for cut in range(1, 39):
        again = life(whole[cut].now, whole[cut - 1].now)
        assert [repr((one.now, one.batch)) for one in islice(again, 40 - cut)] == shown[cut:]


def test_an_answer_that_is_too_large_is_asked_for_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "LARGEST", 400)
    clock = Clock(NOON)
    first = next(mocked(clock, right, past="100s").arrivals(None, clock))
    assert times([first]) == list(range(NOON - 100 * SECOND, NOON + 1, SECOND))
    monkeypatch.setattr(peer, "LARGEST", 20)
    assert next(mocked(clock, right, past="100s").arrivals(None, clock)).error == "body"


def test_tokens_are_read_anew_and_who_is_not_let_in_hears_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    wanted = "first"

    def respond(request: httpx.Request) -> httpx.Response:
        return right(request) if request.headers["Authorization"] == f"Bearer {wanted}" else httpx.Response(401)

    def made(clock: Clock) -> Prometheus:
        config = Config(source=Source(step="1s", past="1s"), series=(Query("load", "load"),))
        transport = httpx.MockTransport(respond)
        source = Prometheus(config, Shard(), Peer("http://it", 5.0, bearer_token_file=token, transport=transport))
        source.clock = clock
        return source

    clock = Clock(NOON)
    arrivals = made(clock).arrivals(None, clock)
    with caplog.at_level(logging.DEBUG):
        assert next(arrivals).error is None
        wanted = "second"
        assert next(arrivals).error == "status"
        token.write_text("second")
        assert next(arrivals).error is None
        token.unlink()
        assert next(arrivals).error == "connection"
        token.write_text("wrong")
        with pytest.raises(InputError, match=r"lets nobody in like this; set source\.bearer_token_file") as raised:
            next(made(clock).arrivals(None, clock))
    assert not any(secret in f"{raised.value}{caplog.text}" for secret in ("second", "wrong"))


def test_basic_authentication(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(200))  # type: ignore[func-returns-value]
    Peer("http://it", 1.0, username="ali", password_file=tmp_path / "password", transport=transport).ask("GET")
    assert seen[0].headers["Authorization"] == "Basic YWxpOm9wZW4gc2VzYW1l"
    with pytest.raises(InputError, match="missing cannot be read"):
        Peer("http://it", 1.0, username="ali", password_file=tmp_path / "missing")


def test_a_counter_that_is_no_column() -> None:
    with pytest.raises(InputError, match=r"source.counters: asked is no column"):
        mocked(Clock(), right, counters=("asked",))


def test_a_back_test_says_what_is_wrong() -> None:
    source = mocked(Clock(), lambda request: httpx.Response(502))
    with pytest.raises(InputError, match=r"http://prometheus answered 502; see source\.url"):
        list(source.between(NOON, NOON + 10 * SECOND))


def test_a_real_server_that_fails_in_turn() -> None:
    """Over real connections: 500, a hang, a body that is cut off, nobody there; every point comes, and once."""
    turns, released, served = [*"gehtg"], threading.Event(), 0

    def answer(request: Handler) -> None:
        nonlocal served
        served += 1
        match turns.pop(0) if turns else "g":
            case "e":
                request.answer(b"", 500)
            case "h":
                released.wait(10)
            case "t":
                body = answered(request.body)
                request.answer(body[:-5], length=len(body))
            case _:
                request.answer(answered(request.body))

    port = free_port()
    source = Source(url=f"http://127.0.0.1:{port}", step="1s", past="5s", timeout="0.3s")
    clock, seen = Clock(NOON), []
    made = Prometheus(Config(source=source, series=(Query("load", "load"),)), Shard())
    made.clock = clock
    arrivals = made.arrivals(None, clock)
    seen.append(next(arrivals))
    with server(answer, port):
        seen += islice(arrivals, 5)
        released.set()
    seen += islice(arrivals, 2)
    with server(answer, port):
        seen += islice(arrivals, 2)
    kinds = ["connection", None, "status", "timeout", "body", None, "connection", "connection", None, None]
    assert [one.error for one in seen] == kinds
    found = times(seen)
    assert found == list(range(found[0], seen[-1].now + 1, SECOND))
    assert len(found) > 6 + 3


def test_a_query_that_finds_nothing_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    labels = {"a": {"host": "1"}, "b": {"job": "2"}}

    def respond(request: httpx.Request) -> httpx.Response:
        (query,) = parse_qs(request.content.decode())["query"]
        result = [{"metric": labels[query], "values": [[NOON / 1000, "1"]]}] if query in labels else []
        answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return httpx.Response(200, content=json.dumps(answer))

    queries = (Query("typo", "c"), Query("apart", columns={"a": "a", "b": "b"}))
    config, clock = Config(source=Source(step="1s", past="10s"), series=queries), Clock(NOON)
    source = Prometheus(config, Shard(), Peer("http://prometheus", 5.0, transport=httpx.MockTransport(respond)))
    source.clock = clock
    list(islice(source.arrivals(None, clock), 3))
    assert [one.getMessage().partition(" yet")[0] for one in caplog.records] == [
        "series typo: the query of typo is answered with no series",
        "series apart: the columns have no labels in common",
    ]
