"""An agent for late and partial labels that remembers what it was told: our best.

What an operator can know of window t comes from three sides. The scores become evidence: trees that learned by
imitation on other machines (`adt_gym.thresholds.evidence`), and the surprise of the score on its own series, which
travels best (`adt_gym.thresholds.surprise`). The labels told become a belief, the filter of a Markov chain of two
states (`adt_gym.thresholds.chain`). And alarms that were told to be nothing, or true, are remembered by what the scores
looked like: a window that looks alike is held for the same. A window is flagged where

    mix * trees + (1 - mix) * surprise + weight * (logit(belief) - logit(prior)) + gain * alike > cut

While an alarm waits for its label, and the belief is below one half, ``patience`` is added to the cut. The five numbers
are found by direct policy search on the training series (`adt_gym.thresholds.rule_search`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.context import SCORE_CONTEXT
from adt_gym.stream.feedback import DueLabels, Feedback
from adt_gym.stream.stream import Scores
from adt_gym.thresholds.belief import CORRECTED, LEAST_BELIEF, LEVELS
from adt_gym.thresholds.chain import Chain
from adt_gym.thresholds.evidence import Evidence, context_after, evidence_of
from adt_gym.thresholds.replayed import Compiled, Released, Replayed
from adt_gym.thresholds.surprise import MOST, Surprise
from adt_gym.thresholds.trees import Trees

LOOKS = tuple(
    SCORE_CONTEXT.index(one) for one in ("score", "mean_10", "mean_30", "above_median", "rise", "change_5_in_steps")
)
"""The columns of the score context by which windows look alike."""

KEPT = 64
"""Alarms that are remembered, the newest."""

EVERY = 10
"""Of a long alarm so many windows count as one that is remembered."""

HALF_LIFE = 2000
"""Windows after which half is left of what a verdict counts for."""

FAR = 3.0
"""Deviations beyond which nothing looks alike."""

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Rule(NamedTuple):
    """The five numbers of a policy.

    Args:
        mix: The share of the trees in the evidence, in [0, 1]; the rest is the surprise.
        weight: Of the belief.
        gain: Of what looks alike and was told.
        patience: What is asked in addition while an alarm waits for its label.
        cut: What the sum must exceed.
    """

    mix: float
    weight: float
    gain: float
    patience: float
    cut: float


class Past(NamedTuple):
    """What is remembered of alarms, in arrays.

    Args:
        looks: Shape ``(KEPT, len(LOOKS))``.
        asked: Shape ``(KEPT,)``: the windows.
        verdicts: Shape ``(KEPT,)``: 1 told to be true, -1 told to be nothing, 0 not told.
    """

    looks: Array
    asked: NDArray[np.int64]
    verdicts: NDArray[np.int64]

    @classmethod
    def empty(cls) -> "Past":
        """Return that of a series that begins."""
        return cls(np.zeros((KEPT, len(LOOKS))), np.full(KEPT, -1), np.zeros(KEPT, np.int64))


@compiled
def judge_windows(
    first: int,
    forest: Array,
    surprises: Array,
    rows: Array,
    windows: NDArray[np.int64],
    due: NDArray[np.int64],
    told: Flags,
    labels: Flags,
    rule: Array,
    chain: Array,
    belief: float,
    waiting: int,
    looks: Array,
    asked: NDArray[np.int64],
    verdicts: NDArray[np.int64],
    flagged: Flags,
    bars: Array,
) -> None:
    """Decide on windows, the first of which is window ``first``, in the order in which they come.

    Args:
        first: Where more than one window is judged, 0.
        forest: Shape ``(n,)``: what the trees say, in logits.
        surprises: Shape ``(n,)``.
        rows: Shape ``(n, len(LOOKS))``: what the windows look like, in deviations.
        windows, due, told, labels: See `Released`; empty where it is one window, whose session knows what is in.
        rule: Shape ``(5,)``: a `Rule`.
        chain: Shape ``(4,)``: prior, what stays of a belief, what a label's age leaves, and the noise of labels.
        belief: Before the first window.
        waiting: Alarms that wait for their label then.
        looks, asked, verdicts: A `Past`; changed in place where more than one window is judged.
        flagged: Shape ``(n,)``: where the decisions go.
        bars: Shape ``(n,)``: where it goes what the share of the surprise must exceed, all else as it is.
    """
    mix, weight, gain, patience, cut = rule[0], rule[1], rule[2], rule[3], rule[4]
    prior, stays, carry, noise = chain[0], chain[1], chain[2], chain[3]
    usual = np.log(prior / (1 - prior))
    taken, coming, run, kept = 0, 0, 0, 0
    for i in range(len(forest)):
        t = first + i
        while taken < len(due) and due[taken] <= t:
            window = windows[taken]
            belief = prior + (belief - prior) * stays
            if told[window, int(flagged[window])]:
                right = 1 - noise if labels[window] else noise
                belief = belief * right / (belief * right + (1 - belief) * (1 - right))
                if gain > 0 and flagged[window]:
                    for k in range(KEPT):
                        if asked[k] == window:
                            verdicts[k] = 1 if labels[window] else -1
            if flagged[window]:
                waiting -= 1
            taken += 1
        now = min(max(prior + (belief - prior) * carry, LEAST_BELIEF), 1 - LEAST_BELIEF)
        total = mix * forest[i] + (1 - mix) * surprises[i] + weight * (np.log(now / (1 - now)) - usual)
        if gain > 0:
            for k in range(KEPT):
                if verdicts[k] != 0:
                    apart = 0.0
                    for j in range(rows.shape[1]):
                        apart += (looks[k, j] - rows[i, j]) * (looks[k, j] - rows[i, j])
                    if apart < FAR * FAR:
                        total += gain * verdicts[k] * np.exp(-apart / 2 - (t - asked[k]) * (np.log(2.0) / HALF_LIFE))
        limit = cut + (patience if waiting > 0 and now < 0.5 else 0.0)
        flagged[i], bars[i] = total > limit, limit - (total - (1 - mix) * surprises[i])
        if len(windows) == 0:
            continue
        while coming < len(windows) and windows[coming] < t:
            coming += 1
        if flagged[i]:
            if coming < len(windows) and windows[coming] == t:
                waiting += 1
            if gain > 0 and run % EVERY == 0:
                looks[kept % KEPT] = rows[i]
                asked[kept % KEPT] = t
                verdicts[kept % KEPT] = 0
                kept += 1
            run += 1
        else:
            run = 0


class Seen(NamedTuple):
    """What is seen of the windows of a series, whatever is told.

    Args:
        forest: Shape ``(T,)``: what the trees say, in logits.
        surprises: Shape ``(T,)``: of the scores.
        rows: Shape ``(T, len(LOOKS))``: what the windows look like, in deviations.
    """

    forest: Array
    surprises: Array
    rows: Array

    @classmethod
    def of(cls, forest: Array, surprises: Array, context: NDArray[np.float32], spread: Array) -> "Seen":
        """Return that of windows with such a context, whose looks have such a spread."""
        return cls(forest, surprises, context[:, LOOKS].astype(np.float64) / spread)


def _judge(
    first: int, seen: Seen, told: Released, rule: Array, chain: Array, belief: float, waiting: int, past: Past
) -> tuple[Flags, Array]:  # fmt: skip
    """Call `judge_windows` with what its arguments are kept in; return decisions and bars."""
    flagged, bars = np.zeros(len(seen.forest), np.bool_), np.empty(len(seen.forest))
    judge_windows(
        first, *seen, told.windows, told.due, told.told, told.labels, rule, chain, belief, waiting, past.looks,
        past.asked, past.verdicts, flagged, bars,
    )  # fmt: skip
    return flagged, bars


def decisions_of(seen: Seen, released: Released, chain: Array, rule: Rule | Array) -> Flags:
    """Return shape ``(T,)``: what a rule decides on a whole series, told what is released; see `judge_windows`."""
    return _judge(0, seen, released, np.array(rule, float), chain, chain[0], 0, Past.empty())[0]


def numbers_of(chain: Chain, noise: float) -> Array:
    """Return the chain, and the noise of labels, as `judge_windows` takes them."""
    return np.array([chain.prior, chain.stays, chain.carry, noise])


class Remembering(Replayed):
    """The agent as a method.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.

    Attributes:
        evidence: Fitted on the same training series, to share among methods for different feedback: set it before
            `fit`; None to fit one.
        held_out: The objective (`adt_gym.thresholds.objective`) of its rule on each training series, by evidence that
            has not seen it.
    """

    name = "remembering"
    fitted: ClassVar = ("rule", "chain", "spread", "forest", "held_out")
    shares_evidence = True
    evidence: Evidence | None = None

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn evidence, chain and rule from labelled series of other machines.

        Raises:
            InputError: If fewer than two of them hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        from adt_gym.thresholds.rule_search import search

        evidence = self.evidence or Evidence(self.seed).fit(train)
        if [id(one) for one in evidence.train] != [id(one) for one in train]:
            raise InputError("the evidence was fitted on other series: pass the same, or none")
        self.chain = Chain.of(train, self.feedback)
        looks = [context[:, LOOKS] for context in evidence.contexts]
        self.spread = np.maximum(np.concatenate(looks).std(axis=0, dtype=np.float64), 1e-6)
        released, chain = [self._released(one) for one in train], numbers_of(self.chain, self.feedback.noise)
        surprises = [Surprise(one.past_scores(raw=False), one.scaling).extend(one.scores) for one in train]
        seen = [Seen.of(*of, self.spread) for of in zip(evidence.held_out, surprises, evidence.contexts, strict=True)]
        self.rule, self.held_out = search(seen, released, [one.truth for one in train], chain, self.feedback)
        self.forest = evidence.trees
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Rememberer":
        """Begin with the prior, and with what the scores of the past make of the context."""
        return Rememberer(self.forest, self.spread, self.chain, self.rule, self.feedback, past, scaling)

    def _fitted(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in ("spread", "held_out")}
        return kept | {"rule": list(self.rule), "chain": astuple(self.chain)} | self.forest.arrays()

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.rule, self.chain = Rule(*map(float, values["rule"])), Chain(*map(float, values["chain"]))
        self.spread, self.held_out, self.forest = values["spread"], values["held_out"], Trees.of_arrays(values)


class Rememberer(Compiled):
    """One series, judged by an agent that remembers.

    A label that is told before its time, as the method's own feedback says, waits for it before it changes the belief;
    one that is told late, or again, is taken in as if it had been told in time. What an alarm looked like is held for
    what was said of it from then on.

    Args:
        forest: Gives the evidence.
        spread: Shape ``(len(LOOKS),)``: deviations of the columns by which windows look alike.
        chain: Of the labels.
        rule: The policy.
        feedback: When labels are in.
        past, scaling: See `adt_gym.stream.stream.Method.start`.
        learned: Takes scores, shape ``(n,)``, to the scale that the agent has learned on; None where they are on it.
    """

    state: ClassVar = (
        "_context", "_surprise", "_due", "_t", "_row", "_open", "_belief", "_waiting", "_run", "_kept",
        "_windows", "_labels", "_beliefs", "_taken", "_looks", "_asked", "_verdicts",
    )  # fmt: skip

    def __init__(
        self, forest: Trees, spread: Array, chain: Chain, rule: Rule, feedback: Feedback,
        past: Scores | None = None, scaling: Scaling | None = None, learned: Callable[[Scores], Scores] | None = None,
    ):  # fmt: skip
        self._forest, self._spread, self._rule = forest, spread, np.array(rule)
        self._learned = learned or (lambda scores: scores)
        self._chain, self._gains = numbers_of(chain, feedback.noise), rule.gain > 0
        self._context, self._surprise = (
            context_after(None if past is None else self._learned(past)),
            Surprise(past, scaling),
        )
        self._due, self._t = DueLabels(feedback), 0
        self._belief, self._waiting, self._run, self._kept = chain.prior, 0, 0, 0
        self._row = np.zeros(len(LOOKS))
        self._looks, self._asked, self._verdicts = Past.empty()
        self._open: dict[int, bool] = {}
        """By window whose feedback is to come, whether it was flagged."""
        self._windows, self._labels = np.zeros(CORRECTED, np.int64), np.zeros(CORRECTED, np.int8)
        self._beliefs, self._taken = np.zeros(CORRECTED), 0
        """Window and label of what came in, the n-th at n modulo ``CORRECTED``, and the belief before that."""

    def thresholds(self, scores: NDArray[np.float32], released: Released) -> NDArray[np.float32]:
        """Judge a whole series."""
        context = self._context.extend(self._learned(scores))
        seen = Seen.of(evidence_of(self._forest, context), self._surprise.extend(scores), context, self._spread)
        return self._levels(scores, *_judge(0, seen, released, self._rule, self._chain, self._belief, 0, Past.empty()))

    def threshold(self, score: float) -> float:
        """Return which score would just have been flagged, all else as it is."""
        for window, label in self._due.come(self._t):
            self._waiting -= self._open.pop(window)
            self._take_in(window, label)
        scores = np.array([score], np.float32)
        context = self._context.extend(self._learned(scores))
        seen = Seen.of(evidence_of(self._forest, context), self._surprise.extend(scores), context, self._spread)
        self._row, remembered = seen.rows[0], Past(self._looks, self._asked, self._verdicts)
        judged = _judge(self._t, seen, _NOTHING, self._rule, self._chain, self._belief, self._waiting, remembered)
        return float(self._levels(scores, *judged)[0])

    def _levels(self, scores: NDArray[np.float32], flagged: Flags, bars: Array) -> NDArray[np.float32]:
        """Return shape ``(n,)``: which scores would just have been flagged; one of `LEVELS` where only trees judge."""
        mix = self._rule[0]
        if mix == 1:
            return LEVELS[np.searchsorted(LEVELS, scores) - flagged]
        levels = self._surprise.inverse(np.clip(bars / (1 - mix), -MOST, MOST)).astype(np.float32)
        below = np.nextafter(scores, np.float32(0))  # rounding must not turn a decision around
        return np.where(flagged, np.minimum(levels, below), np.maximum(levels, scores))

    def judged(self, score: float, decision: bool) -> None:
        """Wait for the feedback, where it ever comes in, and remember what an alarm looked like."""
        if self._due.judged(self._t, decision):
            self._open[self._t] = decision
            self._waiting += decision
        if decision and self._gains and self._run % EVERY == 0:
            place = self._kept % KEPT
            self._looks[place], self._asked[place], self._verdicts[place] = self._row, self._t, 0
            self._kept += 1
        self._run = self._run + 1 if decision else 0
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Take in the verdict at once; keep the label until its time, or go through what came in since once more."""
        self._verdicts[self._asked == t] = 1 if label else -1
        if not self._due.tell(t, label):
            return
        newest = self._taken - 1 - np.arange(min(self._taken, CORRECTED))
        places = newest[self._windows[newest % CORRECTED] == t]
        if not len(places):  # so long ago that only what the alarm looked like is known
            return
        again = np.arange(places[0], self._taken) % CORRECTED
        self._taken, self._belief = int(places[0]), float(self._beliefs[again[0]])
        for window, told in zip(self._windows[again].tolist(), self._labels[again].tolist(), strict=True):
            self._take_in(window, int(label) if window == t else told)

    def _take_in(self, window: int, label: int) -> None:
        prior, stays, _, noise = self._chain.tolist()
        place = self._taken % CORRECTED
        self._windows[place], self._labels[place], self._beliefs[place] = window, label, self._belief
        self._taken += 1
        belief = prior + (self._belief - prior) * stays
        if label >= 0:
            right = 1 - noise if label else noise
            belief = belief * right / (belief * right + (1 - belief) * (1 - right))
            self._verdicts[self._asked == window] = 1 if label else -1
        self._belief = belief


_NOTHING = Released(np.empty(0, np.int64), np.empty(0, np.int64), np.zeros((0, 2), np.bool_), np.empty(0, np.bool_))
"""What is released to the arithmetic of one window, whose session has taken in all that is."""
