"""Methods, and sessions: what sets the threshold of one series, one window at a time."""

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError
from adt_gym.saved import Saved
from adt_gym.scaling import Scaling
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.feedback import KINDS, Feedback, Untold, feedback_of

Scores = NDArray[np.floating[Any]]


class Session:
    """One series that is being judged, one window at a time: `threshold`, `judged`, and `tell` whenever a label comes.

    Attributes:
        state: The names of what changes while it runs; see `adt_gym.stream.state`.
    """

    state: ClassVar[tuple[str, ...]] = ()

    def threshold(self, score: float) -> float:
        """Return the threshold of the next window.

        Args:
            score: Of that window, on the scale of ``Method.raw``. A window is flagged if its score is above.
        """
        raise NotImplementedError

    def judged(self, score: float, decision: bool) -> None:
        """Take in what was decided on that window; once after every `threshold`."""

    def tell(self, t: int, label: bool) -> None:
        """Take in the label of window t, counted from 0: early or late, in any order; the last word counts."""


class Fixed(Session):
    """A threshold that never changes."""

    def __init__(self, threshold: float):
        self._threshold = threshold

    def threshold(self, score: float) -> float:
        """Return it."""
        return self._threshold


class Method(Saved):
    """What sets thresholds, rule or agent alike: `fit` learns, `start` begins to judge a series.

    A method is causal: its threshold of window t depends on the scores up to t and on labels already told, on nothing
    later. `detect` may be overridden by arrays that say the same as the loop of `adt_gym.stream.replay.replay`.

    The arguments of the constructor are kept as attributes of the same names; they, and the attributes that ``fitted``
    names, are all that `save` writes.

    Attributes:
        name: What tables call it.
        sees_labels: Whether it makes use of labels of the series that it judges.
        raw: Whether it is given raw scores, for arithmetic that depends on distances, and returns raw thresholds;
            otherwise both are scaled, in [0, 1].
        hindsight: Whether it is defined by the labels of the very series that it judges, and so fitted on those.
        feedback: What it expects to be told of the series that it judges; one that sees no labels needs none.
        seed: Of what label noise flips in `detect`.
        detail: What `fit` has chosen, for tables.
        shares_evidence: Whether it takes ``evidence``, which methods for different feedback may share.
        evidence: The `adt_gym.thresholds.evidence.Evidence` of the series that `fit` gets, set before it, or None.
    """

    kind = "method"
    name: str
    sees_labels: bool = False
    raw: bool = False
    hindsight: bool = False
    feedback: Feedback = Untold()
    seed: int = 0
    detail: str = ""
    shares_evidence: bool = False
    evidence: Any = None

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from labelled series of other machines, or nothing; return self."""
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Session:
        """Begin to judge a series.

        Args:
            past: Shape ``(p,)``: the scores before the first window, on the scale of ``raw``, which nobody has
                labelled; None or empty where there are none.
            times: Shape ``(p,)``: their times, where known.
            scaling: How the raw scores of the series become scaled ones; None where they are the same.
        """
        raise NotImplementedError

    def detect(self, series: ScoredSeries) -> Detection:
        """Return a threshold and a decision for every window, told what ``feedback`` tells."""
        from adt_gym.stream.replay import replay

        return replay(self, series, self.feedback, self.seed)

    def _options(self) -> dict[str, Any]:
        """Return the arguments it was made with, as JSON holds them."""
        names = list(inspect.signature(type(self)).parameters)
        options = {name: getattr(self, name) for name in names}
        if isinstance(options.get("feedback"), Feedback):
            options |= dict(zip(("feedback", "delay", "noise"), self._feedback_words(), strict=True))
        return options

    def _feedback_words(self) -> tuple[str, int, float]:
        """Return kind, delay and noise of its feedback.

        Raises:
            InputError: If it is a rule of the user's own.
        """
        rule = self.feedback
        if type(rule) is not KINDS.get(rule.kind):
            raise InputError(
                f"{self.name}: its feedback {rule.kind!r} is a rule of your own, which a file cannot hold; make "
                'it with "full", "alerts" or "none" to save it'
            )
        return rule.kind, rule.delay or 1, rule.noise


class ToldMethod(Method):
    """A method that is made for some feedback.

    Args:
        feedback: What is told of the series that it judges: "full", "alerts", "none", or a rule of your own.
        delay: d: the label of window t is in before window t + d is judged.
        noise: The probability that a label that is told is the wrong one.
        seed: Of what is drawn in learning, and of the labels that are flipped.

    Raises:
        InputError: If one of them is out of range.
    """

    def __init__(self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0):
        self.feedback = feedback_of(feedback, delay, noise)
        self.delay, self.noise, self.seed = self.feedback.delay or 1, self.feedback.noise, seed

    @property
    def sees_labels(self) -> bool:  # type: ignore[override]
        """Whether any labels are told."""
        return self.feedback.tells
