"""What a result is known by: a digest of the settings, the data and the code that it depends on."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from adt_gym.stream.feedback import Feedback


def key_of(cell: Any, code: str) -> str:
    """Return 16 hexadecimal digits that stand for a cell and the code that it is done with."""
    return data_digest([code, cell])[:16]


def data_digest(data: Any) -> str:
    """Return the SHA-256 of values and arrays, however deep they lie in dataclasses, as hexadecimal digits.

    A cell that only names its data holds this of them. Fields that do not count in comparisons do not count here.
    """
    content = hashlib.sha256()
    _add(content, data)
    return content.hexdigest()


def rules_in(value: Any) -> set[type]:
    """Return the classes of the feedback rules in values, however deep they lie in dataclasses."""
    if isinstance(value, Feedback):
        return {type(getattr(value, "_rule", value))}  # one that does not subclass it is held inside
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, one.name) for one in fields(value) if one.compare]
    elif isinstance(value, Mapping):
        value = list(value.values())
    elif not isinstance(value, list | tuple):
        return set()
    return set[type]().union(*map(rules_in, value))


def _add(content: "hashlib._Hash", value: Any) -> None:
    """Add a value so that no two different ones add the same bytes."""
    if isinstance(value, np.ndarray):
        _add(content, f"{value.dtype.str}{value.shape}")
        content.update(value.tobytes())
    elif "__dataclass_fields__" in vars(type(value)):  # a subclass that is no dataclass may hold more than fields
        named = {one.name: getattr(value, one.name) for one in fields(value) if one.compare}
        _add(content, [type(value).__qualname__, named])
    elif isinstance(value, Mapping):
        _add(content, [[key, value[key]] for key in sorted(value, key=repr)])
    elif isinstance(value, list | tuple):
        _add(content, len(value))
        for one in value:
            _add(content, one)
    elif (held := _held(value)) is not None:  # such as a feedback rule of the user's own
        _add(content, [type(value).__qualname__, held])
    else:
        text = repr(value).encode()
        content.update(f"{len(text)}:".encode() + text)


def _held(value: Any) -> dict[str, Any] | None:
    """Return the attributes of an object, those in slots too; None where its repr says what it is."""
    if isinstance(value, type) or (not hasattr(value, "__dict__") and not hasattr(value, "__slots__")):
        return None
    held = dict(getattr(value, "__dict__", {}))
    if not held and type(value).__repr__ not in (object.__repr__, Feedback.__repr__):
        return None
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):  # as Python mangles it
                name = f"_{kind.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                held[name] = getattr(value, name)
    return held
