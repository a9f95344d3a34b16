"""What a scorer is worth with the plainest of thresholds: one fixed number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adt_gym.evaluation.metrics import precision_recall_f1
from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds.static import best_f1_threshold

UNLABELLED_QUANTILE = 0.99
"""Of the training scores: the threshold where no training window is anomalous."""


@dataclass(frozen=True)
class ScorerReport:
    """How a static threshold on a scorer's scores does over all windows of all test series.

    Args:
        scorer: What tables call it.
        threshold: Chosen on the training scores.
        tp, fp, fn, tn: The confusion matrix, in windows.
        accuracy: Share of windows judged rightly.
        precision, recall, f1: Of the anomalous windows.
        macro_precision, macro_recall, macro_f1: The mean of those of the anomalous and of the normal windows.
        auroc: Area under the ROC curve of the scores, whatever the threshold; None where the test has one kind only.
    """

    scorer: str
    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    auroc: float | None


def static_threshold(train: Sequence[ScoredSeries]) -> float:
    """Return the threshold with the best F1 on the training scores, or their 0.99 quantile if none is anomalous."""
    if any(one.labels.any() for one in train):
        return best_f1_threshold(train)
    return float(np.quantile(np.concatenate([one.scores for one in train]), UNLABELLED_QUANTILE))


def evaluate_scorer(name: str, train: Sequence[ScoredSeries], test: Sequence[ScoredSeries]) -> ScorerReport:
    """Choose a static threshold on the training scores and measure it on the test scores.

    Raises:
        InputError: If there is no test series.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

    if not test:
        raise InputError("no test series to evaluate on")
    threshold = static_threshold(train)
    scores = np.concatenate([one.scores for one in test])
    labels = np.concatenate([one.labels for one in test])
    flagged = scores > np.float32(threshold)
    tn, fp, fn, tp = (int(n) for n in confusion_matrix(labels, flagged, labels=[False, True]).ravel())
    anomalous = precision_recall_f1(flagged, labels)
    normal = precision_recall_f1(~flagged, ~labels)
    macro_precision, macro_recall, macro_f1 = ((a + b) / 2 for a, b in zip(anomalous, normal, strict=True))
    auroc = float(roc_auc_score(labels, scores)) if labels.any() and not labels.all() else None
    accuracy = float(accuracy_score(labels, flagged))
    counts = (tp, fp, fn, tn)
    macro = (macro_precision, macro_recall, macro_f1)
    return ScorerReport(name, threshold, *counts, accuracy, *anomalous, *macro, auroc)


def shares_found(kinds: np.ndarray, decisions: np.ndarray, window: int) -> dict[str, float]:
    """Return, for each kind of anomaly, the share of the windows holding it that were flagged.

    Args:
        kinds: Shape ``(n,)``, the kind of anomaly at each point, "" where there is none.
        decisions: Shape ``(n - tau + 1,)``.
        window: tau, the points of a window.

    Raises:
        InputError: If the shapes do not fit.
    """
    if len(decisions) != len(kinds) - window + 1:
        raise InputError(f"{len(decisions)} windows of {window} points cannot come from {len(kinds)} points")
    views = np.lib.stride_tricks.sliding_window_view(kinds, window)
    return {str(kind): float(decisions[(views == kind).any(axis=1)].mean()) for kind in np.unique(kinds) if kind != ""}
