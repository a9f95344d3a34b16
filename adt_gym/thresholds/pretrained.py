"""The agent that comes trained: a threshold for a series that nobody has labelled, from its first window on.

It is the agent of `adt_gym.thresholds.remembering`, trained once for each of a few kinds of feedback on all series of
six families; docs/pretrained.md is its card. What it learned lies beside this file, as arrays.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import log
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.scaling import Scaling, tail
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import ScoreContext
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.stream.stream import Scores
from adt_gym.thresholds.chain import usual_delay
from adt_gym.thresholds.evidence import Evidence, evidence_of
from adt_gym.thresholds.remembering import Rememberer, Remembering
from adt_gym.thresholds.replayed import Replayed
from adt_gym.thresholds.surprise import Surprise

SHIPPED = Path(__file__).with_suffix(".npz")

DELAYS = (1, 10, 60, 300)
"""Windows until a label is told, of the agents: the nearest one judges, by the logarithm."""

QUIET = 0.05
"""A series of which more of the past would be flagged is noisier than those that the agent has learned on."""

FEW = 400
"""Windows within which the usual delay of a rule of one's own is looked for."""


class Pretrained(Replayed):
    """The agent as a method: `fit` changes nothing, and labels are of use but not needed.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`; by default no label is ever told.
    """

    name = "pretrained"
    fitted: ClassVar = ("agents",)
    agents: dict[str, dict[str, Any]]

    def __init__(self, feedback: Any = "none", delay: int = 1, noise: float = 0.0, seed: int = 0):
        super().__init__(feedback, delay, noise, seed)

    def train(self, series: Sequence[ScoredSeries], advance: Callable[[str], object] = lambda name: None) -> Self:
        """Learn anew, instead of what comes with the package.

        Args:
            series: Labelled, of as many machines as there are.
            advance: Called with the name of each agent, once it has learned.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows.
        """
        evidence, agents = Evidence(self.seed).fit(series), {}
        for feedback in [feedback_of("none"), *(feedback_of(kind, d) for kind in ("alerts", "full") for d in DELAYS)]:
            agent = Remembering(feedback, seed=self.seed)
            agent.evidence = evidence
            agents[_name(feedback)] = agent.fit(series)._fitted()
            advance(_name(feedback))
        self.agents = agents
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Rememberer:
        """Begin as the agent for the feedback that is nearest.

        A past is of use, and not needed: by it the scores, however they are scaled, are brought to the scale that the
        agent has learned on, the scaling "tail" on the series' own past, and the cut is set so high that at most
        ``QUIET`` of its windows would be flagged by what scores say. Where every label comes, labels see to that.
        """
        agents = vars(self).get("agents") or _shipped()
        agent = Remembering(self.feedback, seed=self.seed)
        agent._restore(agents[_name(self.feedback)])
        learned, rule = None, agent.rule
        if past is not None and len(past):
            learned = _to_tail(past, scaling)
            if not self.feedback.tells or self.feedback.partial:
                said = _said(agent, learned(past), Surprise(past, scaling).extend(past))
                rule = rule._replace(cut=max(rule.cut, float(np.quantile(said, 1 - QUIET))))
        return Rememberer(agent.forest, agent.spread, agent.chain, rule, self.feedback, past, scaling, learned)

    def _restore(self, values: Mapping[str, Any]) -> None:
        if values:
            self.agents = dict(values["agents"])


def _to_tail(past: Scores, scaling: Scaling | None) -> Callable[[Scores], Scores]:
    """Return what brings scores of a series with such a past to the scaling "tail" on that past."""

    def raw(scores: Scores) -> NDArray[np.float64]:
        return np.asarray(scores, np.float64) if scaling is None else scaling.inverse(scores)

    own = tail(raw(past))
    return lambda scores: own(raw(scores)).astype(np.float32)


def _said(agent: Remembering, scores: Scores, surprises: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shape ``(n,)``: what is said of windows by their scores, as the agent takes them, and their surprises."""
    trees = evidence_of(agent.forest, ScoreContext().extend(np.clip(scores, 0.0, 1.0)))
    said: NDArray[np.float64] = agent.rule.mix * trees + (1 - agent.rule.mix) * surprises
    return said


def _name(feedback: Feedback) -> str:
    """Return what the agent for the nearest feedback is kept under."""
    if not feedback.tells:
        return "none"
    delay = usual_delay(feedback, FEW) if feedback.delay is None else feedback.delay
    nearest = min(DELAYS, key=lambda one: abs(log(one) - log(max(delay, 1))))
    return f"{'alerts' if feedback.partial else 'full'}-{nearest}"


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    return Pretrained.load(SHIPPED).agents
