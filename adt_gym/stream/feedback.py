"""Feedback: which labels become known of the windows that were judged, and when."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from functools import lru_cache
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, one_of, share, shown, whole
from adt_gym.series import ScoredSeries

OUTCOMES = ("TP", "TN", "FP", "FN")
"""The four outcomes, in the order in which observations hold their shares; the place of each is its code in an info."""

OUTCOME_OF = (("TN", "FP"), ("FN", "TP"))
"""``OUTCOME_OF[label][decision]`` names the outcome."""

OUTCOME_NUMBERS = [[OUTCOMES.index(outcome) for outcome in row] for row in OUTCOME_OF]
"""``[label][decision]``: the outcome's place in ``OUTCOMES``."""

NO_OUTCOME = -1
"""The code in an info where no window was judged."""

MAX_DELAY = 10**6
"""Windows that a label may be late."""

ASKED = 1_000
"""Windows, the first ones, that a rule is asked about to find out if it is partial."""


class Feedback(ABC):
    """A rule that says when the label of a window becomes known: subclass it for one of your own.

    Windows are counted from the start of the series. `told_at` is all that a rule needs; it must give the same answer
    whenever it is asked.

    Attributes:
        kind: How tables call the rule.
        delay: How tables call its delay, where it has one; None where it has none.
        noise: The probability, in [0, 1], that the label that is told is the wrong one.
    """

    kind: ClassVar[str] = "own rule"
    delay: Any = None
    noise: float = 0.0

    @abstractmethod
    def told_at(self, t: int, decision: bool) -> int | None:
        """Return before which window, t + 1 or a later one, the label of window t is in; None if it is never told."""

    def __repr__(self) -> str:
        """Return the same for every rule of a class, so that tests and messages can be compared."""
        return f"{type(self).__name__}()"

    @property
    def tells(self) -> bool:
        """Whether any label is ever told."""
        return True

    @property
    def partial(self) -> bool:
        """Whether it depends on the decision if a window's label is told; asked of the first ``ASKED``."""
        return any(self.told_at(t, True) != self.told_at(t, False) for t in range(ASKED))

    @property
    def immediate(self) -> bool:
        """Whether it is the paper's, so that observations follow from the last k windows."""
        return False

    def schedule(self, windows: int) -> "Schedule | None":
        """Return the rule in arrays over that many windows, None where it does not come as a `Schedule`."""
        return (_schedule if _never_changes(self) else _schedule.__wrapped__)(self, windows)


@dataclass(frozen=True)
class Full(Feedback):
    """The label of every window is told after ``delay`` windows; the default is the paper's.

    Args:
        delay: d, from 1 to ``MAX_DELAY``: the label of window t is in before window t + d is judged.
        noise: The probability that the label that is told is the wrong one.

    Raises:
        InputError: If one of them is out of range.
    """

    delay: int = 1
    noise: float = 0.0
    kind = "full"

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "delay", whole("feedback_delay", self.delay, most=MAX_DELAY))
        except InputError as error:
            raise InputError(f'{error}; for labels that never come choose feedback="none"') from None
        object.__setattr__(self, "noise", share("label_noise", self.noise))

    def told_at(self, t: int, decision: bool) -> int | None:
        """Return t + d."""
        return t + self.delay

    @property
    def immediate(self) -> bool:
        """Whether it is the paper's: a delay of 1 and no noise."""
        return self == IMMEDIATE

    def schedule(self, windows: int) -> "Schedule | None":
        """Return the rule in arrays; that of a subclass with a `told_at` of its own as `Feedback` does."""
        if type(self).told_at not in (Full.told_at, Alerts.told_at):
            return super().schedule(windows)
        t, told = np.arange(windows), [[self.told_at(0, d) is not None for d in (False, True)]]
        return Schedule(t, t + self.delay, np.repeat(told, windows, axis=0))


@dataclass(frozen=True)
class Alerts(Full):
    """Only flagged windows get a label; see `Full`."""

    kind = "alerts"

    def told_at(self, t: int, decision: bool) -> int | None:
        """Return t + d where the window was flagged."""
        return t + self.delay if decision else None


@dataclass(frozen=True)
class Untold(Full):
    """No label is ever told; delay and noise do not matter."""

    kind = "none"

    def told_at(self, t: int, decision: bool) -> int | None:
        """Return None."""
        return None

    @property
    def tells(self) -> bool:
        """Whether any label is ever told: none is, but by a subclass with a `told_at` of its own."""
        return type(self).told_at is not Untold.told_at

    def schedule(self, windows: int) -> "Schedule | None":
        """Return the rule in arrays; see `Full.schedule`."""
        if self.tells:
            return super().schedule(windows)
        none = np.empty(0, np.int64)
        return Schedule(none, none, np.zeros((windows, 2), dtype=bool))


IMMEDIATE = Full()
"""The paper's."""

KINDS: dict[str, type[Full]] = {"full": Full, "alerts": Alerts, "none": Untold}
"""The rules that have a word."""


class _Own(Feedback):
    """A rule that does not subclass `Feedback`."""

    def __init__(self, rule: Any):
        self._rule, self.noise = rule, getattr(rule, "noise", 0.0)
        self.kind = str(getattr(rule, "kind", type(rule).__name__))  # type: ignore[misc]

    def told_at(self, t: int, decision: bool) -> int | None:
        """Ask the rule."""
        at: int | None = self._rule.told_at(t, decision)
        return at


def feedback_of(kind: Any = "full", delay: int = 1, noise: float = 0.0) -> Feedback:
    """Return the rule that a word, its delay and its noise stand for.

    Args:
        kind: "full", "alerts", "none", or a rule: an object with `told_at`, whose delay and noise are its own.
        delay, noise: See `Full`; those of "none" do not matter.

    Raises:
        InputError: If there is no such word, the object is no rule, or delay or noise is out of range.
    """
    if callable(getattr(kind, "told_at", None)) and not isinstance(kind, type):
        if delay != 1 or noise:
            raise InputError(
                f"feedback {shown(kind)} has a delay and a noise of its own: leave feedback_delay and label_noise out"
            )
        rule = kind if isinstance(kind, Feedback) else _Own(kind)
        share("noise", rule.noise)
        return rule
    return KINDS[one_of("feedback", kind, KINDS)](delay, noise)


@dataclass(frozen=True, eq=False)
class Schedule:
    """A rule in arrays, where it tells windows in their order, and the decision changes whether but not when.

    Args:
        windows: Shape ``(n,)``, ascending: those whose feedback comes in at all, if only after one of the decisions.
        due: Shape ``(n,)``, ascending: before which window it is in.
        told: Shape ``(T, 2)``: whether the label of each window is told, by the decision. Where it is not, that no
            label came is in at the same time.
    """

    windows: NDArray[np.int64]
    due: NDArray[np.int64]
    told: NDArray[np.bool_]

    @property
    def complete(self) -> bool:
        """Whether the feedback of every window comes in."""
        return len(self.windows) == len(self.told)

    def released(self, position: Any) -> Any:
        """Return of how many of ``windows`` the feedback is in before windows ``position``, of any shape."""
        return np.searchsorted(self.due, position, side="right")


def _never_changes(rule: Feedback) -> bool:
    """Return whether a rule is known to answer as every one that equals it does: a frozen dataclass of such values."""
    kind = type(rule)
    own = vars(kind).get("__dataclass_params__")  # a subclass that is no dataclass may have more attributes
    if own is None or not own.frozen or not all(one.compare for one in fields(rule)):  # type: ignore[arg-type]
        return False
    try:
        hash(rule)
    except TypeError:
        return False
    return True


@lru_cache(maxsize=16)
def _schedule(feedback: Feedback, windows: int) -> Schedule | None:
    at = [[told_at(feedback, t, decision) for decision in (False, True)] for t in range(windows)]
    told = np.array([[one is not None for one in pair] for pair in at]).reshape(windows, 2)
    pairs = [(t, {one for one in pair if one is not None}) for t, pair in enumerate(at)]
    if any(len(times) > 1 for _, times in pairs):
        return None
    some = [(t, times.pop()) for t, times in pairs if times]
    order, due = np.array(some, dtype=np.int64).reshape(-1, 2).T
    found = Schedule(order, due, told)
    return found if (np.diff(found.due) >= 0).all() else None


def told_at(feedback: Feedback, t: int, decision: bool) -> int | None:
    """Return what the rule says, checked.

    Raises:
        InputError: If that is not a window after t.
    """
    at = feedback.told_at(t, decision)
    if at is None:
        return None
    if isinstance(at, bool) or not isinstance(at, Integral) or at <= t:
        raise InputError(
            f"feedback {feedback.kind!r} tells the label of window {t} before window {shown(at)}; told_at must return "
            f"a whole number, {t + 1} or more, or None"
        )
    return int(at)


def in_at(feedback: Feedback, t: int, decision: bool) -> tuple[int | None, bool]:
    """Return before which window the feedback of window t is in, None for never, and whether its label is told then.

    Where it is not, but would be after the other decision, that no label came is in when it would have been.
    """
    at = told_at(feedback, t, decision)
    return (at, True) if at is not None else (told_at(feedback, t, not decision), False)


class Waiting:
    """The windows that were judged and whose feedback is still to come.

    Args:
        feedback: When it comes.
    """

    state: ClassVar = ("_due",)

    def __init__(self, feedback: Feedback):
        self._feedback = feedback
        self._due: dict[int, list[tuple[int, bool]]] = {}

    def judged(self, t: int, decision: bool) -> bool:
        """Note a decision on window t; return whether its label will ever be told."""
        at, told = in_at(self._feedback, t, decision)
        if at is not None:
            self._due.setdefault(at, []).append((t, told))
        return told

    def come(self, t: int) -> "list[tuple[int, bool]] | tuple[()]":
        """Return the windows whose feedback comes in just before window t, and of each whether its label is told.

        Ask window after window: what is not fetched in its time is never in.
        """
        return self._due.pop(t, ())


class DueLabels:
    """Labels for a session that takes each in when its rule says: what is told before its time waits for it.

    Args:
        feedback: The rule.
    """

    state: ClassVar = ("_due", "_labels", "_next")

    def __init__(self, feedback: Feedback):
        self._feedback, self._next = feedback, 0
        self._due: dict[int, list[int]] = {}
        self._labels: dict[int, int] = {}

    def judged(self, t: int, decision: bool) -> bool:
        """Note a decision on window t, the newest; return whether its feedback will ever be in."""
        self._next = t + 1
        at, _ = in_at(self._feedback, t, decision)
        if at is None:
            self._labels.pop(t, None)
        else:
            self._due.setdefault(at, []).append(t)
            self._labels.setdefault(t, -1)
        return at is not None

    def tell(self, t: int, label: bool) -> bool:
        """Keep the label of window t until its time; return True, and keep nothing, where that has passed."""
        waits = t >= self._next or t in self._labels
        if waits:
            self._labels[t] = int(label)
        return not waits

    def waiting(self) -> list[int]:
        """Return the windows that were judged and whose feedback is still to come, in any order."""
        return [window for window in self._labels if window < self._next]

    def come(self, t: int) -> list[tuple[int, int]]:
        """Return the windows whose feedback comes in just before window t, and the label of each, -1 for silence."""
        return [(window, self._labels.pop(window)) for window in self._due.pop(t, ())]


def flips(random: np.random.Generator, noise: float, windows: int | None = None) -> Any:
    """Return shape ``(windows,)``: which labels are told wrongly; the one place where that is drawn, one a window.

    Without ``windows`` it is drawn for one, and the answer is a single bool.
    """
    return random.random(windows) < noise


def told_labels(series: ScoredSeries, feedback: Feedback, seed: int) -> NDArray[np.bool_]:
    """Return shape ``(T,)``: the label of each window as it is told, if it is.

    Noise is what ADT-v0 draws on this one series after ``reset(seed=seed)``, so that every method is told the same.
    """
    if not feedback.noise:
        return series.truth
    return series.truth ^ flips(np.random.default_rng(seed), feedback.noise, len(series))
