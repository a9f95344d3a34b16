"""Sample-wise classification: the methods a user would pick instead of an agent, the scores and the pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.flags import flag_pair
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.samples.samples import Samples, Standardiser
from adt_gym.series import InputError
from adt_gym.spreadsheet import write_csv

CLASSES = ("normal", "anomalous")


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What one method made of the n samples of a test part.

    Args:
        method: Its name.
        decisions: Shape ``(n,)``, bool: True where the sample is called anomalous.
        scores: Shape ``(n,)``, the higher the more anomalous; None for a method that has no scores.
    """

    method: str
    decisions: NDArray[np.bool_]
    scores: NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True)
class Scores:
    """How one method did: precision, recall and F1 of the anomalous class, and the mean F1 of both classes.

    ``saw_labels`` is False for every method of this table: none is shown a label of the test part.
    """

    method: str
    precision: float
    recall: float
    f1: float
    macro_f1: float
    saw_labels: bool = False


METRICS = ("precision", "recall", "f1", "macro_f1")


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation (divisor n - 1; 0 of a single seed) over the test parts of several seeds."""

    mean: Scores
    precision_std: float
    recall_std: float
    f1_std: float
    macro_f1_std: float


def score(verdicts: Verdicts, labels: NDArray[np.bool_]) -> Scores:
    """Hold verdicts against the labels, shape ``(n,)``, of the same samples.

    Raises:
        InputError: If a verdict or label is neither 0 nor 1, or their numbers differ.
    """
    called, truth = flag_pair(verdicts.decisions, labels, f"{verdicts.method}: ")
    normal, anomalous = precision_recall_f1(~called, ~truth), precision_recall_f1(called, truth)
    return Scores(verdicts.method, *anomalous, (normal[2] + anomalous[2]) / 2)


def summarise(runs: Sequence[Scores]) -> Summary:
    """Summarise the scores of one method, one per seed.

    Raises:
        InputError: If there are none.
    """
    if not runs:
        raise InputError("no scores to summarise")
    values = np.array([[getattr(run, metric) for metric in METRICS] for run in runs])
    deviations = values.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(len(METRICS))
    return Summary(Scores(runs[0].method, *values.mean(axis=0).tolist()), *deviations.tolist())


def classical_verdicts(train: Samples, test: Samples, seed: int) -> list[Verdicts]:
    """Fit on the training part, judge the test part: the rows that any agent must be held against.

    Gradient boosting is the one with exact splits: the histogram version wants 20 samples a leaf, more than there are
    anomalies in a small set. The Isolation Forest sees the features of the training part and the share of its
    anomalies, no label.
    """
    from sklearn.ensemble import GradientBoostingClassifier, IsolationForest
    from sklearn.linear_model import LogisticRegression

    scale = Standardiser.fit(train)
    known, unknown = scale(train), scale(test)
    logistic = LogisticRegression(class_weight="balanced", max_iter=1000).fit(known, train.labels)
    boosting = GradientBoostingClassifier(random_state=seed).fit(known, train.labels)
    share = min(float(train.labels.mean()), 0.5)
    forest = IsolationForest(contamination=share, random_state=seed).fit(known)
    return [
        Verdicts("logistic regression", logistic.predict(unknown), logistic.decision_function(unknown)),
        Verdicts("gradient boosting", boosting.predict(unknown), boosting.decision_function(unknown)),
        Verdicts("isolation forest", forest.predict(unknown) == -1, -forest.decision_function(unknown)),
        Verdicts("always", np.ones(len(test), dtype=bool)),
        Verdicts("never", np.zeros(len(test), dtype=bool)),
    ]


def report(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> str:
    """Return precision, recall and F1 per class, macro and weighted, and the confusion matrix, as text.

    Raises:
        InputError: If a decision or label is neither 0 nor 1, or their numbers differ.
    """
    from sklearn.metrics import classification_report, confusion_matrix

    decisions, labels = flag_pair(decisions, labels)
    # Labels are given as numbers: with target_names alone a class that nobody calls would be left out.
    text = classification_report(
        labels.astype(int), decisions.astype(int), labels=[0, 1], target_names=CLASSES, digits=3, zero_division=0
    )
    (tn, fp), (fn, tp) = confusion_matrix(labels, decisions, labels=[False, True])
    header = f"{'':>12} {'called normal':>15} {'called anomalous':>18}"
    return f"{text}\n{header}\n{'normal':>12} {tn:>15} {fp:>18}\n{'anomalous':>12} {fn:>15} {tp:>18}\n"


def write_table(path: str | Path, rows: Sequence[Summary], deviations: bool) -> None:
    """Write a CSV file with a row per method: the columns of `Scores` and, if asked for, the standard deviations."""
    columns = [f.name for f in fields(Summary) if f.name != "mean"] if deviations else []
    found = ([*asdict(row.mean).values(), *(getattr(row, column) for column in columns)] for row in rows)
    write_csv(path, [f.name for f in fields(Scores)] + columns, found)
