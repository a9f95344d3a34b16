"""A cell of the frontier: every method, trained on some series and measured on one that none has seen."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from adt_gym import thresholds
from adt_gym.evaluation.compare import evaluate
from adt_gym.evaluation.frontier import MEASURES, FrontierRow, delay_of
from adt_gym.metrics.composite import DEADLINE
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.feedback import Feedback
from adt_gym.stream.stream import Method
from adt_gym.thresholds.evidence import Evidence


@dataclass(frozen=True)
class Cell:
    """One test series and seed: all that its rows depend on.

    Args:
        train: At least two series with an anomaly.
        test: A series that no method has learned from.
        methods: The registered names of those that are measured.
        conditions: What is told of the labels of ``test``.
        seed: Of everything that is drawn.
        episodes: Of the training of the paper's agent.
        deadline: Of the composite F1, in windows.
    """

    train: tuple[ScoredSeries, ...]
    test: ScoredSeries
    methods: tuple[str, ...]
    conditions: tuple[Feedback, ...]
    seed: int
    episodes: int
    deadline: int = DEADLINE

    def __str__(self) -> str:
        return f"{self.test.name} seed {self.seed}"


@dataclass(frozen=True)
class Measured:
    """The rows of a cell."""

    rows: list[FrontierRow]


def measure(cell: Cell) -> Measured:
    """Measure every method under every condition, trained on some series and tested on all of another.

    All methods are told the same: labels flip where ``np.random.default_rng(seed).random(T) < noise``. What sees no
    labels, whatever it is told of, is measured once. A method that fails costs its rows, not the others'.
    """
    import sklearn.ensemble  # noqa: F401 - the limit reaches only the libraries that are loaded
    from threadpoolctl import threadpool_limits

    registry, rows = thresholds.registry, list[FrontierRow]()
    blind: dict[str, FrontierRow] = {}
    with threadpool_limits(1):
        started = perf_counter()
        evidence = Evidence(cell.seed).fit(cell.train)
        shared = perf_counter() - started
        for feedback in cell.conditions:
            for name in cell.methods:
                if name in blind:
                    rows.append(replace(blind[name], **_condition(feedback)))
                    continue
                if thresholds.COPIES in registry[name].tags and not feedback.tells:
                    continue
                try:
                    method = registry.make_for(name, feedback=feedback, seed=cell.seed, episodes=cell.episodes)
                except Exception as error:
                    rows.append(FrontierRow(name, **_place(cell, feedback), saw_labels=False, detail=_words(error)))
                    continue
                if method.shares_evidence:
                    method.evidence = evidence
                row = _measure(method, cell, feedback)
                rows.append(replace(row, seconds=row.seconds + shared) if method.shares_evidence else row)
                if not method.sees_labels and not registry.takes(name, "feedback"):
                    blind[name] = row
    return Measured(rows)


def _condition(feedback: Feedback) -> dict[str, Any]:
    return {"feedback": feedback.kind, "delay": delay_of(feedback), "label_noise": feedback.noise}


def _place(cell: Cell, feedback: Feedback) -> dict[str, Any]:
    return {**_condition(feedback), "series": cell.test.name, "seed": cell.seed}


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


def _measure(method: Method, cell: Cell, feedback: Feedback) -> FrontierRow:
    unmeasured = FrontierRow(method.name, **_place(cell, feedback), saw_labels=method.sees_labels)
    try:
        row = evaluate(method, cell.train, [cell.test], deadline=cell.deadline)
    except Exception as error:
        return replace(unmeasured, detail=_words(error))
    measures = {one: getattr(row, one) for one in MEASURES if hasattr(row, one)}
    return replace(unmeasured, detail=method.detail, detection_delay=row.delay_median, **measures)
