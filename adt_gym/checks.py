"""The error of bad input, and what arguments must be."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

MOST = 10**9
"""No count may be higher: more windows, episodes or samples than that are a slip of the keyboard."""

MAX_SEED = 2**32 - 1
"""The largest seed that NumPy, torch and Gymnasium all take."""

_LARGEST = sys.float_info.max

T = TypeVar("T")


class InputError(ValueError):
    """Input that cannot be used; the message names the series, the place and the remedy."""


def whole(name: str, value: Any, least: int = 1, most: int = MOST) -> int:
    """Return a whole number from ``least`` to ``most``; NumPy's integers are, ``True`` and ``2.0`` are not.

    Raises:
        InputError: If it is something else; the message calls it ``name``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        from_least = f" of at least {least:,}" if least > -MOST else ""
        raise InputError(f"{name} must be a whole number{from_least}, got {shown(value)}")
    _within(name, value, least, most)
    return int(value)


def number(name: str, value: Any, least: float = -_LARGEST, most: float = _LARGEST) -> float:
    """Return a finite number from ``least`` to ``most``.

    Raises:
        InputError: If it is something else; the message calls it ``name``.
    """
    given = _real(value)
    if given is None or not -_LARGEST <= given <= _LARGEST:
        raise InputError(f"{name} must be a finite number, got {shown(value)}")
    _within(name, given, least, most)
    return float(given)


def share(name: str, value: Any) -> float:
    """Return a number in [0, 1].

    Raises:
        InputError: If it is something else; the message calls it ``name``.
    """
    given = _real(value)
    if given is None or not 0 <= given <= 1:
        raise InputError(f"{name} must be in [0, 1], got {shown(value)}")
    return float(given)


def flag(name: str, value: Any) -> bool:
    """Return True or False.

    Raises:
        InputError: If it is something else, such as 1; the message calls it ``name``.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """Return a word that is ``known``.

    Raises:
        InputError: If it is something else; the message calls it ``name`` and lists the words.
    """
    known = tuple(known)
    if not isinstance(value, str) or value not in known:
        raise InputError(f"unknown {name} {shown(value)}; known: {', '.join(known)}")
    return value


class UnknownArgument(InputError, TypeError):
    """An argument that is none: a TypeError with Python's words, too, for libraries that try arguments (TorchRL)."""


def made_of(kind: type[T], given: Mapping[str, Any], what: str) -> T:
    """Return a dataclass made of keyword arguments.

    Raises:
        UnknownArgument: If it has no such field; the message calls it an unknown ``what`` and lists the fields.
    """
    known = [one.name for one in fields(kind) if one.init]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            known = sorted(known)
            raise UnknownArgument(
                f"unknown {what} {name!r}; known: {', '.join(known)} (unexpected keyword argument {name!r})"
            )
    return kind(**given)


def is_text(*words: str) -> bool:
    """Return whether words can be written as UTF-8: JSON's escapes may name half of a character."""
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    """Return a value as a message shows it: on one line, and cut where it is long."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # more digits than Python writes, or nested without end
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."


def first_line(error: BaseException) -> str:
    """Return the type of another library's error, and the first line of what it says."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _real(value: Any) -> Any:
    """Return a real number as Python's: NumPy's would be compared in their own precision; None for what is none."""
    given = value.item() if isinstance(value, np.generic) else value
    return given if isinstance(given, Real) and not isinstance(given, bool) else None


def _within(name: str, value: Any, least: float, most: float) -> None:
    if value < least:
        raise InputError(f"{name} must be at least {least:,}, got {shown(value)}")
    if value > most:
        raise InputError(f"{name} must be at most {most:,}, got {shown(value)}")
