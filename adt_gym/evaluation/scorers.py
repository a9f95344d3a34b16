"""What a scorer is worth with the plainest of thresholds, one fixed number, beside what needs no scorer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adt_gym import thresholds
from adt_gym.metrics import columns
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.evaluated import Evaluated
from adt_gym.metrics.flags import as_flags
from adt_gym.metrics.windows import confusion_counts, precision_recall_f1
from adt_gym.series import Detection, InputError, ScoredSeries, varies
from adt_gym.thresholds.static import best_f1_threshold

if TYPE_CHECKING:
    from adt_gym.scoring.training import Epoch

UNLABELLED_QUANTILE = 0.99
"""Of the training scores: the threshold where no training window is anomalous."""


@dataclass(frozen=True)
class ScorerReport:
    """How the decisions of a scorer and a static threshold, or of a baseline, do over all windows of all test series.

    Args:
        method: What tables call the scorer or the baseline.
        saw_labels: Whether the decisions depend on labels of the test series.
        precision, recall, f1: Of the anomalous windows.
        accuracy: Share of windows judged rightly.
        macro_precision, macro_recall, macro_f1: The mean of those of the anomalous and of the normal windows.
        tp, fp, fn, tn: The confusion matrix, in windows.
        composite_f1, false_alarms_per_day, delay_median: See `adt_gym.evaluation.compare.Row`.
        threshold: Chosen on the training scores; None for a baseline.
        auroc: Area under the ROC curve of the scores, whatever the threshold; None for a baseline and where the test
            has one kind of windows only.
    """

    method: str
    saw_labels: bool
    precision: float
    recall: float
    f1: float
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    tp: int
    fp: int
    fn: int
    tn: int
    composite_f1: float
    false_alarms_per_day: float
    delay_median: float
    threshold: float | None = None
    auroc: float | None = None

    @property
    def alarms_per_1000(self) -> float:
        """Flagged windows per 1,000 windows."""
        return 1000 * (self.tp + self.fp) / (self.tp + self.fp + self.fn + self.tn)


@dataclass(frozen=True)
class ScorerRow:
    """The report of a scorer, the time it took and the curves of its training, or that of a baseline."""

    report: ScorerReport
    seconds: float | None = None
    curve: "list[Epoch]" = field(default_factory=list)


def static_threshold(train: Sequence[ScoredSeries]) -> float:
    """Return the threshold with the best F1 on the training scores, or their 0.99 quantile if none is anomalous."""
    if any(one.truth.any() for one in train):
        return best_f1_threshold(train)
    return float(np.quantile(np.concatenate([one.scores for one in train]), UNLABELLED_QUANTILE))


def evaluate_scorer(
    name: str, train: Sequence[ScoredSeries], test: Sequence[ScoredSeries], deadline: int | None = DEADLINE
) -> ScorerReport:
    """Choose a static threshold on the training scores and measure it on the test scores.

    Raises:
        InputError: If there is no test series.
    """
    from sklearn.metrics import roc_auc_score

    if not test:
        raise InputError("no test series to evaluate on")
    threshold = static_threshold(train)
    scores = np.concatenate([one.scores for one in test])
    labels = np.concatenate([one.truth for one in test])
    auroc = float(roc_auc_score(labels, scores)) if varies(labels) else None
    detections = [Detection.at(threshold, one) for one in test]
    return replace(_report(name, False, detections, test, deadline), threshold=threshold, auroc=auroc)


def evaluate_baselines(
    train: Sequence[ScoredSeries], test: Sequence[ScoredSeries], deadline: int | None = DEADLINE, seed: int = 0
) -> list[ScorerReport]:
    """Return what every scorer must be held against, from copying the last label to flagging nothing.

    The alarms at random are as frequent as those of the static threshold on ``train``.
    """
    rate = float(np.mean(np.concatenate([one.scores for one in train]) > np.float32(static_threshold(train))))
    rules = (
        thresholds.make("persistence", delay=1),
        thresholds.make("random", rate=rate, seed=seed).fit(train),
        thresholds.make("always"),
        thresholds.make("never"),
    )
    return [_report(rule.name, rule.sees_labels, [rule.detect(one) for one in test], test, deadline) for rule in rules]


def _report(
    method: str, saw_labels: bool, detections: Sequence[Detection], test: Sequence[ScoredSeries], deadline: int | None
) -> ScorerReport:
    given = Evaluated(detections, test, deadline=deadline)
    flagged, labels = given.decisions, given.labels
    tp, fp, fn = confusion_counts(flagged, labels)
    tn = len(labels) - tp - fp - fn
    anomalous = precision_recall_f1(flagged, labels)
    normal = precision_recall_f1(~flagged, ~labels)
    macro_precision, macro_recall, macro_f1 = ((a + b) / 2 for a, b in zip(anomalous, normal, strict=True))
    return ScorerReport(
        method, saw_labels, *anomalous, (tp + tn) / len(labels), macro_precision, macro_recall, macro_f1,
        tp, fp, fn, tn,
        composite_f1=columns.composite(given),
        false_alarms_per_day=columns.false_alarms_per_day(given),
        delay_median=given.events.median_delay,
    )  # fmt: skip


def shares_found(kinds: NDArray[np.str_], decisions: NDArray[np.bool_], window: int) -> dict[str, float]:
    """Return, for each kind of anomaly, the share of the windows holding it that were flagged.

    Args:
        kinds: Shape ``(n,)``, the kind of anomaly at each point, "" where there is none.
        decisions: Shape ``(n - tau + 1,)``.
        window: tau, the points of a window.

    Raises:
        InputError: If the shapes do not fit, or a decision is neither 0 nor 1.
    """
    decisions = as_flags(decisions, "decisions")
    if len(decisions) != len(kinds) - window + 1:
        raise InputError(f"{len(decisions)} windows of {window} points cannot come from {len(kinds)} points")
    views = np.lib.stride_tricks.sliding_window_view(kinds, window)
    return {str(kind): float(decisions[(views == kind).any(axis=1)].mean()) for kind in np.unique(kinds) if kind != ""}
