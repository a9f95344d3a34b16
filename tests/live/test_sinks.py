"""What sinks are told, and that the sender tells all of it, in order, whatever happens."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus import alertmanager, free_port
from scripted import Handler, server
from states import START, alert, begun, happened
from waiting import eventually

from adt_gym.checks import InputError
from adt_gym.live.config import Config, Service, Sink, Source
from adt_gym.live.moments import moment, now
from adt_gym.live.points import Found
from adt_gym.live.sinks import name_of, open_sink, sender
from adt_gym.live.sinks.alertmanager import labels_of
from adt_gym.live.sinks.lines import Lines
from adt_gym.live.sinks.notice import Notice
from adt_gym.live.state import State

CPU = Found("cpu", {"host": "a", "severity": "own", "my-label": "x", "empty": ""}, ("cpu",))
LINK = "http://page/alerts/cpu-warning-2"


@contextmanager
def sending(path: Path, *sinks: Sink) -> Iterator[list[tuple[str, str]]]:
    """Run the senders of sinks; yield what they report."""
    reports: list[tuple[str, str]] = []
    stop = threading.Event()
    config = Config(service=Service(link="http://page/"), source=Source(kind="stdin"), sinks=sinks)
    threads = sender.senders(config, path, stop, lambda *report: reports.append(report))
    for one in threads:
        one.start()
    try:
        yield reports
    finally:
        stop.set()
        for one in threads:
            one.join()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often and wait little: how long is the matter of other tests."""
    monkeypatch.setattr(sender, "POLL", 0.01)
    monkeypatch.setattr(sender, "Backoff", lambda: Short())


class Short:
    def after(self) -> float:
        return 0.02

    def reset(self) -> None:
        pass


def test_the_real_alertmanager(tmp_path: Path) -> None:
    def told() -> Any:
        return httpx.get(f"{url}/api/v2/alerts").raise_for_status().json()

    with alertmanager(tmp_path / "it") as url, begun(tmp_path / "state", [CPU]) as state:
        sink = Sink("alertmanager", url=url, resend="1s")
        fired = alert(CPU)
        with sending(tmp_path / "state", sink) as reports:
            happened(state, "firing", fired)
            (one,) = eventually(told)
            assert one["labels"] == {
                "alertname": "cpu", "severity": "warning", "series": CPU.key,
                "host": "a", "exported_severity": "own", "my_label": "x",
            }  # fmt: skip
            assert one["labels"] == labels_of(CPU, "warning")
            assert one["annotations"]["score"] == "0.9123"
            assert one["annotations"]["threshold"] == "0.5"
            assert one["annotations"]["metrics"] == "cpu 0.97 (usually 0.1235), memory 5e+09 (usually 1)"
            assert one["annotations"]["members"] == "pca/0, pca/2"
            assert "unusual since 2023-11-14T22:13:22.000Z" in one["annotations"]["summary"]
            assert one["generatorURL"] == LINK
            assert one["status"]["state"] == "active"
            assert moment(one["startsAt"]) == fired.started
            assert moment(one["endsAt"]) <= now() + 4000
            ends = one["endsAt"]
            eventually(lambda: told()[0]["endsAt"] > ends)  # it was told again
            happened(state, "resolved", replace(fired, state="resolved", ended=START + 5000))
            eventually(lambda: not told())
        assert reports == [(name_of(sink), "sent")] * 2


def test_a_webhook_that_fails_is_told_again_in_order_and_with_the_same_key(tmp_path: Path) -> None:
    statuses, got = [500, 200, 302, 401, 200, 429, 200], []

    def answer(request: Handler) -> None:
        status = statuses.pop(0) if statuses else 200
        got.append((status, request.headers["Idempotency-Key"], json.loads(request.body)))
        request.answer(b"", status)

    port = free_port()
    with begun(tmp_path / "state", [CPU]) as state:
        sink = Sink("webhook", url=f"http://127.0.0.1:{port}/hook")
        with sending(tmp_path / "state", sink) as reports:
            for i in range(3):
                happened(state, "firing", alert(CPU, first=i))
            eventually(lambda: reports)  # nobody was there
            with server(answer, port):
                eventually(lambda: not state.unsent(name_of(sink)))
        ok = [one for one in got if one[0] == 200]
        assert [body["id"] for _, _, body in ok] == [f"cpu-warning-{i}" for i in range(3)]
        assert [status for status, *_ in got] == [500, 200, 302, 401, 200, 429, 200]
        keys = [key for _, key, _ in got]
        assert keys == [keys[0]] * 2 + [keys[2]] * 3 + [keys[5]] * 2
        assert len(set(keys)) == 3
        body = ok[2][2]
        assert body["event"] == "firing"
        assert body["series"] == {"name": "cpu", "labels": dict(CPU.labels)}
        assert body["link"] == LINK
        assert (body["started"], body["why"]["threshold"]) == (START + 2000, 0.5)
        assert reports.count((name_of(sink), "sent")) == 3
        assert reports.count((name_of(sink), "failed")) >= 5


def test_what_is_refused_for_what_it_says_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    got = []

    def answer(request: Handler) -> None:
        got.append(json.loads(request.body)["id"])
        request.answer(b"", 400 if got[-1].endswith("1") else 200)

    with server(answer) as url, begun(tmp_path / "state", [CPU]) as state:
        sink = Sink("webhook", url=f"{url}/hidden")
        with sending(tmp_path / "state", sink) as reports:
            for i in range(3):
                happened(state, "firing", alert(CPU, first=i))
            eventually(lambda: not state.unsent(name_of(sink)))
    assert got == [f"cpu-warning-{i}" for i in range(3)]
    assert [what for _, what in reports] == ["sent", "failed", "sent"]
    assert "does not take alert cpu-warning-1" in caplog.text
    assert not any("hidden" in word for word in (caplog.text, name_of(sink)))


def test_the_next_life_tells_the_rest_and_nothing_twice(tmp_path: Path) -> None:
    got = []

    def answer(request: Handler) -> None:
        got.append(json.loads(request.body)["id"])
        request.answer(b"")

    with server(answer) as url, begun(tmp_path / "state", [CPU]) as state:
        sink = Sink("webhook", url=url)
        for life in range(3):
            with sending(tmp_path / "state", sink):
                happened(state, "firing", alert(CPU, first=2 * life))
            happened(state, "firing", alert(CPU, first=2 * life + 1))
        with sending(tmp_path / "state", sink):
            pass
    assert got == [f"cpu-warning-{i}" for i in range(6)]


def test_the_last_look_comes_after_the_stop(tmp_path: Path) -> None:
    """What is written while the sender is at work, just before the end, is told too."""
    stop, got = threading.Event(), []

    def answer(request: Handler) -> None:
        got.append(json.loads(request.body)["id"])
        if len(got) == 1:
            with State(tmp_path / "state", owner=False) as other:
                happened(other, "firing", alert(CPU, first=1))
            stop.set()
        request.answer(b"")

    with server(answer) as url, begun(tmp_path / "state", [CPU]) as state:
        config = Config(source=Source(kind="stdin"), sinks=(Sink("webhook", url=url),))
        (one,) = sender.senders(config, tmp_path / "state", stop, lambda *_: None)
        happened(state, "firing", alert(CPU, first=0))
        one.start()
        one.join(30)
        stop.set()
    assert got == ["cpu-warning-0", "cpu-warning-1"]


def test_what_is_over_is_over_at_once_for_alertmanager(tmp_path: Path) -> None:
    with (
        alertmanager(tmp_path / "it") as url,
        begun(tmp_path / "state", [CPU]) as state,
        sending(tmp_path / "state", Sink("alertmanager", url=url, resend="1h")),
    ):
        happened(state, "firing", alert(CPU))
        eventually(lambda: httpx.get(f"{url}/api/v2/alerts").json())
        happened(state, "resolved", alert(CPU, "resolved"))
        eventually(lambda: not httpx.get(f"{url}/api/v2/alerts").json())


def test_a_sink_that_is_down_holds_up_no_other_and_no_end(tmp_path: Path) -> None:
    got = []

    def answer(request: Handler) -> None:
        got.append(json.loads(request.body)["text"])
        request.answer(b"")

    down = Sink("webhook", url=f"http://127.0.0.1:{free_port()}")
    with server(answer) as url, begun(tmp_path / "state", [CPU]) as state:
        up = Sink("webhook", url=url, template="slack")
        with sending(tmp_path / "state", down, up) as reports:
            happened(state, "firing", alert(CPU))
            eventually(lambda: got and (name_of(down), "failed") in reports)
        assert len(state.unsent(name_of(down))) == 1
    assert got == [
        f"[firing] warning: {CPU.key} is unusual since 2023-11-14T22:13:22.000Z: score 0.9123; threshold 0.5; "
        f"metrics cpu 0.97 (usually 0.1235), memory 5e+09 (usually 1); members pca/0, pca/2 <{LINK}|Look and judge>"
    ]


def test_what_slack_takes_for_markup() -> None:
    odd = Found("cpu", {"path": "<!channel> & co"}, ("cpu",))
    got = []

    def answer(request: Handler) -> None:
        got.append(json.loads(request.body)["text"])
        request.answer(b"")

    with server(answer) as url:
        sink = open_sink(Config(source=Source(kind="stdin")), Sink("webhook", url=url, template="slack"))
        sink.send(Notice(1, "resolved", alert(odd, "resolved"), odd, "http://it"))
    assert "&lt;!channel&gt; &amp; co" in got[0]
    assert "<!channel>" not in got[0]


def test_lines() -> None:
    stream = io.StringIO()
    Lines("lines", stream).send(Notice(1, "firing", alert(CPU), CPU, "http://it"))
    assert json.loads(stream.getvalue())["key"] == CPU.key
    assert stream.getvalue().endswith("}\n")


def test_nothing_is_kept_for_a_sink_that_is_gone(tmp_path: Path) -> None:
    gone, kept = Sink("webhook", url="http://127.0.0.1:1"), Sink("lines")
    with begun(tmp_path / "state", [CPU]) as state:
        with sending(tmp_path / "state", gone, kept):
            happened(state, "firing", alert(CPU))
        assert state.unsent(name_of(gone))
        with sending(tmp_path / "state", kept):
            assert state._db.execute("SELECT name FROM sinks").fetchall() == [(kept.kind,)]
            assert not state._db.execute("SELECT id FROM outbox").fetchall()
        with sending(tmp_path / "state"):
            happened(state, "firing", alert(CPU, first=5))
            state.forget_points(0)
            assert not state._db.execute("SELECT id FROM outbox").fetchall()


def test_two_sinks_that_are_the_same(tmp_path: Path) -> None:
    begun(tmp_path / "state", [CPU]).close()
    sinks = (Sink("webhook", url="http://it"), Sink("webhook", url="http://it"))
    with pytest.raises(InputError, match="two of them are the same"), sending(tmp_path / "state", *sinks):
        pass
