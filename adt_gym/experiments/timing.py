"""Speeds measured side by side in one process, and the machine that they were measured on."""

import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from adt_gym.checks import whole
from adt_gym.experiments.versions import version_of

PACKAGES = ("numpy", "torch", "gymnasium", "stable-baselines3", "jax", "gymnax")
"""What the speeds depend on."""


@dataclass(frozen=True)
class Spread:
    """What several rounds of one measurement came to."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the median and the extremes."""
        return cls(float(np.median(values)), min(values), max(values))

    def __str__(self) -> str:
        if self.low == self.high:
            return short(self.median)
        return f"{short(self.median)} ({short(self.low)} - {short(self.high)})"


def short(number: float) -> str:
    """Return three digits, thousands as k and millions as M."""
    for factor, letter in ((1e6, "M"), (1e3, "k"), (1.0, "")):
        if abs(number) >= factor:
            scaled = number / factor
            return f"{scaled:.{2 - min(int(math.log10(abs(scaled))), 2)}f}{letter}"
    return f"{number:.3f}"


@dataclass(frozen=True)
class Measurement:
    """Units per second of several candidates, one number a round.

    Args:
        rates: By the candidate's name; the same number of rounds for each.
    """

    rates: dict[str, tuple[float, ...]]

    def rate(self, name: str) -> Spread:
        """Return the candidate's units per second."""
        return Spread.of(self.rates[name])

    def ratio(self, name: str, over: str) -> Spread:
        """Return how many times as fast ``name`` is as ``over``, compared within each round.

        The two of a round ran next to each other, so whatever slowed the machine then slowed both.
        """
        return Spread.of([a / b for a, b in zip(self.rates[name], self.rates[over], strict=True)])


@dataclass(frozen=True)
class Comparison:
    """The measurement at one setting; its first candidate is ours.

    Args:
        setting: What tables call it.
        measurement: Of all candidates.
        further: Other figures: by the column's title, a number for each candidate.
    """

    setting: str
    measurement: Measurement
    further: dict[str, dict[str, float]] = field(default_factory=dict)


def measure(
    candidates: Mapping[str, Callable[[], int]], rounds: int, clock: Callable[[], float] = perf_counter
) -> Measurement:
    """Run the candidates in turns, A B A B, and time each run.

    Args:
        candidates: By name, what does some units of work and returns how many. Each may do as many as it likes.
        rounds: How often each runs.
        clock: Returns seconds.

    Raises:
        InputError: If ``rounds`` is below 1.
    """
    whole("rounds", rounds)
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            started = clock()
            units = run()
            rates[name].append(units / (clock() - started))
    return Measurement({name: tuple(values) for name, values in rates.items()})


@dataclass(frozen=True)
class Machine:
    """Where something was measured.

    Args:
        processor: Its model.
        cores: That this process may use.
        load: Processes that wanted a core in the minute before; near 0 on a quiet machine.
        system: The operating system.
        python: Its version.
        packages: Versions of ``PACKAGES``; None for what is not installed.
    """

    processor: str
    cores: int
    load: float
    system: str
    python: str
    packages: dict[str, str | None]

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.packages.items() if number)
        return f"{self.processor}, {self.cores} cores, load {self.load}, Python {self.python}, {versions}"


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(
        _processor(),
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        f"{platform.system()} {platform.machine()}",
        platform.python_version(),
        {name: version_of(name) for name in PACKAGES},
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
