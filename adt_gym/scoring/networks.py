"""The networks of the auto-encoders and of the forecaster. Each takes windows flattened to ``(batch, tau m)``."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

LSTM_WIDTH = 64


def paper(window: int, metrics: int, latent: int | None = None) -> nn.Module:
    """Return the ADT paper's network d -> d/2 -> d/4 -> latent -> d/4 -> d/2 -> d with ReLU, d = tau m (section 4).

    Args:
        window: tau, the points of a window.
        metrics: m, the columns of a series.
        latent: Width of the innermost layer; None for 3 with one metric and 100 with several, as in the paper.
    """
    d = window * metrics
    return _dense(d, (max(d // 2, 1), max(d // 4, 1), latent or (3 if metrics == 1 else 100)), nn.ReLU)


def dense(window: int, metrics: int) -> nn.Module:
    """Return d -> 64 -> 32 -> 16 -> 32 -> 64 -> d with ReLU."""
    return _dense(window * metrics, (64, 32, 16), nn.ReLU)


def deep_tanh(window: int, metrics: int) -> nn.Module:
    """Return d -> 128 -> 64 -> 32 -> 16 -> 32 -> 64 -> 128 -> d with tanh."""
    return _dense(window * metrics, (128, 64, 32, 16), nn.Tanh)


def deep_leaky(window: int, metrics: int) -> nn.Module:
    """Return d -> 128 -> 64 -> 32 -> 16 -> 32 -> 64 -> 128 -> d with leaky ReLU and dropout of 0.2."""
    return _dense(window * metrics, (128, 64, 32, 16), nn.LeakyReLU, dropout=0.2)


class LSTMAutoEncoder(nn.Module):
    """One LSTM layer reads a window, one writes it again from the last state of the first."""

    def __init__(self, window: int, metrics: int):
        super().__init__()
        self.shape = (window, metrics)
        self.encoder = nn.LSTM(metrics, LSTM_WIDTH, batch_first=True)
        self.decoder = nn.LSTM(LSTM_WIDTH, LSTM_WIDTH, batch_first=True)
        self.output = nn.Linear(LSTM_WIDTH, metrics)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction, shape ``(batch, tau m)``."""
        _, (state, _) = self.encoder(batch.unflatten(1, self.shape))
        written, _ = self.decoder(state[-1].unsqueeze(1).expand(-1, self.shape[0], -1))
        return torch.sigmoid(self.output(written)).flatten(1)


class LSTMForecaster(nn.Module):
    """One LSTM layer reads all but the last point of a window and forecasts the last one."""

    def __init__(self, window: int, metrics: int):
        super().__init__()
        self.shape = (window, metrics)
        self.encoder = nn.LSTM(metrics, LSTM_WIDTH, batch_first=True)
        self.output = nn.Linear(LSTM_WIDTH, metrics)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the forecast, shape ``(batch, m)``."""
        _, (state, _) = self.encoder(batch.unflatten(1, self.shape)[:, :-1])
        forecast: torch.Tensor = self.output(state[-1])
        return forecast


AUTOENCODERS: dict[str, Callable[[int, int], nn.Module]] = {
    "paper": paper,
    "dense": dense,
    "lstm": LSTMAutoEncoder,
    "deep-tanh": deep_tanh,
    "deep-leaky": deep_leaky,
}
"""The presets of the auto-encoder."""


def _dense(d: int, widths: tuple[int, ...], activation: type[nn.Module], dropout: float = 0.0) -> nn.Sequential:
    """Return a network through the widths and back; between layers the activation, a sigmoid at the end."""
    layers: list[nn.Module] = []
    for width, next_width in pairwise((d, *widths, *widths[-2::-1], d)):
        layers += [nn.Linear(width, next_width), activation()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    last = max(i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear))
    return nn.Sequential(*layers[: last + 1], nn.Sigmoid())
