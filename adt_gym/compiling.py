"""Loops that Numba compiles where it is installed (extra ``fast``), and that run as they stand where it is not."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function of numbers and arrays at its first call, which is when Numba is imported.

    The result is kept on disk where a folder for it can be written. ``__wrapped__`` is the function as it stands; it
    does the same operations in the same order, so that both give the same bits.
    """

    @cache
    def fastest() -> Callable[..., Any]:
        try:
            from numba import njit
        except ImportError:
            return function
        try:
            return njit(cache=True)(function)
        except RuntimeError:
            return njit(function)

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return fastest()(*arguments)

    return call  # type: ignore[return-value]
