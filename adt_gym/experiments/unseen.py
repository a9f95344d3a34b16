"""A cell of the frontier: every method, trained on some series and measured on others that none has seen."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter
from typing import Any

from adt_gym import thresholds
from adt_gym.checks import first_line
from adt_gym.evaluation.compare import measure as measured
from adt_gym.evaluation.frontier import COLUMNS, LEARNED, MEASURES, OWN, FrontierRow, delay_of
from adt_gym.evaluation.told import told_measures
from adt_gym.metrics.composite import DEADLINE
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.stream.feedback import Feedback
from adt_gym.stream.stream import Method
from adt_gym.thresholds.evidence import Evidence

METRICS = {one: one for one in MEASURES} | {
    "detection_delay": "delay_median",
    "alarms_per_day": "alarm_segments_per_day",
}
"""By column, the metric that it shows, where there is one of that name."""


@dataclass(frozen=True)
class Cell:
    """Some test series and a seed: all that their rows depend on.

    Args:
        train: At least two series with an anomaly.
        tests: Series that no method has learned from.
        methods: The registered names of those that are measured.
        conditions: What is told of the labels of ``tests``.
        seed: Of everything that is drawn.
        episodes: Of the training of the paper's agent.
        deadline: Of the composite F1, in windows.
        panel, family, fold: See `adt_gym.evaluation.frontier.FrontierRow`.
    """

    train: tuple[ScoredSeries, ...]
    tests: tuple[ScoredSeries, ...]
    methods: tuple[str, ...]
    conditions: tuple[Feedback, ...]
    seed: int
    episodes: int
    deadline: int = DEADLINE
    panel: str = ""
    family: str = ""
    fold: int = 0

    def __str__(self) -> str:
        name = f"{self.panel} {self.family} {self.fold}" if self.panel else ", ".join(one.name for one in self.tests)
        return f"{name} seed {self.seed}"


@dataclass(frozen=True)
class Measured:
    """What came of a cell: its rows, kept by column, since a cell of a large family has thousands."""

    columns: dict[str, list[Any]]

    @classmethod
    def of(cls, rows: Iterable[FrontierRow]) -> "Measured":
        """Take in rows."""
        lines = [row.cells for row in rows]
        return cls({name: [line[name] for line in lines] for name in COLUMNS})

    @property
    def rows(self) -> list[FrontierRow]:
        """Return the rows."""
        lines = [dict(zip(self.columns, values, strict=True)) for values in zip(*self.columns.values(), strict=True)]
        return [FrontierRow(**{n: of[n] for n in OWN}, learned={n: of[n] for n in LEARNED}) for of in lines]


@dataclass(frozen=True, eq=False)
class Judged:
    """What one method made of the test series.

    Args:
        rows: One per series, but for what was told.
        detections: One per series, None where it failed.
        blind: Whether it does the same under every feedback.
    """

    rows: list[FrontierRow]
    detections: list[Detection | None]
    blind: bool = False

    def under(self, feedback: Feedback, cell: Cell) -> Iterator[FrontierRow]:
        """Yield the rows under a feedback."""
        told: dict[str, Any] = {"feedback": feedback.kind, "delay": delay_of(feedback), "label_noise": feedback.noise}
        for row, detection, one in zip(self.rows, self.detections, cell.tests, strict=True):
            learned = told_measures(detection, one, feedback, cell.seed, cell.deadline) if detection else {}
            yield replace(row, **told, learned=learned)


def measure(cell: Cell) -> Measured:
    """Measure every method under every condition, trained on some series and tested on all of others.

    A method is fitted once per condition. All are told the same: labels flip where
    ``np.random.default_rng(seed).random(T) < noise``. What sees no labels, whatever it is told of, is fitted and
    measured once. A method that fails costs its rows, not the others'.
    """
    import sklearn.ensemble  # noqa: F401 - the limit reaches only the libraries that are loaded
    from threadpoolctl import threadpool_limits

    registry, rows = thresholds.registry, list[FrontierRow]()
    blind: dict[str, Judged] = {}

    @cache
    def evidence() -> tuple[Evidence, float]:
        started = perf_counter()
        return Evidence(cell.seed).fit(cell.train), perf_counter() - started

    with threadpool_limits(1):
        for feedback in cell.conditions:
            for name in cell.methods:
                if thresholds.COPIES in registry[name].tags and not feedback.tells:
                    continue
                if name not in blind:
                    judged = _judge(name, cell, feedback, evidence)
                    if judged.blind:
                        blind[name] = judged
                rows += blind.get(name, judged).under(feedback, cell)
    return Measured.of(rows)


def _judge(name: str, cell: Cell, feedback: Feedback, evidence: Callable[[], tuple[Evidence, float]]) -> Judged:
    """Fit a method for a feedback and judge every test series with it."""
    called, saw_labels = name, False

    def failed(error: Exception, one: ScoredSeries) -> FrontierRow:
        return FrontierRow(called, **_place(cell, one), saw_labels=saw_labels, detail=_words(error))

    try:
        method: Method = thresholds.registry.make_for(name, feedback=feedback, seed=cell.seed, episodes=cell.episodes)
        called, saw_labels = method.name, method.sees_labels
        shared = 0.0
        if method.shares_evidence:
            method.evidence, shared = evidence()
        started = perf_counter()
        method.fit(cell.tests if method.hindsight else cell.train)
        fitted = perf_counter() - started + shared
    except Exception as error:
        return Judged([failed(error, one) for one in cell.tests], [None] * len(cell.tests))
    rows, detections = list[FrontierRow](), list[Detection | None]()
    for one in cell.tests:
        started = perf_counter()
        try:
            detection = method.detect(one)
            seconds = fitted + perf_counter() - started
            row = measured(
                called, saw_labels, [detection], [one], seconds, deadline=cell.deadline, only=METRICS.values()
            )
        except Exception as error:
            rows.append(failed(error, one))
            detections.append(None)
            continue
        values: dict[str, Any] = {
            column: row.values[metric] for column, metric in METRICS.items() if metric in row.values
        }
        place = _place(cell, one)
        rows.append(FrontierRow(called, **place, saw_labels=saw_labels, detail=method.detail, **values))
        detections.append(detection)
    return Judged(rows, detections, not saw_labels and not thresholds.registry.takes(name, "feedback"))


def _place(cell: Cell, one: ScoredSeries) -> dict[str, Any]:
    """Return which rows these are; what was told comes with `Judged.under`."""
    told = {"feedback": "none", "delay": "", "label_noise": 0.0}
    fold = {"panel": cell.panel, "family": cell.family, "fold": cell.fold}
    return told | {"series": one.name, "seed": cell.seed} | fold


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else first_line(error)
