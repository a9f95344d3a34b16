"""What the members of an ensemble say about the windows of one series, and what follows from it."""

import re
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import InputError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COUNTING = ("any", "majority", "strong", "all")
"""The rules that count votes, beside ``at_least(n)``."""
ACT_CONFIDENCE, NOTIFY_CONFIDENCE = 0.75, 0.5


class Action(IntEnum):
    """What to do about a window, the harder the higher."""

    NONE = 0
    ALERT = 1
    """Some member flags it: write it down."""
    NOTIFY = 2
    """The majority flags it, with a confidence of at least 0.5: tell a human."""
    ACT = 3
    """The majority flags it, with a confidence of at least 0.75: act without waiting for one."""
    STOP = 4
    """All members flag it: stop what can do harm."""


@dataclass(frozen=True)
class Verdict:
    """What one member says about one window: it flags scores above its threshold."""

    member: str
    score: float
    threshold: float
    flagged: bool
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Why a window has its score: what to do about it, and what each member says.

    Example:
        >>> said = Verdict("pca", 0.9, 0.8, True, 0.6), Verdict("arima", 0.2, 0.7, False, 0.4)
        >>> print(Explanation(Action.ALERT, said))
        ALERT: pca 0.900 > 0.800
    """

    action: Action
    verdicts: tuple[Verdict, ...]

    def __str__(self) -> str:
        """Return the action and the members that flag the window."""
        flagged = [f"{one.member} {one.score:.3f} > {one.threshold:.3f}" for one in self.verdicts if one.flagged]
        return f"{self.action.name}: {', '.join(flagged) or 'no member flags it'}"


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What all members say about all windows of a series.

    Args:
        members: Their M names.
        scores: Shape ``(T, M)``, in [0, 1].
        thresholds: Shape ``(M,)``.
        weights: Shape ``(M,)``, at least 0, of sum 1.
    """

    members: tuple[str, ...]
    scores: NDArray[np.float32]
    thresholds: Floats
    weights: Floats

    @property
    def flags(self) -> Flags:
        """Shape ``(T, M)``: which member flags which window."""
        return self.scores > self.thresholds.astype(np.float32)

    def share(self) -> Floats:
        """Return shape ``(T,)``, the share of members that flag each window."""
        return self.flags.mean(axis=1)

    def weighted_share(self) -> Floats:
        """Return shape ``(T,)``, the weights of the members that flag each window: the ensemble's confidence."""
        return np.clip(self.flags @ self.weights, 0.0, 1.0)

    def soft(self) -> Floats:
        """Return shape ``(T,)``, the mean of the members' scores."""
        return self.scores.mean(axis=1, dtype=np.float64)

    def agreement(self) -> float:
        """Return the share of pairs of members that agree, averaged over windows; 1 for a single member.

        Reference: P-bar in J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin
        76(5), 1971, equation 2.
        """
        members = len(self.members)
        if members == 1:
            return 1.0
        ayes = self.flags.sum(axis=1)
        noes = members - ayes
        return float(np.mean(ayes * (ayes - 1) + noes * (noes - 1)) / (members * (members - 1)))

    def explain(self, t: int) -> Explanation:
        """Return what to do about window ``t``, and every member's verdict on it."""
        rows = zip(self.members, self.scores[t], self.thresholds, self.flags[t], self.weights, strict=True)
        verdicts = tuple(Verdict(name, float(s), float(d), bool(f), float(w)) for name, s, d, f, w in rows)
        return Explanation(Action(self.actions()[t]), verdicts)

    def actions(self) -> NDArray[np.int8]:
        """Return shape ``(T,)``, an `Action` for every window; its confidence is the weighted share of votes."""
        votes, confidence = self.flags.sum(axis=1), self.weighted_share()
        majority = votes >= votes_needed("majority", len(self.members))
        actions = np.where(votes > 0, Action.ALERT, Action.NONE)
        actions[majority & (confidence >= NOTIFY_CONFIDENCE)] = Action.NOTIFY
        actions[majority & (confidence >= ACT_CONFIDENCE)] = Action.ACT
        actions[votes == len(self.members)] = Action.STOP
        return actions.astype(np.int8)


def votes_needed(rule: str, members: int) -> int:
    """Return how many votes flag a window.

    Args:
        rule: "any" 1; "majority" more than half; "strong" at least two thirds; "all"; "at_least(n)" n.
        members: How many vote.

    Raises:
        InputError: If there is no such rule or there are fewer than n members.
    """
    if asked := re.fullmatch(r"at_least\((\d+)\)", rule):
        needed = int(asked[1])
        if not 1 <= needed <= members:
            raise InputError(f"{rule}: n must lie between 1 and the number of members, {members}")
        return needed
    match rule:
        case "any":
            return 1
        case "majority":
            return members // 2 + 1
        case "strong":
            return -(-2 * members // 3)
        case "all":
            return members
    raise InputError(f"unknown rule {rule!r}; the rules that count votes: {', '.join(COUNTING)}, at_least(n)")


def f1_weights(flags: Flags, labels: Flags) -> Floats:
    """Return shape ``(M,)``, each member's F1 divided by their sum; equal weights where all are 0."""
    f1 = np.array([precision_recall_f1(column, labels)[2] for column in flags.T])
    return f1 / f1.sum() if f1.any() else np.full(len(f1), 1 / len(f1))
