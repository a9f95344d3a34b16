"""What the hyper-parameters of our DQNs may be; those of one name mean the same in every agent."""

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from itertools import pairwise
from typing import Any

from adt_gym.checks import InputError, flag, number, one_of, share, shown, whole

MAX_BUFFER, MAX_BATCH = 10**7, 10**6
"""Transitions that a replay memory and a minibatch may hold."""

MAX_LAYERS, MAX_WEIGHTS = 32, 10**7
"""Of a network: its hidden layers, and the weights between them."""


def check(settings: Any) -> None:
    """Check every field of settings, and give it Python's own type.

    Raises:
        InputError: If one is of another type or out of range, or the replay memory is smaller than what it must hold.
    """
    for one in fields(settings):
        object.__setattr__(settings, one.name, _CHECKS[one.name](one.name, getattr(settings, one.name)))
    for name in ("batch_size", "learning_starts"):
        if settings.buffer_size < getattr(settings, name, 0):
            raise InputError(
                f"buffer_size must be at least {name}, {getattr(settings, name)}, got {settings.buffer_size}"
            )


def widths_of(name: str, value: Any) -> tuple[int, ...]:
    """Return the widths of hidden layers.

    Raises:
        InputError: If they are no list of whole numbers, or make too large a network.
    """
    if not isinstance(value, list | tuple) or len(value) > MAX_LAYERS:
        raise InputError(f"{name} must be a list of at most {MAX_LAYERS} widths of layers, got {shown(value)}")
    widths = tuple(whole(name, width, most=MAX_WEIGHTS // 100) for width in value)
    if sum(a * b for a, b in pairwise(widths)) > MAX_WEIGHTS:
        raise InputError(f"{name} must make a network of at most {MAX_WEIGHTS:,} weights, got {shown(value)}")
    return widths


def _above_0(name: str, value: Any) -> float:
    if not (given := number(name, value)) > 0:
        raise InputError(f"{name} must be above 0, got {shown(value)}")
    return given


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "learning_rate": _above_0,
    "buffer_size": partial(whole, most=MAX_BUFFER),
    "learning_starts": partial(whole, least=0),
    "batch_size": partial(whole, most=MAX_BATCH),
    "gamma": share,
    "train_freq": whole,
    "target_update_interval": whole,
    "exploration_initial_eps": share,
    "exploration_final_eps": share,
    "exploration_fraction": share,
    "exploration_decay": share,
    "net_arch": widths_of,
    "hold": whole,
    "loss": partial(one_of, known=("mse", "huber")),
    "plan": flag,
    "double": flag,
}
