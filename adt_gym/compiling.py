"""Loops that Numba compiles where it is installed (extra ``fast``), and that run as they stand where it is not."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def jit(function: Function) -> Function:
    """Compile with Numba, and keep the result on disk where a folder for it can be written.

    Raises:
        ImportError: If there is no Numba.
    """
    from numba import njit

    try:
        return njit(cache=True)(function)
    except RuntimeError:
        return njit(function)


def compiled(function: Function, plain: Function | None = None) -> Function:
    """Compile a function of numbers and arrays at its first call, which is when Numba is imported.

    The result is kept on disk where a folder for it can be written.

    Args:
        function: What is compiled.
        plain: What runs without Numba, to the same bits: the function as it stands, if it is not given. It is
            ``__wrapped__`` of what is returned.
    """
    plain = plain or function

    @cache
    def fastest() -> Callable[..., Any]:
        try:
            return jit(function)
        except ImportError:
            return plain

    @wraps(plain)
    def call(*arguments: Any) -> Any:
        return fastest()(*arguments)

    return call  # type: ignore[return-value]
