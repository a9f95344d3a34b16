"""What every example trains and tests on, how a network becomes a policy, and the table at the end."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from adt_gym import ScoredSeries
from adt_gym.envs.sources import resolve
from adt_gym.evaluation.compare import Row, compare
from adt_gym.thresholds import Method, make

TRAINING_SERIES = 40


def split() -> tuple[list[ScoredSeries], list[ScoredSeries]]:
    """Return the packaged scored series in two parts: to train on, and to test on."""
    series = list(resolve("yahoo_like"))
    return series[:TRAINING_SERIES], series[TRAINING_SERIES:]


class Greedy:
    """The policy that takes the action with the highest output of ``network``, with SB3's ``predict``."""

    def __init__(self, network: Callable[[torch.Tensor], torch.Tensor]):
        self.network = network

    def predict(self, observation: Any, **_: Any) -> tuple[NDArray[np.int64], None]:
        """Return the actions for one observation ``(n,)`` or a batch ``(b, n)``, and None for the state."""
        with torch.no_grad():
            outputs = self.network(torch.as_tensor(np.asarray(observation, dtype=np.float32)))
        return outputs.argmax(dim=-1).numpy(), None


def print_truth(agents: Sequence[Method], train: Sequence[ScoredSeries], test: Sequence[ScoredSeries]) -> list[Row]:
    """Print how the agents do on the test series, beside the rules that any agent must be held against."""
    rules = [make("persistence", delay=1), make("static"), make("always"), make("never")]
    rows = compare([*agents, *rules], train, test)
    print(f"{sum(map(len, test)):,} windows of {len(test)} series that no training saw")
    print(f"{'method':26}saw labels     P      R     F1")
    for row in rows:
        saw = "yes" if row.saw_labels else "no"
        print(f"{row.method:26}{saw:10}{row.precision:6.3f} {row.recall:6.3f} {row.f1:6.3f}")
    return rows
