import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest

from adt_gym import InputError
from adt_gym.experiments.timing import Spread, measure, short, this_machine


class Clock:
    """A clock that only work moves on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.log: list[str] = []

    def __call__(self) -> float:
        return self.now

    def worker(self, name: str, units: int, durations: list[float]) -> Callable[[], int]:
        left = iter(durations)

        def work() -> int:
            self.log.append(name)
            self.now += next(left)
            return units

        return work


def test_candidates_run_in_turns() -> None:
    clock = Clock()
    measure({"A": clock.worker("A", 1, [1.0] * 3), "B": clock.worker("B", 1, [1.0] * 3)}, 3, clock)
    assert "".join(clock.log) == "ABABAB"


def test_rates_are_units_over_seconds() -> None:
    clock = Clock()
    measurement = measure({"A": clock.worker("A", 12, [2.0, 4.0, 3.0])}, 3, clock)
    assert measurement.rates == {"A": (6.0, 3.0, 4.0)}
    assert measurement.rate("A") == Spread(median=4.0, low=3.0, high=6.0)


def test_a_ratio_compares_within_rounds() -> None:
    clock = Clock()
    # In the second round the machine is ten times as slow for both; in the third for B alone.
    a, b = clock.worker("A", 100, [1.0, 10.0, 1.0]), clock.worker("B", 10, [0.5, 5.0, 5.0])
    measurement = measure({"A": a, "B": b}, 3, clock)
    assert measurement.ratio("A", over="B") == Spread(median=5.0, low=5.0, high=50.0)
    assert measurement.ratio("B", over="A") == Spread(median=0.2, low=0.02, high=0.2)
    # The ratio of the medians would have been another one.
    assert measurement.rate("A").median / measurement.rate("B").median == 50.0


def test_no_round_measures_nothing() -> None:
    with pytest.raises(InputError, match="rounds must be at least 1, got 0"):
        measure({"A": lambda: 1}, 0)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0666, "0.067"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (-2.333, "-2.33"),
        (999.6, "1000"),
        (4500, "4.50k"),
        (123_456, "123k"),
        (66.04e6, "66.0M"),
    ],
)
def test_numbers_are_told_in_three_digits(number: float, text: str) -> None:
    assert short(number) == text


def test_a_spread_of_one_value_is_that_value() -> None:
    assert str(Spread.of([2.0])) == "2.00"
    assert str(Spread.of([4.0, 2.0, 1.0])) == "2.00 (1.00 - 4.00)"


def test_the_machine_is_described_in_json() -> None:
    machine = this_machine()
    known = json.loads(json.dumps(asdict(machine)))
    assert set(known) == {"processor", "cores", "load", "system", "python", "packages"}
    assert known["packages"]["numpy"] == np.__version__
    assert known["cores"] >= 1
    assert all(text in str(machine) for text in (machine.processor, f"numpy {np.__version__}"))
