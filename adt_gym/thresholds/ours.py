"""Our agent: the belief agent, or gradient boosting where the training series say that it is clearly better.

With many events to learn from, one model of scores and labels together beats keeping them apart; with few it learns the
series by heart. Both know how they did on series that they had not seen, so the choice is theirs to make.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from adt_gym.scaling import Scaling
from adt_gym.series import ScoredSeries
from adt_gym.stream.stream import Scores, Session, ToldMethod
from adt_gym.thresholds.belief import Belief, gains
from adt_gym.thresholds.boosting import Boosting
from adt_gym.thresholds.evidence import Evidence


class Ours(ToldMethod):
    """The agent as a method.

    Where labels depend on decisions, as under "alerts", it is always the belief agent: how boosting does with the
    labels that it would earn is not known from series on which all are told.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.

    Attributes:
        evidence: See `Belief`.
        chosen: The one that was better.
    """

    name = "ours"
    fitted: ClassVar = ("chosen",)
    shares_evidence = True
    evidence: Evidence | None = None
    chosen: Belief | Boosting

    def __init__(self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0):
        super().__init__(feedback, delay, noise, seed)

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Fit both on labelled series of other machines and choose by their F1 on held-out ones.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        belief = self._make(Belief)
        belief.evidence = self.evidence
        self.chosen = belief.fit(train)
        if not self.feedback.partial:
            boosting = self._make(Boosting).fit(train)
            if gains(boosting.held_out_f1, belief.held_out_f1):
                self.chosen = boosting
        return self

    @property
    def detail(self) -> str:  # type: ignore[override]
        """The name of the chosen one."""
        return self.chosen.name

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Session:
        """Begin as the chosen one does."""
        return self.chosen.start(past, times, scaling)

    def _make(self, kind: Any) -> Any:
        return kind(self.feedback, seed=self.seed)

    def _fitted(self) -> dict[str, Any]:
        return {"chosen": self.chosen.name, **self.chosen._fitted()}

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.chosen = self._make({Belief.name: Belief, Boosting.name: Boosting}[values["chosen"]])
        self.chosen._restore(values)
