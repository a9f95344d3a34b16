"""The zoo: agents that rl-zoo3 trains on ADT-Bench-v0, with hyper-parameters from files, each from several seeds."""

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from adt_gym.agents.actor import ALGORITHMS, Actor
from adt_gym.checks import InputError, one_of
from adt_gym.envs import task
from adt_gym.evaluation.bench import results
from adt_gym.evaluation.leaderboard import Entry, add, file_of, read_entry
from adt_gym.experiments.cells import results as cells_done
from adt_gym.experiments.cells import run_cells
from adt_gym.folders import own_file, own_folder
from adt_gym.registry import load
from adt_gym.saved import Saved

KIND = "zoo"
"""What the log says wrote the folder."""

GRU = "gru"
"""The algorithm that is not rl-zoo3's: its file holds `adt_gym.agents.recurrent.Settings`."""

ABOUT = {
    "dqn": "SB3's DQN",
    "qrdqn": "sb3-contrib's QR-DQN",
    "ppo": "SB3's PPO",
    "ppo_lstm": "sb3-contrib's recurrent PPO",
    "sac": "SB3's SAC, any threshold",
    "tqc": "sb3-contrib's TQC, any threshold",
    GRU: "this package's PPO with a GRU, in JAX (adt_gym.agents.recurrent)",
}
"""By algorithm, what it is."""

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

    if not file.is_file():
        raise FileNotFoundError(
            f"no hyper-parameters at {file}: they are in zoo/hyperparams of a checkout; --files says where"
        )
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


def train_gru(condition: str, seed: int, settings: Mapping[str, Any]) -> Saved:
    """Train the recurrent PPO of `adt_gym.agents.recurrent` and return its policy."""
    from adt_gym import jax
    from adt_gym.agents import recurrent

    env, params = jax.make("ADT-Context-v0", series=task.series_of("train"), **task.settings_of(condition))
    return recurrent.train(env, params, recurrent.Settings(**settings), seed)[0]


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


@dataclass(frozen=True)
class Training:
    """An agent to be trained: all that it depends on.

    Args:
        algorithm, condition, seed: See `train`.
        settings: Its hyper-parameters, as JSON.
    """

    algorithm: str
    condition: str
    seed: int
    settings: str

    def __str__(self) -> str:
        return f"{self.algorithm}, {self.condition}, seed {self.seed}"


@dataclass(frozen=True)
class Trained:
    """How long it took; the agent itself is in ``agent.npz``."""

    seconds: float


AGENT = "agent.npz"


def work(cell: Training, folder: Path) -> Trained:
    """Train an agent and leave what acts."""
    import yaml

    started, settings = perf_counter(), json.loads(cell.settings)
    if cell.algorithm == GRU:
        train_gru(cell.condition, cell.seed, settings).save(folder / AGENT)
        return Trained(perf_counter() - started)
    with tempfile.TemporaryDirectory() as logs:
        file = Path(logs) / "hyperparameters.yml"
        file.write_text(yaml.safe_dump({id_of(cell.algorithm, cell.condition): settings}))
        train(cell.algorithm, cell.condition, cell.seed, file, Path(logs)).save(folder / AGENT)
    return Trained(perf_counter() - started)


def train_all(
    algorithms: Sequence[str],
    conditions: Sequence[str],
    seeds: Sequence[int],
    files: Path,
    out: Path,
    board: Path,
    jobs: int,
    agents: Path | None = None,
) -> None:
    """Train what the leaderboard lacks, condition by condition, and enter it.

    A result is lacking where it has other seeds or other hyper-parameters than are asked for. Agents that were trained
    before are kept in ``out``, so that whatever ends this, the same command goes on.

    Args:
        algorithms, conditions, seeds: What is asked for.
        files: The folder of rl-zoo3's files, one an algorithm.
        out: The folder of the agents.
        board: That of the leaderboard.
        jobs: How many trainings at a time.
        agents: Where the trained agents are put, each as ``ALGORITHM-CONDITION-SEED.npz``; None for nowhere.

    Raises:
        FileNotFoundError: If a file of hyper-parameters is missing.
        InputError: If there is no such algorithm or condition, or a file has nothing for one.
    """
    for algorithm in algorithms:
        one_of("algorithm", algorithm, ABOUT)
    for condition in conditions:
        one_of("condition", condition, task.CONDITIONS)
    with own_folder(out, KIND) as folder:
        for condition in conditions:
            lacking = {}
            for algorithm in algorithms:
                settings = hyperparameters(files / f"{algorithm}.yml", id_of(algorithm, condition))
                if not _is_there(file_of(algorithm, board), condition, seeds, settings):
                    lacking[algorithm] = settings
            cells = [
                Training(algorithm, condition, seed, json.dumps(settings))
                for algorithm, settings in lacking.items()
                for seed in seeds
            ]
            done = run_cells(folder, cells, work, jobs, title=condition, files=True)
            cells_done(done)
            trained = [load("policy", one.files / AGENT) for one in done]
            if agents is not None:
                for cell, actor in zip(cells, trained, strict=True):
                    with own_file(agents / f"{cell.algorithm}-{condition}-{cell.seed}.npz", KIND) as temporary:
                        actor.save(temporary)
            for i, (algorithm, settings) in enumerate(lacking.items()):
                own = trained[i * len(seeds) : (i + 1) * len(seeds)]
                add(_entry(algorithm, condition, seeds, own, settings), board)


def _is_there(path: Path, condition: str, seeds: Sequence[int], settings: Mapping[str, Any]) -> bool:
    if not path.exists():
        return False
    entry = read_entry(path)
    result = entry.under(condition)
    return result is not None and result.seeds == list(seeds) and entry.settings.get(condition) == settings


def _entry(
    algorithm: str,
    condition: str,
    seeds: Sequence[int],
    agents: Sequence[Any],
    settings: dict[str, Any],
) -> Entry:
    found = results(agents, [condition], name=algorithm, seeds=seeds)
    command = f"adt zoo train --algorithm {algorithm} --seeds {len(seeds)}"
    return Entry(algorithm, "zoo", ABOUT[algorithm], command, found, {condition: settings})
