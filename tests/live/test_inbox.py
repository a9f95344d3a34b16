"""Labels that people say elsewhere: silences of the real Alertmanager, and a file of incidents."""

import json
import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus import alertmanager
from scripted import server
from states import START, alert, begun, happened
from waiting import eventually

from adt_gym.checks import InputError
from adt_gym.live.config import Config, Labels, Source
from adt_gym.live.inbox import Inbox, Incident, incidents_in
from adt_gym.live.moments import now, written
from adt_gym.live.points import Found
from adt_gym.live.records import Alert, Kept
from adt_gym.live.silences import Silence, said
from adt_gym.live.sinks.alertmanager import labels_of
from adt_gym.live.state import State


def hosts(run: str) -> list[Found]:
    """Return two series that differ from those of other tests: Alertmanager forgets no silence."""
    return [Found("cpu", {"host": host, "run": run}, ("cpu",)) for host in "ab"]


A, B = hosts("once")


def inbox(path: Path, **labels: Any) -> tuple[Inbox, list[tuple[str, str]], threading.Event]:
    reports: list[tuple[str, str]] = []
    stop = threading.Event()
    config = Config(source=Source(kind="stdin"), labels=Labels(**labels), folder=path.parent)
    return Inbox(config, path, stop, lambda *report: reports.append(report)), reports, stop


def left(state: State) -> list[tuple[int, int, int, bool, int]]:
    """Return series, seconds since the start, and verdict of the labels."""
    return [
        (one.series, (one.since - START) // 1000, (one.until - START) // 1000, one.flagged, one.verdict)
        for one in state.labels()
    ]


@pytest.mark.parametrize(
    ("comment", "verdict"),
    [
        ("False alarm, a deploy", 0), ("adt: false alarm", 0), ("FALSE-ALARM", 0), ("two false alarms", 0),
        ("true alarm: disk", 1), ("A real alarm", 1), ("looking into it", None), ("alarm", None), ("", None),
        ("not a false alarm", None), ("No true alarm", None), ("false alarm?", None), ("true or false alarm", 0),
        ("true alarm first, then a false alarm", None), ("this isn't a false alarm", None), ("falsealarm", None),
        ("false alarm; do not page", 0),
    ],
)  # fmt: skip
def test_what_a_comment_says(comment: str, verdict: int | None) -> None:
    assert said(comment) == verdict


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager") / "it") as url:
        yield url


def silence(url: str, comment: str, *matchers: tuple[str, str, str]) -> None:
    """Tell Alertmanager to be silent for an hour from now; matchers are such as ("host", "=~", "a|b")."""
    began = datetime.now(UTC)
    posted = {
        "matchers": [
            {"name": name, "value": value, "isRegex": "~" in sign, "isEqual": "!" not in sign}
            for name, sign, value in matchers
        ],
        "startsAt": began.isoformat(), "endsAt": (began + timedelta(hours=1)).isoformat(),
        "createdBy": "test", "comment": comment,
    }  # fmt: skip
    httpx.post(f"{url}/api/v2/silences", json=posted).raise_for_status()


def recent(found: Found, first: int, last: int, state: str = "firing", severity: str = "warning") -> Alert:
    """Return an alert that began and ended so many seconds before now."""
    started, newest = now() - 1000 * first, now() - 1000 * last
    ended = newest if state == "resolved" else None
    return Alert(f"{found.key}-{severity}-{first}", found.key, severity, state, started, newest, started, ended)


def told(url: str, path: Path, run: str, *alerts: Alert) -> set[str]:
    """Return the alerts of which silences told something."""
    with State(path) as state:
        for i, found in enumerate(hosts(run)):
            state.add_series(i + 1, found)
        ids = {row.found.key: row.id for row in state.series()}
        for one in alerts:
            happened(state, "firing", one)
            state.add_points([_flagged(ids[one.key], one)])
        looking, *_ = inbox(path, alertmanager=url)
        with State(path, owner=False) as other:
            looking.look(other)
        return {one.id for one in state.alerts() if one.verdict is not None}


def _flagged(series: int, one: Alert) -> tuple[int, Kept]:
    return series, Kept(one.started, one.started, 0, (0.0,), one.started, 0.5, 0.4, 1)


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ([("series", "=~", '.*host="a".*')], "a"), ([("alertname", "=", "cpu")], "ab"), ([("host", "=~", "a|c")], "a"),
        ([("host", "!=", "a")], "b"), ([("host", "!~", "a.*"), ("alertname", "=~", ".+")], "b"),
        ([("host", "=~", "[ab]"), ("severity", "=", "warning")], "ab"), ([("severity", "=", "critical")], ""),
        ([("host", "=~", "x?a")], "a"), ([("host", "=~", "|a"), ("alertname", "=", "cpu")], "a"),
        ([("nothing", "=", ""), ("host", "=", "b")], "b"), ([("nothing", "!=", ""), ("host", "=", "b")], ""),
        ([("alertname", "=~", "c")], ""),
    ],
)  # fmt: skip
def test_a_silence_is_about_what_it_matches(url: str, tmp_path: Path, matchers: Any, expected: str) -> None:
    run = tmp_path.name
    alerts = [recent(found, 60, 10) for found in hosts(run)]
    silence(url, "a false alarm", *matchers, ("run", "=", run))
    found = told(url, tmp_path / "state", run, *alerts)
    assert found == {one.id for one, host in zip(alerts, "ab", strict=True) if host in expected}
    by_labels = [{"labels": labels_of(one, "warning")} for one in hosts(run)]
    httpx.post(f"{url}/api/v2/alerts", json=by_labels).raise_for_status()
    silenced = httpx.get(f"{url}/api/v2/alerts", params={"filter": f'run="{run}"'}).json()  # by Alertmanager itself
    assert {one["labels"]["host"] for one in silenced if one["status"]["silencedBy"]} == {*expected}


def test_a_silence_is_about_what_was_up(url: str, tmp_path: Path) -> None:
    """What fires, and what had ended before for no longer than it was up."""
    run = tmp_path.name
    a, b = hosts(run)
    alerts = [recent(a, 60, 10), recent(a, 1000, 700, "resolved"), recent(b, 1000, 400, "resolved"), recent(b, 9, 9)]
    silence(url, "true alarm", ("run", "=", run))
    assert told(url, tmp_path / "state", run, *alerts) == {alerts[i].id for i in (0, 2, 3)}


def test_a_silence_that_is_over_is_not_about_what_came_later() -> None:
    over = Silence("1", 0, START, START + 10_000, ())
    assert over.is_about(alert(A, first=10, last=12), {})
    assert not over.is_about(alert(A, first=11, last=12), {})


def test_an_expression_that_python_does_not_know_matches_nothing() -> None:
    known = {"name": "run", "value": r"\pL+", "isRegex": True}
    assert not Silence("1", 0, START, START + 10_000, (known,)).is_about(alert(A), {"run": "a"})


def test_silences_become_labels_once(url: str, tmp_path: Path) -> None:
    with begun(tmp_path / "state", [A, B]) as state:
        happened(state, "firing", alert(A))
        happened(state, "firing", alert(B))
        looking, reports, _ = inbox(tmp_path / "state", alertmanager=url)
        ours = ("run", "=", "once"), ("host", "=", "a")
        silence(url, "Watching it", ours[0])
        silence(url, "False alarm", *ours)
        with State(tmp_path / "state", owner=False) as other:
            for _ in range(3):
                looking.look(other)
            assert left(state) == [(1, 2, 4, True, 0)]
            assert reports == [("silences", "label")]
            again, reports, _ = inbox(tmp_path / "state", alertmanager=url)
            again.look(other)
            assert reports == []
            silence(url, "A true alarm after all", *ours)
            again.look(other)
        assert left(state) == [(1, 2, 4, True, 0), (1, 2, 4, True, 1)]
        found = state.alert(alert(A).id)
        assert found is not None
        assert found.verdict == 1


def test_trouble_ends_no_thread(tmp_path: Path) -> None:
    answers = iter([b"", b"{}", b"[{}]", b'[{"comment": "false alarm"}]', b"[" * 100_000])
    while_up = {"startsAt": "2023-01-01T00:00:00Z", "endsAt": "2090-01-01T00:00:00Z"}
    matcher = {"name": "host", "value": "(", "isRegex": True, "isEqual": True}
    pattern = json.dumps([{"id": "1", "comment": "false alarm", "matchers": [matcher], **while_up}]).encode()
    right = pattern[:-1] + b"," + pattern[1:].replace(b'"("', b'"a"')  # beside one that holds up no other
    with (
        server(lambda request: request.answer(next(answers, right))) as url,
        begun(tmp_path / "state", [A]) as state,
    ):
        happened(state, "firing", alert(A))
        looking, reports, stop = inbox(tmp_path / "state", alertmanager=url, every="10ms")
        looking.start()
        assert eventually(lambda: left(state)) == [(1, 2, 4, True, 0)]
        stop.set()
        looking.join()
    assert reports[:4] == [("silences", "failed")] * 4


def write(path: Path, *rows: str, header: str = "series,start,end,verdict") -> None:
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text("\n".join([header, *rows, ""]))
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_incidents(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, seconds = tmp_path / "incidents.csv", [START / 1000 + i for i in range(20)]
    quoted = '"' + A.key.replace('"', '""') + '"'
    with begun(tmp_path / "state", [A, B]) as state, caplog.at_level(logging.WARNING):
        looking, reports, _ = inbox(tmp_path / "state", incidents="incidents.csv")
        for _ in range(2):
            looking.look(state)
        assert reports == [("incidents", "failed")]
        write(
            path,
            f"{quoted},{written(START + 2000)},{written(START + 3000)},true",
            f"*,{seconds[5]},{seconds[6]},0",
            f"{quoted},{seconds[7]},{seconds[6]},1",
            f"{quoted},{seconds[7]},noon,1",
            f"{quoted},{seconds[7]},{seconds[8]},perhaps",
            f"unknown,{seconds[1]},{seconds[2]},1",
            f",{seconds[9]},{seconds[12]},False",  # its end has not come yet
        )
        reports.clear()
        for _ in range(2):
            looking.look(state)
        expected = [(1, 2, 3, False, 1), (1, 5, 6, False, 0), (2, 5, 6, False, 0)]
        assert left(state) == expected
        assert reports == [("incidents", "failed")] * 3 + [("incidents", "label")] * 3
        assert [caplog.text.count(f"line {i} is left out") for i in range(2, 9)] == [0, 0, 1, 1, 1, 0, 0]

        with state.transaction():
            state.add_points((1, _kept(i)) for i in range(10, 13))
        looking.look(state)
        assert left(state) == [*expected, (1, 9, 12, False, 0)]

        write(path, f"{quoted},{seconds[2]},{seconds[3]},false", f"*,{seconds[5]},{seconds[6]},0")
        looking.look(state)
        inbox(tmp_path / "state", incidents="incidents.csv")[0].look(state)  # another life
        assert left(state) == [*expected, (1, 9, 12, False, 0), (1, 2, 3, False, 0)]

        write(path, header="series,from,to,verdict")
        looking.look(state)
        assert "has no column start" in caplog.text


def _kept(i: int) -> Kept:
    return Kept(i, START + 1000 * i, 0, (0.0,), i, 0.5, 0.5, 0)


def test_incidents_of_a_back_test(tmp_path: Path) -> None:
    path = tmp_path / "it.csv"
    with pytest.raises(FileNotFoundError):
        incidents_in(path)
    write(path, "a,1,2.5,true", "*,1970-01-01T00:00:01Z,2,0")
    assert incidents_in(path) == [Incident("a", 1000, 2500, 1), Incident("*", 1000, 2000, 0)]
    write(path, "a,1,2,true", "a,2,1,true")
    with pytest.raises(InputError, match=r"it\.csv, line 3: it ends before it starts"):
        incidents_in(path)
