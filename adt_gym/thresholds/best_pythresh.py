"""PyThresh at its best: the method that does best on the training series."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.stream import Method, Scores, Session
from adt_gym.thresholds.pythresh import FAST_PYTHRESH, PyThresh

TEACHERS = 15
"""The choice is made on at most so many training series, evenly taken: with all methods one takes seconds."""


class BestPyThresh(Method):
    """The PyThresh method with the highest F1 on the training series, the mean over them.

    Args:
        methods: Which to choose from; those that fail on the training scores are passed over.

    Attributes:
        chosen: The best one.
    """

    name = "pythresh (best on train)"
    raw = PyThresh.raw
    fitted: ClassVar = ("chosen",)
    chosen: PyThresh

    def __init__(self, methods: Sequence[str] = FAST_PYTHRESH):
        self.methods = methods

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Fit each method on all training scores together and choose by the training labels.

        Raises:
            InputError: If all methods fail.
        """
        told = train[:: -(-len(train) // TEACHERS)] if train else ()
        best, failure = -1.0, InputError("no PyThresh method to choose from")
        for name in self.methods:
            try:
                method = PyThresh(name).fit(train)
                f1 = float(np.mean([precision_recall_f1(method.detect(one).decisions, one.truth)[2] for one in told]))
            except InputError as error:
                failure = error
                continue
            if f1 > best:
                best, self.chosen = f1, method
        if best < 0:
            raise failure
        return self

    @property
    def detail(self) -> str:  # type: ignore[override]
        """The name of the chosen one."""
        return self.chosen.method

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Session:
        """Begin as the chosen method does."""
        return self.chosen.start(past, times, scaling)

    def _fitted(self) -> dict[str, Any]:
        return {"chosen": self.chosen.method, **self.chosen._fitted()}

    def _restore(self, values: Mapping[str, Any]) -> None:
        fitted = dict(values)
        self.chosen = PyThresh(fitted.pop("chosen"))
        self.chosen._restore(fitted)
