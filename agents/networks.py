"""The small networks of our own agents."""

from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adt_gym.threads import one_thread

Array = NDArray[np.float32]


def q_network(widths: list[int], n_actions: int) -> nn.Sequential:
    """Return a network of hidden ReLU layers; ``widths`` begins with the size of the observation."""
    layers: list[nn.Module] = []
    for width, next_width in pairwise(widths):
        layers += [nn.Linear(width, next_width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], n_actions))


_VIEWS: WeakKeyDictionary[nn.Sequential, list[tuple[Array, Array]]] = WeakKeyDictionary()
"""Weights and biases of networks as arrays that share torch's memory, and so change as the network learns."""


def outputs_of(network: nn.Sequential, observations: Array) -> Array:
    """Return what linear layers with a ReLU between each two make of observations, ``(d,)`` or ``(n, d)``.

    Of a single one NumPy computes it: torch takes longer to be called than to multiply.
    """
    if observations.ndim == 2:
        with one_thread(), torch.inference_mode():
            return network(torch.from_numpy(observations)).numpy()
    layers = _VIEWS.get(network)
    if layers is None:
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        layers = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear]
        _VIEWS[network] = layers
    values = observations
    for weight, bias in layers[:-1]:
        values = np.maximum(weight @ values + bias, 0)
    weight, bias = layers[-1]
    return weight @ values + bias
