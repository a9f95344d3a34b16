"""Which methods the frontier compares, and what each learns on the training series."""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from adt_gym import thresholds
from adt_gym.evaluation.compare import evaluate
from adt_gym.evaluation.frontier import FrontierRow, delay_of
from adt_gym.metrics.composite import DEADLINE
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.feedback import Feedback
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.pythresh import FAST_PYTHRESH


def without_labels(pythresh: Sequence[str], seed: int = 0) -> list[tuple[str, thresholds.Method]]:
    """Return, by the names of their rows, the methods that are told no label of the series they judge."""
    names = ("static", "rolling_quantile", "dspot", "online_fdr", "always", "never")
    rules = [(name, thresholds.make(name)) for name in names]
    best = thresholds.make("best_pythresh", methods=pythresh)
    return [*rules, ("random", thresholds.make("random", seed=seed)), (best.name, best)]


def with_labels(
    feedback: Feedback, seed: int, episodes: int, evidence: Evidence
) -> list[tuple[str, thresholds.Method]]:
    """Return, by the names of their rows, the methods that live on what they are told; copying needs something."""
    told = {"feedback": feedback, "seed": seed}
    ours = thresholds.make("ours", **told)
    ours.evidence = evidence  # type: ignore[attr-defined]
    methods = [thresholds.make("boosting", **told), thresholds.make("paper", episodes=episodes, **told), ours]
    if feedback.tells:
        methods.insert(0, thresholds.make("persistence", **told))
    return [(one.name, one) for one in methods]


def measure_all(
    train: Sequence[ScoredSeries],
    test: ScoredSeries,
    conditions: Sequence[Feedback],
    seed: int,
    episodes: int,
    deadline: int = DEADLINE,
    pythresh: Sequence[str] = FAST_PYTHRESH,
) -> list[FrontierRow]:
    """Return a row per condition and method, trained on ``train`` and measured on all of ``test``.

    All methods are told the same: labels flip where ``np.random.default_rng(seed).random(T) < noise``.

    Args:
        train: At least two series with an anomaly.
        test: A series that no method has learned from.
        conditions: What is told of its labels.
        seed: Of everything that is drawn.
        episodes: Of the training of the paper's agent.
        deadline: Of the composite F1, in windows.
        pythresh: The PyThresh methods to choose from.
    """
    started = perf_counter()
    evidence = Evidence(seed).fit(train)
    shared = perf_counter() - started
    blind = [
        _measure(name, method, train, test, conditions[0], seed, deadline)
        for name, method in without_labels(pythresh, seed)
    ]
    rows: list[FrontierRow] = []
    for feedback in conditions:
        here = {"feedback": feedback.kind, "delay": delay_of(feedback), "label_noise": feedback.noise}
        rows += [replace(row, **here) for row in blind]  # type: ignore[arg-type]
        for name, method in with_labels(feedback, seed, episodes, evidence):
            row = _measure(name, method, train, test, feedback, seed, deadline)
            rows.append(replace(row, seconds=row.seconds + shared) if hasattr(method, "evidence") else row)
    return rows


def _measure(
    name: str,
    method: thresholds.Method,
    train: Sequence[ScoredSeries],
    test: ScoredSeries,
    feedback: Feedback,
    seed: int,
    deadline: int,
) -> FrontierRow:
    try:
        row = replace(evaluate(method, train, [test], deadline=deadline), method=name)
    except InputError as error:  # scores that a method cannot be fitted with cost its row, not the others'
        return FrontierRow(
            name, feedback.kind, delay_of(feedback), feedback.noise, test.name, seed, method.sees_labels, str(error)
        )
    chosen = getattr(method, "chosen", None)
    return FrontierRow.of(row, feedback, test.name, seed, getattr(chosen, "method", chosen.name) if chosen else "")
