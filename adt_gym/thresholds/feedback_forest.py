"""Feedback isolation forest: an isolation forest whose nodes are weighted by what labels say of the windows in them."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import product
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.scaling import Scaling
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import ScoreContext, score_context
from adt_gym.stream.feedback import Feedback
from adt_gym.stream.stream import Scores
from adt_gym.thresholds.objective import Flags, best_on, require_anomaly
from adt_gym.thresholds.replayed import Change, Compiled, Released, Replayed, Tally
from adt_gym.thresholds.rows import stretches
from adt_gym.thresholds.trees import Trees

SAMPLES = 256
"""Windows that each tree isolates, as the authors of isolation forests advise."""

LEAST = 64
"""A past of fewer windows grows no forest."""

ROWS = 10_000
"""Windows of a long past that are looked at, evenly spread."""

LEVELS, RATES = (0.8, 0.9, 0.95, 0.98, 0.99, 0.997), (0.001, 0.01, 0.1, 1.0)

ONE, PART = 4096, 64
"""Weights are whole numbers of 1 / (ONE * PART), path lengths of 1 / PART: their sums are exact in any order."""


class Teaching(NamedTuple):
    """A setting.

    Args:
        level: The quantile of the past's anomaly scores above which a window is flagged.
        rate: eta, the learning rate.
    """

    level: float
    rate: float


class Grown(NamedTuple):
    """A forest in arrays.

    Args:
        trees: Their nodes.
        lengths: Shape ``(nodes + 1,)``: how much each adds to the path length, in whole parts; the last is none, 0.
        paths: Shape ``(nodes, depth)``: the nodes on the way to each, itself included, then none.
        usual: Shape ``(n,)``, ascending: the path lengths, over all trees, of windows of the past.
    """

    trees: Trees
    lengths: NDArray[np.int64]
    paths: NDArray[np.int32]
    usual: NDArray[np.int64]

    @classmethod
    def of(cls, trees: Trees, rows: NDArray[np.float32] | None = None, usual: NDArray[np.int64] | None = None) -> Self:
        """Return a forest with the path lengths of some rows, if they are not known."""
        none, here = len(trees.left), np.arange(len(trees.left))
        parent = np.full(none + 1, none)
        for child in (trees.left, trees.right):
            parent[child[child != here]] = here[child != here]
        steps = [here]
        while (further := parent[steps[-1]]).min() < none:
            steps.append(further)
        lengths = np.append(np.rint(trees.value * PART), 0).astype(np.int64)
        paths = np.stack(steps, axis=1).astype(np.int32)
        if usual is None:
            assert rows is not None
            usual = np.sort(lengths[paths].sum(axis=1)[trees.leaves(rows)].sum(axis=1))
        return cls(trees, lengths, paths, usual)

    def cut(self, level: float) -> int:
        """Return the weighted path length, of weights that nobody has taught, below which a window is flagged."""
        return int(np.quantile(self.usual, 1 - level, method="lower")) * ONE * PART


class FeedbackForest(Replayed):
    """An isolation forest on the score context of the series' own past, which learns from feedback.

    The anomaly score of a window is minus its path length, the sum over all trees of w_v phi_v over the nodes v on its
    path, where phi_v is what v adds to the path length and every weight w_v is 1 at first. Online mirror descent with
    the linear loss -y_t score(x_t; w), y_t = 1 for an anomaly and -1 else, and weights that are not negative: theta
    gains eta phi_v on the path of a false alarm, loses it on that of a true one, and w = max(theta, 0). As in the
    paper, where the analyst is asked about the top of the list, a window that was passed teaches only if it is told to
    be anomalous. A window is flagged where its score is above a quantile of those of the past.

    That quantile and eta are those of a small grid with the best mean objective on the training series, replayed under
    the very feedback. A series with little past is judged by a forest on the training series.

    Reference: M. A. Siddiqui, A. Fern, T. G. Dietterich, R. Wright, A. Theriault and D. W. Archer, "Feedback-guided
    anomaly discovery via online optimization", KDD 2018, algorithm 1 with the linear loss.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`; the seed is also that of the trees.
        trees: How many.

    Attributes:
        teaching: The chosen setting.
        forest: On the training series.
    """

    name = "feedback forest"
    fitted: ClassVar = ("teaching", "forest")
    teaching: Teaching
    forest: Grown

    def __init__(
        self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0, trees: int = 50
    ) -> None:
        super().__init__(feedback, delay, noise, seed)
        self.trees = trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Choose the setting on labelled series of other machines.

        Raises:
            InputError: If no window of them is anomalous, or nobody knows.
        """
        require_anomaly(train, self.name)
        train = stretches(train)
        self.forest = self._grow(np.concatenate([_spread(score_context(one.scores), len(train)) for one in train]))
        rates = (0.0, *RATES) if self.sees_labels else (0.0,)

        def prepare(series: ScoredSeries) -> Any:
            released, (forest, context) = self._released(series), self._begin(series.past_scores(raw=False))
            leaves = forest.trees.leaves(context.extend(series.scores))

            def decide(teaching: Teaching) -> Flags:
                return _judge(
                    leaves, *released, forest.lengths, forest.paths, _gain(teaching), forest.cut(teaching.level)
                )

            return decide

        self.teaching = best_on(train, [Teaching(*one) for one in product(LEVELS, rates)], prepare)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Taught":
        """Begin with a forest on the past."""
        teaching = self.teaching  # asked for first: it says that nothing is fitted
        return Taught(*self._begin(past), teaching, self.feedback)

    def _begin(self, past: Scores | None) -> tuple[Grown, ScoreContext]:
        """Return the forest for a series with a past of scaled scores, and its context after them."""
        context = ScoreContext()
        rows = context.extend(np.empty(0) if past is None else past)
        return (self._grow(_spread(rows)) if len(rows) >= LEAST else self.forest), context

    def _grow(self, rows: NDArray[np.float32]) -> Grown:
        from sklearn.ensemble import IsolationForest

        model = IsolationForest(n_estimators=self.trees, max_samples=min(SAMPLES, len(rows)), random_state=self.seed)
        return Grown.of(Trees.of_isolation(model.fit(rows)), rows)

    def _fitted(self) -> dict[str, Any]:
        if "teaching" not in vars(self):
            return {}
        return {"teaching": list(self.teaching), "usual": self.forest.usual, **self.forest.trees.arrays()}

    def _restore(self, values: Any) -> None:
        self.teaching = Teaching(*values["teaching"])
        self.forest = Grown.of(Trees.of_arrays(values), usual=values["usual"])


def _spread(rows: NDArray[np.float32], parts: int = 1) -> NDArray[np.float32]:
    """Return at most so many rows that ``parts`` of such make ``ROWS``, evenly spread."""
    return rows[:: max(1, -(-len(rows) * parts // ROWS))]


def _gain(teaching: Teaching) -> int:
    return round(teaching.rate * ONE)


@compiled
def _judge(
    leaves: NDArray[np.int32],
    windows: NDArray[np.int64],
    due: NDArray[np.int64],
    told: Flags,
    labels: Flags,
    lengths: NDArray[np.int64],
    paths: NDArray[np.int32],
    gain: int,
    cut: int,
) -> Flags:
    """Return shape ``(T,)``: which windows are flagged.

    Args:
        leaves: Shape ``(T, trees)``.
        windows, due, told, labels: See `Released`.
        lengths, paths: See `Grown`.
        gain: The learning rate in whole numbers.
        cut: Below it a weighted path length is flagged.
    """
    flagged, theta, taken = np.zeros(len(leaves), np.bool_), np.full(len(lengths), ONE * PART), 0
    totals, sizes = np.zeros(len(paths), np.int64), np.zeros(len(lengths), np.int64)
    for leaf in range(len(paths)):
        for node in paths[leaf]:
            totals[leaf] += ONE * PART * lengths[node]
            sizes[node] += 1
    for t in range(len(leaves)):
        while taken < len(due) and due[taken] <= t:
            window = windows[taken]
            taken += 1
            if gain == 0 or not told[window, int(flagged[window])] or not (flagged[window] or labels[window]):
                continue
            for leaf in leaves[window]:
                for node in paths[leaf]:
                    before = max(theta[node], 0)
                    theta[node] += (-gain if labels[window] else gain) * lengths[node]
                    change = (max(theta[node], 0) - before) * lengths[node]
                    if change:  # for all below it, who come right after it
                        totals[node : node + sizes[node]] += change
        length = 0
        for leaf in leaves[t]:
            length += totals[leaf]
        flagged[t] = length < cut
    return flagged


class Taught(Compiled):
    """One series, judged by a forest that is taught.

    Args:
        forest: Its trees.
        context: Of the past.
        teaching: The setting.
        feedback: When labels are in.
    """

    state: ClassVar = ("_t", "_context", "_leaves", "_theta", "_tally")

    def __init__(self, forest: Grown, context: ScoreContext, teaching: Teaching, feedback: Feedback):
        self._forest, self._context, self._tally = forest, context, Tally(feedback)
        self._gain, self._cut = _gain(teaching), forest.cut(teaching.level)
        self._t, self._leaves = 0, np.empty(0, np.int32)
        self._theta = np.full(len(forest.lengths), ONE * PART)

    def thresholds(self, scores: NDArray[np.float32], released: Released) -> NDArray[np.float32]:
        """Judge a whole series."""
        leaves = self._forest.trees.leaves(deepcopy(self._context).extend(scores))
        flags = _judge(leaves, *released, self._forest.lengths, self._forest.paths, self._gain, self._cut)
        return np.where(flags, 0.0, 1.0).astype(np.float32)

    def threshold(self, score: float) -> float:
        """Return 0 where the weighted path length is below the cut, else 1."""
        self._learn(self._tally.come(self._t))
        self._leaves = self._forest.trees.leaves(self._context.push(score)[None])[0]
        path = self._forest.paths[self._leaves]
        return 0.0 if (np.maximum(self._theta[path], 0) * self._forest.lengths[path]).sum() < self._cut else 1.0

    def judged(self, score: float, decision: bool) -> None:
        """Wait for the label."""
        self._tally.judged(self._t, decision, (decision, self._leaves))
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Keep the label until its time, or set the weights right."""
        self._learn(self._tally.tell(t, label))

    def _learn(self, changes: Iterable[Change]) -> None:
        for (decision, leaves), old, new in changes:
            path = self._forest.paths[leaves]
            was, y = (1 if label == 1 else -int(decision and label == 0) for label in (old, new))
            self._theta[path] -= (y - was) * self._gain * self._forest.lengths[path]
