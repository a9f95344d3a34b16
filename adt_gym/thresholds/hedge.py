"""Hedge: exponential weights over thresholds, which labels that come late, or only after alarms, tell apart."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.scaling import Scaling
from adt_gym.series import ScoredSeries
from adt_gym.stream.feedback import Feedback
from adt_gym.stream.stream import Scores
from adt_gym.thresholds.evidence import logit
from adt_gym.thresholds.objective import Flags, best_on, require_anomaly
from adt_gym.thresholds.replayed import Change, Compiled, Released, Replayed, Tally
from adt_gym.thresholds.rows import stretches

TAIL = 1 - 10.0 ** -np.linspace(0.3, 4, 14)
"""The quantiles at which the lower experts stand."""

ABOVE = 0.25 * np.arange(1, 8)
"""How far above the highest score the others stand, in logits."""

EXPERTS = len(TAIL) + len(ABOVE)

RATES, COSTS = (0.03, 1.0), ((3, 1), (1, 1), (1, 3), (1, 10))
WORTHS, MEMORIES = (0, 300, 10_000), (0, 10, 100)

FORGOTTEN = 40.0
"""A weight of exp(-40) of the highest is none."""


class Stakes(NamedTuple):
    """A setting.

    Args:
        own: Whether the experts stand at quantiles of the series' own past, where it has one; else at those of the
            training scores.
        rate: eta, the learning rate.
        false_alarm, miss: What they cost, whole numbers.
        worth: How many windows the losses in training count for.
        memory: Labels no longer count once so many more windows have had their feedback; 0: they count for ever.
    """

    own: bool
    rate: float
    false_alarm: int
    miss: int
    worth: int
    memory: int

    @property
    def weights(self) -> NDArray[np.float64]:
        """Shape ``(n,)``: the weight after each loss more than the lowest, from 0 on; the last is 0, for all beyond."""
        return np.append(np.exp(-self.rate * np.arange(np.ceil(FORGOTTEN / self.rate))), 0.0)


class Hedge(Replayed):
    """Hedge over 21 fixed thresholds, whose weighted median judges the next window.

    Expert i has the weight exp(-eta L_i), with L_i the losses that the labels told so far reveal: of a label of a
    window with score s, every threshold below s would have flagged it, at the cost of a false alarm if it was normal,
    and every other one would have passed it, at the cost of a miss if it was anomalous. So one label tells the loss of
    all experts; which labels are told may depend on the decision, as in apple tasting. A loss is added when its label
    comes, which is what delays need, and may be forgotten again, for series that change. The experts start with their
    losses on the training series, as if of so many windows.

    Learning rate, costs, memory, that number, and whether the experts stand at quantiles of the series' own past or at
    those of the training scores (and above the highest) are those with the best mean objective on the training series,
    replayed under the very feedback.

    Reference: Y. Freund and R. Schapire, "A decision-theoretic generalization of on-line learning and an application to
    boosting", Journal of Computer and System Sciences 55, 1997, figure 1 (Hedge); P. Joulani, A. Gyorgy and C.
    Szepesvari, "Online learning under delayed feedback", ICML 2013; D. Helmbold, N. Littlestone and P. Long, "Apple
    tasting", Information and Computation 161, 2000; N. Alon, N. Cesa-Bianchi, O. Dekel and T. Koren, "Online learning
    with feedback graphs: beyond bandits", COLT 2015.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.

    Attributes:
        stakes: The chosen setting.
        levels: Shape ``(21,)``: the experts by the training scores, ascending.
        before: Shape ``(21,)``: the losses that they start with.
    """

    name = "hedge"
    fitted: ClassVar = ("stakes", "levels", "before")
    stakes: Stakes

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Choose the setting on labelled series of other machines.

        Raises:
            InputError: If no window of them is anomalous, or nobody knows.
        """
        require_anomaly(train, self.name)
        train = stretches(train)
        self.levels = experts(np.concatenate([one.scores for one in train]))
        owns = [False, True] if any(len(one.past) for one in train) else [False]
        mean = {own: np.mean([self._errors(one, own) for one in train], axis=0) for own in owns}
        memories = MEMORIES if self.sees_labels else (0,)
        grid = product(owns, RATES, COSTS, WORTHS, memories)
        settings = [Stakes(own, eta, *costs, n, kept) for own, eta, costs, n, kept in grid]
        started = {one: self._started(one, mean[one.own]) for one in settings}

        def prepare(series: ScoredSeries) -> Any:
            released, levels = self._released(series), {own: self._experts(_past_of(series), own) for own in owns}

            def decide(stakes: Stakes) -> Flags:
                session = Bets(stakes, levels[stakes.own], started[stakes], self.feedback)
                return series.scores > session.thresholds(series.scores, released)

            return decide

        self.stakes = best_on(train, settings, prepare)
        self.before = started[self.stakes]
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Bets":
        """Begin with the losses in training."""
        return Bets(self.stakes, self._experts(past, self.stakes.own), self.before, self.feedback)

    def _experts(self, past: Scores | None, own: bool) -> NDArray[np.float32]:
        levels: NDArray[np.float32] = self.levels
        return experts(past) if own and past is not None and len(past) else levels

    def _errors(self, series: ScoredSeries, own: bool) -> NDArray[np.float64]:
        """Return shape ``(2, 21)``: the shares of windows that are false alarms and misses of each expert."""
        flags = series.scores > self._experts(_past_of(series), own)[:, None]
        return np.array([(flags & ~series.truth).mean(axis=1), (~flags & series.truth).mean(axis=1)])

    def _started(self, stakes: Stakes, errors: NDArray[np.float64]) -> NDArray[np.int64]:
        costs = np.array([stakes.false_alarm, stakes.miss])
        return (stakes.worth * costs @ errors).round().astype(np.int64)

    def _fitted(self) -> dict[str, Any]:
        return {**super()._fitted(), "stakes": list(self.stakes)} if "stakes" in vars(self) else {}

    def _restore(self, values: Any) -> None:
        self.stakes, self.levels, self.before = Stakes(*values["stakes"]), values["levels"], values["before"]


def experts(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return shape ``(21,)``, ascending: thresholds at upper quantiles of scaled scores, and above the highest."""
    low, high = 1e-6, 1 - 1e-6
    above = logit(np.clip(float(scores.max()), low, high)) + ABOVE
    return np.append(np.quantile(scores, TAIL), 1 / (1 + np.exp(-above))).astype(np.float32)


def _past_of(series: ScoredSeries) -> NDArray[np.float32]:
    return series.past_scores(raw=False)


@compiled
def _bet(
    scores: NDArray[np.float32],
    windows: NDArray[np.int64],
    due: NDArray[np.int64],
    told: Flags,
    labels: Flags,
    levels: NDArray[np.float32],
    before: NDArray[np.int64],
    weights: NDArray[np.float64],
    false_alarm: int,
    miss: int,
    memory: int,
) -> NDArray[np.float32]:
    """Return shape ``(T,)``: the thresholds; for the arguments see `Released` and `Bets`."""
    n = len(levels)
    thresholds, flagged = np.empty(len(scores), np.float32), np.zeros(len(scores), np.int64)
    counts = np.zeros((2, n + 1), np.int64)  # by label, of windows that so many experts would have flagged
    losses, sums = np.empty(n, np.int64), np.empty(n)
    taken, chosen, changed = 0, 0, True
    for t in range(len(scores)):
        while taken < len(due) and due[taken] <= t:
            for sign, place in ((1, taken), (-1, taken - memory)):
                if place < 0 or (sign < 0 and memory == 0):
                    continue
                window = windows[place]
                if told[window, flagged[window]]:
                    label, would_flag = int(labels[window]), 0
                    if scores[window] > levels[0]:
                        would_flag = int(np.searchsorted(levels, scores[window]))
                    counts[label, would_flag] += sign
                    changed = changed or would_flag > 0 or label == 1
            taken += 1
        if changed:
            would_flag, would_pass, lowest = counts[0].sum(), 0, np.int64(2**62)
            for i in range(n):
                would_flag -= counts[0, i]
                would_pass += counts[1, i]
                losses[i] = before[i] + false_alarm * would_flag + miss * would_pass
                lowest = min(lowest, losses[i])
            total = 0.0
            for i in range(n):
                total += weights[min(losses[i] - lowest, len(weights) - 1)]
                sums[i] = total
            chosen = int(np.searchsorted(sums, total / 2))
            changed = False
        thresholds[t] = levels[chosen]
        flagged[t] = int(scores[t] > thresholds[t])
    return thresholds


class Bets(Compiled):
    """One series, judged by Hedge.

    Args:
        stakes: The setting.
        levels: Shape ``(21,)``, ascending: the experts' thresholds.
        before: Shape ``(21,)``: the losses that they start with.
        feedback: When labels are in.
    """

    state: ClassVar = ("_t", "_losses", "_tally")

    def __init__(
        self, stakes: Stakes, levels: NDArray[np.float32], before: NDArray[np.int64], feedback: Feedback
    ) -> None:
        self._costs, self._weights, self._levels = (stakes.false_alarm, stakes.miss), stakes.weights, levels
        self._memory, self._t, self._losses = stakes.memory, 0, before.copy()
        self._tally = Tally(feedback, stakes.memory)

    def thresholds(self, scores: NDArray[np.float32], released: Released) -> NDArray[np.float32]:
        """Judge a whole series."""
        return _bet(scores, *released, self._levels, self._losses, self._weights, *self._costs, self._memory)

    def threshold(self, score: float) -> float:
        """Return the weighted median of the experts' thresholds."""
        self._lose(self._tally.come(self._t))
        more = np.minimum(self._losses - self._losses.min(), len(self._weights) - 1)
        sums = np.cumsum(self._weights[more])
        return float(self._levels[np.searchsorted(sums, sums[-1] / 2)])

    def judged(self, score: float, decision: bool) -> None:
        """Note how many experts would have flagged the window."""
        self._tally.judged(self._t, decision, int(np.searchsorted(self._levels, np.float32(score))))
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Keep the label until its time, or set the losses right."""
        self._lose(self._tally.tell(t, label))

    def _lose(self, changes: Iterable[Change]) -> None:
        for would_flag, old, new in changes:
            for sign, label in ((-1, old), (1, new)):
                if label > 0:
                    self._losses[would_flag:] += sign * self._costs[1]
                elif label == 0:
                    self._losses[:would_flag] += sign * self._costs[0]
