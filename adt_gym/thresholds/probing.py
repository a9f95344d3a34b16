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
from dataclasses import dataclass, fields, replace
from math import exp, log
from operator import itemgetter
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.scaling import Scaling
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.stream.context import ScoreContext
from adt_gym.stream.feedback import Alerts, DueLabels, Feedback, Full, Schedule, told_labels
from adt_gym.stream.stream import Scores, Session, ToldMethod
from adt_gym.thresholds.ageing import Ageing
from adt_gym.thresholds.belief import CORRECTED, LEVELS, usual_delay
from adt_gym.thresholds.evidence import LEAST, Evidence, evidence_of, logit
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.probing_plan import LOGITS, SINCE, Likelihoods, Setting, classes, plan, stages
from adt_gym.thresholds.trees import Trees

KINDS = 12
"""Kinds of evidence that are told apart, at most, as likely as each other where half of the windows are anomalous."""

FINE = np.linspace(logit(LEAST), -logit(LEAST), 241)
"""The grid on which evidence is counted."""

KEEPS = (0.0, 0.25, 1.0)
OFFSETS = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0)
"""What is tried on the training series: how much evidence is kept for later windows, and what is added to all cuts."""

LEAST_FACTOR = 0.05
"""Of evidence near a false alarm: it is never worth nothing."""

RECENT = 8
"""Windows since the newest one whose feedback is in, of which evidence is kept."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tables:
    """What a fitted agent looks up.

    Args:
        step: Shape ``(states, states)``: of `Ageing`.
        lead: The same over as many windows as evidence is not kept of.
        start: Shape ``(states,)``: the belief that knows nothing.
        centres, ratio: Shape ``(E,)``, ascending: evidence, and the log-likelihood ratio that it stands for.
        factor, shift: Shape ``(S,)``: what that is multiplied by and lowered by, by time since a false alarm.
        cuts: Shape ``(21, phases, ages, S)``: what it must exceed.
        ages, sinces: The class of each age of a waiting alarm, and of each number of windows since a false alarm.
        keeps: The share of the logarithms of the ratios that is kept.
        noise: The probability that a label that is told is the wrong one.
        recent: Of how many windows before the judged one, and one more, evidence is kept.
    """

    step: Array
    lead: Array
    start: Array
    centres: Array
    ratio: Array
    factor: Array
    shift: Array
    cuts: Array
    ages: NDArray[np.int64]
    sinces: NDArray[np.int64]
    keeps: float
    noise: float
    recent: int

    def x(self, evidence: Array) -> Array:
        """Return the log-likelihood ratio that each evidence stands for."""
        return np.interp(evidence, self.centres, self.ratio)

    @property
    def rest(self) -> tuple[Any, ...]:
        """What `_judge` needs beside the evidence."""
        return tuple(getattr(self, one.name) for one in fields(self) if one.name not in ("start", "centres", "ratio"))


@compiled
def _judge(
    first: int, place: int, oldest: int, x: Array, windows: NDArray[np.int64], due: NDArray[np.int64],
    words: NDArray[np.int64], flagged: NDArray[np.bool_], worth: Array, before: Array, anchor: Array, recent: Array,
    mark: NDArray[np.int64], logits: Array, since: NDArray[np.int64],
    step: Array, lead: Array, factor: Array, shift: Array, cuts: Array, ages: NDArray[np.int64],
    sinces: NDArray[np.int64], keeps: float, noise: float, memory: int,
) -> None:  # fmt: skip
    """Judge some windows, and take in the feedback that comes in before each.

    Args:
        first: The first window that is judged.
        place: Where it stands in ``flagged`` and ``worth``.
        oldest: The oldest flagged window whose feedback is to come; -1 for none, -2 to look for it among ``windows``.
        x: Shape ``(n,)``: the log-likelihood ratio of each judged window.
        windows, due: Shape ``(k,)``: whose feedback comes in, as places, and before which window, ascending.
        words: Shape ``(m, 2)``: the label that is told of the window in each place, by the decision; -1 for silence.
        flagged, worth: Shape ``(m,)``: the decision on the window in each place, and what is kept of its likelihood
            ratio; written for those judged.
        before: Shape ``(k, states + 1)`` or ``(0, ...)``: anchor and mark before each feedback, written.
        anchor: Shape ``(states,)``: the belief about the window whose feedback came in last.
        recent: Shape ``(RECENT,)``: worth of the newest windows, the t-th at t modulo RECENT.
        mark: Shape ``(1,)``: before which window an alarm was last told to be false; -1 if never, or one was right since.
        logits, since: Shape ``(n,)``: the belief before each window is seen, and the class of time since a false alarm.
    """
    states = len(anchor)
    now, later = np.empty(states), np.empty(states)
    taken = waiting = 0
    for i in range(len(x)):
        t = first + i
        while taken < len(due) and due[taken] <= t:
            window = windows[taken]
            word = words[window, int(flagged[window])]
            if taken < len(before):
                before[taken, :states] = anchor
                before[taken, states] = mark[0]
            if word < 0:
                normal, anomalous = 1.0, worth[window]
            elif word == 1:
                normal, anomalous = noise, 1.0 - noise
            else:
                normal, anomalous = 1.0 - noise, noise
            total = 0.0
            for k in range(states):
                later[k] = 0.0
                for j in range(states):
                    later[k] += anchor[j] * step[j, k]
                later[k] *= normal if k == 0 else anomalous
                total += later[k]
            for k in range(states):
                anchor[k] = later[k] / total
            if word == 1:
                mark[0] = -1
            elif word == 0 and flagged[window]:
                mark[0] = due[taken]
            taken += 1
        for k in range(states):
            now[k] = 0.0
            for j in range(states):
                now[k] += anchor[j] * lead[j, k]
        for back in range(memory - 1, -1, -1):
            kept = recent[(t - back) % RECENT] if back else 1.0
            for k in range(states):
                later[k] = 0.0
                for j in range(states):
                    later[k] += now[j] * step[j, k]
                if k:
                    later[k] *= kept
            now[:] = later
        total, phase = 0.0, 0
        for k in range(1, states):
            total += now[k]
            if now[k] > now[1 + phase]:
                phase = k - 1
        logits[i] = log(total / now[0])
        waiting = max(waiting, taken)
        if oldest == -2:
            while waiting < len(windows) and windows[waiting] < t and not flagged[windows[waiting]]:
                waiting += 1
            age = t - windows[waiting] if waiting < len(windows) and windows[waiting] < t else 0
        else:
            age = t - oldest if oldest >= 0 else 0
        old = ages[min(age, len(ages) - 1)]
        ago = sinces[min(t - mark[0] + 1, len(sinces) - 1) if mark[0] >= 0 else 0]
        since[i] = ago
        at = (min(max(logits[i], LOGITS[0]), LOGITS[-1]) - LOGITS[0]) / (LOGITS[1] - LOGITS[0])
        low = min(int(at), len(LOGITS) - 2)
        cut = cuts[low, phase, old, ago] + (cuts[low + 1, phase, old, ago] - cuts[low, phase, old, ago]) * (at - low)
        says = factor[ago] * x[i] - shift[ago]
        flagged[place + i] = says > cut
        worth[place + i] = exp(keeps * says)
        recent[t % RECENT] = worth[place + i]


def _replay(
    tables: Tables, x: Array, words: NDArray[np.int64], schedule: Schedule
) -> tuple[NDArray[np.bool_], Array, NDArray[np.int64]]:
    """Return the decisions on a series, and beliefs and times since a false alarm before each; see `_judge`."""
    n = len(x)
    flagged, logits, since = np.zeros(n, bool), np.empty(n), np.empty(n, np.int64)
    memory = tables.start.copy(), np.ones(RECENT), np.full(1, -1)
    _judge(
        0, 0, -2, x, schedule.windows, schedule.due, words, flagged, np.ones(n), np.empty((0, 0)), *memory, logits, since,
        *tables.rest,
    )  # fmt: skip
    return flagged, logits, since


def _events(series: ScoredSeries, feedback: Feedback, seed: int) -> tuple[NDArray[np.int64], Schedule] | None:
    """Return the words of `_judge` of a whole series, and when they come; None where they do not come in order."""
    windows = len(series)
    if not feedback.tells:
        t = np.arange(windows)  # nothing comes in at once
        return np.full((windows, 2), -1), Schedule(t, t + 1, np.zeros((windows, 2), bool))
    schedule = feedback.schedule(windows)
    if schedule is None:
        return None
    told = told_labels(series, feedback, seed)[:, None].astype(np.int64)
    return np.where(schedule.told, told, -1), schedule


class Probing(ToldMethod):
    """The agent as a method.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.
        trees: How many give the evidence.

    Attributes:
        evidence: Fitted on the same training series, to share among methods for different feedback: set it before
            `fit`; None to fit one.
        planned_f1: What the plan was to reach.
    """

    name = "probing"
    fitted: ClassVar = ("tables", "forest", "planned_f1", "offset")
    shares_evidence = True
    evidence: Evidence | None = None

    def __init__(
        self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0, trees: int = 100
    ) -> None:
        super().__init__(feedback, delay, noise, seed)
        self.trees = trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn evidence, chain and likelihoods from labelled series of other machines, and plan.

        Some plans play the training series, with evidence from trees that have not seen them; the one with the best mean
        of composite F1 and F1 over windows is kept.

        Raises:
            InputError: If fewer than two of them hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        evidence = self.evidence or Evidence(self.seed, self.trees).fit(train)
        if [id(one) for one in evidence.train] != [id(one) for one in train]:
            raise InputError("the evidence was fitted on other series: pass the same, or none")
        self.forest = evidence.trees
        trial = _Trial(self.feedback, self.seed, train, evidence.held_out)
        self.tables, self.planned_f1, self.offset = trial.best()
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Prober":
        """Begin with the belief that knows nothing."""
        return Prober(self.forest, self.tables, self.feedback)

    def detect(self, series: ScoredSeries) -> Detection:
        """Judge all windows in one compiled loop, where the rule has a `Schedule`."""
        events = _events(series, self.feedback, self.seed)
        if events is None:
            return super().detect(series)
        context = ScoreContext().extend(series.scores)
        flagged, *_ = _replay(self.tables, self.tables.x(evidence_of(self.forest, context)), *events)
        return Detection.at(LEVELS[np.searchsorted(LEVELS, series.scores) - flagged], series)

    @property
    def detail(self) -> str:  # type: ignore[override]
        """What was chosen."""
        return f"keeps {self.tables.keeps:g}, factors {self.tables.factor.round(2)}, offset {self.offset:g}"

    def _fitted(self) -> dict[str, Any]:
        tables = {one.name: getattr(self.tables, one.name) for one in fields(Tables)}
        return {"tables": tables, "planned_f1": self.planned_f1, "offset": self.offset} | self.forest.arrays()

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.tables, self.forest = Tables(**values["tables"]), Trees.of_arrays(values)
        self.planned_f1, self.offset = values["planned_f1"], values["offset"]


class _Trial:
    """Plans, and how they do on the training series.

    Args:
        feedback, seed: Those of the method.
        train: The training series.
        held_out: Of each the evidence by trees that have not seen it.
    """

    def __init__(self, feedback: Feedback, seed: int, train: Sequence[ScoredSeries], held_out: Sequence[Array]):
        self._ageing, self._train = Ageing.of(train), train
        self._delay = usual_delay(feedback, max(map(len, train))) if feedback.tells else 1
        self._feedback = feedback
        if any(_events(one, feedback, seed) is None for one in train):  # then one that is like it, in order
            self._feedback = (Alerts if feedback.partial else Full)(self._delay, feedback.noise)
        self._events: list[Any] = [_events(one, self._feedback, seed) for one in train]
        self.centres, self._edges, self.ratio, self.normal = _likelihoods(train, held_out)
        self._x = [np.interp(one, self.centres, self.ratio) for one in held_out]
        self._kinds = [np.searchsorted(self._edges, one, side="right") for one in held_out]

    def best(self) -> tuple[Tables, float, float]:
        """Return the tables that do best, the F1 that they were planned to reach, and what was added to the cuts."""
        one = np.ones(1)
        tried = [self._scored(*self._plan(keeps, one, self.normal[None]), 0.0) for keeps in KEEPS]
        plain = max(tried, key=itemgetter(0))[1]
        tried.append(self._scored(*self._plan(plain.keeps, *self._discounts(plain)), 0.0))
        _, chosen, f1, _ = max(tried, key=itemgetter(0))
        tried += [self._scored(replace(chosen, cuts=chosen.cuts + offset), f1, offset) for offset in OFFSETS]
        return max(tried, key=itemgetter(0))[1:]

    def _plan(self, keeps: float, factor: Array, normal: Array) -> tuple[Tables, float]:
        """Return the tables of the plan for evidence weakened by factors, shape ``(S,)``, and its F1."""
        says = Likelihoods.discounted(self.ratio, normal, factor)
        cuts, f1 = plan(Setting(self._ageing, says, self._feedback, self._delay, keeps))
        recent = min(self._delay, RECENT) if keeps else 1
        power, partial = np.linalg.matrix_power, self._feedback.partial
        return Tables(
            step=self._ageing.step,
            lead=power(self._ageing.step, self._delay - recent),
            start=self._ageing.stationary,
            centres=self.centres,
            ratio=self.ratio,
            factor=factor,
            shift=factor * self.ratio[0] - says.ratio[:, 0],
            cuts=cuts,
            ages=classes(stages(self._delay), cuts.shape[2] - 1) if partial else np.zeros(2, np.int64),
            sinces=classes(SINCE, 0) if len(factor) > 1 else np.zeros(2, np.int64),
            keeps=keeps,
            noise=self._feedback.noise,
            recent=recent,
        ), f1

    def _scored(self, tables: Tables, *more: float) -> tuple[Any, ...]:
        """Return the mean objective of tables over the training series with an anomaly before them."""
        parts = zip(self._train, self._x, self._events, strict=True)
        got = [objective(_replay(tables, x, *events)[0], one.truth) for one, x, events in parts if one.truth.any()]
        return float(np.mean(got)), tables, *more

    def _discounts(self, tables: Tables) -> tuple[Array, Array]:
        """Return by what factor evidence is weaker than it says, by time since a false alarm, and what normal ones show.

        The factor is that of the log-likelihood ratio in the logistic regression of labels on it and on the belief.
        """
        from sklearn.linear_model import LogisticRegression

        number = 1 + len(SINCE) if self._feedback.partial else 1
        if number > 1:
            wide = np.repeat(tables.cuts, number, axis=3)
            ones, zeros = np.ones(number), np.zeros(number)
            tables = replace(tables, cuts=wide, factor=ones, shift=zeros, sinces=classes(SINCE, 0))
        shape = (number, 2, len(LOGITS), len(self.ratio))
        counts = np.zeros(shape)
        for one, x, kind, events in zip(self._train, self._x, self._kinds, self._events, strict=True):
            _, logits, since = _replay(tables, x, *events)
            belief = _nearest(logits)
            cell = np.ravel_multi_index((since, one.truth.astype(int), belief, kind), shape)
            counts += np.bincount(cell, minlength=counts.size).reshape(shape) / len(one)
        says = np.stack([one.ravel() for one in np.meshgrid(LOGITS, self.ratio, indexing="ij")], axis=1)
        factor = np.ones(number)
        for i, (normal, anomalous) in enumerate(counts):
            if normal.any() and anomalous.any():
                weights = np.append(normal, anomalous) / counts[i].sum()
                model = LogisticRegression(C=1e6, max_iter=1000).fit(
                    np.tile(says, (2, 1)), np.repeat([0, 1], len(says)), weights
                )
                factor[i] = np.clip(model.coef_[0, 1], LEAST_FACTOR, 1.0)
        normal = counts[:, 0].sum(axis=1)
        return factor, _shares(normal + 0.01 * normal.sum() * self.normal / number)


def _nearest(logits: Array) -> NDArray[np.int64]:
    """Return the nearest of the grid of beliefs to each."""
    step = LOGITS[1] - LOGITS[0]
    return np.clip(np.rint((logits - LOGITS[0]) / step), 0, len(LOGITS) - 1).astype(np.int64)


def _shares(weights: Array) -> Array:
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _likelihoods(train: Sequence[ScoredSeries], held_out: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
    """Return of the kinds of evidence centres, the edges between, log-likelihood ratios, and shares of normal windows.

    Each series weighs the same.
    """
    from sklearn.isotonic import isotonic_regression

    fine = []
    for label in (False, True):
        seen = [np.histogram(x[one.truth == label], FINE)[0] for one, x in zip(train, held_out, strict=True)]
        fine.append(_shares(np.mean([_shares(one) for one in seen if one.any()], axis=0) + 1e-4 / len(FINE)))
    both = (fine[0] + fine[1]) / 2
    last = np.unique(np.searchsorted(np.cumsum(both), np.arange(1, KINDS) / KINDS).clip(0, len(both) - 2)) + 1
    begins = np.append(0, last)
    normal, anomalous, weight = (np.add.reduceat(one, begins) for one in (*fine, both))
    middles = (FINE[1:] + FINE[:-1]) / 2
    centres = np.add.reduceat(both * middles, begins) / weight
    ratio = isotonic_regression(np.log(anomalous / normal), sample_weight=weight)
    return centres, FINE[last], ratio + 1e-3 * np.arange(len(ratio)), normal


class Prober(Session):
    """One series, judged by the tables.

    A label that is told before its time, as the method's own feedback says, waits for it; one that is told late, or
    again, is taken in as if it had been told in time.

    Args:
        forest: Gives the evidence.
        tables: Of the fitted agent.
        feedback: When labels are in.
    """

    state: ClassVar = ("_context", "_due", "_t", "_worth", "_open", "_anchor", "_recent", "_mark", "_again", "_past")

    def __init__(self, forest: Trees, tables: Tables, feedback: Feedback):
        self._forest, self._tables, self._tells = forest, tables, feedback.tells
        self._context, self._due, self._t, self._worth = ScoreContext(), DueLabels(feedback), 0, 1.0
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
        _judge(
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
