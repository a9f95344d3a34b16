import multiprocessing
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import CONFIG, MINUTE, PAST, START, Streams, config, judged_plainly, watch_all

from adt_gym import InputError, thresholds
from adt_gym.live import loop as module
from adt_gym.live.loop import Loop
from adt_gym.live.points import Arrival, Batch, Found, Point, Shard
from adt_gym.live.state import State


@pytest.fixture(autouse=True, scope="module")
def strict() -> Iterator[None]:
    """Let snapshots be taken often, and one whose replay comes to something else be an error."""

    def fail(*said: object) -> None:
        raise AssertionError(said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SNAPSHOT", 7)
        patch.setattr(module.log, "error", fail)
        yield


def judged(state: State, key: str) -> list:
    (row,) = [one for one in state.series() if one.found.key == key]
    return [kept for kept in state.points(row.id) if kept.t is not None]


def run(loop: Loop, streams: Streams, start: int = PAST, stop: int | None = None) -> list:
    return [loop.step(one) for one in streams.arrivals(start, stop)]


def test_its_decisions_are_those_of_a_monitor() -> None:
    streams, state = Streams(), State(None)
    loop = Loop(config(), state)
    loop.step(streams.past())
    steps = run(loop, streams)
    assert loop.watched == 3
    assert [len(step.decisions) for step in steps] == [3] * 200
    for found, values in zip(streams.found, streams.values, strict=True):
        assert judged(state, found.key) == judged_plainly(config(), values)
    assert any(kept.votes for kept in judged(state, streams.found[0].key))


def test_points_of_other_columns_are_refused() -> None:
    loop = Loop(config(), State(None))
    for i, columns in enumerate([("a", "b"), ("b", "c"), ("a", "b", "c"), ("a", "b")]):
        found = Found("node", {}, columns)
        point = Point(found.key, START + i * MINUTE, tuple(map(float, range(len(columns)))))
        step = loop.step(Arrival(point.time, Batch((found,), (point,))))
        assert (step.accepted, step.refused["columns"]) == ((1, 0) if i in (0, 3) else (0, 1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_that_no_scorer_can_learn_from_end_no_service() -> None:
    loop, wild = Loop(config(), State(None)), Found("wild", {}, ("value",))
    for i in range(60):
        value = 1.7e308 * (-1) ** i
        loop.step(Arrival(START + i * MINUTE, Batch((wild,), (Point(wild.key, START + i * MINUTE, (value,)),))))
    assert loop.warming == 1


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(PAST, PAST + 120), max_size=4), told=st.lists(st.integers(PAST, PAST + 120), max_size=4)
)
def test_one_that_is_opened_again_goes_on_as_if_it_had_never_stopped(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], told: list[int]
) -> None:
    streams, path = Streams(2, PAST + 121), tmp_path_factory.mktemp("state") / "state.sqlite"
    state = State(path)
    loop = Loop(config(), state)
    loop.step(streams.past())
    for i in range(PAST, streams.points):
        if i in told and i > PAST:
            key, end = streams.found[i % 2].key, START + (i - 1) * MINUTE
            state.leave_label(key, end - 5 * MINUTE, end, i // 2 % 2, f"test:{i}", end)
            if i % 3 == 0:
                assert loop.step(Arrival(end)).told == 1  # and the next point may come after a restart
        if i in cuts:
            state.close()
            state = State(path)
            loop = Loop(config(), state)
        run(loop, streams, i, i + 1)
    for row, values in zip(state.series(), streams.values, strict=True):
        assert judged(state, row.found.key) == judged_plainly(config(), values, state.labels(row.id))
    state.close()


ANY = [f'method = "{name}"' for name in thresholds.names(without=[thresholds.NEEDS])]
ANY += [f'scorers = ["{name}"]' for name in ("arima", "isolation", "nearest", "seasonal", "range", "untrained")]
ANY += ['refit = "10m"', 'refit = "10m"\nmethod = "dspot"', 'scorers = ["pca", "range"]\nseeds = [0, 1]']


@pytest.mark.parametrize("model", ANY)
def test_whatever_judges_goes_on_after_a_restart_as_one_that_never_stopped(model: str, tmp_path: Path) -> None:
    rules = config("", CONFIG.replace("[model]", f"[model]\n{model}"))
    streams, decided = Streams(2, PAST + 30), []
    for stops in ([], [PAST + 12, PAST + 13]):
        path = tmp_path / f"{len(stops)}.sqlite"
        for start, stop in pairwise([PAST, *stops, streams.points]):
            with State(path) as state:
                loop = Loop(rules, state)
                if start == PAST:
                    loop.step(streams.past())
                for i in range(start, stop):
                    if i == PAST + 5:
                        at = START + (i - 1) * MINUTE
                        state.leave_label(streams.found[0].key, at, at, 0, "told", at)
                    run(loop, streams, i, i + 1)
        with State(path) as state:
            decided.append([judged(state, found.key) for found in streams.found])
    assert decided[0] == decided[1]
    assert [len(one) for one in decided[0]] == [30, 30]


def test_killed_at_any_moment_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    points, path, ready = PAST + 400, tmp_path / "state.sqlite", tmp_path / "ready"
    streams, random, left, kills = Streams(4, points), np.random.default_rng(0), 0, 0
    children = multiprocessing.get_context("forkserver")  # of a process without threads
    while True:
        child = children.Process(target=watch_all, args=(path, points, ready))
        child.start()
        while child.is_alive() and not ready.exists():
            time.sleep(0.01)
        ready.unlink(missing_ok=True)
        deadline = time.monotonic() + random.uniform(0, 0.15)
        while child.is_alive() and (time.monotonic() < deadline or kills == 10):
            left += left < 100 and leave_one(path, left)
            time.sleep(0.01)
        if not child.is_alive():
            break
        child.kill()
        child.join()
        kills += 1
    assert child.exitcode == 0
    assert kills >= 5
    with State(path) as state:
        Loop(config(), state).step(Arrival(START + streams.points * MINUTE))
        labels = [state.labels(row.id) for row in state.series()]
        assert sum(map(len, labels)) == left > 0
        for row, values, told in zip(state.series(), streams.values, labels, strict=True):
            points = state.points(row.id)
            assert [kept.n for kept in points] == list(range(streams.points))
            assert judged(state, row.found.key) == judged_plainly(config(), values, told)
        alerts = {one.id: one for one in state.alerts(["firing", "resolved"])}
        state.add_sink("late")
        sent = [(one.body["id"], one.event) for one in state.unsent("early")]
    assert len(sent) == len(set(sent))
    assert {id for id, event in sent if event == "firing"} == set(alerts)
    assert {id for id, event in sent if event == "resolved"} == {one.id for one in alerts.values() if one.ended}


def leave_one(path: Path, number: int) -> bool:
    """Leave a label as somebody else would while the service runs; say whether there was an alert to label."""
    if not path.exists():
        return False
    try:
        with State(path, owner=False) as state:
            state.add_sink("early")
            alerts = state.alerts(["firing", "resolved"])
            return bool(alerts) and state.leave_verdict(alerts[number % len(alerts)].id, number % 2, f"{number}", 0)
    except InputError:  # the file is being made
        return False


def test_points_that_cannot_be_taken_in_are_refused_and_change_nothing() -> None:
    streams, state = Streams(1), State(None)
    loop = Loop(config(), state)
    loop.step(streams.past())
    key, now = streams.found[0].key, START + (PAST + 10) * MINUTE
    run(loop, streams, PAST, PAST + 10)
    wrong = [
        Point(key, now - MINUTE, (0.0,)),
        Point(key, now - 3 * MINUTE, (0.0,)),
        Point(key, now, (float("nan"),)),
        Point(key, now, (float("inf"),)),
        Point(key, now, (0.0, 1.0)),
    ]
    step = loop.step(Arrival(now, Batch((), tuple(wrong))))
    assert dict(step.refused) == {"duplicate": 1, "late": 1, "missing": 2, "columns": 1}
    assert (step.accepted, step.gaps, step.decisions) == (0, 0, [])
    run(loop, streams, PAST + 10)
    assert judged(state, key) == judged_plainly(config(), streams.values[0])


def test_a_gap_is_counted_and_no_window_spans_it() -> None:
    streams, state = Streams(1), State(None)
    loop = Loop(config(), state)
    loop.step(streams.past())
    run(loop, streams, PAST, PAST + 10)
    steps = run(loop, streams, PAST + 13, PAST + 20)
    assert [step.gaps for step in steps] == [3, 0, 0, 0, 0, 0, 0]
    assert [len(step.decisions) for step in steps] == [0, 0, 0, 0, 1, 1, 1]


def test_a_series_that_appears_is_judged_once_it_has_enough_of_a_past() -> None:
    streams, state = Streams(1), State(None)
    loop = Loop(config(), state)
    steps = run(loop, Streams(1), 0, 100)
    enough = 50 + 5 - 1
    assert [len(step.decisions) for step in steps] == [0] * enough + [1] * (100 - enough)
    (row,) = state.series()
    assert row.watched == enough
    assert (loop.watched, loop.warming) == (1, 0)
    assert streams.found[0].key == row.found.key


def test_a_series_that_vanishes_ends_its_alerts_and_may_come_back() -> None:
    streams, state = Streams(1), State(None)
    loop = Loop(config(), state)
    loop.step(streams.past())
    i = PAST
    while not state.alerts(["firing"]):
        run(loop, streams, i, i + 1)
        i += 1
    (alert,) = state.alerts(["firing"])
    last = START + (i - 1) * MINUTE
    assert loop.step(Arrival(last + 10 * MINUTE)).events == []
    ((event, ended),) = loop.step(Arrival(last + 11 * MINUTE)).events
    assert (event, ended.id, ended.ended) == ("resolved", alert.id, last + 10 * MINUTE)
    assert state.alerts(["resolved"])[0].id == alert.id
    (step,) = run(loop, streams, i + 37, i + 38)
    assert (step.gaps, step.events) == (37, [])


def test_several_that_judge_vote_and_each_tier_asks_for_its_votes() -> None:
    tiers = "".join(f'[[alerts.tiers]]\nseverity = "{s}"\nvotes = "{v}"\n' for s, v in (("a", "any"), ("b", "all")))
    text = 'scorers = ["pca", "range"]\nwindow = 5'
    rules = config(tiers, CONFIG.replace("window = 5", text))
    streams, state = Streams(1), State(None)
    loop = Loop(rules, state)
    loop.step(streams.past())
    run(loop, streams)
    each = [
        judged_plainly(config("", CONFIG.replace("window = 5", f'scorers = ["{one}"]\nwindow = 5')), streams.values[0])
        for one in ("pca", "range")
    ]
    together = judged(state, streams.found[0].key)
    assert [kept.votes for kept in together] == [a.votes + b.votes for a, b in zip(*each, strict=True)]
    starts = {severity: [one.started for one in state.alerts() if one.severity == severity] for severity in "ab"}
    any_up, all_up = ([kept.time for kept in together if kept.votes >= needed] for needed in (1, 2))
    assert min(starts["a"]) == any_up[0]
    assert min(starts["b"]) == all_up[0]
    assert any_up != all_up


@pytest.mark.parametrize("shards", [1, 3])
def test_shards_share_the_series_and_each_has_its_own_state(tmp_path: Path, shards: int) -> None:
    streams, keys = Streams(12, PAST + 3), []
    for number in range(1, shards + 1):
        with State(tmp_path / f"{number}.sqlite") as state:
            loop = Loop(config(), state, Shard(number, shards))
            loop.step(streams.past())
            run(loop, streams)
            keys += [row.found.key for row in state.series()]
    assert sorted(keys) == sorted(one.key for one in streams.found)
    if shards > 1:
        with State(tmp_path / "1.sqlite") as state, pytest.raises(InputError, match="belongs to shard 1/3"):
            Loop(config(), state, Shard(2, 3))


def test_scorers_learn_anew_without_what_was_told_to_be_anomalous(monkeypatch: pytest.MonkeyPatch) -> None:
    from adt_gym.live import models

    learned, fit = [], models.Models.scorers
    monkeypatch.setattr(models.Models, "scorers", lambda self, past: learned.append(past) or fit(self, past))
    streams, state = Streams(1, PAST + 120), State(None)
    loop = Loop(config("", CONFIG.replace("window = 5", 'window = 5\nrefit = "100m"')), state)
    loop.step(streams.past())
    run(loop, streams, PAST, PAST + 40)
    key = streams.found[0].key
    since, until = START + (PAST + 20) * MINUTE, START + (PAST + 29) * MINUTE
    state.leave_label(key, since, until, 1, "told", until)
    run(loop, streams, PAST + 40)
    first, second = learned
    assert len(first) == PAST
    times = second.index.astype(np.int64)
    assert not ((times >= since) & (times <= until)).any()
    assert len(second) == PAST - 10
    (cut,) = second.breaks
    assert times[cut] == until + MINUTE
    assert [kept.n for kept in state.points(1) if kept.t is None] == list(range(PAST))


def test_a_config_with_another_model_begins_anew_on_the_points_that_are_kept(tmp_path: Path) -> None:
    streams, path = Streams(1), tmp_path / "state.sqlite"
    with State(path) as state:
        loop = Loop(config(), state)
        loop.step(streams.past())
        run(loop, streams, PAST, PAST + 50)
    with State(path) as state:
        loop = Loop(config("", CONFIG.replace("window = 5", "window = 6")), state)
        assert (loop.watched, loop.warming) == (0, 1)
        steps = run(loop, streams, PAST + 50)
        assert sum(len(step.decisions) for step in steps) > 100


def test_a_series_that_has_other_columns_after_a_restart_begins_anew(tmp_path: Path) -> None:
    path, key = tmp_path / "state.sqlite", Streams(1).found[0].key
    with State(path) as state:
        loop = Loop(config(), state)
        loop.step(Streams(1).past())
    other = Found("cpu", {"host": "0"}, ("value", "more"))
    assert other.key == key
    with State(path) as state:
        loop = Loop(config(), state)
        points = [Point(key, START + (PAST + i) * MINUTE, (float(i), 0.0)) for i in range(3)]
        assert [loop.step(Arrival(one.time, Batch((other,), (one,)))).accepted for one in points] == [1, 1, 1]
        wrong = Arrival(START + (PAST + 3) * MINUTE, Batch((), (Point(key, START + (PAST + 3) * MINUTE, (1.0,)),)))
        assert dict(loop.step(wrong).refused) == {"columns": 1}
        (row,) = state.series()
        assert row.found.columns == other.columns
        assert [kept.n for kept in state.points(row.id)] == [0, 1, 2]


def test_found_series_of_the_same_labels_in_another_order_are_one() -> None:
    one, other = Found("a", {"x": "1", "y": "2"}, ("v",)), Found("a", {"y": "2", "x": "1"}, ("v",))
    assert one.key == other.key == 'a{x="1",y="2"}'
    assert Found("a", {"x": 'say "\\"\n'}, ("v",)).key == 'a{x="say \\"\\\\\\"\\n"}'
