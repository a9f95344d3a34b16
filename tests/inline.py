"""Workers that are none, for tests that look into what they do."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from adt_gym.experiments.workers import Workers


@contextmanager
def in_this_process(work: Callable[[Any], Any], jobs: int) -> Iterator[Workers]:
    """One after the other, in a thread, so that each is kept before the next ones end."""
    thread = ThreadPoolExecutor(1)
    try:
        yield Workers(partial(thread.submit, work), RuntimeError)
    finally:
        thread.shutdown(cancel_futures=True)
