"""A state that another config has written, and what is forgotten of one."""

from pathlib import Path

import pytest
from streams import CONFIG, MINUTE, PAST, START, Streams, config

from adt_gym.live.config import Config
from adt_gym.live.loop import Loop
from adt_gym.live.points import Arrival, Batch, Found, Point
from adt_gym.live.state import State

WARNING = '[[alerts.tiers]]\nseverity = "warning"\n'
HEAL = '[[alerts.tiers]]\nseverity = "heal"\nvotes = "all"\n'
OTHER = CONFIG.replace("[model]", "[model]\nseeds = [1]")
JUMP = PAST + 23  # the first series has jumped by then, and stays there for a while


def lived(path: Path, rules: Config, start: int, stop: int, label: int | None = None) -> list[tuple[str, str]]:
    """Let a service run; return severities and states of its alerts that are new or not over."""
    streams = Streams(1, PAST + 60)
    with State(path) as state:
        loop = Loop(rules, state)
        state.add_sink("test")
        if start == PAST:
            loop.step(streams.past())
        for arrival in streams.arrivals(start, stop):
            if label is not None and arrival.now == START + label * MINUTE:
                since = arrival.now - 5 * MINUTE
                state.leave_label(streams.found[0].key, since, arrival.now - MINUTE, 1, "test", arrival.now)
            loop.step(arrival)
        assert loop.watched == 1
        return [(one.severity, one.state) for one in state.alerts()]


def told(path: Path) -> list[tuple[str, str]]:
    with State(path) as state:
        return [(one.event, one.body["severity"]) for one in state.unsent("test")]


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        (WARNING, WARNING + HEAL, set()),
        (WARNING + HEAL, WARNING, {"heal"}),
        (WARNING, WARNING.replace("warning", "page"), {"warning"}),
        (WARNING + HEAL, HEAL + WARNING, set()),
    ],
)
def test_tiers_may_change_and_what_nothing_holds_up_ends(
    tmp_path: Path, before: str, after: str, ends: set[str]
) -> None:
    path = tmp_path / "state.sqlite"
    up = lived(path, config(before), PAST, JUMP)
    assert {state for _, state in up} == {"firing"}
    lived(path, config(after), JUMP, JUMP + 2)
    events = told(path)
    assert {severity for event, severity in events if event == "resolved"} == ends
    firing = [severity for event, severity in events if event == "firing"]
    assert sorted(firing) == sorted(set(firing))  # none is told of twice
    assert {severity for severity in ("warning", "heal", "page") if f'"{severity}"' in after} <= {*firing}


def test_another_model_ends_alerts_and_judges_from_the_next_point_on(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    assert lived(path, config(), PAST, JUMP) == [("warning", "firing")]
    other = config(text=OTHER)
    lived(path, other, JUMP, JUMP + 1)
    assert told(path)[:2] == [("firing", "warning"), ("resolved", "warning")]


def test_labels_of_another_model_are_told_to_no_session(tmp_path: Path) -> None:
    path, other = tmp_path / "state.sqlite", config(text=OTHER)
    lived(path, config(), PAST, PAST + 40, label=PAST + 35)
    lived(path, other, PAST + 40, PAST + 43)
    lived(path, other, PAST + 43, PAST + 44)  # there are not so many windows yet as the label was of


def test_a_past_that_is_shorter_than_what_is_needed_is_waited_for() -> None:
    streams = Streams(1)
    loop = Loop(config(text=CONFIG.replace('"150m"', '"10m"')), State(None))
    for arrival in streams.arrivals(0, 60):
        loop.step(arrival)
    assert loop.watched == 1


def test_a_clock_that_is_ahead_forgets_nothing() -> None:
    streams, state = Streams(1), State(None)
    loop = Loop(config(), state)
    loop.step(streams.past())
    loop.step(Arrival(START + 1000 * 86_400_000, error="connection"))
    assert loop.watched == 1
    assert state.series()
    new = Found("new", {}, ("value",))
    later = START + 30 * 86_400_000
    loop.step(Arrival(later, Batch((new,), (Point(new.key, later, (0.0,)),))))
    assert [row.found.key for row in state.series()] == ["new"]


def test_no_alert_ends_because_the_source_is_down() -> None:
    streams = Streams(1, PAST + 60)
    loop = Loop(config(), State(None))
    loop.step(streams.past())
    for arrival in streams.arrivals(PAST, JUMP):
        loop.step(arrival)
    hour = arrival.now + 60 * MINUTE
    assert not loop.step(Arrival(hour, error="connection")).events
    assert [event for event, _ in loop.step(Arrival(hour)).events] == ["resolved"]


def test_a_step_that_is_longer_than_stale_makes_no_alert_of_every_window() -> None:
    text = CONFIG.replace("[source]", '[source]\nstep = "1h"').replace('"150m"', '"150h"')
    streams = Streams(1, PAST + 60)
    loop = Loop(config(text=text), State(None))
    for i in range(JUMP):
        step = loop.step(Arrival(START + 60 * i * MINUTE, Batch.of(streams.found, [
            one._replace(time=START + 60 * i * MINUTE) for one in streams.at(i)])))  # fmt: skip
        if i > PAST + 20:
            assert not step.events


def test_a_series_that_begins_anew_with_other_columns_leaves_no_sink_with_what_fires(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    assert lived(path, config(), PAST, JUMP) == [("warning", "firing")]
    (old,) = Streams(1).found
    found = Found(old.name, old.labels, ("value", "more"))
    with State(path) as state:
        Loop(config(), state).step(Arrival(START + JUMP * MINUTE, Batch((found,))))
    assert told(path) == [("firing", "warning"), ("resolved", "warning")]
