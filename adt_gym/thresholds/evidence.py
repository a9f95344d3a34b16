"""The chance of an anomaly by the scores alone, learned by imitation from labelled series of other machines.

Gradient-boosted trees (Friedman, 2001; those of scikit-learn) on `adt_gym.stream.context.score_context`, which may only
rise with what a higher score raises: a few machines teach many ways in which that is not so, and none of them travels.
Of long series they learn from a part, see `adt_gym.thresholds.rows`.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import InputError, ScoredSeries, varies
from adt_gym.stream.context import HISTORY, SCORE_CONTEXT, ScoreContext
from adt_gym.thresholds.rows import held_out_folds, snapped, thinned
from adt_gym.thresholds.trees import Trees

ANOMALOUS = 0.07
"""The weight that the anomalous windows of a series have together: about their usual share."""

RISING = ("score", "mean_3", "mean_10", "mean_30", "above_median", "mean_10_above_median", "mean_30_above_quantile_40",
          "rise", "change_3", "change_10", "slow_rise", "change_5_in_steps", "deviation")  # fmt: skip
"""The columns of the context that the chance may only rise with."""

LEAST = 0.002
"""Evidence stays this far from 0 and 1: trees that have seen a few machines are never sure."""

Array = NDArray[np.float64]


class Evidence:
    """What methods for different feedback may share, where they learn from the same series.

    Args:
        seed: Of the trees.
        trees: How many.

    Attributes:
        contexts: For each training series shape ``(T, len(SCORE_CONTEXT))``, see `context_of`.
        trees: Those that learned from all series.
        held_out: For each training series shape ``(T,)``: the logit by trees that have not seen it, as it will be on a
            new machine; see `adt_gym.thresholds.rows.held_out_folds`.
    """

    def __init__(self, seed: int = 0, trees: int = 60):
        self.seed, self._number = seed, trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from the true labels of the training series.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows.
        """
        require_teachers(train)
        self.train = list(train)
        self.contexts = [context_of(one) for one in train]
        everything = range(len(train))
        self.trees = self._learn(everything)
        judged: dict[int, Array] = {}
        for fold in held_out_folds(train):
            trees = self._learn([i for i in everything if i not in fold])
            judged |= {i: evidence_of(trees, self.contexts[i]) for i in fold}
        self.held_out = [judged[i] for i in everything]
        return self

    def __call__(self, series: ScoredSeries) -> Array:
        """Return shape ``(T,)``: the logit of the chance that each window is anomalous."""
        return evidence_of(self.trees, context_of(series))

    def _learn(self, chosen: Sequence[int]) -> Trees:
        from sklearn.ensemble import HistGradientBoostingClassifier

        rows = [places for places, _ in thinned([self.train[i].truth for i in chosen])]
        labels = [self.train[i].truth[places] for i, places in zip(chosen, rows, strict=True)]
        # Each series weighs the same, and so do the anomalies of each: else the one with the longest decides.
        weights = [
            np.where(y, ANOMALOUS / max(y.mean(), 1 / len(y)), (1 - ANOMALOUS) / max((~y).mean(), 1 / len(y)))
            for y in labels
        ]
        model = HistGradientBoostingClassifier(
            max_iter=self._number, max_leaf_nodes=8, min_samples_leaf=60, l2_regularization=5.0, early_stopping=False,
            monotonic_cst=[int(one in RISING) for one in SCORE_CONTEXT], random_state=self.seed,
        )  # fmt: skip
        everyone = sum(map(len, labels)) / len(labels)
        fitted = model.fit(
            snapped(np.concatenate([self.contexts[i][places] for i, places in zip(chosen, rows, strict=True)])),
            np.concatenate(labels),
            sample_weight=np.concatenate([everyone * w / len(w) for w in weights]),
        )
        return Trees.of_boosting(fitted)


def context_of(series: ScoredSeries) -> NDArray[np.float32]:
    """Return shape ``(T, len(SCORE_CONTEXT))``: what the scores of a series, and of its past, tell of each window."""
    begun = context_after(series.past_scores(raw=False))
    return begun.extend(series.scores)


def context_after(past: NDArray[np.floating[Any]] | None) -> ScoreContext:
    """Return the context of a series that begins after scaled scores of its past, if there are any."""
    context = ScoreContext()
    if past is not None and len(past):
        context.extend(np.clip(past[-HISTORY:], 0.0, 1.0))
    return context


def evidence_of(trees: Trees, context: NDArray[np.float32]) -> Array:
    """Return shape ``(T,)``: the logit of what the trees say of each row of a score context."""
    most = float(logit(1 - LEAST))
    logits: Array = np.minimum(np.maximum(trees.predict(context), -most), most)
    return logits


def require_teachers(train: Sequence[ScoredSeries]) -> None:
    """Refuse training series of which none can be judged by what the others teach."""
    telling = sum(varies(one.truth) for one in train)
    if telling < 2:
        raise InputError(
            f"{len(train)} training series, {telling} with both anomalous and normal windows; "
            "give at least two that hold both, so that each can be judged by what the others teach"
        )


def logit(p: Any) -> Any:
    """Return log(p / (1 - p))."""
    return np.log(p / (1 - p))
