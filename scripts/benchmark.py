"""`adt benchmark`: how fast, in ratios measured side by side in one process; one subcommand a question."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments.benchmarks import Context, Infer, Jax, Live, Paper, Step, Train, Vector
from adt_gym.experiments.cells import results, run_cells
from adt_gym.experiments.learning import LearnSettings, stretch_of
from adt_gym.experiments.learning import learn as learn_cell
from adt_gym.extras import require
from adt_gym.folders import check_file, own_file, own_folder
from adt_gym.live.benchmark import LiveSettings
from adt_gym.report import learning
from adt_gym.report.benchmark import Report, plain_table
from adt_gym.report.progress import console
from adt_gym.scripts.options import CORES, Jobs, takes

Out = Annotated[Path, typer.Option(help="folder of the JSON; a file there that adt did not write is not replaced")]
OUT = Path("benchmarks")

benchmark = typer.Typer(add_completion=False)


@benchmark.callback(invoke_without_command=True)
def quick(called: typer.Context) -> None:
    """Measure speed and learning, side by side with what one would use instead.

    Without a subcommand: step, vector, train and infer at their defaults.
    """
    if called.invoked_subcommand is None:
        for command in (step, vector, train, infer):
            command()


@benchmark.command()
@takes
def step(settings: Step, out: Out = OUT) -> None:
    """Steps per second of one environment, restarts included, over CartPole-v1 and an environment that does nothing."""
    Report("step", settings, out).compare("steps/s", settings.compare)


@benchmark.command()
@takes
def vector(settings: Vector, out: Out = OUT) -> None:
    """Steps per second of N environments, restarts included, over CartPole's native vector environment."""
    Report("vector", settings, out).compare("steps/s", settings.compare)


@benchmark.command()
@takes
def context(settings: Context, out: Out = OUT) -> None:
    """Steps per second of N environments with a context, native over one by one (SyncVectorEnv)."""
    Report("context", settings, out).compare("steps/s", settings.compare)


@benchmark.command()
@takes
def train(settings: Train, out: Out = OUT) -> None:
    """Environment steps per second while learning: the reference agent, planned and stepped, over SB3's DQN."""
    Report("train", settings, out).compare("steps/s", settings.compare)


@benchmark.command()
@takes
def infer(settings: Infer, out: Out = OUT) -> None:
    """Windows per second of a trained policy: ours over the same network in SB3's predict, window by window."""
    Report("infer", settings, out).compare("windows/s", settings.compare)


@benchmark.command()
@takes
def monitor(settings: Live, out: Out = OUT) -> None:
    """Scores per second that a Monitor judges one by one, with several methods, and how long one of them takes."""
    require("adt benchmark monitor", "scipy")
    Report("monitor", settings, out).compare("pushes/s", settings.compare)


@benchmark.command()
@takes
def live(settings: LiveSettings, out: Out = OUT) -> None:
    """What adt watch takes: seconds of a step over all series, latency, memory, and what is lost by kill -9."""
    require("adt benchmark live", "sklearn")
    from adt_gym.live.benchmark import measure

    report, found = Report("live", settings, out), measure(settings)
    table = plain_table("live", ("", "measured"))
    steps = sorted(found.steps)
    for name, value in (
        (f"a step over {settings.series:,} series, median (lowest - highest), s",
         f"{steps[len(steps) // 2]:.2f} ({steps[0]:.2f} - {steps[-1]:.2f})"),
        ("until all were judged for the first time, s", f"{found.begin:.1f}"),
        ("until a new process goes on, s", f"{found.restart:.1f}"),
        ("file of state, MB", f"{found.state / 1e6:.1f}"),
        (f"a point's arrival to its decision, {settings.few:,} series, p50 and p99, ms",
         f"{found.p50:.2f}, {found.p99:.2f}"),
        ("memory of a further series, kB", f"{found.memory / 1e3:.0f}"),
        ("kill -9, labels left meanwhile", f"{found.kills}, {found.labels}"),
        ("points, decisions, labels and alerts that differ after it", f"{found.differences}"),
    ):  # fmt: skip
        table.add_row(name, value)
    report.publish(table, asdict(found))


@benchmark.command()
@takes
def jax(settings: Jax, out: Out = OUT) -> None:
    """Steps per second in JAX over gymnax's CartPole and our native vector env; PPO's learning over SB3's PPO."""
    require("adt benchmark jax", "gymnax", "jax", "optax", "six", "stable_baselines3")
    where = settings.device()
    Report("jax", settings, out).compare("steps/s", settings.compare, device=where)
    console.print(where)


@benchmark.command()
@takes
def learn(settings: LearnSettings, jobs: Jobs = CORES, out: Out = OUT) -> None:
    """Whether the reference agent learns what SB3's DQN learns: curves, final F1, equality of the greedy decisions.

    What an agent learned from a seed is kept in the folder learn/ beside the JSON and not learned again.
    """
    require("adt benchmark learn", "matplotlib", "scipy")
    report, cells = Report("learn", settings, out), settings.cells
    check_file(out / "learn.png", "benchmark")
    with own_folder(out / "learn", "benchmark") as folder:
        learned = results(run_cells(folder, cells, learn_cell, jobs, title="agents trained"))
    judge = learning.Judge(stretch_of(settings.windows), settings.gamma)
    summary = learning.summarise(judge, cells, learned)
    with own_file(out / "learn.png", "benchmark") as temporary:
        learning.draw(temporary, judge, cells, learned)
    console.print(learning.method_table(summary))
    report.publish(learning.equality_table(summary), asdict(summary))


@benchmark.command()
@takes
def paper(settings: Paper, out: Out = OUT) -> None:
    """Seconds that the reference agent takes for the paper's protocol: k = 2, l = 1 and 10."""
    report, table = Report("paper", settings, out), plain_table("paper", ("l", "seconds", "steps/s"))
    seconds = dict(settings.seconds())
    for hold, taken in seconds.items():
        table.add_row(f"{hold}", f"{taken:.1f}", f"{settings.episodes * (settings.windows - 2) / taken:,.0f}")
    report.publish(table, {"seconds": seconds})
