"""The zoo: agents that rl-zoo3 trains on ADT-Bench-v0, with hyper-parameters from files, each from several seeds."""

import contextlib
import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adt_gym.agents.actor import ALGORITHMS, Actor
from adt_gym.checks import InputError, one_of
from adt_gym.envs import task

CONTINUOUS = ("sac", "tqc")
"""Algorithms that set any threshold; the others choose from levels."""


def actions_of(algorithm: str) -> str:
    """Return which of `adt_gym.envs.task.ACTIONS` an algorithm has."""
    return "continuous" if algorithm in CONTINUOUS else "levels"


def id_of(algorithm: str, condition: str) -> str:
    """Return the id of the environment that an algorithm learns on."""
    return f"ADT-Bench-{condition}{'-Continuous' if algorithm in CONTINUOUS else ''}-v0"


def hyperparameters(file: Path, env_id: str) -> dict[str, Any]:
    """Return what a file of rl-zoo3's holds for an id.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it holds nothing for it.
    """
    import yaml

    known = yaml.safe_load(file.read_text())
    if env_id not in known:
        raise InputError(f"{file} has no hyper-parameters for {env_id}; `adt zoo tune` finds some")
    return dict(known[env_id])


def words_of(algorithm: str, condition: str, seed: int, file: Path) -> list[str]:
    """Return the arguments of ``python -m rl_zoo3.train`` that train one agent of the zoo."""
    return [
        *("--algo", algorithm, "--env", id_of(algorithm, condition), "--seed", str(seed)),
        *("--gym-packages", "adt_gym", "--conf-file", str(file)),
        *("--eval-freq", "-1", "--num-threads", "1", "--device", "cpu"),
    ]


def train(
    algorithm: str, condition: str, seed: int, file: Path, logs: Path, env_kwargs: Mapping[str, str] | None = None
) -> Actor:
    """Train as ``python -m rl_zoo3.train`` does and return what acts.

    Args:
        algorithm: A key of `ALGORITHMS`.
        condition: Under which it learns.
        seed: Of everything that is drawn.
        file: The hyper-parameters.
        logs: An empty folder for what rl-zoo3 writes.
        env_kwargs: Further arguments of the environment, such as another split.
    """
    from rl_zoo3.train import train as rl_zoo3

    one_of("algorithm", algorithm, ALGORITHMS)
    env_id = id_of(algorithm, condition)
    words = [*words_of(algorithm, condition, seed, file), "--log-folder", str(logs), "--verbose", "0"]
    if env_kwargs:
        words += ["--env-kwargs", *(f"{name}:{value!r}" for name, value in env_kwargs.items())]
    with _called_with(words), contextlib.redirect_stdout(io.StringIO()):
        rl_zoo3()
    levels = task.ACTIONS[actions_of(algorithm)]
    actions = 1 if algorithm in CONTINUOUS else len(levels)
    return Actor.of_zip(logs / algorithm / f"{env_id}_1" / f"{env_id}.zip", algorithm, actions)


@contextlib.contextmanager
def _called_with(words: list[str]) -> Iterator[None]:
    """Let a program find these as the words after its name; rl-zoo3 has no other way in."""
    before, sys.argv = sys.argv, ["rl_zoo3.train", *words]
    try:
        yield
    finally:
        sys.argv = before
