"""In how many threads torch computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_before: list[int] = []
"""Of each block that is being run, in whatever thread of Python: the user's number."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread within a block or a function, and give the user's number back after it.

    More threads than cores make small networks many times slower, and others wait for them. The number is the whole
    process's: where blocks overlap, in one thread of Python or in many, the last that ends gives it back.
    """
    import torch

    with _lock:
        _before.append(_before[0] if _before else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            before = _before.pop()
            if not _before:
                torch.set_num_threads(before)
