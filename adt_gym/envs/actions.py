"""From actions to thresholds."""

from collections.abc import Sequence
from string import ascii_lowercase, digits
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from gymnasium.error import InvalidAction
from numpy.typing import NDArray

from adt_gym.checks import InputError, share, shown
from adt_gym.mdp.mdp import PASSIVE

THRESHOLDS = (0.0, PASSIVE)
"""The threshold of each action: action 0 is the active mode, action 1 the passive mode (equation 7)."""

CONTINUOUS = "continuous"

KEYS = digits + ascii_lowercase
"""The key of each action, for a person who plays."""

Thresholds = str | Sequence[float]


def levels_of(thresholds: Thresholds) -> tuple[float, ...] | None:
    """Return the threshold of each action, rounded to float32 as scores are; None where any threshold may be set.

    Raises:
        InputError: If ``thresholds`` is neither "continuous" nor two different levels or more in [0, 1].
    """
    if isinstance(thresholds, str):
        if thresholds == CONTINUOUS:
            return None
        raise InputError(f'unknown thresholds {shown(thresholds)}; give levels in [0, 1] or "{CONTINUOUS}"')
    try:
        levels = np.array([share("thresholds", one) for one in thresholds], dtype=np.float32)
    except TypeError:
        raise InputError(f"thresholds must be several numbers in [0, 1], got {shown(thresholds)}") from None
    if len(np.unique(levels)) < 2:
        raise InputError(f"thresholds must be at least two different levels in [0, 1], got {shown(thresholds)}")
    return tuple(levels.tolist())


def action_space_of(levels: tuple[float, ...] | None) -> Space[Any]:
    """Return the space of one action: the number of a level, or the threshold itself."""
    return spaces.Box(0.0, 1.0, (1,), np.float32) if levels is None else spaces.Discrete(len(levels))


def keys_of(levels: tuple[float, ...] | None) -> dict[tuple[int, ...], int]:
    """Return the action of each key, as `gymnasium.utils.play` takes them: ``KEYS`` in their order.

    Raises:
        InputError: If any threshold may be set, or there are more levels than keys.
    """
    if levels is None or len(levels) > len(KEYS):
        given = "any threshold may be set" if levels is None else f"there are {len(levels)} levels"
        raise InputError(
            f"a key stands for a level, and {given}: choose at most {len(KEYS)} levels, as ADT-Levels-v0 has"
        )
    return {(ord(key),): action for action, key in enumerate(KEYS[: len(levels)])}


def threshold_of(action: Any, levels: tuple[float, ...] | None, space: Space[Any]) -> float:
    """Return the threshold that one action sets.

    Raises:
        InvalidAction: If it is not in the space.
    """
    if levels is None:
        return float(continuous_thresholds(action, space)[0])
    if not space.contains(action):
        raise InvalidAction(f"action {action!r} is outside {space}")
    return levels[int(action)]


def continuous_thresholds(actions: Any, space: Space[Any]) -> NDArray[np.float32]:
    """Return the thresholds that actions of a Box are, as float32, flat; other number types are taken as well.

    Raises:
        InvalidAction: If the shape is not the space's or a threshold is not in [0, 1].
    """
    given = np.asarray(actions)
    if given.shape != space.shape or given.dtype.kind not in "fiu" or not ((given >= 0) & (given <= 1)).all():
        raise InvalidAction(f"action {actions!r} is outside {space}")
    return given.astype(np.float32).reshape(-1)
