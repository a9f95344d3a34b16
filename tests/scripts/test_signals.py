"""Ctrl-C and the signal to end, in processes of their own, as a shell starts them."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adt_gym.files import TEMPORARY
from adt_gym.scripts.signals import ended_by_signals, ending_at_once

LONG = ("--episodes", "10000000")
SWEEP = ("series=yahoo_like_59", "episodes=10000000", "seed=0:3")
SOURCE = ("pump.csv", "--label-column", "broken")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    broken = np.arange(400) % 50 < 5
    flow = np.random.default_rng(0).normal(size=400) + 4 * broken
    rows = [f"{value:.4f},{label:d}" for value, label in zip(flow, broken, strict=True)]
    (tmp_path / "pump.csv").write_text("\n".join(["flow,broken", *rows]))
    return tmp_path


def stopped(folder: Path, words: tuple[str, ...], ready: Callable[[int], bool], sent: signal.Signals) -> str:
    """Start a command in a group of its own, send all of the group a signal when it is ready; return its output."""
    command = [sys.executable, "-m", "adt_gym.scripts", *words]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes) as process:
        limit = time.monotonic() + 120
        while not ready(process.pid):
            if process.poll() is not None or time.monotonic() > limit:
                process.kill()
                pytest.fail(process.communicate()[0])
            time.sleep(0.02)
        os.killpg(process.pid, sent)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 128 + sent
        assert "Traceback" not in output
        return str(output)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells which signals a process handles")
def test_ctrl_c_while_loading_is_one_line(here: Path) -> None:
    def loading(process: int) -> bool:
        status = Path(f"/proc/{process}/status").read_text()
        return bool(int(status.split("SigCgt:")[1].split()[0], 16) >> (signal.SIGTERM - 1) & 1)

    assert stopped(here, ("run", *SOURCE, *LONG), loading, signal.SIGINT) == "interrupted\n"


@pytest.mark.parametrize(
    ("words", "sign", "sent", "line"),
    [
        (("run", *SOURCE, "--epochs", "1", *LONG), "runs/pump", signal.SIGINT, "interrupted"),
        (("run", *SOURCE, "--epochs", "1", *LONG), "runs/pump", signal.SIGTERM, "told to end"),
        (("sweep", *SWEEP), "runs/sweep", signal.SIGINT, "interrupted"),
        (("classify", "blobs", *LONG), "runs/classify-blobs/seed-0", signal.SIGTERM, "told to end"),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else "",
)
def test_a_command_ends_with_one_line_and_nothing_half_written(
    here: Path, words: tuple[str, ...], sign: str, sent: signal.Signals, line: str
) -> None:
    begun: list[float] = []

    def busy(_: int) -> bool:
        if (here / sign).exists():
            begun.append(time.monotonic())
        return bool(begun) and begun[-1] > begun[0] + 1.5  # the workers of a sweep are loading, then

    assert stopped(here, words, busy, sent).splitlines()[-1].strip() == line
    assert not [path for path in here.rglob("*") if path.name.startswith(TEMPORARY)]
    assert not (here / "runs" / "pump").exists(), "a run of which nothing is finished leaves nothing"


def test_the_exit_code_is_ours_wherever_the_signal_comes(tmp_path: Path) -> None:
    text = "import os; os.kill(os.getpid(), 15)"
    program = f"from adt_gym.scripts.signals import *\nwith ended_by_signals():\n    exec({text!r})"
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "program"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (143, "told to end\n")


def test_signals_end_a_block_once_and_its_workers_with_it() -> None:
    tidied = []
    sleeper = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,), daemon=True)
    sleeper.start()

    def work() -> None:
        with ended_by_signals():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(60)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                tidied.append(True)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as end:
        work()
    assert end.value.code == 128 + signal.SIGTERM
    assert tidied == [True]
    sleeper.join(60)
    assert sleeper.exitcode == -signal.SIGKILL
    with ending_at_once():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
