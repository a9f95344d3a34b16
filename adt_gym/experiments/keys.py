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


def rules_in(value: Any) -> set[type[Feedback]]:
    """Return the classes of the feedback rules in values, however deep they lie in dataclasses."""
    if isinstance(value, Feedback):
        return {type(value)}
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, one.name) for one in fields(value) if one.compare]
    elif isinstance(value, Mapping):
        value = list(value.values())
    elif not isinstance(value, list | tuple):
        return set()
    return set[type[Feedback]]().union(*map(rules_in, value))


def _add(content: "hashlib._Hash", value: Any) -> None:
    """Add a value so that no two different ones add the same bytes."""
    if isinstance(value, np.ndarray):
        _add(content, f"{value.dtype.str}{value.shape}")
        content.update(value.tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        named = {one.name: getattr(value, one.name) for one in fields(value) if one.compare}
        _add(content, [type(value).__qualname__, named])
    elif isinstance(value, Mapping):
        _add(content, [[key, value[key]] for key in sorted(value, key=repr)])
    elif isinstance(value, list | tuple):
        _add(content, len(value))
        for one in value:
            _add(content, one)
    elif not isinstance(value, type) and getattr(value, "__dict__", None):  # such as a feedback rule of the user's own
        _add(content, [type(value).__qualname__, vars(value)])
    else:
        text = repr(value).encode()
        content.update(f"{len(text)}:".encode() + text)
