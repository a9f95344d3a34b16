"""Training of a network on windows that are never all in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adt_gym.scoring.base import CHUNK
from adt_gym.series import InputError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Epoch:
    """One point of the curves: mean squared errors of the scaled values, and R2 = 1 - error / variance.

    The training error is the mean over the epoch's updates, the others are taken after it. None stands for a part that
    there is not, and for the R2 of a part that never varies.
    """

    epoch: int
    training: float
    validation: float | None
    test: float | None = None
    training_r2: float | None = None
    validation_r2: float | None = None
    test_r2: float | None = None


@dataclass(frozen=True, eq=False)
class Windows:
    """Some windows of one array of points.

    Args:
        values: Shape ``(n, m)``, scaled.
        starts: The first point of each window.
        length: Points of a window.
        device, dtype: Of the batches.
    """

    values: Floats
    starts: NDArray[np.int64]
    length: int
    device: torch.device
    dtype: torch.dtype

    def __len__(self) -> int:
        return len(self.starts)

    def batches(self, size: int, order: NDArray[np.int64] | None = None) -> Iterator[torch.Tensor]:
        """Yield the windows flattened, ``size`` at a time, in the order of ``starts`` or in another."""
        starts = self.starts if order is None else order
        offsets = np.arange(self.length)
        for i in range(0, len(starts), size):
            windows = self.values[starts[i : i + size, None] + offsets]
            yield torch.from_numpy(windows.reshape(len(windows), -1)).to(self.device, self.dtype)


class Parts(NamedTuple):
    """The windows that teach, and those that only the curves see; either may be empty."""

    training: Windows
    validation: Windows
    test: Windows


@dataclass(frozen=True)
class Objective:
    """A network's task: to come near to ``target(window)``, a part of the window."""

    target: Callable[[torch.Tensor], torch.Tensor]

    def errors(self, network: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error of each window of the batch."""
        error: torch.Tensor = (network(batch) - self.target(batch)).square().mean(dim=1)
        return error

    def mean_error(self, network: nn.Module, windows: Windows) -> float | None:
        """Return the mean over all windows, None if there is none."""
        if not len(windows):
            return None
        network.eval()
        with torch.inference_mode():
            return sum(float(self.errors(network, b).sum()) for b in windows.batches(CHUNK)) / len(windows)

    def variance(self, windows: Windows) -> float:
        """Return the variance of the targets around their mean, averaged over the columns; 0 without windows."""
        total = square = torch.zeros((), dtype=torch.float64)
        for batch in windows.batches(CHUNK):
            target = self.target(batch).double().cpu()
            total = total + target.sum(dim=0)
            square = square + target.square().sum(dim=0)
        return float((square / len(windows) - (total / len(windows)).square()).mean()) if len(windows) else 0.0


def train(
    network: nn.Module,
    objective: Objective,
    parts: Parts,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> Iterator[Epoch]:
    """Train with Adam on the mean squared error, yielding after each epoch.

    Args:
        network: What is trained.
        objective: Its task.
        parts: The windows; only those for training teach.
        epochs: Passes over the training windows.
        batch_size: Windows of one update.
        learning_rate: Of Adam.
        seed: Of the order of the windows and of dropout.
    """
    variances = [objective.variance(part) for part in parts]
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    random = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        order = random.permutation(parts.training.starts)
        with seeded(seed + epoch):
            total = _pass(network, objective, parts.training.batches(batch_size, order), optimizer)
        errors = (
            total / len(parts.training),
            objective.mean_error(network, parts.validation),
            objective.mean_error(network, parts.test),
        )
        training_r2, validation_r2, test_r2 = map(_r2, errors, variances)
        yield Epoch(epoch, *errors, training_r2, validation_r2, test_r2)


def _pass(
    network: nn.Module, objective: Objective, batches: Iterator[torch.Tensor], optimizer: torch.optim.Optimizer
) -> float:
    """Make one update per batch; return the sum of all windows' errors."""
    network.train()
    total = 0.0
    for batch in batches:
        loss = objective.errors(network, batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total


def _r2(error: float | None, variance: float) -> float | None:
    return None if error is None or variance <= 0 else 1 - error / variance


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's global generator, which initial weights and dropout draw from, start at ``seed`` inside the block."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def device(name: str | None) -> torch.device:
    """Return the device of that name; None for a GPU where torch has one, else the CPU.

    Raises:
        InputError: If torch does not know or does not have it.
    """
    try:
        chosen = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"torch cannot use the device {name!r}: {error}; give cpu, or leave it out") from error
    return chosen
