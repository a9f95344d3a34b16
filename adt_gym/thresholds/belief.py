"""An agent for labels that come late, in part, noisily or never: it acts on a belief, and finds its rule by trying.

What an operator can know of window t comes from two sides. The scores up to t become evidence, learned by imitation
(`adt_gym.thresholds.evidence`). The labels told by then become a belief: the filter of a Markov chain of two states,
normal and anomalous, some of whose states are told late. The policy flags a window where

    logit(evidence) + weight * (logit(belief) - logit(prior)) - memory * (known - logit(prior)) > cut

where ``known`` is the strongest evidence that was lately told to be nothing; while an alarm waits for its label, and
the belief is below one half, ``patience`` is added to the cut. These four numbers are found by direct policy search:
all rules of a grid play all training series under the same feedback, and the one with the highest mean F1 wins.
Evidence in that search comes from trees that have not seen the series it is about, as it will on a new machine.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.feedback import DueLabels, Feedback, in_at, told_labels
from adt_gym.stream.stream import Scores, Session, ToldMethod
from adt_gym.thresholds.chain import Chain, usual_delay
from adt_gym.thresholds.evidence import Evidence, context_after, evidence_of, logit
from adt_gym.thresholds.trees import Trees

LEVELS = np.linspace(0.0, 1.0, 21, dtype=np.float32)
"""The thresholds that the agent sets, those of ADT-Levels-v0."""

LEAST_BELIEF = 0.001
"""The belief stays this far from 0 and 1."""

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
MEMORY = (0.0, 0.5, 1.0)
PATIENCE = (0.0, 2.0, 4.0)
CUTS = tuple(np.linspace(-5.0, 8.0, 66).round(1).tolist())
"""The grid of the policy search."""

BLUR = (0.7, 0.7, 0.7, 2.0)
"""Standard deviations, in cells of the grid, of the blur over its F1: a good rule has good neighbours."""

FORGET = float(np.exp(-1 / 50))
"""What is left of ``known`` after a window: nearly nothing after some hundred."""

CORRECTED = 1000
"""Windows, those whose feedback came last, that a late label is still taken in for."""

Array = NDArray[np.float64]


class Rule(NamedTuple):
    """One policy, or an array of many.

    Args:
        weight: Of the belief beside the evidence.
        memory: Of what was told to be nothing.
        patience: What is asked in addition while an alarm waits for its label.
        cut: What the sum must exceed.
    """

    weight: Any
    memory: Any
    patience: Any
    cut: Any


class Filter:
    """The arithmetic of belief, memory and rule, of one rule in numbers or of n in arrays.

    Args:
        chain: What the belief is filtered with.
        noise: The probability that a label that is told is the wrong one.
        rule: One, or many.
    """

    def __init__(self, chain: Chain, noise: float, rule: Rule):
        self.chain, self.noise, self.rule = chain, noise, rule
        self.stays, self.prior = chain.stays, float(logit(chain.prior))

    def faded(self, belief: Any, known: Any) -> tuple[Any, Any]:
        """Return belief and memory a window later."""
        return self.chain.prior + (belief - self.chain.prior) * self.stays, known * FORGET

    def told(self, belief: Any, known: Any, label: bool, above: float) -> tuple[Any, Any]:
        """Return them after a label was told of a window with so much evidence above the prior."""
        right = 1 - self.noise if label else self.noise
        belief = belief * right / (belief * right + (1 - belief) * (1 - right))
        return belief, np.zeros_like(known) if label else np.maximum(known, above)

    def above(self, evidence: Any) -> Any:
        """Return by how much evidence speaks for an anomaly more than the prior, at least 0."""
        return np.maximum(evidence - self.prior, 0.0)

    def flags(self, evidence: float, belief: Any, known: Any, waiting: Any) -> Any:
        """Return whether a window is flagged, while so many alarms wait for their label."""
        prior, rule = self.chain.prior, self.rule
        now = np.minimum(np.maximum(prior + (belief - prior) * self.chain.carry, LEAST_BELIEF), 1 - LEAST_BELIEF)
        needed = rule.cut + rule.patience * ((waiting > 0) & (now < 0.5))
        return evidence + rule.weight * (logit(now) - self.prior) - rule.memory * known > needed


def play(evidence: Array, told: NDArray[np.bool_], chain: Chain, feedback: Feedback, rules: Rule) -> NDArray[np.bool_]:
    """Return shape ``(n, T)``: the decisions of n rules on one series, each told the labels that it has earned.

    Args:
        evidence: Shape ``(T,)``.
        told: Shape ``(T,)``: the label of each window as it is told, if it is.
        chain: What the belief is filtered with.
        feedback: Which labels are told, and when.
        rules: Arrays of shape ``(n,)``.
    """
    n, windows = len(rules.cut), len(told)
    decisions = np.zeros((windows, n), dtype=bool)
    belief, known, waiting = np.full(n, chain.prior), np.zeros(n), np.zeros(n, dtype=np.int64)
    does = Filter(chain, feedback.noise, rules)
    above, arrivals = does.above(evidence), _arrivals(feedback, windows)
    for t in range(windows):
        for window, comes, is_told in arrivals.get(t, ()):
            here = _by(decisions[window], comes)
            faded = does.faded(belief, known)
            updated = does.told(*faded, told[window], above[window])
            for_label = _by(decisions[window], is_told)
            belief, known = (
                np.where(here, np.where(for_label, after, before), now)
                for now, before, after in zip((belief, known), faded, updated, strict=True)
            )
            waiting -= decisions[window] & here
        decisions[t] = does.flags(evidence[t], belief, known, waiting)
        waiting += decisions[t] if in_at(feedback, t, True)[0] is not None else 0
    return decisions.T


ByDecision = tuple[bool, bool]


def _arrivals(feedback: Feedback, windows: int) -> dict[int, list[tuple[int, ByDecision, ByDecision]]]:
    """Return by time the windows whose feedback may come in, and by decision whether it does, and brings a label."""
    arrivals: dict[int, list[tuple[int, ByDecision, ByDecision]]] = {}
    for t in range(windows):
        (if_passed, tells_passed), (if_flagged, tells_flagged) = (in_at(feedback, t, one) for one in (False, True))
        for at in {if_passed, if_flagged} - {None}:
            comes = if_passed == at, if_flagged == at
            arrivals.setdefault(at, []).append((t, comes, (tells_passed, tells_flagged)))  # type: ignore[arg-type]
    return arrivals


def _by(decisions: NDArray[np.bool_], value: ByDecision) -> Any:
    """Return a value for each decision."""
    return value[0] if value[0] == value[1] else np.where(decisions, value[1], value[0])


class Belief(ToldMethod):
    """The agent as a method.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.
        trees: How many give the evidence.

    Attributes:
        evidence: Fitted on the same training series, to share among methods for different feedback: set it before
            `fit`; None to fit one.
        held_out_f1: The F1 of its rule on each training series with an anomaly, by evidence that has not seen it.
    """

    name = "belief"
    fitted: ClassVar = ("rule", "chain", "forest", "held_out_f1")
    shares_evidence = True
    evidence: Evidence | None = None

    def __init__(
        self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0, trees: int = 60
    ) -> None:
        super().__init__(feedback, delay, noise, seed)
        self.trees = trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn evidence, chain and rule from labelled series of other machines.

        Raises:
            InputError: If fewer than two of them hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        evidence = self.evidence or Evidence(self.seed, self.trees).fit(train)
        if [id(one) for one in evidence.train] != [id(one) for one in train]:
            raise InputError("the evidence was fitted on other series: pass the same, or none")
        self.forest, self.chain = evidence.trees, Chain.of(train, self.feedback)
        self.rule = self._search(train, evidence.held_out)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Believer":
        """Begin with the prior."""
        return Believer(self.forest, Filter(self.chain, self.feedback.noise, self.rule), self.feedback, past)

    def _search(self, train: Sequence[ScoredSeries], held_out: Sequence[Array]) -> Rule:
        """Try all rules that make a difference under this feedback; return the best.

        Labels are only used where that gains more than one standard error over the best rule without them (the rule of
        Breiman et al., 1984, for choosing among trees): few machines teach, and a chance gain does not travel.
        """
        from scipy.ndimage import gaussian_filter

        partial, late = self.feedback.partial, usual_delay(self.feedback, max(map(len, train))) > 1
        axes = (
            WEIGHTS if self.sees_labels else (0.0,),
            MEMORY if partial else (0.0,),
            PATIENCE if partial and late else (0.0,),
            CUTS,
        )
        shape = tuple(map(len, axes))
        grid = Rule(*(axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")))
        f1 = np.array(
            [
                f1_of_each(
                    play(evidence, told_labels(one, self.feedback, self.seed), self.chain, self.feedback, grid),
                    one.truth,
                )
                for evidence, one in zip(held_out, train, strict=True)
                if one.truth.any()
            ]
        )
        blurred = np.array([gaussian_filter(one.reshape(shape), BLUR, mode="nearest").ravel() for one in f1])
        mean = blurred.mean(axis=0)
        best, plain = int(mean.argmax()), int(mean[: len(CUTS)].argmax())
        chosen = best if gains(blurred[:, best], blurred[:, plain]) else plain
        self.held_out_f1 = f1[:, chosen]
        return Rule(*(float(axis[chosen]) for axis in grid))

    def _fitted(self) -> dict[str, Any]:
        kept = {"rule": list(self.rule), "chain": astuple(self.chain), "held_out_f1": self.held_out_f1}
        return kept | self.forest.arrays()

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.rule, self.chain = Rule(*map(float, values["rule"])), Chain(*map(float, values["chain"]))
        self.held_out_f1, self.forest = values["held_out_f1"], Trees.of_arrays(values)


class Believer(Session):
    """One series, judged by a belief.

    A label that is told before its time, as the method's own feedback says, waits for it; one that is told late, or
    again, is taken in as if it had been told in time.

    Args:
        forest: Gives the evidence.
        does: The arithmetic, of one rule.
        feedback: When labels are in.
        past: The scaled scores before the first window, where there are any.
    """

    state: ClassVar = ("_context", "_due", "_t", "_above", "_open", "_belief", "_known", "_waiting", "_past")

    def __init__(self, forest: Trees, does: Filter, feedback: Feedback, past: Scores | None = None):
        self._forest, self._does = forest, does
        self._context, self._due, self._t = context_after(past), DueLabels(feedback), 0
        self._belief, self._known, self._waiting = does.chain.prior, 0.0, 0
        self._above = 0.0
        self._open: dict[int, tuple[float, bool]] = {}
        """By window whose feedback is to come, how far its evidence was above the prior, and whether it was flagged."""
        self._past: deque[tuple[int, int, float, float, float]] = deque(maxlen=CORRECTED)
        """Window, label and evidence of what came in, and belief and memory before that."""

    def threshold(self, score: float) -> float:
        """Return the highest level that flags the window, or the lowest that does not."""
        for window, label in self._due.come(self._t):
            above, flagged = self._open.pop(window)
            self._waiting -= flagged
            self._take_in(window, label, above)
        evidence = evidence_of(self._forest, self._context.push(score)[None])[0]
        self._above = float(self._does.above(evidence))
        decision = bool(self._does.flags(evidence, self._belief, self._known, self._waiting))
        return _LEVELS[bisect_left(_LEVELS, score) - decision]

    def judged(self, score: float, decision: bool) -> None:
        """Wait for the feedback, where it ever comes in."""
        if self._due.judged(self._t, decision):
            self._open[self._t] = self._above, decision
            self._waiting += decision
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Keep the label until its time, or go through all that came in since that once more."""
        if not self._due.tell(t, label):
            return
        windows = [window for window, *_ in self._past]
        if t in windows:
            again = [self._past.pop() for _ in windows[windows.index(t) :]][::-1]
            *_, self._belief, self._known = again[0]
            for window, told, above, *_ in again:
                self._take_in(window, int(label) if window == t else told, above)

    def _take_in(self, window: int, label: int, above: float) -> None:
        self._past.append((window, label, above, self._belief, self._known))
        belief, known = self._does.faded(self._belief, self._known)
        if label >= 0:
            belief, known = self._does.told(belief, known, bool(label), above)
        self._belief, self._known = float(belief), float(known)


_LEVELS = LEVELS.tolist()


def gains(one: Array, other: Array) -> bool:
    """Return whether ``one`` is better than ``other``, value by value, by more than a standard error of the mean."""
    gain = one - other
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def f1_of_each(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> Array:
    """Return shape ``(n,)``: the F1 of each row of decisions, shape ``(n, T)``."""
    found: Array = (decisions & labels).sum(axis=1)
    return 2 * found / (decisions.sum(axis=1) + labels.sum())
