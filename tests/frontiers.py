"""What the tests of `adt frontier` share: its command in this process, small servers, learners that take no time."""

from typing import Any

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from adt_gym import thresholds
from adt_gym.registry import Entry
from adt_gym.scripts.frontier import frontier
from adt_gym.scripts.options import SeveralWords
from adt_gym.stream.feedback import Feedback
from adt_gym.thresholds import Method, make

app = typer.Typer()
app.command(cls=SeveralWords)(frontier)

FAST = ("IQR", "MAD")
LEARNERS = (
    ("step_control", "step control"), ("hedge", "hedge"), ("feedback_forest", "feedback forest"),
    ("boosting", "gradient boosting"), ("ours", "ours"),
)  # fmt: skip
"""Those that do not play, and what tables call them."""


def arrays(seed: int, points: int = 300, events: int = 4) -> dict[str, NDArray[Any]]:
    """Three metrics with noise; in the tested part, anomalies of some length that shift them."""
    random = np.random.default_rng(seed)
    labels = np.zeros(points, dtype=bool)
    for start in random.choice(np.arange(20, points - 30, 40), events, replace=False):
        labels[start : start + random.integers(8, 20)] = True
    train, test = random.normal(0, 0.1, (2, points, 3))
    return {"train": train, "test": test + 0.4 * labels[:, None], "test_label": labels}


class Quick(Method):
    """Stands for a learner where only the rows matter: the static threshold."""

    def __init__(self, name: str, feedback: Feedback, seed: int):
        self.name, self.sees_labels, self.rule = name, feedback.tells, make("static")
        self.fit, self.detect = self.rule.fit, self.rule.detect


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, where: Any, /, **options: Any) -> None:
    entry = thresholds.registry[name]
    monkeypatch.setitem(thresholds.registry._entries, name, Entry(where, entry.tags, options))


def adt_frontier(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "110"})


def succeed(*arguments: object) -> str:
    result = adt_frontier(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output
