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
from adt_gym.thresholds.rows import held_out_folds, thinned
from adt_gym.thresholds.trees import Trees

Array = NDArray[np.float64]

CUTS = np.linspace(0.02, 0.98, 49)
"""Chances above which a window may be flagged; the one with the best F1 on held-out training series is used."""

BINS = 255
"""Values of a column that boosting tells apart, which is scikit-learn's default and most."""


class Boosting(ToldMethod):
    """Histogram gradient boosting (scikit-learn) on score and label context, as a method.

    Where labels depend on decisions, as under "alerts", it learns from series on which everything was flagged, and
    earns its own labels when used. Of long series it learns from a part, see `adt_gym.thresholds.rows`.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.
        trees: How many.

    Attributes:
        cut: The chance above which a window is flagged.
        held_out_f1: Its F1 on each training series with an anomaly, by a model that has not seen it.
    """

    name = "gradient boosting"
    fitted: ClassVar = ("cut", "held_out_f1", "forest")

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

        f1: dict[int, Array] = {}
        for fold in held_out_folds(train):
            if judged := [i for i in fold if truth[i].any()]:
                trees = learn([i for i in everything if i not in fold])
                f1 |= {i: f1_at(CUTS, trees.predict(observed[i]), truth[i]) for i in judged}
        held_out = np.array([f1[i] for i in sorted(f1)])
        best = int(held_out.mean(axis=0).argmax())
        self.cut, self.held_out_f1 = float(CUTS[best]), held_out[:, best]
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
        labels = told_labels(series, self.feedback, self.seed).astype(np.int64)
        schedule = self.feedback.schedule(len(series))
        is_told = schedule.told[:, 1] if schedule else [in_at(self.feedback, t, True)[1] for t in range(len(series))]
        return np.column_stack((context, label_context(np.where(is_told, labels, -1), self.feedback)))

    def _fitted(self) -> dict[str, Any]:
        return {"cut": self.cut, "held_out_f1": self.held_out_f1, **self.forest.arrays()}

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.cut, self.held_out_f1, self.forest = values["cut"], values["held_out_f1"], Trees.of_arrays(values)


def snapped(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows with each column at the nearest of at most ``BINS`` of its quantiles.

    Boosting bins columns so in any case. With weights scikit-learn looks for weighted quantiles, which takes ten times
    as long as all else; of columns with few values it takes those.
    """
    levels = np.quantile(x, np.linspace(0, 1, BINS), axis=0, method="inverted_cdf")
    columns = []
    for column, of in zip(x.T, levels.T, strict=True):
        values = np.unique(of)
        columns.append(values[np.searchsorted((values[1:] + values[:-1]) / 2, column)])
    return np.column_stack(columns)


def f1_at(cuts: Array, says: Array, labels: NDArray[np.bool_]) -> Array:
    """Return shape ``(n,)``: the F1 over windows of flagging those whose chance is above each of n cuts, ascending.

    Args:
        cuts: Shape ``(n,)``, in (0, 1).
        says: Shape ``(T,)``: the logit of the chance of each window.
        labels: Shape ``(T,)``, some of them True.
    """
    below = np.searchsorted(logit(cuts), says)  # how many cuts a window's chance is above

    def above(some: NDArray[np.int_]) -> NDArray[np.int_]:
        return np.cumsum(np.bincount(some, minlength=len(cuts) + 1)[::-1])[::-1][1:]

    f1: Array = 2 * above(below[labels]) / (above(below) + labels.sum())
    return f1


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
