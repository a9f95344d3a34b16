"""The state of what runs, as JSON holds it, and back."""

import json
import math
from collections import deque
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from adt_gym.checks import InputError
from adt_gym.reading import parse_json
from adt_gym.stream.feedback import Waiting, feedback_of
from adt_gym.stream.state import restore, state_of


class Inner:
    state: ClassVar = ("count",)

    def __init__(self, count: int):
        self.count = count


class Thing:
    state: ClassVar = (
        "number",
        "word",
        "nothing",
        "row",
        "latest",
        "by_window",
        "by_word",
        "array",
        "flag",
        "inner",
        "draws",
    )

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.number, self.word, self.nothing, self.row = (
            random.random(),
            f"word_{seed}",
            None,
            random.random(3).tolist(),
        )
        self.latest = deque(random.random(5).tolist(), maxlen=4)
        self.by_window, self.by_word = {seed: 0.5, seed + 1: True}, {"a": 0.1 * seed, "b": None}
        self.array, self.flag = random.random((2, 3)).astype(np.float32), np.float64(1 / 3)
        self.inner, self.draws, self.unkept = Inner(seed), random, seed


def through_json(thing: Any) -> Any:
    return json.loads(json.dumps(state_of(thing)))


def test_all_that_is_named_comes_back_bit_for_bit_and_nothing_else() -> None:
    one, other = Thing(1), Thing(2)
    inner = other.inner
    restore(other, through_json(one))
    for name in set(Thing.state) - {"array", "inner", "draws"}:
        assert getattr(other, name) == getattr(one, name), name
        assert type(getattr(other, name)) is type(getattr(one, name)) or name == "flag"
    np.testing.assert_array_equal(other.array, one.array)
    assert (other.array.dtype, other.latest.maxlen, other.unkept) == (np.float32, 4, 2)
    assert other.inner is inner
    assert inner.count == 1
    assert other.draws.random() == one.draws.random()


def test_what_was_kept_is_a_copy() -> None:
    thing = Thing(1)
    kept, before = state_of(thing), through_json(thing)
    thing.row.append(0.0), thing.latest.append(0.0), thing.by_window.update({9: 1.0}), thing.draws.random()
    thing.array[:] = 0
    assert json.loads(json.dumps(kept)) == before


def test_feedback_that_waits_goes_on_waiting() -> None:
    waiting, again = (Waiting(feedback_of("alerts", 3)) for _ in range(2))
    for t in range(4):
        waiting.judged(t, t % 2 == 0)
    restore(again, through_json(waiting))
    assert [list(again.come(t)) for t in range(9)] == [list(waiting.come(t)) for t in range(9)]


@pytest.mark.parametrize("state", [{}, {"count": 1, "more": 2}, {"number": 1}, [1], None])
def test_the_state_of_something_else_is_refused(state: Any) -> None:
    with pytest.raises(InputError, match="this is not the state of a Inner"):
        restore(Inner(0), state)


def same(one: Any, other: Any) -> bool:
    """Return whether both are of the same kind, and all in them."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and getattr(one, "dtype", None) == getattr(other, "dtype", None)


@pytest.mark.parametrize(
    "value",
    [
        [np.arange(3), np.float32([[0.1]])],
        {1: [2, (3, [4])], (5, 6): {"a": [1.5]}},
        (1, None, (2,)),
        deque([(1, [2])]),
        [np.float32(0.1), np.int8(3), np.bool_(True), np.datetime64("2026-01-05", "W"), np.float64(0.1)],
        np.array(["2026-01-01", "NaT"], "datetime64[ns]"),
        [datetime(2026, 1, 1, 9, tzinfo=UTC), pd.Timestamp(1, unit="ns"), math.inf, np.array([-math.inf])],
        [1, 0.1, "a", True, None],
    ],
    ids=str,
)
def test_a_value_comes_back_of_its_kind_whatever_stands_in_its_place(value: Any) -> None:
    for now in (None, [], {}, ()):
        inner: Any = Inner(now)  # type: ignore[arg-type]
        restore(inner, parse_json(json.dumps(state_of(Inner(value))), "state", nan=True))
        assert same(inner.count, value)


def test_plain_numbers_are_kept_as_they_are() -> None:
    assert state_of(Inner([1, 2.5])) == {"count": [1, 2.5]}  # type: ignore[arg-type]


@pytest.mark.parametrize("before", [{"array": ["<f8", [2], [1.0, 2.5]]}, {"scalar": ["<f4", 0.5]}])
def test_numbers_as_they_were_kept_before_are_refused_with_what_to_do(before: Any) -> None:
    with pytest.raises(InputError, match=r"before November 2026.*make it anew"):
        restore(Inner(0), {"count": before})
