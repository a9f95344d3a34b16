"""Workers that are none, for tests that look into what they do."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from adt_gym.experiments.workers import Workers


@contextmanager
def in_this_process(work: Callable[[Any], Any], jobs: int) -> Iterator[Workers]:
    def submit(task: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(task))
        return future

    yield Workers(submit, RuntimeError)
