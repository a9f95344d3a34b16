"""In how many threads torch computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

_lock = Lock()
_before: dict[int, int] = {}
"""By thread of Python, of those within a block: the number that it had, and gets back."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread within a block or a function, and give the user's number back after it.

    More threads than cores make small networks many times slower, and others wait for them. Each thread of Python has a
    number of its own, but begins with the one that was set last in any: where others are within a block, that 1 is not
    the user's.
    """
    import torch

    me = get_ident()
    with _lock:
        outermost = me not in _before
        if outermost:
            users = torch.get_num_threads()
            if users == 1 and _before:
                users = next(iter(_before.values()))
            _before[me] = users
            torch.set_num_threads(1)
    try:
        yield
    finally:
        if outermost:
            with _lock:
                torch.set_num_threads(_before.pop(me))
