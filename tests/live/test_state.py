import sqlite3
from pathlib import Path

import pytest

from adt_gym import InputError
from adt_gym.live.points import Found, Shard
from adt_gym.live.records import Alert, Kept
from adt_gym.live.state import State

CPU = Found("cpu", {"host": "a"}, ("value",))


def kept(n: int, votes: int = 0) -> Kept:
    return Kept(n, 1000 * n, 0, (float(n),), n, 0.5, 0.6, votes)


def test_a_file_belongs_to_one_service_and_others_may_look(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with State(path):
        with pytest.raises(InputError, match="belongs to an adt watch that is running"):
            State(path)
        State(path, owner=False).close()
    State(path).close()


def test_what_is_no_state_of_ours_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite"
    path.write_text("a diary")
    with pytest.raises(InputError, match="cannot be used as the state"):
        State(path)
    assert path.read_text() == "a diary"
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (a)")
    with pytest.raises(InputError, match="no state of this version"):
        State(other)
    with sqlite3.connect(other) as db:
        db.execute("PRAGMA user_version = 1")
    db.close()
    before = other.read_bytes()
    with pytest.raises(InputError, match="no state of this version"):
        State(other)
    assert other.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"mine.sqlite", "other.sqlite"}
    for name in ("lock", "write"):
        (tmp_path / f"new.sqlite-{name}").write_text("a list of locks")
        with pytest.raises(InputError, match=rf"new.sqlite-{name} is not ours"):
            State(tmp_path / "new.sqlite")
        assert (tmp_path / f"new.sqlite-{name}").read_text() == "a list of locks"
        (tmp_path / f"new.sqlite-{name}").unlink()
        assert not (tmp_path / "new.sqlite").exists()
    with pytest.raises(InputError, match="start adt watch first"):
        State(tmp_path / "none.sqlite", owner=False)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_transaction_is_whole_or_not_at_all() -> None:
    state = State(None)
    state.add_series(1, CPU)

    def twice() -> None:
        with state.transaction():
            state.add_series(2, Found("mem", {}, ("value",)))
            state.add_series(3, CPU)

    with pytest.raises(sqlite3.IntegrityError):
        twice()
    assert [row.id for row in state.series()] == [1]


def test_labels_are_about_the_windows_that_end_then_and_an_origin_counts_once() -> None:
    state = State(None)
    state.add_series(1, CPU)
    state.add_points((1, kept(n, votes=n % 2)) for n in range(10))
    assert state.windows(1, 2000, 5000) == [2, 3, 4, 5]
    assert state.windows(1, 2000, 5000, flagged=True) == [3, 5]
    assert state.leave_label(CPU.key, 2000, 5000, 1, "me", 0)
    assert not state.leave_label(CPU.key, 2000, 5000, 1, "me", 0)
    (label,) = state.labels()
    state.set_told(label.id, 10, [2, 3])
    assert state.labels() == []
    assert state.labels(1) == [label._replace(after=10, windows=(2, 3))]
    assert state.labels(1, since=label.id) == []
    for key, since, until, says in ((CPU.key, 10_000, 20_000, "no window"), ("mem", 0, 1, "no series mem")):
        with pytest.raises(InputError, match=says):
            state.leave_label(key, since, until, 1, "other", 0)


def test_a_verdict_on_an_alert_is_one_on_its_flagged_windows_and_stays() -> None:
    state, alert = State(None), Alert("x", CPU.key, "warning", "firing", 3000, 7000, 3000, None, {})
    state.add_series(1, CPU)
    state.add_points((1, kept(n, votes=n % 2)) for n in range(10))
    state.set_alert(1, alert)
    assert state.leave_verdict("x", 0, "page", 0)
    (label,) = state.labels()
    assert (label.since, label.until, label.flagged, label.verdict) == (3000, 7000, True, 0)
    state.set_alert(1, alert)
    assert state.alert("x").verdict == 0  # type: ignore[union-attr]
    with pytest.raises(InputError, match="no alert y"):
        state.leave_verdict("y", 0, "page", 0)


def test_each_sink_is_told_what_came_since_it_was_there_once() -> None:
    state, alert = State(None), Alert("x", CPU.key, "warning", "firing", 1, 2, 1, None, {})
    state.add_sink("one")
    state.add_outgoing(alert, "firing")
    state.add_sink("two")
    state.add_outgoing(alert, "resolved")
    assert [one.event for one in state.unsent("one")] == ["firing", "resolved"]
    assert [one.event for one in state.unsent("two")] == ["resolved"]
    state.set_sent("one", state.unsent("one")[0].id)
    assert [one.event for one in state.unsent("one")] == ["resolved"]
    assert state.unsent("one")[0].body == alert.body()


def test_points_that_a_restart_needs_are_not_forgotten() -> None:
    state = State(None)
    state.add_series(1, CPU)
    state.add_points((1, kept(n)) for n in range(10))
    state.forget_points(10**9)
    assert len(state.points(1)) == 10
    state.set_snapshots([(1, 7, b"")])
    state.forget_points(5000)
    assert [one.n for one in state.points(1)] == [5, 6, 7, 8, 9]
    state.forget_points(10**9)
    assert [one.n for one in state.points(1)] == [7, 8, 9]
    assert [one.n for one in state.points(1, newest=2)] == [8, 9]


@pytest.mark.parametrize("word", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_a_shard_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="a shard is one such as 2/8"):
        Shard.parse(word)


def test_every_series_is_in_one_shard() -> None:
    keys = [f'cpu{{host="{i}"}}' for i in range(1000)]
    shards = [Shard(number, 8) for number in range(1, 9)]
    counts = [sum(key in shard for key in keys) for shard in shards]
    assert sum(counts) == 1000
    assert min(counts) > 80
