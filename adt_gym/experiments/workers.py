"""Running independent tasks on local processes or on Ray, where a worker that dies loses its task only."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from adt_gym.checks import InputError
from adt_gym.extras import require

MOST_DEATHS = 3
"""A cell whose worker died so often is given up."""

LOOPBACK_ONLY = ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
"""A variable for the Ray that we start: it listens on 127.0.0.1 alone, because whoever reaches it may run code.

Without it Ray takes the address of the machine, also where `ray.init` is told another (Ray 2.60, `services.py`). It is
read when Ray is imported.
"""


class Workers(NamedTuple):
    """Where cells run: how to start one, and the error by which its future says that the worker died."""

    submit: Callable[[Any], Future[Any]]
    died: type[Exception]


class Finished(NamedTuple):
    """A task that ended: its result, or why it was given up, and how many workers died over it."""

    task: Any
    result: Any
    deaths: int
    error: str | None = None


@contextmanager
def processes(work: Callable[[Any], Any], jobs: int) -> Iterator[Workers]:
    """Start local processes, each a pool of its own: a pool breaks as a whole, and so only its own cell is lost."""
    spawn = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    idle: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
    start = partial(ProcessPoolExecutor, 1, spawn, end_with_parent)
    for _ in range(jobs):
        idle.put(start())

    def in_a_process(task: Any) -> Any:
        pool = idle.get()
        try:
            return pool.submit(work, task).result()
        except BrokenProcessPool:
            pool.shutdown()
            pool = start()
            raise
        finally:
            idle.put(pool)

    threads = ThreadPoolExecutor(jobs, initializer=leave_interrupts_to_the_main_thread)
    running: set[Future[Any]] = set()

    def submit(task: Any) -> Future[Any]:
        future = threads.submit(in_a_process, task)
        running.add(future)
        future.add_done_callback(running.discard)
        return future

    try:
        yield Workers(submit, BrokenProcessPool)
    except BaseException:  # nobody waits for what they do any more
        threads.shutdown(wait=False, cancel_futures=True)
        while running:
            for worker in set(multiprocessing.active_children()) - before:
                worker.kill()
            wait(list(running), timeout=0.1)
        raise
    finally:
        threads.shutdown(cancel_futures=True)
        while not idle.empty():
            idle.get().shutdown()


def leave_interrupts_to_the_main_thread() -> None:
    """Block Ctrl-C here and in every process that is started from here: the main thread ends those, without a word."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def end_with_parent() -> None:
    """End this worker when its parent is killed; left alone it would wait for the next cell for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    Thread(target=follow, daemon=True).start()


@contextmanager
def ray_tasks(work: Callable[[Any], Any], jobs: int, address: str | None = None) -> Iterator[Workers]:
    """Connect to a Ray cluster, by default to the one that RAY_ADDRESS names, or start one here for ``jobs`` cells."""
    address = address or os.environ.get("RAY_ADDRESS", "local")
    local = address == "local"
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with variable(*LOOPBACK_ONLY) if local else nullcontext():
        require("--ray", "ray")
        import ray
        from ray.exceptions import RayError

        try:
            options: dict[str, Any] = {"num_cpus": jobs, "include_dashboard": False} if local else {}
            ray.init(address, log_to_driver=False, **options)
        except (ConnectionError, ValueError) as error:
            raise InputError(
                f"--ray {address}: {error}; is it running, and does it ask for a token (RAY_AUTH_MODE=token)?"
            ) from error
    if on_sigterm is not None:
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray sets its own
    task = ray.remote(max_retries=0)(work)  # deaths are counted in finish()
    try:
        yield Workers(lambda given: task.remote(given).future(), RayError)
    finally:
        ray.shutdown()


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Give an environment variable a value while the block runs."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def finish(workers: Workers, tasks: Sequence[Any]) -> Iterator[Finished]:
    """Yield every task as it ends; one whose worker died is started again, up to MOST_DEATHS times."""
    deaths: Counter[Any] = Counter()
    running = {workers.submit(task): task for task in tasks}
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            try:
                yield Finished(task, future.result(), deaths[task])
            except workers.died as death:
                deaths[task] += 1
                if deaths[task] < MOST_DEATHS:
                    running[workers.submit(task)] = task
                else:
                    yield Finished(task, None, deaths[task], f"its worker died {MOST_DEATHS} times: {death}")
