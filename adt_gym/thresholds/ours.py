"""Our agent: the one that remembers, or gradient boosting where every label comes and that does better.

Both know how they did on training series that they had not seen, so the choice is theirs to make.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from adt_gym.scaling import Scaling
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.stream import Method, Scores, Session, ToldMethod
from adt_gym.thresholds.boosting import Boosting
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.remembering import Remembering


class Ours(ToldMethod):
    """The agent as a method.

    Under rules that tell some labels only, boosting has learned from labels that it will not get: it is no candidate.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.

    Attributes:
        evidence: See `Remembering`.
        chosen: The one with the better mean ``held_out``.
    """

    name = "ours"
    fitted: ClassVar = ("chosen",)
    shares_evidence = True
    evidence: Evidence | None = None
    chosen: Method

    def __init__(self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0):
        super().__init__(feedback, delay, noise, seed)

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Fit both on labelled series of other machines and choose by the objective on these.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows, or the evidence was fitted on
                others.
        """
        remembering = self._make(Remembering)
        remembering.evidence = self.evidence
        self.chosen = remembering.fit(train)
        if self.sees_labels and not self.feedback.partial:
            boosting = self._make(Boosting).fit(train)
            if boosting.held_out.mean() > remembering.held_out.mean():
                self.chosen = boosting
        return self

    @property
    def detail(self) -> str:  # type: ignore[override]
        """The name of the chosen one."""
        return self.chosen.name

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Session:
        """Begin as the chosen one does."""
        return self.chosen.start(past, times, scaling)

    def detect(self, series: ScoredSeries) -> Detection:
        """Judge as the chosen one does."""
        return self.chosen.detect(series)

    def _make(self, kind: Any) -> Any:
        return kind(self.feedback, seed=self.seed)

    def _fitted(self) -> dict[str, Any]:
        return {"chosen": self.chosen.name, **self.chosen._fitted()}

    def _restore(self, values: Mapping[str, Any]) -> None:
        kinds = {kind.name: kind for kind in (Remembering, Boosting)}
        self.chosen = self._make(kinds[values["chosen"]])
        self.chosen._restore({key: value for key, value in values.items() if key != "chosen"})
