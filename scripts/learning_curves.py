"""Whether two agents learn the same: both over several seeds, in parallel, kept one by one, told side by side."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from adt_gym import thresholds
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.envs.sources import resolve
from adt_gym.envs.thresholding import THRESHOLDS
from adt_gym.experiments.timing import Spread
from adt_gym.experiments.workers import finish, processes
from adt_gym.files import replacing
from adt_gym.folders import own_file
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.mdp.plan import outputs
from adt_gym.mdp.solve import solve
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.reading import as_dataclass, read_json
from adt_gym.report.progress import bar
from adt_gym.series import InputError, ScoredSeries

AGENTS = {"sb3": "SB3 DQN", "reference": "reference DQN"}
"""What is trained, the slow one first."""

BASELINES = ("persistence", "static", "always", "never")
"""What stands beside them in every table and picture."""

SMOOTHED = 50
"""Episodes that a curve is averaged over."""


@dataclass(frozen=True)
class LearnSettings:
    """What both agents are trained with, beside the reference agent's defaults.

    Args:
        episodes: How many.
        windows: Of the packaged stretch that they learn on; see `richest_stretch`.
        learning_rate: Of Adam.
        gamma: Discount factor.
    """

    episodes: int
    windows: int
    learning_rate: float
    gamma: float


@dataclass(frozen=True)
class Cell:
    """What one agent learned from one seed.

    Args:
        agent: A key of ``AGENTS``.
        seed: Of everything that is drawn.
        settings: What it was trained with.
        returns: Of each training episode, exploration included; the sum of its rewards.
        decisions: Of the greedy policy on every window of the packaged series, end to end, as hexadecimal bits.
        stretch: The same on the stretch that it learned on.
    """

    agent: str
    seed: int
    settings: LearnSettings
    returns: list[float]
    decisions: str
    stretch: str


@dataclass(frozen=True)
class Judged:
    """How good decisions are: shares, over seeds where there are some.

    Args:
        f1: On the stretch.
        f1_packaged: On all packaged series.
        of_optimum: The return on the stretch as a share of the highest possible.
        optimal: The share of the windows of the stretch on which the action was optimal.
    """

    name: str
    f1: Spread
    f1_packaged: Spread
    of_optimum: Spread
    optimal: Spread


@dataclass(frozen=True)
class Equality:
    """On which share of the windows both agents, trained from one seed, decide the same."""

    seed: int
    stretch: float
    packaged: float


@dataclass(frozen=True)
class Summary:
    """What the cells say together."""

    stretch: str
    rows: list[Judged]
    equal: list[Equality]


def richest_stretch(windows: int) -> tuple[ScoredSeries, int]:
    """Return the stretch of so many windows, of all packaged series, in which most anomalous runs begin; and its start.

    Raises:
        InputError: If no packaged series is that long, or windows < 3.
    """
    best: tuple[int, ScoredSeries, int] | None = None
    for series in resolve(None):
        if 2 < windows <= len(series):
            begins = np.diff(series.truth, prepend=False) & series.truth
            counts = np.convolve(begins, np.ones(windows, dtype=int), "valid")
            start = int(counts.argmax())
            if best is None or counts[start] > best[0]:
                best = int(counts[start]), series, start
    if best is None:
        raise InputError(f"no packaged series has a stretch of {windows} windows; choose from 3 to about 1400")
    _, series, start = best
    return series[start : start + windows], start


# Training


def run_cells(settings: LearnSettings, seeds: Iterable[int], folder: Path, jobs: int) -> list[Cell]:
    """Train every agent from every seed in ``jobs`` processes; what the folder holds already is only read.

    Raises:
        InputError: If the folder holds cells of other settings, or no packaged series has so many windows.
    """
    stretch, _ = richest_stretch(settings.windows)
    wanted = [(agent, seed) for agent in AGENTS for seed in seeds]
    paths = {pair: folder / "{}-{}.json".format(*pair) for pair in wanted}
    cells = {pair: read_cell(path, settings) for pair, path in paths.items() if path.is_file()}
    missing = [pair for pair in wanted if pair not in cells]
    if not missing:
        return [cells[pair] for pair in wanted]
    work = partial(train_cell, settings=settings, stretch=stretch)
    with processes(work, min(jobs, len(missing))) as workers, bar("agents trained", len(missing)) as advance:
        for pair, cell, _, error in finish(workers, missing):
            if error:
                raise ChildProcessError(f"{pair[0]}, seed {pair[1]}, could not be trained: {error}")
            cells[pair] = cell
            write_cell(paths[pair], cell)
            advance(f"{cell.agent}, seed {cell.seed}")
    return [cells[pair] for pair in wanted]


def train_cell(of: tuple[str, int], settings: LearnSettings, stretch: ScoredSeries) -> Cell:
    """Train one agent from one seed and run its greedy policy."""
    agent, seed = of
    env = gym.make("ADT-v0", series=stretch)
    hyperparameters: dict[str, Any] = {"learning_rate": settings.learning_rate, "gamma": settings.gamma}
    train = train_reference if agent == "reference" else train_sb3
    model, returns = train(env, seed, settings.episodes, hyperparameters)
    policy = thresholds.Policy(model)
    decisions = np.concatenate([policy.detect(one).decisions for one in resolve(None)])
    return Cell(agent, seed, settings, returns, pack(decisions), pack(policy.detect(stretch).decisions))


def train_reference(
    env: gym.Env[Any, Any], seed: int, episodes: int, hyperparameters: dict[str, Any]
) -> tuple[Any, list[float]]:
    """Return the trained reference DQN and the return of each episode."""
    returns: list[float] = []
    agent = ReferenceDQN(env, seed, **hyperparameters)
    return agent.learn(episodes, lambda report: returns.append(report.reward)), returns


def train_sb3(
    env: gym.Env[Any, Any], seed: int, episodes: int, hyperparameters: dict[str, Any]
) -> tuple[Any, list[float]]:
    """Return the trained SB3 DQN and the return of each episode."""
    from stable_baselines3.common.monitor import Monitor

    from adt_gym.agents.sb3 import learn_episodes, make_dqn

    env = Monitor(env)
    model = learn_episodes(make_dqn(env, seed, **hyperparameters), episodes)
    return model, env.get_episode_rewards()


def write_cell(path: Path, cell: Cell) -> None:
    """Keep a cell."""
    with own_file(path, "benchmark") as temporary:
        temporary.write_text(json.dumps(asdict(cell)) + "\n")


def read_cell(path: Path, settings: LearnSettings) -> Cell:
    """Return the cell that was kept.

    Raises:
        InputError: If it is not one, or of other settings.
    """
    what = "what this benchmark keeps: delete it to have it made again"
    cell = as_dataclass(Cell, read_json(path, what), f"{path} is not {what}")
    if cell.settings != settings:
        raise InputError(f"{path} was trained with {cell.settings}, not {settings}; delete it or give another --out")
    return cell


def pack(decisions: NDArray[np.bool_]) -> str:
    """Return decisions as hexadecimal bits."""
    return np.packbits(decisions).tobytes().hex()


def unpack(bits: str, count: int) -> NDArray[np.bool_]:
    """Return the decisions that `pack` packed."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=count).astype(bool)


# Judging


class Judge:
    """Holds decisions on the stretch and on the packaged series against the truth and the exact solution."""

    def __init__(self, windows: int, gamma: float):
        self.stretch, self.start = richest_stretch(windows)
        self.packaged = resolve(None)
        self.mdp = ThresholdingMDP([self.stretch])
        self.solution = solve(self.mdp, THRESHOLDS, gamma)
        self.optimum = solve(self.mdp, THRESHOLDS, gamma=1.0).optimal_return

    def of_optimum(self, decisions: NDArray[np.bool_]) -> float:
        """Return the return of the decisions on the stretch, as a share of the highest possible."""
        _, rewards = outputs(self.mdp, self.mdp.k, decisions[self.mdp.k :])
        return float(rewards.sum()) / self.optimum

    def row(self, name: str, stretch: Sequence[NDArray[np.bool_]], packaged: Sequence[NDArray[np.bool_]]) -> Judged:
        """Judge one method by its decisions, those of one seed after those of the other."""
        k, labels = self.mdp.k, np.concatenate([one.truth for one in self.packaged])
        return Judged(
            name,
            Spread.of([precision_recall_f1(decisions, self.stretch.truth)[2] for decisions in stretch]),
            Spread.of([precision_recall_f1(decisions, labels)[2] for decisions in packaged]),
            Spread.of([self.of_optimum(decisions) for decisions in stretch]),
            # Decision and action are one: action 0 flags a window, action 1 does not.
            Spread.of([float(self.solution.optimal((~d[k:]).astype(int), d[k:]).mean()) for d in stretch]),
        )

    def baseline(self, name: str) -> Judged:
        """Judge a method that is not trained on rewards."""
        thresholder = thresholds.make(name).fit([self.stretch])
        packaged = np.concatenate([thresholder.detect(one).decisions for one in self.packaged])
        return self.row(thresholder.name, [thresholder.detect(self.stretch).decisions], [packaged])


@lru_cache(maxsize=1)
def judge_of(windows: int, gamma: float) -> Judge:
    """Return the judge; the exact solution is found once."""
    return Judge(windows, gamma)


def summarise(settings: LearnSettings, cells: Sequence[Cell]) -> Summary:
    """Judge the agents beside the baselines, and compare them seed by seed."""
    judge = judge_of(settings.windows, settings.gamma)
    windows, rows = sum(map(len, judge.packaged)), []
    stretch = {(c.agent, c.seed): unpack(c.stretch, settings.windows) for c in cells}
    packaged = {(c.agent, c.seed): unpack(c.decisions, windows) for c in cells}
    seeds = sorted({cell.seed for cell in cells})
    for agent, name in AGENTS.items():
        rows.append(judge.row(name, *([found[agent, seed] for seed in seeds] for found in (stretch, packaged))))
    equal = [
        Equality(seed, *(float(np.mean(d["sb3", seed] == d["reference", seed])) for d in (stretch, packaged)))
        for seed in seeds
    ]
    place = f"{judge.stretch.name}, windows {judge.start} to {judge.start + settings.windows - 1}"
    return Summary(place, rows + [judge.baseline(name) for name in BASELINES], equal)


# Telling


def method_table(summary: Summary) -> Table:
    """Return how good the methods are, as a table to print."""
    columns = ("", "F1 there", "F1, all packaged", "return / optimum", "optimal actions")
    table = plain_table(f"{summary.stretch}: median (lowest - highest) of the seeds", columns)
    for row in summary.rows:
        shares = (row.f1, row.f1_packaged, row.of_optimum, row.optimal)
        table.add_row(row.name, *map(str, shares))
    return table


def equality_table(summary: Summary) -> Table:
    """Return how far the two agents agree, as a table to print."""
    columns = ("seed", "same decisions there", "on all packaged series")
    table = plain_table(f"{AGENTS['reference']} and {AGENTS['sb3']}", columns)
    for one in summary.equal:
        table.add_row(f"{one.seed}", f"{one.stretch:.3%}", f"{one.packaged:.3%}")
    return table


def plain_table(title: str, columns: Sequence[str]) -> Table:
    """Return an empty table, all but its first column to the right."""
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=i == 0)
    return table


def band(curves: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean over seeds, the first axis, and half the width of its 95% interval (Student's t)."""
    from scipy.stats import sem, t

    n = len(curves)
    return curves.mean(axis=0), t.ppf(0.975, n - 1) * sem(curves, axis=0)


def draw(path: Path, settings: LearnSettings, cells: Sequence[Cell]) -> None:
    """Draw the learning curves with their bands, the optimum above them and the baselines across."""
    from matplotlib.figure import Figure

    judge = judge_of(settings.windows, settings.gamma)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    width = min(SMOOTHED, settings.episodes)
    kernel = np.ones(width) / width
    for (agent, name), colour in zip(AGENTS.items(), ("#d1495b", "#3b6ea5"), strict=True):
        returns = np.array([cell.returns for cell in cells if cell.agent == agent]) / judge.optimum
        mean, half = band(np.array([np.convolve(one, kernel, "valid") for one in returns]))
        episodes = np.arange(width, settings.episodes + 1)
        axes.plot(episodes, mean, color=colour, label=f"{name}, {len(returns)} seeds")
        axes.fill_between(episodes, mean - half, mean + half, color=colour, alpha=0.25, linewidth=0)
    axes.axhline(1.0, color="black", linewidth=0.8, label="optimum")
    for name, style in zip(BASELINES, ("-", "--", "-.", ":"), strict=True):
        axes.axhline(judge.baseline(name).of_optimum.median, color="grey", linestyle=style, linewidth=0.8, label=name)
    axes.set(xlabel="episode", ylabel=f"training return / optimum, mean of {width} episodes")
    axes.set_title(f"{judge.stretch.name}, {settings.windows} windows: mean over seeds and its 95% band", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
