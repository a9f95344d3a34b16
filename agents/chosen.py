"""Our agent: the belief agent, or gradient boosting where the training series say that it is clearly better.

With many events to learn from, one model of scores and labels together beats keeping them apart; with few it learns the
series by heart. Both know how they did on series that they had not seen, so the choice is theirs to make.
"""

from collections.abc import Sequence
from typing import Self

from adt_gym.agents.belief import BeliefAgent, Evidence, gains
from adt_gym.agents.boosting import Boosting
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.feedback import Feedback
from adt_gym.stream.stream import Method


class ChosenAgent(Method):
    """The agent as a thresholder.

    Under "alerts" it is always the belief agent: how boosting does with the labels that it would earn is not known from
    series on which all are told.

    Args:
        feedback: What is told of the labels of the series that it is used on.
        seed: See `BeliefAgent`.
        evidence: See `BeliefAgent`.
    """

    name = "ours"

    def __init__(self, feedback: Feedback, seed: int = 0, evidence: Evidence | None = None):
        self.feedback, self.seed, self.evidence = feedback, seed, evidence

    @property
    def sees_labels(self) -> bool:  # type: ignore[override]
        """Whether any labels are told."""
        return self.feedback.tells

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Fit both on labelled series of other machines and choose by their F1 on held-out ones.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        belief = BeliefAgent(self.feedback, self.seed, self.evidence).fit(train)
        self.chosen: BeliefAgent | Boosting = belief
        if self.feedback.kind != "alerts":
            boosting = Boosting(self.feedback, self.seed).fit(train)
            if gains(boosting.held_out_f1, belief.held_out_f1):
                self.chosen = boosting
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Use the chosen one."""
        return self.chosen.detect(series)
