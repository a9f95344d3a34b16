"""An agent for which an alarm is also a question: where only alarms are labelled, it solves when asking pays.

Under feedback "alerts" a flag is at once a decision and a probe of a channel whose state is otherwise hidden. With two
states such problems have index and threshold solutions (K. Laourine and L. Tong, "Betting on Gilbert-Elliot channels",
IEEE Transactions on Wireless Communications 9(2), 2010; S. Guha, K. Munagala and P. Shi, "Approximation algorithms for
restless bandit problems", Journal of the ACM 58(1), 2010). Here anomalies age, labels are late, and what pays is F1, so
that the problem is tabulated (`adt_gym.thresholds.probing_plan`) and solved (`adt_gym.thresholds.dinkelbach`).
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Self

import numpy as np

from adt_gym.scaling import Scaling
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.stream.feedback import DueLabels, Feedback
from adt_gym.stream.stream import Scores, Session, ToldMethod
from adt_gym.thresholds.belief import CORRECTED, LEVELS
from adt_gym.thresholds.evidence import Evidence, context_after, context_of, evidence_of
from adt_gym.thresholds.probing_fit import Trial
from adt_gym.thresholds.probing_loop import RECENT, Tables, judge, replay_on, told_on
from adt_gym.thresholds.trees import Trees


class Probing(ToldMethod):
    """The agent as a method.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.
        trees: How many give the evidence.

    Attributes:
        evidence: Fitted on the same training series, to share among methods for different feedback: set it before
            `fit`; None to fit one.
        planned_f1: What the plan was to reach, by its own account.
        offset: What was added to all its cuts.
        held_out_f1: The F1 of its rule on each training series with an anomaly, by evidence that has not seen it.
    """

    name = "probing"
    fitted: ClassVar = ("tables", "forest", "planned_f1", "offset", "held_out_f1")
    shares_evidence = True
    evidence: Evidence | None = None

    def __init__(
        self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0, trees: int = 60
    ) -> None:
        super().__init__(feedback, delay, noise, seed)
        self.trees = trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn evidence, chain and likelihoods from labelled series of other machines, and plan.

        Some plans play the training series, with evidence from trees that have not seen them; the one with the best
        mean of composite F1 and F1 over windows is kept.

        Raises:
            InputError: If fewer than two of them hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        evidence = self.evidence or Evidence(self.seed, self.trees).fit(train)
        if [id(one) for one in evidence.train] != [id(one) for one in train]:
            raise InputError("the evidence was fitted on other series: pass the same, or none")
        self.forest = evidence.trees
        trial = Trial(self.feedback, self.seed, train, evidence.held_out)
        self.tables, self.planned_f1, self.offset = trial.best()
        self.held_out_f1 = trial.f1(self.tables)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Prober":
        """Begin with the belief that knows nothing."""
        return Prober(self.forest, self.tables, self.feedback, past)

    def detect(self, series: ScoredSeries) -> Detection:
        """Judge all windows in one compiled loop, where the rule has a `Schedule`."""
        events = told_on(series, self.feedback, self.seed)
        if events is None:
            return super().detect(series)
        x = self.tables.x(evidence_of(self.forest, context_of(series)))
        flagged, *_ = replay_on(self.tables, x, *events)
        return Detection.at(LEVELS[np.searchsorted(LEVELS, series.scores) - flagged], series)

    @property
    def detail(self) -> str:  # type: ignore[override]
        """What was chosen."""
        return f"keeps {self.tables.keeps:g}, factors {self.tables.factor.round(2)}, offset {self.offset:g}"

    def _fitted(self) -> dict[str, Any]:
        tables = {one.name: getattr(self.tables, one.name) for one in fields(Tables)}
        kept = {name: getattr(self, name) for name in ("planned_f1", "offset", "held_out_f1")}
        return {"tables": tables} | kept | self.forest.arrays()

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.tables, self.forest = Tables(**values["tables"]), Trees.of_arrays(values)
        self.planned_f1, self.offset = values["planned_f1"], values["offset"]
        self.held_out_f1 = values["held_out_f1"]


class Prober(Session):
    """One series, judged by the tables.

    A label that is told before its time, as the method's own feedback says, waits for it; one that is told late, or
    again, is taken in as if it had been told in time.

    Args:
        forest: Gives the evidence.
        tables: Of the fitted agent.
        feedback: When labels are in.
        past: Scaled scores before the first window, if there are any.
    """

    state: ClassVar = ("_context", "_due", "_t", "_worth", "_open", "_anchor", "_recent", "_mark", "_again", "_past")

    def __init__(self, forest: Trees, tables: Tables, feedback: Feedback, past: Scores | None = None):
        self._forest, self._tables, self._tells = forest, tables, feedback.tells
        self._context, self._due, self._t, self._worth = context_after(past), DueLabels(feedback), 0, 1.0
        self._anchor, self._recent, self._mark = tables.start.copy(), np.ones(RECENT), np.full(1, -1)
        self._open: dict[int, tuple[bool, float]] = {}
        """By window whose feedback is to come, the decision on it and what is kept of its likelihood ratio."""
        self._again: list[list[Any]] = []
        """What is to be taken in again: window, word, decision, worth and when it came in."""
        self._past: deque[list[Any]] = deque(maxlen=CORRECTED)
        """The same of what was taken in, with anchor and mark before that."""

    def threshold(self, score: float) -> float:
        """Return the highest level that flags the window, or the lowest that does not."""
        come = self._due.come(self._t) if self._tells else [(one, -1) for one in self._open]
        arrived = self._again + [[window, word, *self._open.pop(window), self._t] for window, word in come]
        self._again = []
        n = len(arrived)
        words = np.array([[one[1]] * 2 for one in arrived] + [[-1, -1]])
        flagged = np.array([one[2] for one in arrived] + [False])
        worth, before = np.array([one[3] for one in arrived] + [1.0]), np.empty((n, len(self._anchor) + 1))
        oldest = min((window for window, (decision, _) in self._open.items() if decision), default=-1)
        x = self._tables.x(evidence_of(self._forest, self._context.push(score)[None]))
        judge(
            self._t, n, oldest, x, np.arange(n), np.array([one[4] for one in arrived], np.int64), words, flagged, worth,
            before, self._anchor, self._recent, self._mark, np.empty(1), np.empty(1, np.int64), *self._tables.rest,
        )  # fmt: skip
        self._past.extend([*one, was.tolist()] for one, was in zip(arrived, before, strict=True))
        self._worth = float(worth[n])
        return _LEVELS[bisect_left(_LEVELS, score) - bool(flagged[n])]

    def judged(self, score: float, decision: bool) -> None:
        """Wait for the feedback, where it ever comes in."""
        if not self._tells or self._due.judged(self._t, decision):
            self._open[self._t] = bool(decision), self._worth
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Keep the label until its time, or go through all that came in since that once more."""
        if not self._due.tell(t, label):
            return
        windows = [one[0] for one in self._past]
        if t in windows:
            again = [self._past.pop() for _ in windows[windows.index(t) :]][::-1]
            *self._anchor[:], mark = again[0][-1]
            self._mark[0] = int(mark)
            self._again = [one[:-1] for one in again] + self._again
        for one in self._again:
            if one[0] == t:
                one[1] = int(label)


_LEVELS = LEVELS.tolist()
