"""What a source delivers: series that are known by their labels, and their points."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from adt_gym.checks import InputError


class Point(NamedTuple):
    """One point of one series.

    Args:
        key: Of its series; see `Found`.
        time: Milliseconds since 1970 in UTC.
        values: Its m metrics, in the order of the series' columns; NaN where one is missing.
    """

    key: str
    time: int
    values: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """A series that a source has found.

    Args:
        name: What the config calls what it belongs to.
        labels: What tells it from the others of that name.
        columns: The names of its m metrics.
    """

    name: str
    labels: Mapping[str, str]
    columns: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        """The name and the labels in their order, as Prometheus writes them: ``cpu{instance="a",job="b"}``."""
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(self.labels.items()))
        return f"{self.name}{{{pairs}}}" if pairs else self.name


@dataclass(frozen=True)
class Batch:
    """What a source has delivered at once.

    Args:
        found: The series of these points.
        points: In the order of their times.
        resets: Counters that began anew.
    """

    found: tuple[Found, ...] = ()
    points: tuple[Point, ...] = ()
    resets: int = 0

    @classmethod
    def of(cls, found: Iterable[Found], points: Iterable[Point], resets: int = 0) -> "Batch":
        """Return it with the points in order: by time, then by series, so that every run takes the same road."""
        return cls(tuple(found), tuple(sorted(points, key=lambda one: (one.time, one.key))), resets)


@dataclass(frozen=True)
class Arrival:
    """What a source says at one moment.

    Args:
        now: Its clock, in milliseconds since 1970 in UTC: of a file the time of its points.
        batch: What is new.
        past: Whether it came before the start, so that it is learned from and not judged.
        error: The kind of what went wrong ("timeout", "connection", "status", "body"), if anything did; the source asks
            again by itself.
    """

    now: int
    batch: Batch = Batch()
    past: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Shard:
    """The share of the series that one of several processes watches.

    Args:
        number: From 1.
        of: How many there are.
    """

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, word: str) -> "Shard":
        """Return what a word such as ``2/8`` means.

        Raises:
            InputError: If it means nothing.
        """
        number, slash, of = word.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise InputError(f"a shard is one such as 2/8, the second of eight; got {word!r}")
        return cls(int(number), int(of))

    def __contains__(self, key: str) -> bool:
        """Return whether a series belongs to it: by a hash of its key, the same on every machine."""
        hashed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
        return hashed % self.of == self.number - 1


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
