"""`adt zoo`: agents trained by rl-zoo3 on ADT-Bench-v0."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.agents.actor import ALGORITHMS
from adt_gym.checks import MOST
from adt_gym.envs import task
from adt_gym.evaluation.leaderboard import FOLDER
from adt_gym.experiments.zoo import ABOUT, train_all
from adt_gym.experiments.zoo_tuning import tune as tune_one
from adt_gym.report.progress import console
from adt_gym.scripts.options import Jobs
from adt_gym.settings import MAX_SEEDS

Files = Annotated[Path, typer.Option(help="folder of rl-zoo3's hyper-parameter files, one an algorithm")]
KNOWN = ", ".join(ALGORITHMS)
ALL = ", ".join(ABOUT)
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
    agents: Annotated[
        Path | None, typer.Option(help="folder for the trained agents, as ALGORITHM-CONDITION-SEED.npz")
    ] = None,
) -> None:
    """Train what the leaderboard lacks and enter it; an interrupted training of many goes on where it was."""
    algorithms, conditions = algorithm or list(ABOUT), condition or list(task.CONDITIONS)
    train_all(algorithms, conditions, range(seeds), files, out, board, jobs, agents)


@zoo.command()
def tune(
    algorithm: Annotated[str, typer.Argument(help=KNOWN)],
    condition: Annotated[str, typer.Option(help="under which hyper-parameters are tried")] = task.CONDITION,
    trials: Annotated[int, typer.Option(min=1, max=10_000, help="how many are tried")] = 8,
    steps: Annotated[int, typer.Option(min=1000, max=MOST, help="of a training")] = 25_000,
    files: Files = FILES,
) -> None:
    """Choose hyper-parameters with Optuna, on training series alone, and write rl-zoo3's file of them."""
    tune_one(
        algorithm, condition, trials, steps, files / f"{algorithm}.yml", lambda line: console.print(line, markup=False)
    )


@zoo.command("film")
def film_one(
    agent: Annotated[
        str, typer.Argument(help="an .npz file of an agent, or the condition of one that comes with the package")
    ] = task.CONDITION,
    condition: Annotated[str | None, typer.Option(help="under which it plays; that of the agent by default")] = None,
    series: Annotated[str, typer.Option(help="the name of a test series")] = "yahoo_like_42",
    start: Annotated[int, typer.Option(min=0, max=MOST, help="the first window that is filmed")] = 370,
    windows: Annotated[int, typer.Option(min=1, max=2000, help="how many are filmed")] = 95,
    out: Annotated[Path, typer.Option(help="the GIF")] = Path("docs/figures/agent.gif"),
) -> None:
    """Film an agent at work on a test series."""
    from adt_gym.agents.zoo import actor
    from adt_gym.evaluation.entrants import opened
    from adt_gym.report.video import film

    model = opened(agent) if agent.endswith(".npz") else actor(agent)
    where = condition or (task.CONDITION if agent.endswith(".npz") else agent)
    film(model, out, where, series, start, windows)
    console.print(out)
