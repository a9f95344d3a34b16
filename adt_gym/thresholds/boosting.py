"""Gradient boosting on score and label context: the supervised answer to the same problem, to hold agents against."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import Scaling
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.context import LabelContext, ScoreContext, label_context, score_context
from adt_gym.stream.feedback import Feedback, in_at, told_labels
from adt_gym.stream.replay import begin
from adt_gym.stream.stream import Scores, Session, ToldMethod
from adt_gym.thresholds.evidence import logit, require_teachers
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.rows import held_out_folds, snapped, thinned
from adt_gym.thresholds.trees import Trees

CUTS = np.linspace(0.02, 0.98, 49)
"""Chances above which a window may be flagged; the one with the best objective on held-out series is used."""


class Boosting(ToldMethod):
    """Histogram gradient boosting (scikit-learn) on score and label context, as a method.

    Where labels depend on decisions, as under "alerts", it learns from series on which everything was flagged, and
    earns its own labels when used. Of long series it learns from a part, see `adt_gym.thresholds.rows`.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.
        trees: How many.

    Attributes:
        cut: The chance above which a window is flagged.
        held_out: The objective (`adt_gym.thresholds.objective`) on each training series, by a model that has not seen
            it.
    """

    name = "gradient boosting"
    fitted: ClassVar = ("cut", "held_out", "forest")

    def __init__(
        self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0, trees: int = 60
    ) -> None:
        super().__init__(feedback, delay, noise, seed)
        self.trees = trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from labelled series of other machines; the cut from what models say of a series they have not seen.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows.
        """
        require_teachers(train)
        observed, truth = [self._observe(one) for one in train], [one.truth for one in train]
        everything = range(len(train))

        def learn(chosen: Sequence[int]) -> Trees:
            from sklearn.ensemble import HistGradientBoostingClassifier

            model = HistGradientBoostingClassifier(
                max_iter=self.trees, max_leaf_nodes=15, min_samples_leaf=60, early_stopping=False,
                random_state=self.seed,
            )  # fmt: skip
            rows = dict(zip(chosen, thinned([truth[i] for i in chosen]), strict=True))
            x, y = (np.concatenate([of[i][places] for i, (places, _) in rows.items()]) for of in (observed, truth))
            weights = np.concatenate([each for _, each in rows.values()])
            return Trees.of_boosting(model.fit(*((x, y) if (weights == 1).all() else (snapped(x), y, weights))))

        values: dict[int, list[float]] = {}
        for fold in held_out_folds(train):
            trees = learn([i for i in everything if i not in fold])
            for i in fold:
                says = trees.predict(observed[i])
                values[i] = [objective(says > logit(cut), truth[i]) for cut in CUTS]
        held_out = np.array([values[i] for i in everything])
        best = int(held_out.mean(axis=0).argmax())
        self.cut, self.held_out = float(CUTS[best]), held_out[:, best]
        self.forest = learn(everything)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Booster":
        """Begin without any context."""
        return Booster(self.forest, self.cut, self.feedback)

    def detect(self, series: ScoredSeries) -> Detection:
        """Use threshold 0 where the chance of an anomaly is above the cut, else 1."""
        schedule = self.feedback.schedule(len(series))
        if schedule is None or (schedule.told[:, 0] != schedule.told[:, 1]).any():
            return super().detect(series)  # what is told depends on what was decided
        session: Any = begin(self, series)
        return Detection.at(session.thresholds(self._observe(series)), series)

    def _observe(self, series: ScoredSeries) -> NDArray[np.float32]:
        """Return what is observed before each window if all are flagged."""
        context = score_context(series.scores)
        if not self.sees_labels:
            return context
        return np.column_stack((context, told_context(told_labels(series, self.feedback, self.seed), self.feedback)))

    def _fitted(self) -> dict[str, Any]:
        return {"cut": self.cut, "held_out": self.held_out, **self.forest.arrays()}

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.cut, self.held_out, self.forest = values["cut"], values["held_out"], Trees.of_arrays(values)


class Booster(Session):
    """One series, judged by boosting; a label that is told early or late, see `adt_gym.stream.context.LabelContext`.

    Args:
        forest: Says the logit of the chance of an anomaly.
        cut: The chance above which a window is flagged.
        feedback: When labels are in.
    """

    state: ClassVar = ("_t", "_scores", "_labels")

    def __init__(self, forest: Trees, cut: float, feedback: Feedback):
        self._forest, self._cut, self._sees_labels, self._t = forest, logit(cut), feedback.tells, 0
        self._scores, self._labels = ScoreContext(), LabelContext(feedback)

    def thresholds(self, observed: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return shape ``(n,)``: 0 where, by what is observed before a window, it is flagged, else 1."""
        return np.where(self._forest.predict(observed) > self._cut, 0.0, 1.0)

    def threshold(self, score: float) -> float:
        """Return 0 where the chance of an anomaly is above the cut, else 1."""
        observed = self._scores.push(score)
        if self._sees_labels:
            observed = np.concatenate((observed, self._labels.push(self._t)))
        return float(self.thresholds(observed[None])[0])

    def judged(self, score: float, decision: bool) -> None:
        """Go on to the next window."""
        self._labels.judged(self._t, decision)
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Take in a label."""
        self._labels.tell(t, label)


def told_context(labels: NDArray[np.bool_], feedback: Feedback) -> NDArray[np.float32]:
    """Return shape ``(T, len(LABEL_CONTEXT))``: what is told before each window, under a rule that tells it anyway.

    Args:
        labels: Shape ``(T,)``: as they are told, if they are.
        feedback: The rule.
    """
    schedule = feedback.schedule(len(labels))
    told = schedule.told[:, 1] if schedule else [in_at(feedback, t, True)[1] for t in range(len(labels))]
    return label_context(np.where(told, labels, -1), feedback)
