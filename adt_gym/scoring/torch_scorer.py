"""What the scorers with a network share: training on scaled windows, errors of a long series in little memory."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adt_gym.scoring.base import ScorerSettings, chunks, normal_windows
from adt_gym.scoring.rows import Rows, RowScorer
from adt_gym.scoring.training import Epoch, Floats, Objective, Parts, Windows, device, seeded, train
from adt_gym.series import InputError, Series
from adt_gym.threads import one_thread


@dataclass(frozen=True)
class TorchSettings(ScorerSettings):
    """Settings of a scorer with a network, beside those of `ScorerSettings`.

    Args:
        epochs: Passes over the training windows.
        batch_size: Windows of one update.
        learning_rate: Of Adam.
        validation: Share of each series's normal windows, the last ones, that only the curves see.
        device: "cpu", "cuda", "cuda:1"; None for a GPU where torch has one, else the CPU.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    validation: float = 0.1
    device: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.epochs, self.batch_size) < 1 or not 0 <= self.validation < 1:
            raise InputError(f"epochs and batch_size must be at least 1, validation in [0, 1): {self}")


class TorchScorer(RowScorer):
    """A scorer whose network comes near to a part of each window; its error is what the score is made of.

    Args:
        settings: Fields of the class's ``Settings``.
    """

    Settings: ClassVar[type[TorchSettings]] = TorchSettings
    objective: ClassVar[Objective]
    settings: Any

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self._dtype = torch.float32
        self._device = device(self.settings.device)

    def fit(
        self,
        normal: Sequence[Series],
        on_epoch: Callable[[Epoch], object] | None = None,
        test: Sequence[tuple[Series, Series | None]] = (),
    ) -> Self:
        """Train on the windows without an anomaly and learn the scalings.

        Args:
            normal: The training series.
            on_epoch: Called after each epoch.
            test: Series, each with its past or None, whose error over all their windows stands in the curves; nothing
                is learned from them.

        Raises:
            InputError: If series differ in their columns, or leave no normal window to train on.
        """
        self._normal_windows(normal)
        for one, _ in test:
            self._require_columns(one)
        self._learn(normal, on_epoch, test)
        return self._fit_scaling(normal)

    @abstractmethod
    def _network(self) -> nn.Module:
        """Return a new network for series of ``self._columns`` columns."""

    @property
    def _candidates(self) -> int:
        """Networks started; after a tenth of the epochs only the one with the lowest training error goes on."""
        return 1

    @one_thread()
    def _learn(
        self,
        normal: Sequence[Series],
        on_epoch: Callable[[Epoch], object] | None = None,
        test: Sequence[tuple[Series, Series | None]] = (),
    ) -> None:
        settings = self.settings
        self._pool(normal)
        parts = self._parts(normal, test)
        if not len(parts.training):
            raise InputError(
                f"{self.name}: no {self._length} points in a row without an anomaly; give a longer training part"
            )
        with seeded(settings.seed):
            networks = [self._network().to(self._device, self._dtype) for _ in range(self._candidates)]
        runs = [
            train(
                network,
                self.objective,
                parts,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                learning_rate=settings.learning_rate,
                seed=settings.seed,
            )
            for network in networks
        ]
        curves = [list(islice(run, max(settings.epochs // 10, 1))) for run in runs]
        best = int(np.argmin([curve[-1].training for curve in curves]))
        self.curve = []
        for epoch in chain(curves[best], runs[best]):
            self.curve.append(epoch)
            if on_epoch is not None:
                on_epoch(epoch)
        self._use(networks[best])

    def _parts(self, normal: Sequence[Series], test: Sequence[tuple[Series, Series | None]]) -> Parts:
        """Return normal windows to train on, the last ones of each series for validation, all windows of the test."""
        values, firsts = self._joined([(one, one) for one in normal])
        starts = [normal_windows(one, self._length) + first for one, first in zip(normal, firsts, strict=True)]
        kept = [int(np.ceil(len(s) * (1 - self.settings.validation))) for s in starts]
        training = np.concatenate([s[:n] for s, n in zip(starts, kept, strict=True)])
        validation = np.concatenate([s[n:] for s, n in zip(starts, kept, strict=True)])
        tested, firsts = self._joined(test)
        every = [
            one.window_starts(self._length) + first
            for (one, _), first in zip(test, firsts, strict=True)
            if len(one) >= self._length
        ]
        return Parts(
            self._windows(values, training),
            self._windows(values, validation),
            self._windows(tested, np.concatenate([*every, np.empty(0, dtype=np.int64)])),
        )

    def _joined(self, series: Sequence[tuple[Series, Series | None]]) -> tuple[Floats, NDArray[np.int64]]:
        """Return the values of all series, scaled by their pasts, one after the other, and where each begins."""
        firsts = np.cumsum([0] + [len(one) for one, _ in series])
        values = np.empty((firsts[-1], self._columns), dtype=np.float32)
        for (one, past), first in zip(series, firsts[:-1], strict=True):
            scale = self._scale(past)
            for rows in chunks(len(one)):
                values[first + rows.start : first + rows.stop] = scale(one.values[rows])
        return values, firsts[:-1]

    def _windows(self, values: Floats, starts: NDArray[np.int64]) -> Windows:
        return Windows(values, starts, self._length, self._device, self._dtype)

    @one_thread()
    def _judge(self, rows: Rows) -> NDArray[np.float64]:
        with torch.inference_mode():
            batch = torch.from_numpy(rows).to(self._device, torch.float64)
            found: NDArray[np.float64] = self.objective.errors(self._trained, batch).cpu().numpy()
        return found

    def _use(self, network: nn.Module) -> None:
        """Let a network judge: in float64, or an error would depend on how many windows are judged at once."""
        self._trained = network.to(self._device, torch.float64).eval()

    def _fitted(self) -> dict[str, Any]:
        values = super()._fitted()
        weights = {name: tensor.to(self._dtype).cpu().numpy() for name, tensor in self._trained.state_dict().items()}
        return {**values, "weights": weights, "curve": [asdict(epoch) for epoch in self.curve]}

    def _restore(self, values: Mapping[str, Any]) -> None:
        weights = {name: torch.from_numpy(array) for name, array in values["weights"].items()}
        self.curve = [Epoch(**epoch) for epoch in values["curve"]]
        super()._restore({name: value for name, value in values.items() if name not in ("weights", "curve")})
        with torch.device("meta"):  # what the settings claim takes no memory before it is held against the weights
            network = self._network()
        network.load_state_dict(weights, assign=True)
        self._use(network)
