"""Page, labels and metrics over HTTP, on a real server: what is answered, and who is turned away."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import BEGIN, MINUTE, alert_of, config_of, fill, served, told

from adt_gym.checks import InputError
from adt_gym.live.own_metrics import Metrics
from adt_gym.live.points import Found
from adt_gym.live.security import Keys
from adt_gym.live.state import State
from adt_gym.live.web import app

HOSTILE = "\"><script>document.title='owned'</script><img src=x onerror=alert(1)>"
NAMES = {
    "cpu": Found("cpu", {"instance": "a"}, ("value",)),
    "host": Found("host", {"x": HOSTILE}, ("load", "memory", "<b>net")),
    "Mem": Found("Mem", {}, ("value",)),
}
CPU = NAMES["cpu"].key
TOKEN = "a long random token, näh"
ALERT = {"alert": "a1-0", "verdict": False}


@pytest.fixture(scope="module")
def untold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state in which no test leaves a label."""
    path = tmp_path_factory.mktemp("untold") / "state.sqlite"
    fill(path, NAMES)
    return path


@pytest.fixture(scope="module")
def client(untold: Path) -> Iterator[httpx.Client]:
    with served(config_of(), untold) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_is_left(untold: Path) -> Iterator[None]:
    yield
    assert told(untold) == []


@pytest.fixture
def state(tmp_path: Path) -> Path:
    fill(tmp_path / "state.sqlite", NAMES)
    return tmp_path / "state.sqlite"


@pytest.fixture
def teller(state: Path) -> Iterator[httpx.Client]:
    """A client of a service that may be told labels."""
    with served(config_of(), state) as client:
        yield client


@pytest.fixture
def guarded(state: Path) -> Iterator[httpx.Client]:
    """A client of a service that needs a token, and knows none."""
    (state.parent / "token").write_text(f"{TOKEN}\n", "utf-8")
    with served(config_of(state.parent, token_file="token"), state) as client:
        yield client


def csrf_of(html: str) -> str:
    found = re.search(r'<meta name=csrf content="([^"]+)">', html)
    assert found
    return found[1]


def error_of(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    assert "\n" not in error
    return str(error)


# What is answered


def test_the_list_says_in_which_state_every_series_is(state: Path, teller: httpx.Client) -> None:
    with State(state, owner=False) as opened, opened.transaction():
        opened.set_alert(1, alert_of(CPU, 1, 2, 4))  # what fired is over
        opened.add_series(8, Found("new", {}, ("value",)))
        opened.add_series(9, Found("quiet", {}, ("value",)))
        opened.add_points([(9, opened.points(1, newest=1)[0]._replace(time=BEGIN, n=0))])
    answer = teller.get("/api/series").json()
    assert {one["key"]: one["state"] for one in answer["series"]} == {
        NAMES["host"].key: "firing", "Mem": "firing", "quiet": "vanished", "new": "warming up", CPU: "judged",
    }  # fmt: skip
    assert answer["counts"] == {"firing": 2, "pending": 0, "vanished": 1, "warming up": 1, "judged": 1}
    assert [one["key"] for one in teller.get("/api/series?q=mEM").json()["series"]] == ["Mem"]
    assert [one["key"] for one in teller.get("/api/series?state=judged").json()["series"]] == [CPU]
    assert error_of(teller.get("/api/series?state=odd")).startswith("unknown state 'odd'")
    html = teller.get("/").text
    assert "firing <b>2</b>" in html
    assert "quiet" not in teller.get("/?state=firing").text


def test_a_long_list_has_pages(tmp_path: Path) -> None:
    fill(tmp_path / "long", {str(i): Found("cpu", {"instance": f"node-{i:04}"}, ("v",)) for i in range(450)}, points=2)
    with served(config_of(), tmp_path / "long") as client:
        pages = [client.get(f"/api/series?page={n}").json()["series"] for n in (1, 2, 3, 4)]
        assert [len(one) for one in pages] == [200, 200, 50, 0]
        assert len({line["key"] for page in pages for line in page}) == 450
        html = client.get("/?page=2&q=node").text
        assert 'href="/?q=node&amp;page=3"' in html
        assert 'href="/?q=node"' in html
        assert error_of(client.get("/?page=0")) == "page must be a whole number from 1 to 1000000"


def test_a_series_comes_whole_and_then_what_is_new(untold: Path, client: httpx.Client) -> None:
    with State(untold, owner=False) as opened:
        kept = opened.points(2)
    answer = client.get("/api/series/2").json()
    assert answer["times"] == [one.time for one in kept]
    assert answer["scores"] == [one.score for one in kept]
    assert answer["thresholds"] == [one.threshold for one in kept]
    assert answer["votes"] == [one.votes for one in kept]
    assert answer["points"]["<b>net"] == [one.point[2] for one in kept]
    assert [one["id"] for one in answer["alerts"]] == ["a2-2", "a2-1", "a2-0"]
    assert client.get("/api/series/2?points=7").json()["times"] == answer["times"][-7:]
    later = client.get(f"/api/series/2?since={answer['next'] - 3}").json()
    assert later["times"] == answer["times"][-3:]
    assert client.get(f"/api/series/2?since={answer['next']}").json() | {"alerts": []} == {
        "series": NAMES["host"].key, "next": answer["next"], "times": [], "gaps": [], "scores": [], "thresholds": [],
        "votes": [], "points": {"load": [], "memory": [], "<b>net": []}, "alerts": [], "labels": [],
    }  # fmt: skip


def test_what_is_not_there_is_one_line(client: httpx.Client) -> None:
    missing = ("/api/series/99", f"/series/{2**70}", "/alerts/none", "/alerts/a/b", "/nowhere", "/assets/none.js")
    for path in missing:
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert error_of(answer)
    assert client.get("/labels").status_code == 405
    for query in ("points=-1", "points=x", "since=1e3", f"points={10**9}", "since=²"):
        assert client.get(f"/api/series/1?{query}").status_code == 400, query


def test_an_alert_leads_to_its_series(client: httpx.Client) -> None:
    answer = client.get("/alerts/a2-1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/series/2?alert=a2-1")
    assert 'data-alert="a2-1"' in client.get(answer.headers["location"]).text
    assert [one["id"] for one in client.get("/api/alerts?state=firing").json()["alerts"]] == ["a1-2", "a2-2", "a3-2"]


def test_nobody_s_words_become_html(client: httpx.Client) -> None:
    for path in ("/", "/series/2", "/?q=" + HOSTILE.replace("#", ""), "/alerts/" + HOSTILE.replace("/", "")):
        text = client.get(path, headers={"Accept": "text/html"}).text
        assert "<script>" not in text, path
        assert "<img" not in text, path
        assert "<b>net" not in text, path


# Labels


def test_a_label_is_left_once_and_the_last_word_counts(state: Path, teller: httpx.Client) -> None:
    def post(verdict: bool, **what: Any) -> str:
        answer = teller.post("/labels", json={"verdict": verdict, **what})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["label"])

    span = (BEGIN + 50 * MINUTE, BEGIN + 54 * MINUTE)
    assert [post(v, alert="a1-0") for v in (False, False, True, True, False)] == ["new", "known", "new", "known", "new"]
    assert told(state) == [(CPU, *span, 0), (CPU, *span, 1), (CPU, *span, 0)]
    with State(state, owner=False) as opened:
        alert = opened.alert("a1-0")
        assert alert is not None
        assert alert.verdict == 0
    one = BEGIN + 51 * MINUTE
    assert post(True, series=CPU, time=one) == "new"  # another word on a part of it
    assert post(False, alert="a1-0") == "new"
    assert post(True, series="Mem", time="2025-10-09T09:00:00Z", until="2025-10-09T12:00+02:00") == "new"
    assert told(state)[3:] == [
        (CPU, one, one, 1), (CPU, *span, 0), ("Mem", 1_760_000_400_000, 1_760_004_000_000, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"alert": "none", "verdict": True}, 404, "there is no alert 'none'"),
        ({"series": "none", "time": BEGIN, "verdict": True}, 404, "there is no series 'none'"),
        ({"series": CPU, "time": BEGIN + 1, "verdict": True}, 400, "no window that was judged ends then"),
        ({"series": CPU, "time": BEGIN + 1, "until": BEGIN, "verdict": True}, 400, "until must not be before time"),
        ({"series": CPU, "time": "noon", "verdict": True}, 400, "time must be such as"),
        ({"series": CPU, "time": True, "verdict": True}, 400, "time must be such as"),
        ({"series": CPU, "time": 2**63, "verdict": True}, 400, "time must be such as"),
        ({"series": CPU, "verdict": True}, 400, "time must be such as"),
        ({"series": [CPU], "time": BEGIN, "verdict": True}, 400, "series must be a word"),
        ({"alert": "a1-0", "verdict": 1}, 400, "verdict must be True or False"),
        ({"alert": "a1-0"}, 400, "verdict must be True or False"),
        ({"alert": "a1-0", "series": CPU, "verdict": True}, 400, "a label is"),
        ({"alert": "a1-0", "verdict": True, "time": BEGIN}, 400, "'time' is no part of a label"),
        ([], 400, "a label is"),
    ],
)
def test_a_label_that_is_none(client: httpx.Client, given: Any, status: int, words: str) -> None:
    answer = client.post("/labels", json=given)
    assert (answer.status_code, words in error_of(answer)) == (status, True), answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 60_000, b'{"verdict": NaN}', b"\xff", b'{"alert": "\\ud800"}'])
def test_a_body_that_is_no_json(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/labels", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert error_of(answer).startswith("the label is no JSON")


# Who is turned away


def post(client: httpx.Client, headers: Mapping[str, str], content: str | None = None) -> int:
    given = {"Content-Type": "application/json"} | dict(headers)
    return client.post("/labels", content=content or json.dumps(ALERT), headers=given).status_code


def test_a_program_of_this_machine_may_leave_a_label(teller: httpx.Client, state: Path) -> None:
    assert post(teller, {}) == 202
    assert len(told(state)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},  # another service of this machine
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "SELF"},
        {"Sec-Fetch-Site": "none"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Origin": "SELF", "Sec-Fetch-Site": "same-origin"},  # a browser that has not loaded the page
        {"Origin": "SELF", "X-CSRF-Token": "wrong"},
        {"Cookie": "a=b"},
        {"Origin": "https://evil.example", "X-CSRF-Token": "RIGHT"},
        {"Sec-Fetch-Site": "same-site", "X-CSRF-Token": "RIGHT"},
    ],
)
def test_no_page_of_somebody_else_leaves_a_label(client: httpx.Client, headers: dict[str, str]) -> None:
    words = {"SELF": str(client.base_url).rstrip("/"), "RIGHT": csrf_of(client.get("/").text)}
    assert post(client, {name: words.get(value, value) for name, value in headers.items()}) in (403, 415)


def test_the_page_itself_may(teller: httpx.Client, state: Path) -> None:
    headers = {"Origin": str(teller.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert post(teller, headers | {"X-CSRF-Token": csrf_of(teller.get("/").text)}) == 202
    assert len(told(state)) == 1


def test_another_name_of_this_machine_is_refused(client: httpx.Client) -> None:
    for host in ("evil.example", "evil.example:8428", "127.0.0.1.evil.example", "localhost.evil", "", "[", "10.0.0.1"):
        for path in ("/", "/api/series", "/metrics", "/healthz", "/assets/live.js"):
            assert client.get(path, headers={"Host": host}).status_code == 421, (host, path)
        assert post(client, {"Host": host}) == 421
    for host in ("localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:8428", "127.0.0.2"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200, host


def test_the_name_in_links_is_one_of_this_machine(state: Path) -> None:
    with served(config_of(link="https://adt.example/"), state) as client:
        csrf = csrf_of(client.get("/", headers={"Host": "adt.example"}).text)
        ours = {"Origin": "https://adt.example", "X-CSRF-Token": csrf}
        assert post(client, ours | {"Host": "adt.example"}) == 202
        assert post(client, ours) == 202  # behind a proxy that does not hand on the name
        assert client.get("/", headers={"Host": "other.example"}).status_code == 421


def test_a_body_that_is_too_long_is_not_read(client: httpx.Client) -> None:
    long = json.dumps(ALERT | {"x": "y" * (64 << 10)})
    assert post(client, {}, long) == 413
    chunks = (b"x" * 1000 for _ in range(10_000))  # no Content-Length
    headers = {"Content-Type": "application/json"}
    with suppress(httpx.WriteError):  # the server may close the connection before all is sent
        assert client.post("/labels", content=chunks, headers=headers).status_code == 413


def test_nothing_is_shared_with_other_pages(client: httpx.Client) -> None:
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answers = [client.get(path, headers=preflight) for path in ("/", "/api/series", "/metrics", "/nowhere")]
    answers += [client.options("/labels", headers=preflight), client.post("/labels", headers=preflight)]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")], answer.url
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self';" in policy
        assert answer.headers["cache-control"] == "no-store"
    assert answers[-2].status_code in (403, 405)


def test_a_page_runs_no_script_of_its_own(client: httpx.Client) -> None:
    for path in ("/", "/series/1"):
        text = client.get(path).text
        assert re.findall(r"<script(?![^>]* src=\"/assets/)", text) == []
        assert re.findall(r"<[^>]*\son\w+=", text) == []
        for address in re.findall(r'(?:src|href)="(/assets/[^"]+)"', text):
            answer = client.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]


# With a token


def test_with_a_token_nothing_goes_without(guarded: httpx.Client, state: Path) -> None:
    assert guarded.get("/healthz").status_code == 200
    paths = (
        "/",
        "/series/1",
        "/alerts/a1-0",
        "/api/series",
        "/api/series/1",
        "/api/alerts",
        "/metrics",
        "/assets/live.js",
    )
    encoded = TOKEN.encode()
    wrong = (b"", b"Bearer", b"Bearer " + encoded[:-1], b"Bearer x" + encoded, b"Basic " + encoded, b"\xff")
    for path in (*paths, "/nowhere"):
        for word in wrong:
            assert guarded.get(path, headers={b"Authorization": word}).status_code == 401, (path, word)
        assert guarded.get(f"{path}?token={TOKEN}").status_code == 401
    for path in paths:
        assert guarded.get(path, headers={b"Authorization": b"Bearer " + encoded}).status_code in (200, 303)
    assert post(guarded, {}) == 401
    assert told(state) == []
    headers = {b"Authorization": b"Bearer " + encoded, b"Content-Type": b"application/json"}
    assert guarded.post("/labels", json=ALERT, headers=headers).status_code == 202
    assert len(told(state)) == 1


def test_a_browser_signs_in(guarded: httpx.Client, state: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = guarded.get("/series/1?alert=a1-0", headers={"Accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2Fseries%2F1%3Falert%3Da1-0")
    form = guarded.get(asked.headers["location"])
    assert "name=token" in form.text
    wrong = guarded.post(asked.headers["location"], data={"token": "wrong"})
    assert wrong.status_code == 403
    assert "set-cookie" not in wrong.headers
    foreign = guarded.post("/login", data={"token": TOKEN}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    right = guarded.post(asked.headers["location"], data={"token": TOKEN})
    assert (right.status_code, right.headers["location"]) == (303, "/series/1?alert=a1-0")
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    page = guarded.get("/series/1")  # the client keeps the cookie
    assert page.status_code == 200
    assert post(guarded, {}) == 403  # a cookie alone is what other pages could make the browser send
    assert post(guarded, {"X-CSRF-Token": csrf_of(page.text)}) == 202
    assert len(told(state)) == 1
    assert TOKEN not in caplog.text + page.text + form.text + wrong.text


def test_signing_in_leads_to_no_other_page(guarded: httpx.Client) -> None:
    for where in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""):
        right = guarded.post("/login", params={"next": where}, data={"token": TOKEN})
        assert (right.status_code, right.headers["location"]) == (303, "/"), where
    guarded.cookies.clear()
    guarded.cookies.set("adt_session_8428", "guess")
    assert guarded.get("/api/series").status_code == 401


def test_a_token_file_that_holds_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" \n")
    with pytest.raises(InputError, match="is empty; write a long random token into it"):
        Keys(config_of(tmp_path, token_file="token"))
    config = config_of(tmp_path, token_file="none")
    metrics = Metrics(config)
    with pytest.raises(InputError, match="none cannot be read: No such file"):
        app(config, tmp_path, metrics)
