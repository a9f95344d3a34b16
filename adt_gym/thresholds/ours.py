"""Our agent: the one that remembers, or step control where the training series say that it is surely better.

Both know how they did on the training series, so the choice is theirs to make.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from adt_gym.scaling import Scaling
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.stream import Method, Scores, Session, ToldMethod
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.objective import objective, surely_better
from adt_gym.thresholds.remembering import Remembering
from adt_gym.thresholds.step_control import StepControl


class Ours(ToldMethod):
    """The agent as a method.

    Step control has five numbers that are chosen on the series on which it is then judged; the agent that remembers is
    judged by trees that have not seen them.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.

    Attributes:
        evidence: See `Remembering`.
        chosen: The one that was better.
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
        self.chosen, values = remembering.fit(train), remembering.held_out
        control = self._make(StepControl).fit(train)
        if surely_better(np.array([objective(control.detect(one).decisions, one.truth) for one in train]), values):
            self.chosen = control
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
        kinds = {kind.name: kind for kind in (Remembering, StepControl)}
        self.chosen = self._make(kinds[values["chosen"]])
        self.chosen._restore({key: value for key, value in values.items() if key != "chosen"})
