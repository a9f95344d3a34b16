"""What changes in an object while a stream runs, as values that JSON can hold, and back, bit for bit.

A class lists the names of such attributes in ``state``. They hold numbers, NumPy's too, words, times, None, arrays,
and lists, tuples, deques and dictionaries of such; or random generators, objects that have a ``state`` themselves, and
lists of those, which must be there before they are given it back.
"""

import base64
import math
from collections import deque
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, shown


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
    """Return a value with a word for its kind, ``{word: ...}``, where JSON does not say it."""
    if hasattr(type(value), "state"):
        return state_of(value)
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if isinstance(value, np.ndarray):
        return {"array": [value.dtype.str, list(value.shape), _bytes(value)]}
    if isinstance(value, np.generic):
        return {"scalar": [value.dtype.str, _bytes(np.array(value))]}
    if isinstance(value, datetime):
        word = "Timestamp" if type(value).__name__ == "Timestamp" else "datetime"
        return {word: value.isoformat()}
    if isinstance(value, dict):
        return {"dict": [[_kept(key), _kept(one)] for key, one in value.items()]}
    if isinstance(value, tuple | deque):
        return {"deque" if isinstance(value, deque) else "tuple": [_kept(one) for one in value]}
    if isinstance(value, list):
        return [_kept(one) for one in value]
    if isinstance(value, float) and math.isinf(value):
        return {"float": str(value)}
    return value


def packed_array(array: NDArray[Any] | None) -> Any:
    """Return an array as JSON can hold it."""
    return None if array is None else _kept(array)


def unpacked_array(kept: Any) -> Any:
    """Return the array that `packed_array` was asked about."""
    return None if kept is None else _back(kept)


def _bytes(array: NDArray[Any]) -> str:
    """Return what lies in an array, in base64: exact, and fast to read for a thousand numbers."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _array(dtype: str, shape: list[int], kept: str) -> NDArray[Any]:
    """Return the array that `_bytes` was asked about."""
    if not isinstance(kept, str):
        raise InputError("it was written before November 2026, when numbers were kept otherwise; make it anew")
    if np.dtype(dtype).kind not in "biufmMSU":
        raise InputError(f"there is no state of numbers of kind {shown(dtype)}")
    return np.frombuffer(base64.b64decode(kept, validate=True), dtype).reshape(shape).copy()


def _back(kept: Any, now: Any = None) -> Any:
    """Return what was kept; an object, a generator and the length of a deque are those that stand in its place now."""
    if hasattr(type(now), "state"):
        restore(now, kept)
        return now
    if isinstance(now, np.random.Generator):
        now.bit_generator.state = kept
        return now
    if isinstance(kept, list):
        if isinstance(now, list) and any(hasattr(type(one), "state") for one in now):
            return [_back(inner, one) for inner, one in zip(kept, now, strict=True)]
        return [_back(one) for one in kept]
    if not isinstance(kept, dict):
        return kept
    ((word, value),) = kept.items()
    match word:
        case "array":
            return _array(*value)
        case "scalar":
            return _array(value[0], [], value[1])[()]
        case "Timestamp":
            from pandas import Timestamp

            return Timestamp(value)
        case "datetime":
            return datetime.fromisoformat(value)
        case "dict":
            return {_back(key): _back(one) for key, one in value}
        case "deque":
            return deque(map(_back, value), now.maxlen if isinstance(now, deque) else None)
        case "tuple":
            return tuple(map(_back, value))
        case "float":
            return float(value)
    raise InputError(f"there is no kind of state {shown(word)}")
