"""Methods x series -> a table with one row per method."""

import time
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adt_gym import metrics, thresholds
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.evaluated import Evaluated
from adt_gym.series import Detection, InputError, ScoredSeries, Series, known
from adt_gym.spreadsheet import write_csv
from adt_gym.stream.stream import Method


@dataclass(frozen=True)
class Measures:
    """How one method did over all windows of all test series: a line of table.csv.

    Args:
        method: Its name.
        saw_labels: Whether it saw labels of the test series.
        values: By the name of a registered metric (`adt_gym.metrics.registry`), and "seconds", the time to fit and
            detect; each is an attribute, too. NaN for what was not measured.
    """

    method: str
    saw_labels: bool
    values: dict[str, float]

    @property
    def cells(self) -> dict[str, Any]:
        """The line by column."""
        return {"method": self.method, "saw_labels": self.saw_labels, **self.values}

    def __getattr__(self, name: str) -> float:
        if name == "values" or name not in self.values:
            raise AttributeError(name)
        return self.values[name]


@dataclass(frozen=True)
class Row(Measures):
    """The same, and its detections, one per test series."""

    detections: list[Detection] = field(repr=False, compare=False)

    @property
    def measures(self) -> Measures:
        """The row without its detections."""
        return Measures(self.method, self.saw_labels, self.values)


def columns() -> list[str]:
    """Return the columns of a table."""
    return ["method", "saw_labels", *metrics.names(), "seconds"]


def evaluate(
    thresholder: Method,
    train: Sequence[ScoredSeries],
    test: Sequence[ScoredSeries],
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
) -> Row:
    """Fit a method on the labelled training series and measure it on the test series.

    A method that is defined by the test labels is fitted on the test series, and its row says that it saw labels.

    Args:
        thresholder: The method.
        train: What it is fitted on.
        test: What it is measured on.
        volumes: Whether the VUS is measured too, which takes long.
        points: What ``test`` was scored from, one per test series; None where the labels of points are unknown.
        deadline: Of the composite F1, in windows; None for none.

    Raises:
        InputError: If there is no test series, or one has no labels.
        MissingExtra: If a library that measures is not installed.
    """
    if not test:
        raise InputError("no test series to evaluate on")
    for one in test:
        known(one.labels, one.name)
    _measures(volumes)
    started = time.perf_counter()
    thresholder.fit(test if thresholder.hindsight else train)
    detections = [thresholder.detect(one) for one in test]
    seconds = time.perf_counter() - started
    return measure(thresholder.name, thresholder.sees_labels, detections, test, seconds, volumes, points, deadline)


def measure(
    method: str,
    saw_labels: bool,
    detections: Sequence[Detection],
    test: Sequence[ScoredSeries],
    seconds: float = float("nan"),
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
    only: Collection[str] | None = None,
) -> Row:
    """Return the row of given detections, one per test series.

    The other arguments are those of `evaluate`, and ``only``, the names of the metrics to measure; None for all.
    """
    given, nan = Evaluated(detections, test, points, deadline), float("nan")
    asked = {name: of for name, of in _measures(volumes).items() if only is None or name in only}
    values = dict.fromkeys(metrics.names(), nan) | {name: of(given) for name, of in asked.items()}
    return Row(method, saw_labels, values | {"seconds": seconds}, list(detections))


def _measures(volumes: bool) -> dict[str, Callable[[Evaluated], float]]:
    names = metrics.names(without=[] if volumes else [metrics.SLOW])
    return {name: metrics.registry[name].load() for name in names}


def compare(
    thresholders: Sequence[Method],
    train: Sequence[ScoredSeries],
    test: Sequence[ScoredSeries],
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
) -> list[Row]:
    """Return a row per method, in the order given; the other arguments are those of `evaluate`."""
    return [evaluate(one, train, test, volumes, points, deadline) for one in thresholders]


def baselines(delay: int = 1, seed: int = 0) -> list[Method]:
    """Return what every agent must be held against, in every table.

    Args:
        delay: Of the labels that the agent sees.
        seed: Of the alarms at random.
    """
    registry, made = thresholds.registry, []
    for name in registry.names(thresholds.BASELINE):
        told = thresholds.SEES in registry[name].tags
        made += [registry.make_for(name, seed=seed, delay=d) for d in (sorted({1, 10, delay}) if told else [delay])]
        if name == "static":
            made.append(thresholds.make(name, on="test"))
    return made


def check_names(names: Iterable[str], taken: Iterable[str] = (), **options: Any) -> None:
    """Refuse registered methods that a table could not tell apart.

    Args:
        names: The registered names.
        taken: What the table calls its other rows.
        options: What they are made with, as far as they take it.

    Raises:
        InputError: If two are called alike.
    """
    called = dict.fromkeys(taken, "what is always there")
    for name in names:
        try:
            shown = thresholds.registry.make_for(name, **options).name
        except Exception:
            continue
        if shown in called:
            raise InputError(
                f"method {name!r} and {called[shown]} are both called {shown!r} in tables; give one another `name`"
            )
        called[shown] = f"method {name!r}"


def where_possible(
    methods: Iterable[Method],
    train: Sequence[ScoredSeries],
    test: Sequence[ScoredSeries],
    volumes: bool = False,
    points: Sequence[Series] | None = None,
    deadline: int | None = DEADLINE,
) -> list[Row]:
    """Return the rows of the methods that can be fitted on these scores, and warn of the others."""
    rows = []
    for method in methods:
        try:
            rows.append(evaluate(method, train, test, volumes, points, deadline))
        except InputError as error:
            warnings.warn(f"no row for {method.name}: {error}", stacklevel=2)
    return rows


def write_table(path: str | Path, rows: Sequence[Measures]) -> None:
    """Write the rows to a CSV file, a column per measure."""
    write_csv(path, columns(), ([row.cells[column] for column in columns()] for row in rows))
