"""Ctrl-C and the signal to end: one line, whatever is being done, and nothing half written."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ended(KeyboardInterrupt):
    """A signal came.

    Of its own class, because of a KeyboardInterrupt that passes through ``exec`` of a text, as dataclasses do, Python
    remembers that it was not caught, and kills itself at the end.
    """


@contextmanager
def ending_at_once() -> Iterator[None]:
    """While modules are loaded: nothing is to be tidied then, and an import may swallow an exception."""

    def end(number: int, _: FrameType | None) -> None:
        os.write(2, _line(number).encode())
        os._exit(128 + number)

    with _handled(end):
        yield


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While a command runs: it ends as by an error, so that everything is tidied; further signals change nothing."""
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            raise Ended

    with _handled(interrupt):
        try:
            yield
        except KeyboardInterrupt:
            for worker in multiprocessing.active_children():
                worker.kill()
            number = received[0] if received else signal.SIGINT
            sys.stderr.write(_line(number))
            sys.exit(128 + number)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only there signals can be handled
        return
    before = [signal.signal(one, handler) for one in SIGNALS]
    try:
        yield
    finally:
        for one, old in zip(SIGNALS, before, strict=True):
            signal.signal(one, old)


def _line(number: int) -> str:
    return "interrupted\n" if number == signal.SIGINT else "told to end\n"
