"""`adt zoo`: agents trained by rl-zoo3 on ADT-Bench-v0."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.agents.actor import ALGORITHMS
from adt_gym.envs import task
from adt_gym.evaluation.leaderboard import FOLDER
from adt_gym.experiments.zoo import train_all
from adt_gym.experiments.zoo_tuning import tune as tune_one
from adt_gym.report.progress import console
from adt_gym.scripts.options import Jobs
from adt_gym.settings import MAX_SEEDS

Files = Annotated[Path, typer.Option(help="folder of rl-zoo3's hyper-parameter files, one an algorithm")]
KNOWN = ", ".join(ALGORITHMS)
FILES = Path("zoo/hyperparams")

zoo = typer.Typer(no_args_is_help=True, help="Agents trained by rl-zoo3 on ADT-Bench-v0.")


@zoo.command()
def train(
    algorithm: Annotated[
        list[str] | None, typer.Option(help="dqn, qrdqn, ppo, ppo_lstm, sac, tqc; all by default")
    ] = None,
    condition: Annotated[list[str] | None, typer.Option(help="as of ADT-Bench-v0; all by default")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=MAX_SEEDS, help="train so often, from seed 0 on")] = 5,
    jobs: Jobs = 1,
    files: Files = FILES,
    out: Annotated[Path, typer.Option(help="folder of the agents; finished ones in it are kept")] = Path("runs/zoo"),
    board: Annotated[Path, typer.Option(help="folder of the leaderboard's entries")] = FOLDER,
) -> None:
    """Train what the leaderboard lacks and enter it; an interrupted training of many goes on where it was."""
    train_all(algorithm or list(ALGORITHMS), condition or list(task.CONDITIONS), range(seeds), files, out, board, jobs)


@zoo.command()
def tune(
    algorithm: Annotated[str, typer.Argument(help=KNOWN)],
    condition: Annotated[str, typer.Option(help="under which hyper-parameters are tried")] = task.CONDITION,
    trials: Annotated[int, typer.Option(min=1, max=10_000, help="how many are tried")] = 8,
    steps: Annotated[int, typer.Option(min=1000, max=10**9, help="of a training")] = 25_000,
    files: Files = FILES,
) -> None:
    """Choose hyper-parameters with Optuna, on training series alone, and write rl-zoo3's file of them."""
    tune_one(
        algorithm, condition, trials, steps, files / f"{algorithm}.yml", lambda line: console.print(line, markup=False)
    )
