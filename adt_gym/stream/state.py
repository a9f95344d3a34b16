"""What changes in an object while a stream runs, as values that JSON can hold, and back, bit for bit.

A class lists the names of such attributes in ``state``. They hold numbers, words, times, None, lists and tuples of
such, deques, dictionaries with whole numbers or words as keys, arrays, random generators, or objects that have a
``state`` themselves, and lists of those.
"""

from collections import deque
from datetime import datetime
from typing import Any

import numpy as np

from adt_gym.checks import InputError


def state_of(thing: Any) -> dict[str, Any]:
    """Return the state of an object."""
    return {name: _kept(getattr(thing, name)) for name in thing.state}


def restore(thing: Any, state: Any) -> None:
    """Give an object, made as the one that `state_of` was asked about, that one's state.

    Raises:
        InputError: If it is the state of something else.
    """
    if not isinstance(state, dict) or set(state) != set(thing.state):
        raise InputError(f"this is not the state of a {type(thing).__name__}")
    for name in thing.state:
        setattr(thing, name, _back(state[name], getattr(thing, name)))


def _kept(value: Any) -> Any:
    if hasattr(type(value), "state"):
        return state_of(value)
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "shape": list(value.shape), "values": value.ravel().tolist()}
    if isinstance(value, np.datetime64 | datetime):
        return {type(value).__name__: str(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return [[_kept(key), _kept(one)] for key, one in value.items()]
    if isinstance(value, list | tuple | deque):
        return [_kept(one) for one in value]
    return value


def _back(kept: Any, now: Any) -> Any:
    """Return what was kept as the kind of thing that stands in its place now."""
    if hasattr(type(now), "state"):
        restore(now, kept)
        return now
    if isinstance(now, np.random.Generator):
        now.bit_generator.state = kept
        return now
    if isinstance(kept, dict):
        return _inner(kept)
    if isinstance(now, deque):
        return deque(map(_inner, kept), now.maxlen)
    if isinstance(now, dict):
        return {_inner(key): _inner(one) for key, one in kept}
    if isinstance(now, tuple):
        return tuple(map(_inner, kept))
    if isinstance(now, list) and any(hasattr(type(one), "state") for one in now):
        return [_back(inner, one) for inner, one in zip(kept, now, strict=True)]
    return kept


def _inner(kept: Any) -> Any:
    """Return what was kept inside of a container: of the kinds there, only tuples are lists to JSON."""
    if isinstance(kept, list):
        return [tuple(one) if isinstance(one, list) else one for one in kept]
    if isinstance(kept, dict) and "dtype" in kept:
        return np.array(kept["values"], dtype=np.dtype(kept["dtype"])).reshape(kept["shape"])
    if isinstance(kept, dict):
        ((kind, value),) = kept.items()
        return np.datetime64(value) if kind == "datetime64" else datetime.fromisoformat(value)
    return kept
