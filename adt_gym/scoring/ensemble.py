"""An ensemble of scorers: votes, means and a stack of what its members say."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym import scoring
from adt_gym.scoring.base import BaseScorer, ScorerSettings
from adt_gym.scoring.stream import ScoreStream, Tracker
from adt_gym.scoring.torch_scorer import TorchScorer
from adt_gym.scoring.votes import COUNTING, Floats, Verdicts, f1_weights, votes_needed
from adt_gym.series import NO_PAST, Detection, InputError, ScoredSeries, Series, varies
from adt_gym.thresholds.static import best_f1_threshold

RULES = (*COUNTING, "weighted", "soft", "stacking")
"""The rules that `Ensemble.detections` compares."""
LEAST_AGREEMENT = 0.7
EDGE = 1e-6
"""How far the shares of votes 0 and 1 stay inside (0, 1), where scores lie."""
UNLABELLED_QUANTILE = 0.99
"""Without an anomaly to learn a threshold from, it is this quantile of the out-of-fold scores."""


@dataclass(frozen=True)
class EnsembleSettings(ScorerSettings):
    """Settings of an ensemble, beside those of `ScorerSettings`, which its members get too.

    Args:
        members: Names of scorers, as `adt_gym.scoring.make` takes them.
        rule: What `Ensemble.score` returns and where it is cut: "any", "majority" (more than half), "strong" (at least
            two thirds), "all" or "at_least(n)" of the members, as a share of votes; "weighted", the share weighted by
            F1, cut at 0.5; "soft", the mean score; "stacking", the probability of a logistic regression on the scores.
        folds: Consecutive parts of each training series that, in turn, the members do not see.
        options: More settings of a member, by its name.
        device: Of the members with a network.
    """

    members: Sequence[str] = ("isolation", "arima", "prophet", "forecast")
    rule: str = "soft"
    scaling: str = "tail"
    folds: int = 3
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    device: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.members or len(set(self.members)) != len(self.members) or "ensemble" in self.members:
            raise InputError(f"an ensemble needs one or more different scorers, got {', '.join(self.members)}")
        if unknown := sorted(set(self.options) - set(self.members)):
            raise InputError(f"ensemble: options for {unknown[0]!r}, which is not a member: {', '.join(self.members)}")
        if self.folds < 2:
            raise InputError(f"an ensemble needs at least 2 folds, got {self.folds}")
        if self.rule not in RULES:
            votes_needed(self.rule, len(self.members))


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """The members' scores of training windows, each by members that learned from none of the window's points.

    The scaling of the scores, which needs no labels, has seen all of the training part.

    Args:
        scores: Shape ``(T, M)``: the windows of all training series.
        labels: Shape ``(T,)``.
        folds: Shape ``(T,)``: the fold each window belongs to.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.bool_]
    folds: NDArray[np.int64]


class Ensemble(BaseScorer):
    """Scorers that judge together.

    Everything beside the members is learned from out-of-fold scores of the training part: for each fold the members
    are fitted anew without it. Each member's threshold is the one with the best F1 there, its weight that F1. Stacking
    is a logistic regression on those scores (D. H. Wolpert, "Stacked Generalization", Neural Networks 5(2), 1992); the
    threshold of its probability is chosen on folds that the regression, too, has not seen. The members that score are
    fitted on the whole training part.

    Args:
        settings: Fields of `EnsembleSettings`.
    """

    name = "ensemble"
    Settings: ClassVar[type[ScorerSettings]] = EnsembleSettings
    fitted = ("_members", "_columns", "weights", "_thresholds", "_soft_threshold", "_stack", "_stack_threshold")

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self._names = tuple(member.label for member in self._new_members())

    @property
    def label(self) -> str:
        """What tables call the scorer."""
        return f"{self.name} {self.settings.rule}"

    def fit(self, normal: Sequence[Series]) -> Self:
        """Fit the members on the windows without an anomaly, and learn from the labels how to combine them.

        Raises:
            InputError: If a member cannot be fitted, or the rule is "stacking" and a fold has no anomalous window.
        """
        self._normal_windows(normal)
        held_out = self.out_of_fold(normal)
        self._calibrate(held_out)
        self._members = [member.fit(normal) for member in self._new_members()]
        return self

    def score(self, series: Series, past: Series | None = None) -> ScoredSeries:
        """Return the score of the settings' rule for every window; for ``past`` see `WindowScorer.score`.

        Warns:
            UserWarning: If members agree on fewer than 70% of the pairs of verdicts.

        Raises:
            InputError: If the ensemble is not fitted or a member cannot score the series.
        """
        verdicts = self.judge(series, past)
        if (agreement := verdicts.agreement()) < LEAST_AGREEMENT:
            warnings.warn(
                f"series {series.name!r}: the members of the ensemble agree on {agreement:.0%} of their verdicts only; "
                "look at each member's scores before you trust what they say together",
                stacklevel=2,
            )
        scored = self._scored(series, self.combine(verdicts, self.settings.rule))
        return scored if past is series else replace(scored, past=self._past_scores(past))

    def start(self, past: Series | None = None) -> ScoreStream:
        """Begin to score a series point by point; for ``past`` see `WindowScorer.score`.

        Raises:
            InputError: If the ensemble is not fitted or a member cannot begin with this past.
        """
        streams = [member.start(past) for member in self._members]
        return ScoreStream(self._columns, Votes(self, streams), self._past_scores(past))

    def _past_scores(self, past: Series | None) -> NDArray[np.float32]:
        if past is None:
            return NO_PAST
        return self.combine(self.judge(past, past), self.settings.rule).astype(np.float32)

    def judge(self, series: Series, past: Series | None = None) -> Verdicts:
        """Return what every member says about every window.

        Raises:
            InputError: If the ensemble is not fitted or a member cannot score the series.
        """
        return self._verdicts(np.stack([member.score(series, past).scores for member in self._members], axis=1))

    def _verdicts(self, scores: NDArray[np.float32]) -> Verdicts:
        return Verdicts(self._names, scores, self._thresholds, self.weights)

    def combine(self, verdicts: Verdicts, rule: str) -> Floats:
        """Return shape ``(T,)``, the score of a rule, in (0, 1).

        Raises:
            InputError: If there is no such rule, or it is "stacking" and there was nothing to learn it from.
        """
        match rule:
            case "weighted":
                return _inside(verdicts.weighted_share())
            case "soft":
                return verdicts.soft()
            case "stacking":
                return self._stacked(verdicts.scores)
        votes_needed(rule, len(verdicts.members))
        return _inside(verdicts.share())

    def threshold(self, rule: str) -> float:
        """Return the threshold that makes a rule's score its decision."""
        match rule:
            case "weighted":
                return 0.5
            case "soft":
                return self._soft_threshold
            case "stacking":
                self._require_stack()
                return self._stack_threshold
        return (votes_needed(rule, len(self._names)) - 0.5) / len(self._names)

    def detections(self, series: Series, past: Series | None = None) -> dict[str, Detection]:
        """Return what each member and each rule of `RULES` decides; "stacking" only where it could be learned.

        Args:
            series: With labels.
            past: See `WindowScorer.score`.
        """
        verdicts = self.judge(series, past)
        found = {
            name: Detection.at(threshold, self._scored(series, scores))
            for name, threshold, scores in zip(self._names, self._thresholds, verdicts.scores.T, strict=True)
        }
        for rule in RULES if self._stack is not None else RULES[:-1]:
            found[rule] = Detection.at(self.threshold(rule), self._scored(series, self.combine(verdicts, rule)))
        return found

    def out_of_fold(self, normal: Sequence[Series]) -> OutOfFold:
        """Score each fold of the training windows by members that are fitted without any of its points."""
        window, folds = self.settings.window, self.settings.folds
        scores, labels, owners = [], [], []
        for fold in range(folds):
            starts = [one.window_starts(window) for one in normal]
            parts = [_fold(len(each), fold, folds) for each in starts]
            hidden = [_hide(one, each[part], window) for one, each, part in zip(normal, starts, parts, strict=True)]
            members = [member.fit(hidden) for member in self._new_members()]
            for one, hide, part in zip(normal, hidden, parts, strict=True):
                scored = [member.score(one, hide)[part] for member in members if part.stop > part.start]
                if scored:
                    scores.append(np.stack([each.scores for each in scored], axis=1))
                    normal_operation = np.zeros(len(scored[0]), dtype=bool)  # as scorers take what has no labels
                    labels.append(normal_operation if one.labels is None else scored[0].truth)
                    owners.append(np.full(len(scored[0]), fold))
        return OutOfFold(np.concatenate(scores), np.concatenate(labels), np.concatenate(owners))

    def _scored(self, series: Series, scores: NDArray[np.floating[Any]]) -> ScoredSeries:
        meta = self._meta(series)
        return ScoredSeries(scores.astype(np.float32), self._labels(series), series.name, self._index(series), meta)

    def _new_members(self) -> Iterator[Any]:
        settings = self.settings
        for name in settings.members:
            options = settings.options.get(name, {})
            given = {"window": settings.window, "scaling": settings.scaling, "seed": settings.seed}
            member = scoring.make(name, **given | options)
            if settings.device and isinstance(member, TorchScorer):
                member = scoring.make(name, **given | {"device": settings.device} | options)
            yield member

    def _calibrate(self, held_out: OutOfFold) -> None:
        """Learn the thresholds, the weights and the stack."""
        labels = held_out.labels
        self._thresholds = np.array([_threshold(scores, labels) for scores in held_out.scores.T])
        self.weights = np.full(len(self._names), 1 / len(self._names))
        verdicts = Verdicts(self._names, held_out.scores, self._thresholds, self.weights)
        if labels.any():
            self.weights = f1_weights(verdicts.flags, labels)
        self._soft_threshold = _threshold(verdicts.soft(), labels)
        self._stack: Floats | None = None
        self._stack_threshold = 1.0
        if _learnable(held_out):
            self._fit_stack(held_out)
        elif self.settings.rule == "stacking":
            self._require_stack()

    def _fit_stack(self, held_out: OutOfFold) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import PredefinedSplit, cross_val_predict

        regression = LogisticRegression(max_iter=1000)
        folds = PredefinedSplit(held_out.folds)
        unseen = cross_val_predict(regression, held_out.scores, held_out.labels, cv=folds, method="decision_function")
        self._stack_threshold = _threshold(_squashed(unseen), held_out.labels)
        found = regression.fit(held_out.scores, held_out.labels)
        self._stack = np.append(found.coef_[0], found.intercept_).astype(np.float64)

    def _stacked(self, scores: NDArray[np.float32]) -> Floats:
        stack = self._require_stack()
        return _squashed(scores @ stack[:-1] + stack[-1])

    def _require_stack(self) -> Floats:
        """Return the factors of the members' log-odds, and their intercept."""
        if self._stack is None:
            raise InputError(
                "ensemble: stacking needs anomalous and normal windows in the training part outside of every fold; "
                "give a longer labelled part, or take the rule 'soft'"
            )
        return self._stack

    def _fitted(self) -> dict[str, Any]:
        values = super()._fitted()
        return values | {"_members": [member.kept() for member in self._members]}

    def _restore(self, values: Mapping[str, Any]) -> None:
        pairs = zip(self._new_members(), values["_members"], strict=True)
        super()._restore({**values, "_members": [type(member).anew(kept) for member, kept in pairs]})


class Votes(Tracker):
    """What the members of an ensemble say about the newest window, together."""

    state = ("_streams",)

    def __init__(self, ensemble: Ensemble, streams: Sequence[ScoreStream]):
        self._ensemble, self._streams = ensemble, list(streams)
        needs = [stream.needs for stream in streams]
        self.needs = None if None in needs else max(one for one in needs if one is not None)

    def step(self, values: Floats, time: Any) -> float | None:
        """Return the score of the ensemble's rule; ``why`` is an `Explanation` of it."""
        found = [(stream, stream.push(values, time)) for stream in self._streams]
        scores = [stream.scaled(raw) for stream, raw in found if raw is not None]
        if len(scores) < len(found):
            self.why = None
            return None
        verdicts = self._ensemble._verdicts(np.array([scores], dtype=np.float32))
        self.why = verdicts.explain(0)
        return float(self._ensemble.combine(verdicts, self._ensemble.settings.rule)[0])

    def forget(self) -> None:
        """Forget the points."""
        for stream in self._streams:
            stream.gap()


def _inside(shares: Floats) -> Floats:
    return EDGE + (1 - 2 * EDGE) * shares


def _squashed(logits: Floats) -> Floats:
    """Return log-odds in (0, 1): unlike their probabilities, high ones stay apart in float32."""
    return (1 + logits / (1 + np.abs(logits))) / 2


def _fold(windows: int, fold: int, folds: int) -> slice:
    return slice(windows * fold // folds, windows * (fold + 1) // folds)


def _hide(series: Series, starts: NDArray[np.intp], window: int) -> Series:
    """Mark all points of the windows as anomalous: what no scorer learns from."""
    labels = np.zeros(len(series), dtype=bool) if series.labels is None else series.labels.copy()
    if len(starts):
        labels[starts[0] : starts[-1] + window] = True
    return replace(series, labels=labels)


def _learnable(held_out: OutOfFold) -> bool:
    """Say whether both kinds of windows remain when any fold is left out."""
    rest = [held_out.labels[held_out.folds != fold] for fold in np.unique(held_out.folds)]
    return all(varies(labels) for labels in rest)


def _threshold(scores: NDArray[np.floating[Any]], labels: NDArray[np.bool_]) -> float:
    if not labels.any():
        return float(np.quantile(scores, UNLABELLED_QUANTILE))
    return best_f1_threshold([ScoredSeries(scores.astype(np.float32), labels)])
