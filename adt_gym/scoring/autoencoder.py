"""The auto-encoder of the ADT paper: a window's score is its reconstruction error."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adt_gym.files import replacing
from adt_gym.series import MIN_SCORE, InputError, MinMax, ScoredSeries, Series

SCORING_BATCH = 4096
Floats = NDArray[np.float32]

POOLED = ""
"""Key of the scaling over all training series, for series that were not among them."""


@dataclass(frozen=True)
class AutoEncoderSettings:
    """Settings of the auto-encoder.

    Args:
        window: tau, the points of a window.
        latent: Width of the innermost layer; None for 3 with one metric and 100 with several, as in the paper.
        epochs: Passes over the training windows.
        batch_size: Windows of one update.
        learning_rate: Of Adam.
        validation: Share of each series's normal windows, the last ones, that only the loss curve sees.
        seed: Of the weights and the order of the windows.
        candidates: Networks started. Narrow ReLU layers often die in the first updates and then reconstruct a constant;
            after a tenth of the epochs only the one with the lowest training loss goes on. None for 8 with one
            metric and 1 with several.
        double: Train in float64: slower, but other processors then agree to many more digits.
    """

    window: int = 10
    latent: int | None = None
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    validation: float = 0.1
    seed: int = 0
    candidates: int | None = None
    double: bool = False

    def __post_init__(self) -> None:
        if min(self.window, self.epochs, self.batch_size, self.candidates or 1) < 1 or not 0 <= self.validation < 1:
            raise InputError(
                f"window, epochs, batch_size and candidates must be at least 1, validation in [0, 1): {self}"
            )


@dataclass(frozen=True)
class Epoch:
    """One point of the loss curve: mean squared errors of the scaled values; validation is None without such a part."""

    epoch: int
    training: float
    validation: float | None


class AutoEncoder:
    """Fully connected auto-encoder d -> d/2 -> d/4 -> latent -> d/4 -> d/2 -> d over windows of d = tau m values.

    ReLU between the layers, sigmoid at the end, Adam on the mean squared error (paper, section 4). One network serves
    all series; each series is scaled to [0, 1] by its own training points without an anomaly, and its errors by its
    own normal training windows. A series that was not in the training is scaled by all of them together.

    Args:
        settings: Fields of `AutoEncoderSettings`.
    """

    def __init__(self, **settings: Any):
        known = [f.name for f in fields(AutoEncoderSettings)]
        if unknown := sorted(set(settings) - set(known)):
            raise InputError(f"autoencoder: unknown setting {unknown[0]!r}; known: {', '.join(known)}")
        self.settings = AutoEncoderSettings(**settings)
        self.curve: list[Epoch] = []
        self._dtype = torch.float64 if self.settings.double else torch.float32

    def fit(self, normal: Sequence[Series], on_epoch: Callable[[Epoch], object] | None = None) -> Self:
        """Train on the windows without an anomaly and learn the scalings.

        Raises:
            InputError: If series differ in their columns, share a name, or leave no normal window to train on.
        """
        names = [one.name for one in normal]
        if len(set(names)) != len(names) or len({one.columns for one in normal}) != 1:
            raise InputError("autoencoder: training series need different names and the same columns")
        windows = [_normal_windows(one, self.settings.window) for one in normal]
        if not sum(map(len, windows)):
            raise InputError(
                f"no window of {self.settings.window} points without an anomaly in {', '.join(names[:5])}: "
                "give a longer training part or a shorter window"
            )
        points = [one.values if one.labels is None else one.values[~one.labels] for one in normal]
        self._inputs = {one.name: MinMax.fit(p) for one, p in zip(normal, points, strict=True) if len(p)}
        self._inputs[POOLED] = MinMax.fit(*(p for p in points if len(p)))
        self._train(normal, windows, on_epoch)
        errors = [self._errors(one)[w] for one, w in zip(normal, windows, strict=True)]
        self._outputs = {one.name: MinMax.fit(e) for one, e in zip(normal, errors, strict=True) if len(e)}
        self._outputs[POOLED] = MinMax.fit(*(e for e in errors if len(e)))
        return self

    def score(self, series: Series) -> ScoredSeries:
        """Return the scaled reconstruction error of every window; labels are False throughout where there are none.

        Raises:
            InputError: If the scorer is not fitted, the series has other columns or fewer points than one window.
        """
        if not hasattr(self, "_outputs"):
            raise InputError("autoencoder: fit() or load() before score()")
        scaling = self._outputs.get(series.name, self._outputs[POOLED])
        scores = np.clip(scaling(self._errors(series)), MIN_SCORE, 1.0).astype(np.float32)
        window = self.settings.window
        labelled = series.labels is not None
        labels = series.window_labels(window) if labelled else np.zeros(len(scores), dtype=bool)
        meta = {"scorer": "autoencoder", "window": window, "labelled": labelled}
        return ScoredSeries(scores, labels, series.name, series.window_index(window), meta)

    def _train(
        self, normal: Sequence[Series], windows: list[NDArray[np.int64]], on_epoch: Callable[[Epoch], object] | None
    ) -> None:
        settings = self.settings
        values = np.concatenate([self._scaled(one) for one in normal])
        starts = np.cumsum([0] + [len(one) for one in normal[:-1]])
        kept = [int(np.ceil(len(w) * (1 - settings.validation))) for w in windows]
        training = np.concatenate([s + w[:n] for s, w, n in zip(starts, windows, kept, strict=True)])
        validation = np.concatenate([s + w[n:] for s, w, n in zip(starts, windows, kept, strict=True)])

        metrics = values.shape[1]
        candidates = settings.candidates or (8 if metrics == 1 else 1)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            networks = [_network(settings, metrics).to(_device(), self._dtype) for _ in range(candidates)]
        runs = [self._epochs(network, values, training, validation) for network in networks]
        curves = [list(islice(run, max(settings.epochs // 10, 1))) for run in runs]
        best = int(np.argmin([curve[-1].training for curve in curves]))
        self._network = networks[best]
        self.curve = []
        for epoch in chain(curves[best], runs[best]):
            self.curve.append(epoch)
            if on_epoch is not None:
                on_epoch(epoch)

    def _epochs(
        self, network: nn.Module, values: Floats, training: NDArray[np.int64], validation: NDArray[np.int64]
    ) -> Iterator[Epoch]:
        """Train the network epoch by epoch."""
        optimizer = torch.optim.Adam(network.parameters(), lr=self.settings.learning_rate)
        random = np.random.default_rng(self.settings.seed)
        for epoch in range(1, self.settings.epochs + 1):
            total = 0.0
            for batch in self._batches(values, random.permutation(training), self.settings.batch_size):
                loss = _error(network, batch).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(batch)
            yield Epoch(epoch, total / len(training), self._mean_error(network, values, validation))

    def _batches(self, values: NDArray[np.float32], starts: NDArray[np.int64], size: int) -> Iterator[torch.Tensor]:
        """Yield the windows at ``starts``, flattened, ``size`` at a time: all of them at once could fill the memory."""
        offsets = np.arange(self.settings.window)
        for i in range(0, len(starts), size):
            windows = values[starts[i : i + size, None] + offsets]
            yield torch.from_numpy(windows.reshape(len(windows), -1)).to(_device(), self._dtype)

    def _mean_error(self, network: nn.Module, values: Floats, starts: NDArray[np.int64]) -> float | None:
        if not len(starts):
            return None
        with torch.inference_mode():
            batches = self._batches(values, starts, SCORING_BATCH)
            return sum(float(_error(network, batch).sum()) for batch in batches) / len(starts)

    def _errors(self, series: Series) -> NDArray[np.float64]:
        """Return the unscaled error of every window."""
        window, count = self.settings.window, len(series) - self.settings.window + 1
        expected = len(self._inputs[POOLED].low)
        if series.values.shape[1] != expected:
            raise InputError(
                f"series {series.name!r} has {series.values.shape[1]} columns, the scorer knows {expected}"
            )
        errors = np.empty(len(series.windows(window)))
        with torch.inference_mode():
            for i in range(0, count, SCORING_BATCH):
                part = self._scaled(series, slice(i, min(i + SCORING_BATCH, count) + window - 1))
                starts = np.arange(len(part) - window + 1)
                for batch in self._batches(part, starts, SCORING_BATCH):
                    errors[i : i + len(batch)] = _error(self._network, batch).cpu().numpy()
        return errors

    def _scaled(self, series: Series, rows: slice = slice(None)) -> NDArray[np.float32]:
        scaling = self._inputs.get(series.name, self._inputs[POOLED])
        return scaling(series.values[rows]).astype(np.float32)

    def save(self, path: str | Path) -> None:
        """Write settings, weights and scalings to an ``.npz`` file without pickle."""
        if Path(path).suffix != ".npz":
            raise InputError(f"{path}: scorers are kept in .npz files; give the file that ending")
        arrays = {f"weights/{name}": tensor.cpu().numpy() for name, tensor in self._network.state_dict().items()}
        for kind, scalings in (("inputs", self._inputs), ("outputs", self._outputs)):
            arrays[f"{kind}/low"] = np.array([scaling.low for scaling in scalings.values()])
            arrays[f"{kind}/span"] = np.array([scaling.span for scaling in scalings.values()])
        header = {
            "settings": asdict(self.settings),
            "curve": [asdict(epoch) for epoch in self.curve],
            "inputs": list(self._inputs),
            "outputs": list(self._outputs),
        }
        with replacing(path) as temporary:
            np.savez(temporary, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a scorer that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file does not hold such a scorer.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no scorer at {path}")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                header = json.loads(str(arrays["header"]))
                scorer = cls(**header["settings"])
                scorer.curve = [Epoch(**epoch) for epoch in header["curve"]]
                for kind in ("inputs", "outputs"):
                    scalings = map(MinMax, arrays[f"{kind}/low"], arrays[f"{kind}/span"])
                    setattr(scorer, f"_{kind}", dict(zip(header[kind], scalings, strict=True)))
                metrics = arrays["inputs/low"].shape[1]
                scorer._network = _network(scorer.settings, metrics).to(_device(), scorer._dtype)
                weights = {n.removeprefix("weights/"): torch.from_numpy(arrays[n]) for n in arrays if n.startswith("w")}
                scorer._network.load_state_dict(weights)
        except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, RuntimeError) as error:
            raise InputError(f"{path} is not a scorer that AutoEncoder.save wrote: {error}") from error
        return scorer


def _normal_windows(series: Series, window: int) -> NDArray[np.int64]:
    """Return the starts of the windows without an anomaly."""
    if series.labels is None:
        return np.arange(len(series.windows(window)))
    return np.flatnonzero(~series.window_labels(window))


def _network(settings: AutoEncoderSettings, metrics: int) -> nn.Sequential:
    d = settings.window * metrics
    latent = settings.latent or (3 if metrics == 1 else 100)
    widths = [d, max(d // 2, 1), max(d // 4, 1), latent, max(d // 4, 1), max(d // 2, 1), d]
    layers: list[nn.Module] = []
    for width, next_width in pairwise(widths):
        layers += [nn.Linear(width, next_width), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def _error(network: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Return the mean squared reconstruction error of each window of the batch."""
    error: torch.Tensor = (network(batch) - batch).square().mean(dim=1)
    return error


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
