import json
import math
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scripted import Clock

from adt_gym.checks import InputError
from adt_gym.live.config import Config
from adt_gym.live.config import Source as Described
from adt_gym.live.points import Arrival, Point, Shard
from adt_gym.live.sources import Source, open_source

START = 1_700_000_040_000
MINUTE = 60_000


def opened(path: Path, shard: Shard = Shard(), **options: Any) -> Source:  # noqa: B008
    source = Described(kind="file", path=path.name, **{"past": "0s"} | options)
    return open_source(Config(source=source, folder=path.parent), shard)


def all_of(source: Source, since: int | None = None) -> list[Arrival]:
    return list(source.arrivals(since, threading.Event()))


def points(arrivals: list[Arrival]) -> list[Point]:
    return [point for one in arrivals for point in one.batch.points]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Twenty minutes of two metrics, one of them missing once, with labels, out of order."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(START + np.arange(20) * MINUTE, unit="ms"),
            "cpu": random.random(20),
            "memory": random.random(20) * 100,
            "label": [0] * 15 + [1] * 5,
        }
    )
    frame.loc[7, "cpu"] = None
    frame.iloc[[0, 3, 1, 2, *range(4, 20)]].to_csv(tmp_path / "node.csv", index=False)
    return tmp_path / "node.csv"


def test_a_wide_table_is_one_series(wide: Path) -> None:
    past, *arrivals = all_of(opened(wide, past="5m"))
    expected = pd.read_csv(wide).sort_values("time")
    assert past.past
    assert [one.now for one in arrivals] == [START + i * MINUTE for i in range(5, 20)]
    assert {(one.key, one.columns) for one in past.batch.found} == {("node", ("cpu", "memory"))}
    found = points([past, *arrivals])
    np.testing.assert_array_equal([one.values for one in found], expected[["cpu", "memory"]])
    assert [one.time for one in found] == [START + i * MINUTE for i in range(20)]
    assert len(past.batch.points) == 5
    assert past.now == START + 4 * MINUTE


def test_a_long_table_is_a_series_of_each_word(tmp_path: Path) -> None:
    rows = [(f"0{i % 3}", START + (i // 3) * MINUTE, i * i / 8) for i in range(30)]
    frame = pd.DataFrame(rows, columns=["series", "time", "value"])
    frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
    for name in ("rooms.csv", "rooms.parquet"):
        (frame.to_csv if name.endswith("csv") else frame.to_parquet)(tmp_path / name, index=False)
        found = points(all_of(opened(tmp_path / name)))
        assert found == [Point(f'rooms{{series="{one}"}}', time, (value,)) for one, time, value in rows]
        shares = [points(all_of(opened(tmp_path / name, Shard(i, 2)))) for i in (1, 2)]
        assert sorted(shares[0] + shares[1]) == sorted(found)


def test_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "it.ndjson"
    rows: list[Any] = [
        {"series": "b", "time": 101, "value": 1},
        {"series": "a", "labels": {"host": "x"}, "time": "1970-01-01T00:01:41Z", "values": {"m": None, "c": 2}},
        {"series": "b", "time": 100, "value": 3},
    ]
    path.write_text("\n".join([json.dumps(rows[0]), "nonsense", *map(json.dumps, rows[1:])]))
    past, wrong, first, second = all_of(opened(path))
    assert (past.past, past.batch.points, wrong.error) == (True, (), "body")
    assert "line 2 is left out" in caplog.text
    assert first.batch.points == (Point("b", 100_000, (3.0,)),)
    assert second.batch.points[1] == Point("b", 101_000, (1.0,))
    key, time, (c, m) = second.batch.points[0]
    assert (key, time, c, math.isnan(m)) == ('a{host="x"}', 101_000, 2.0, True)
    assert {one.columns for one in second.batch.found} == {("b",), ("c", "m")}


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    values = [i % 6 * 1.5 for i in range(25)]
    frame = pd.DataFrame({"time": pd.to_datetime(START + np.arange(25) * MINUTE, unit="ms"), "asked": values})
    frame.to_csv(tmp_path / "it.csv", index=False)
    source = opened(tmp_path / "it.csv", counters=("asked",), past="5m")
    whole = all_of(source)
    assert sum(one.batch.resets for one in whole) == 4
    assert [one.values[0] for one in points(whole)][:6] == pytest.approx([1.5 / 60] * 5 + [0.0])
    for i, one in enumerate(whole):
        assert all_of(source, one.now) == whole[i + 1 :]
    batches = list(source.between(START + 8 * MINUTE, START + 15 * MINUTE))
    assert [one for batch in batches for one in batch.points] == points(whole)[7:14]


def test_the_back_test_has_the_same_points_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adt_gym.live.sources.files.CHUNK", 10)
    frame = pd.DataFrame({"series": list("abc") * 40, "time": np.repeat(1_700_000_000 + np.arange(40) * 60, 3)})
    frame["value"] = np.random.default_rng(0).random(120)
    frame.to_csv(tmp_path / "it.csv", index=False)
    source = opened(tmp_path / "it.csv")
    batches = list(source.between(0, 2**60))
    assert [one for batch in batches for one in batch.points] == points(all_of(source))
    assert {len(one.points) for one in batches} == {12}
    assert all(a.points[-1].time < b.points[0].time for a, b in pairwise(batches))


def test_speed(wide: Path) -> None:
    clock = Clock()
    assert len(list(opened(wide, speed=0.5).arrivals(None, clock))) == 21
    expected = [2.0 * 60 * i for i in range(20)]  # the clock of the machine hardly goes on between two waits
    assert all(due - 30 < wait <= due for wait, due in zip(clock.waits[1:], expected[1:], strict=True))
    clock.set()
    assert [one.past for one in opened(wide, speed=0.5).arrivals(None, clock)] == [True]


def test_what_cannot_be_replayed(tmp_path: Path, wide: Path) -> None:
    pd.DataFrame({"cpu": [1.5, 2.5, 9.0]}).to_csv(tmp_path / "timeless.csv", index=False)
    (tmp_path / "empty.ndjson").write_text("")
    with pytest.raises(InputError, match="has no column of times"):
        opened(tmp_path / "timeless.csv")
    with pytest.raises(InputError, match="holds no point"):
        opened(tmp_path / "empty.ndjson")
    with pytest.raises(InputError, match="asked is no column of"):
        opened(wide, counters=("asked",))
    for name in ("missing.csv", "missing.ndjson"):
        with pytest.raises(FileNotFoundError):
            opened(tmp_path / name)
