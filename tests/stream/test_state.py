"""The state of what runs, as JSON holds it, and back."""

import json
from collections import deque
from typing import Any, ClassVar

import numpy as np
import pytest

from adt_gym.checks import InputError
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
