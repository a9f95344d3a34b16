"""The long-running service: one thread judges, and others serve the page, tell the sinks and hear labels.

They share nothing but the file of state. Whatever ends the process, kill -9 too, the next one goes on from there.
"""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

import uvicorn

from adt_gym.checks import InputError
from adt_gym.live.config import Config
from adt_gym.live.inbox import Inbox
from adt_gym.live.loop import Loop
from adt_gym.live.own_metrics import Metrics
from adt_gym.live.points import Shard
from adt_gym.live.sinks.sender import senders
from adt_gym.live.sources import Source, open_source
from adt_gym.live.state import State
from adt_gym.live.web import app

log = logging.getLogger(__name__)


def watch(config: Config, shard: Shard, say: Callable[[str], object], stop: Event | None = None) -> None:
    """Watch until the source ends, ``stop`` is set, or a signal to end comes.

    Args:
        config: All that it is told.
        shard: The share of the series that is watched here.
        say: Called with the address of the page, once it is there.
        stop: Ends it; by default only signals and the source do.

    Raises:
        InputError: If the state is in use, the address is taken, or what judges cannot be made.
        FileNotFoundError: If a file that the config names is none.
    """
    stop, path = stop or Event(), config.path(config.service.state)
    source, metrics = open_source(config, shard), Metrics(config, path)
    with ExitStack() as stack:
        state = stack.enter_context(State(path))
        listening = stack.enter_context(_listening(config))
        config = _at(config, listening.getsockname()[1])
        stack.callback(stop.set)
        stack.enter_context(_signals(stop))
        stack.enter_context(_page(config, path, metrics, listening))
        say(config.service.address)
        loop = Loop(config, state, shard)
        for sender in senders(config, path, stop, metrics.sink):
            stack.enter_context(_running(sender))
        stack.enter_context(_running(Inbox(config, path, stop, partial(_left, metrics))))
        stack.callback(stop.set)  # before the threads are waited for
        _judge(loop, source, metrics, stop)


def _judge(loop: Loop, source: Source, metrics: Metrics, stop: Event) -> None:
    for arrival in source.arrivals(loop.since, stop):
        if arrival.error:
            metrics.error(arrival.error)
        started = perf_counter()
        step = loop.step(arrival)
        metrics.step(step, perf_counter() - started)
        for event, alert in step.events:
            log.info("%s: %s alert %s of %s", event, alert.severity, alert.id, alert.key)
        if stop.is_set():
            break


def _left(metrics: Metrics, where: str, result: str) -> None:
    if result == "failed":
        metrics.error(where)


@contextmanager
def _listening(config: Config) -> Iterator[socket.socket]:
    """Yield a socket at the address of the config."""
    host, port = config.service.host, config.service.port
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(f"service.listen: {config.service.listen} cannot be listened on: {error.strerror}") from error
    with listening:
        yield listening


def _at(config: Config, port: int) -> Config:
    """Return the config with the port that the system chose, where it says 0."""
    host, _, _ = config.service.listen.rpartition(":")
    return replace(config, service=replace(config.service, listen=f"{host}:{port}"))


@contextmanager
def _page(config: Config, path: Path, metrics: Metrics, listening: socket.socket) -> Iterator[None]:
    """Serve the page in a thread."""
    options = uvicorn.Config(app(config, path, metrics), log_level="warning", access_log=False, server_header=False)
    server = uvicorn.Server(options)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="page", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def _running(thread: Thread) -> Iterator[None]:
    thread.start()
    try:
        yield
    finally:
        thread.join(10)


@contextmanager
def _signals(stop: Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the service in order, where this is the main thread."""
    try:
        before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # another thread
        before = {}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
