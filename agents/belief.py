"""An agent for labels that come late, in part, noisily or never: it acts on a belief, and finds its rule by trying.

What an operator can know of window t comes from two sides. The scores up to t become evidence, learned by imitation:
extremely randomised trees (Geurts, Ernst and Wehenkel, 2006) estimate the chance of an anomaly from
`adt_gym.stream.context.score_context`. The labels told by then become a belief: the filter of a Markov chain of two
states, normal and anomalous, some of whose states are told late. The policy flags a window where

    logit(evidence) + weight * (logit(belief) - logit(prior)) - memory * (known - logit(prior)) > cut

where ``known`` is the strongest evidence that was lately told to be nothing; while an alarm waits for its label, and
the belief is below one half, ``patience`` is added to the cut. These four numbers are found by direct policy search:
all rules of a grid play all training series under the same feedback, and the one with the highest mean F1 wins.
Evidence in that search comes from trees that have not seen the series it is about, as it will on a new machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.events import runs
from adt_gym.series import Detection, InputError, ScoredSeries, varies
from adt_gym.stream.context import score_context
from adt_gym.stream.feedback import Feedback, told_labels
from adt_gym.stream.stream import Method

LEVELS = np.linspace(0.0, 1.0, 21, dtype=np.float32)
"""The thresholds that the agent sets, those of ADT-Levels-v0."""

ANOMALOUS = 0.07
"""The weight that the anomalous windows of a series have together: about their usual share."""

LEAST = 0.002
"""Evidence stays this far from 0 and 1: trees that have seen a few machines are never sure."""

LEAST_BELIEF = 0.001
"""The same for the belief."""

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
MEMORY = (0.0, 0.5, 1.0)
PATIENCE = (0.0, 2.0, 4.0)
CUTS = tuple(np.linspace(-5.0, 8.0, 66).round(1).tolist())
"""The grid of the policy search."""

BLUR = (0.7, 0.7, 0.7, 2.0)
"""Standard deviations, in cells of the grid, of the blur over its F1: a good rule has good neighbours."""

FORGET = float(np.exp(-1 / 50))
"""What is left of ``known`` after a window: nearly nothing after some hundred."""

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


class Evidence:
    """The chance of an anomaly by the scores alone, as a logit.

    Args:
        seed: Of the trees.
        trees: How many.
    """

    def __init__(self, seed: int = 0, trees: int = 100):
        self.seed, self.trees = seed, trees

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from the true labels of the training series.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows.
        """
        require_teachers(train)
        self.train = list(train)
        self._contexts = [score_context(one.scores) for one in train]
        everything = range(len(train))
        self._model = self._learn(everything)
        self.held_out = [
            self._logit(self._learn([j for j in everything if j != i]), self._contexts[i]) for i in everything
        ]
        return self

    def __call__(self, series: ScoredSeries) -> Array:
        """Return shape ``(T,)``: the logit of the chance that each window is anomalous."""
        return self._logit(self._model, score_context(series.scores))

    def _learn(self, chosen: Sequence[int]) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        labels = [self.train[i].truth for i in chosen]
        # Each series weighs the same, and so do the anomalies of each: else the one with the longest decides.
        weights = [
            np.where(y, ANOMALOUS / max(y.mean(), 1 / len(y)), (1 - ANOMALOUS) / max((~y).mean(), 1 / len(y)))
            for y in labels
        ]
        model = ExtraTreesRegressor(self.trees, min_samples_leaf=60, max_features=0.6, random_state=self.seed)
        return model.fit(
            np.concatenate([self._contexts[i] for i in chosen]),
            np.concatenate(labels).astype(float),
            sample_weight=np.concatenate([w / len(w) for w in weights]),
        )

    @staticmethod
    def _logit(model: Any, context: NDArray[np.float32]) -> Array:
        return logit(np.clip(model.predict(context), LEAST, 1 - LEAST))


@dataclass(frozen=True)
class Chain:
    """The Markov chain of the labels: how likely an anomaly is, and for how long a label says something.

    Args:
        prior: The share of anomalous windows.
        end: The chance that an anomaly ends after a window.
        carry: What is left of a label's information after the delay: the labels' autocorrelation at that lag.
    """

    prior: float
    end: float
    carry: float

    @classmethod
    def of(cls, series: Sequence[ScoredSeries], feedback: Feedback) -> "Chain":
        """Return the chain of the median series: one with very long anomalies must not speak for all."""
        labels = [one.truth for one in series if varies(one.truth)]
        d = feedback.delay
        lags = [float(np.corrcoef(y[:-d], y[d:])[0, 1]) for y in labels if varies(y[:-d]) and varies(y[d:])]
        return cls(
            prior=float(np.median([y.mean() for y in labels])),
            end=float(np.median([len(runs(y)[0]) / y.sum() for y in labels])),
            carry=float(np.clip(np.median(lags), 0.0, 0.999)) if lags else 0.0,
        )

    @property
    def stays(self) -> float:
        """What is left of a belief's distance from the prior after a window.

        That is 1 - onset - end, as an anomaly begins after a normal window with the chance onset = end prior /
        (1 - prior). The median end and prior may be of two series that together would make it negative.
        """
        return max(1 - self.end / (1 - self.prior), 0.0)


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


def play(evidence: Array, told: NDArray[np.bool_], chain: Chain, feedback: Feedback, rules: Rule) -> NDArray[np.bool_]:
    """Return shape ``(n, T)``: the decisions of n rules on one series, each told the labels that it has earned.

    Args:
        evidence: Shape ``(T,)``.
        told: Shape ``(T,)``: the label of each window as it is told, if it is.
        chain: What the belief is filtered with.
        feedback: Which labels are told, and when.
        rules: Arrays of shape ``(n,)``.
    """
    n = len(rules.cut)
    decisions = np.zeros((len(told), n), dtype=bool)
    belief, known, waiting = np.full(n, chain.prior), np.zeros(n), np.zeros(n, dtype=np.int64)
    prior, stays = logit(chain.prior), chain.stays
    above = np.maximum(evidence - prior, 0.0)
    for t in range(len(told)):
        newest = t - feedback.delay
        if newest >= 0 and feedback.tells:
            belief = chain.prior + (belief - chain.prior) * stays
            right = 1 - feedback.noise if told[newest] else feedback.noise
            updated = belief * right / (belief * right + (1 - belief) * (1 - right))
            is_told = True if feedback.kind == "full" else decisions[newest]
            belief = np.where(is_told, updated, belief)
            known = known * FORGET
            known = np.where(is_told, 0.0 if told[newest] else np.maximum(known, above[newest]), known)
            waiting -= decisions[newest]
        now = np.clip(chain.prior + (belief - chain.prior) * chain.carry, LEAST_BELIEF, 1 - LEAST_BELIEF)
        needed = rules.cut + rules.patience * ((waiting > 0) & (now < 0.5))
        decisions[t] = evidence[t] + rules.weight * (logit(now) - prior) - rules.memory * known > needed
        waiting += decisions[t]
    return decisions.T


class BeliefAgent(Method):
    """The agent as a thresholder.

    Args:
        feedback: What is told of the labels of the series that it is used on.
        seed: Of the trees and of the labels that are flipped.
        evidence: Fitted on the same training series, to share among agents for different feedback; None to fit one.
    """

    name = "belief"

    def __init__(self, feedback: Feedback, seed: int = 0, evidence: Evidence | None = None):
        self.feedback, self.seed, self.evidence = feedback, seed, evidence

    @property
    def sees_labels(self) -> bool:  # type: ignore[override]
        """Whether any labels are told."""
        return self.feedback.tells

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn evidence, chain and rule from labelled series of other machines.

        Raises:
            InputError: If fewer than two of them hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        if self.evidence is None:
            self.evidence = Evidence(self.seed).fit(train)
        if [id(one) for one in self.evidence.train] != [id(one) for one in train]:
            raise InputError("the evidence was fitted on other series: pass the same, or none")
        self.chain = Chain.of(train, self.feedback)
        self.rule = self._search(train)
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Play the series once; a threshold is the highest level that flags the window, or the lowest that does not."""
        assert self.evidence is not None
        rule = Rule(*(np.array([value]) for value in self.rule))
        decisions = self._play(self.evidence(series), series, rule)[0]
        below = np.searchsorted(LEVELS, series.scores, side="left") - 1  # the highest level below the score
        return Detection.at(LEVELS[below + ~decisions], series)

    def _play(self, evidence: Array, series: ScoredSeries, rules: Rule) -> NDArray[np.bool_]:
        return play(evidence, told_labels(series, self.feedback, self.seed), self.chain, self.feedback, rules)

    def _search(self, train: Sequence[ScoredSeries]) -> Rule:
        """Try all rules that make a difference under this feedback; return the best.

        Labels are only used where that gains more than one standard error over the best rule without them (the rule of
        Breiman et al., 1984, for choosing among trees): few machines teach, and a chance gain does not travel.
        """
        from scipy.ndimage import gaussian_filter

        assert self.evidence is not None
        partial, late = self.feedback.kind == "alerts", self.feedback.delay > 1
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
                f1_of_each(self._play(evidence, series, grid), series.truth)
                for evidence, series in zip(self.evidence.held_out, train, strict=True)
                if series.truth.any()
            ]
        )
        blurred = np.array([gaussian_filter(one.reshape(shape), BLUR, mode="nearest").ravel() for one in f1])
        mean = blurred.mean(axis=0)
        best, plain = int(mean.argmax()), int(mean[: len(CUTS)].argmax())
        chosen = best if gains(blurred[:, best], blurred[:, plain]) else plain
        self.held_out_f1 = f1[:, chosen]
        return Rule(*(float(axis[chosen]) for axis in grid))


def gains(one: Array, other: Array) -> bool:
    """Return whether ``one`` is better than ``other``, value by value, by more than a standard error of the mean."""
    gain = one - other
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def f1_of_each(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> Array:
    """Return shape ``(n,)``: the F1 of each row of decisions, shape ``(n, T)``."""
    found: Array = (decisions & labels).sum(axis=1)
    return 2 * found / (decisions.sum(axis=1) + labels.sum())
