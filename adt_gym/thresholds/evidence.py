"""The chance of an anomaly by the scores alone, learned by imitation from labelled series of other machines.

Extremely randomised trees (Geurts, Ernst and Wehenkel, 2006) on `adt_gym.stream.context.score_context`. Of long series
they learn from a part, see `adt_gym.thresholds.rows`.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import InputError, ScoredSeries, varies
from adt_gym.stream.context import score_context
from adt_gym.thresholds.rows import held_out_folds, thinned
from adt_gym.thresholds.trees import Trees

ANOMALOUS = 0.07
"""The weight that the anomalous windows of a series have together: about their usual share."""

LEAST = 0.002
"""Evidence stays this far from 0 and 1: trees that have seen a few machines are never sure."""

Array = NDArray[np.float64]


class Evidence:
    """What methods for different feedback may share, where they learn from the same series.

    Args:
        seed: Of the trees.
        trees: How many.

    Attributes:
        trees: Those that learned from all series.
        held_out: For each training series shape ``(T,)``: the logit by trees that have not seen it, as it will be on a
            new machine; see `adt_gym.thresholds.rows.held_out_folds`.
    """

    def __init__(self, seed: int = 0, trees: int = 100):
        self.seed, self._number = seed, trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from the true labels of the training series.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows.
        """
        require_teachers(train)
        self.train = list(train)
        self._contexts = [score_context(one.scores) for one in train]
        everything = range(len(train))
        self.trees = self._learn(everything)
        judged: dict[int, Array] = {}
        for fold in held_out_folds(train):
            trees = self._learn([i for i in everything if i not in fold])
            judged |= {i: evidence_of(trees, self._contexts[i]) for i in fold}
        self.held_out = [judged[i] for i in everything]
        return self

    def __call__(self, series: ScoredSeries) -> Array:
        """Return shape ``(T,)``: the logit of the chance that each window is anomalous."""
        return evidence_of(self.trees, score_context(series.scores))

    def _learn(self, chosen: Sequence[int]) -> Trees:
        from sklearn.ensemble import ExtraTreesRegressor

        rows = [places for places, _ in thinned([self.train[i].truth for i in chosen])]
        labels = [self.train[i].truth[places] for i, places in zip(chosen, rows, strict=True)]
        # Each series weighs the same, and so do the anomalies of each: else the one with the longest decides.
        weights = [
            np.where(y, ANOMALOUS / max(y.mean(), 1 / len(y)), (1 - ANOMALOUS) / max((~y).mean(), 1 / len(y)))
            for y in labels
        ]
        model = ExtraTreesRegressor(self._number, min_samples_leaf=60, max_features=0.6, random_state=self.seed)
        fitted = model.fit(
            np.concatenate([self._contexts[i][places] for i, places in zip(chosen, rows, strict=True)]),
            np.concatenate(labels).astype(float),
            sample_weight=np.concatenate([w / len(w) for w in weights]),
        )
        return Trees.of_forest(fitted)


def evidence_of(trees: Trees, context: NDArray[np.float32]) -> Array:
    """Return shape ``(T,)``: the logit of what the trees say of each row of a score context."""
    chances: Array = logit(np.minimum(np.maximum(trees.predict(context), LEAST), 1 - LEAST))
    return chances


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
