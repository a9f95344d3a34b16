"""Gradient boosting on score and label context: the supervised answer to the same problem, to hold agents against."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.agents.belief import require_teachers
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.context import HISTORY, label_context, score_context
from adt_gym.stream.feedback import Feedback, told_labels
from adt_gym.stream.stream import Method

CUTS = np.linspace(0.02, 0.98, 49)
"""Chances above which a window may be flagged; the one with the best F1 on held-out training series is used."""


class Boosting(Method):
    """Histogram gradient boosting (scikit-learn) on score and label context, as a thresholder.

    Under "alerts" it learns from series on which everything was flagged, and earns its own labels when used.

    Args:
        feedback: What is told of the labels of the series that it is used on.
        seed: Of the labels that are flipped.
    """

    name = "gradient boosting"

    def __init__(self, feedback: Feedback, seed: int = 0):
        self.feedback, self.seed = feedback, seed

    @property
    def sees_labels(self) -> bool:  # type: ignore[override]
        """Whether any labels are told."""
        return self.feedback.tells

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from labelled series of other machines; the cut from what models say of a series they have not seen.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows.
        """
        require_teachers(train)
        observed = [self._observe_all(one) for one in train]
        everything = range(len(train))

        def learn(chosen: Sequence[int]) -> Any:
            from sklearn.ensemble import HistGradientBoostingClassifier

            model = HistGradientBoostingClassifier(
                max_iter=60, max_leaf_nodes=15, min_samples_leaf=60, early_stopping=False, random_state=self.seed
            )
            return model.fit(
                np.concatenate([observed[i] for i in chosen]), np.concatenate([train[i].truth for i in chosen])
            )

        held_out = [
            learn([j for j in everything if j != i]).predict_proba(observed[i])[:, 1]
            for i in everything
            if train[i].truth.any()
        ]
        truths = [one.truth for one in train if one.truth.any()]
        f1 = np.array(
            [
                [precision_recall_f1(chance > cut, y)[2] for cut in CUTS]
                for chance, y in zip(held_out, truths, strict=True)
            ]
        )
        best = int(f1.mean(axis=0).argmax())
        self.cut, self.held_out_f1 = float(CUTS[best]), f1[:, best]
        self._model = learn(everything)
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Use threshold 0 where the chance of an anomaly is above the cut, else 1."""
        if self.feedback.kind == "alerts":
            decisions = self._step_through(series)
        else:
            decisions = self._model.predict_proba(self._observe_all(series))[:, 1] > self.cut
        return Detection.at(np.where(decisions, 0.0, 1.0), series)

    def _observe_all(self, series: ScoredSeries) -> NDArray[np.float32]:
        """Return what is observed before each window if every label is told."""
        context = score_context(series.scores)
        if not self.sees_labels:
            return context
        told = told_labels(series, self.feedback, self.seed).astype(np.int64)
        return np.column_stack((context, label_context(told, self.feedback.delay)))

    def _step_through(self, series: ScoredSeries) -> NDArray[np.bool_]:
        context, labels = score_context(series.scores), told_labels(series, self.feedback, self.seed)
        told, decisions = np.full(len(series), -1), np.zeros(len(series), dtype=bool)
        delay = self.feedback.delay
        for first in range(0, len(series), delay):  # what is decided in between is told only after it
            block = slice(first, first + delay)
            since = max(first - delay - HISTORY, 0)
            known = label_context(told[since : block.stop], delay)[first - since :]
            observed = np.column_stack((context[block], known))
            decisions[block] = self._model.predict_proba(observed)[:, 1] > self.cut
            told[block] = np.where(decisions[block], labels[block], -1)
        return decisions
