"""The life of an alert, against tables that were worked out by hand: a window a minute."""

from pathlib import Path

import pytest
from streams import CONFIG, MINUTE, PAST, START, Streams, config

from adt_gym.live.alerts import LifeCycle
from adt_gym.live.config import Alerts
from adt_gym.live.loop import Loop
from adt_gym.live.points import Arrival, Batch, Found, Point
from adt_gym.live.records import Alert
from adt_gym.live.state import State


def life(windows: str, **rules: str) -> list[tuple[int, str]]:
    """Return the minutes and events of windows: ``#`` flagged, ``-`` above the recovery threshold, ``.`` below."""
    cycle = LifeCycle("cpu", "warning", Alerts(**rules))
    return [
        (minute, change.event)
        for minute, window in enumerate(windows)
        for change in cycle.judged(minute * MINUTE, window == "#", window in "#-", 0.0, dict)
        if change.event
    ]


@pytest.mark.parametrize(
    ("windows", "rules", "expected"),
    [
        ("..#...", {"keep_firing": "2m"}, [(2, "firing"), (4, "resolved")]),
        ("..#.#...", {"keep_firing": "2m"}, [(2, "firing"), (6, "resolved")]),  # one event, one alert
        ("..#..#..", {"keep_firing": "2m"}, [(2, "firing"), (4, "resolved"), (5, "firing"), (7, "resolved")]),
        ("##.", {"keep_firing": "0s"}, [(0, "firing"), (2, "resolved")]),
        ("###.", {"keep_firing": "0s", "minimum_duration": "2m"}, [(0, "pending"), (2, "firing"), (3, "resolved")]),
        ("##.##", {"minimum_duration": "2m"}, [(0, "pending"), (2, "dropped"), (3, "pending")]),
        ("#--..", {"keep_firing": "1m"}, [(0, "firing"), (3, "resolved")]),  # hysteresis
        ("--#", {}, [(2, "firing")]),  # it holds up what fires, it does not begin it
        ("#-", {"minimum_duration": "2m"}, [(0, "pending"), (1, "dropped")]),
    ],
)
def test_an_alert_lives_as_the_table_says(windows: str, rules: dict[str, str], expected: list[tuple[int, str]]) -> None:
    assert life(windows, **rules) == expected


def test_its_strangest_flagged_window_says_why_and_its_id_is_that_of_its_start() -> None:
    cycle, alerts = LifeCycle("cpu", "warning", Alerts()), list[Alert]()
    for minute, (up, height) in enumerate([(True, 0.1), (True, 0.3), (True, 0.2), (False, 0.9)]):
        alerts += [one.alert for one in cycle.judged(minute * MINUTE, up, True, height, lambda at=minute: {"at": at})]
    assert [one.why for one in alerts] == [{"at": 0}, {"at": 1}, {"at": 1}, {"at": 1}]
    assert len({one.id for one in alerts}) == 1
    again = LifeCycle("cpu", "warning", Alerts()).judged(0, True, True, 0.0, dict)[0].alert
    later = LifeCycle("cpu", "warning", Alerts()).judged(MINUTE, True, True, 0.0, dict)[0].alert
    assert again.id == alerts[0].id != later.id


def firing(state: State) -> list[Alert]:
    return [one for one in state.alerts() if one.fired is not None]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_alerts_fire_in_a_day_than_may_through_restarts_too(most: int, tmp_path: Path) -> None:
    text = CONFIG.replace("[alerts]", f"[alerts]\nmax_per_day = {most}")
    streams, path = Streams(2, PAST + 150), tmp_path / "state.sqlite"
    for start, stop in ((PAST, PAST + 60), (PAST + 60, PAST + 150)):
        with State(path) as state:
            loop = Loop(config("", text), state)
            if start == PAST:
                loop.step(streams.past())
                state.add_sink("sink")
            for one in streams.arrivals(start, stop):
                loop.step(one)
    with State(path) as state:
        told = [one.body["id"] for one in state.unsent("sink") if one.event == "firing"]
        suppressed = state.alerts(["suppressed"])
        if most:
            assert len(firing(state)) == len(told) == most
            assert suppressed
        else:
            assert len(firing(state)) == len(told) > 2
            assert not suppressed
        assert {one.id for one in suppressed}.isdisjoint(told)


def test_the_day_of_the_budget_is_any_24_hours() -> None:
    text = CONFIG.replace("[alerts]", "[alerts]\nmax_per_day = 1").replace("window = 5", "window = 1")
    text = text.replace("label_delay = 3", 'method = "always"')
    for hours, fires in ((23, 1), (24, 2)):
        with State(None) as state:
            loop, found = Loop(config("", text), state), Found("cpu", {}, ("value",))
            points = [Point(found.key, START + i * MINUTE, (float(i % 7),)) for i in range(PAST)]
            loop.step(Arrival(START, Batch.of([found], points), past=True))
            for at in (START + PAST * MINUTE, START + PAST * MINUTE + hours * 3_600_000):  # it vanishes in between
                loop.step(Arrival(at, Batch((), (Point(found.key, at, (1.0,)),))))
            assert len(state.alerts()) == 2
            assert len(firing(state)) == fires
