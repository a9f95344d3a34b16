import math

import pytest

from adt_gym.live.counters import Rates
from adt_gym.live.points import Batch, Found, Point

FOUND = Found("node", {}, ("asked", "load"))


def batch(*rows: tuple[int, float, float]) -> Batch:
    return Batch.of([FOUND], [Point("node", 1000 * time, values) for time, *values in rows])  # type: ignore[arg-type, misc]


def test_the_first_point_has_no_rate_and_other_columns_stay() -> None:
    found = Rates(["asked"])(batch((10, 5, 0.5), (12, 9, 0.25), (13, 9, 0.125)))
    assert found.points == (Point("node", 12_000, (2.0, 0.25)), Point("node", 13_000, (0.0, 0.125)))
    assert found.resets == 0


def test_a_counter_that_fell_began_at_0() -> None:
    found = Rates(["asked", "load"])(batch((10, 50, 7), (20, 30, 7), (30, 31, 0)))
    assert [one.values for one in found.points] == [(3.0, 0.0), (0.1, 0.0)]
    assert found.resets == 2


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_missing_has_no_rate(wrong: float) -> None:
    found = Rates(["asked"])(batch((10, 1, 0), (11, wrong, 1), (12, 3, 2), (13, 4, 3)))
    assert [one.values[1] for one in found.points] == [1, 2, 3]
    assert [math.isnan(one.values[0]) for one in found.points] == [True, True, False]
    assert found.resets == 0


def test_in_parts_as_at_once() -> None:
    rows = [(10 + i, float(i * 7 % 11), 0.0) for i in range(30)]
    whole, rates = Rates(["asked"])(batch(*rows)), Rates(["asked"])
    parts = [rates(batch(*rows[i : i + 4])) for i in range(0, 30, 4)]
    assert tuple(point for one in parts for point in one.points) == whole.points
    assert sum(one.resets for one in parts) == whole.resets > 0


def test_late_points_and_gaps() -> None:
    found = Rates(["asked"], longest=5000)(batch((10, 1, 0), (15, 6, 0), (21, 8, 0), (22, 9, 0)))
    assert [(one.time, one.values[0]) for one in found.points] == [(15_000, 1.0), (22_000, 1.0)]
    rates = Rates(["asked"])
    rates(batch((10, 1, 0)))
    late = rates(batch((9, 0, 0))).points + rates(batch((10, 0, 0))).points
    assert all(math.isnan(one.values[0]) for one in late)
    assert rates(batch((11, 2, 0))).points[0].values[0] == 1.0


def test_a_series_of_one_metric_is_known_by_its_name_too() -> None:
    for name, columns, rated in (("asked", ("value",), 1), ("other", ("asked",), 1), ("asked", ("a", "b"), 2)):
        found = Found(name, {"host": "a"}, columns)
        points = [Point(found.key, 1000 * i, (3.0 * i,) * len(columns)) for i in range(2)]
        assert len(Rates(["asked"])(Batch.of([found], points)).points) == rated
