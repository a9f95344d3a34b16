"""What two agents learned, side by side: how near each comes to the optimum, where they agree, and their curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from adt_gym import thresholds
from adt_gym.envs.actions import THRESHOLDS
from adt_gym.envs.sources import resolve
from adt_gym.experiments.learning import AGENTS, Cell, Learned, unpack
from adt_gym.experiments.timing import Spread
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.mdp.plan import outputs
from adt_gym.mdp.solve import solve
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.report.benchmark import plain_table
from adt_gym.report.pictures import saving
from adt_gym.series import ScoredSeries

BASELINES = ("persistence", "static", "always", "never")
"""What stands beside them in every table and picture."""

SMOOTHED = 50
"""Episodes that a curve is averaged over."""


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


class Judge:
    """Holds decisions on the stretch and on the packaged series against the truth and the exact solution."""

    def __init__(self, stretch: ScoredSeries, gamma: float):
        self.stretch = stretch
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


def summarise(judge: Judge, cells: Sequence[Cell], learned: Sequence[Learned]) -> Summary:
    """Judge the agents beside the baselines, and compare them seed by seed."""
    windows = sum(map(len, judge.packaged))
    seeds = sorted({cell.seed for cell in cells})
    pairs = [(cell.agent, cell.seed) for cell in cells]
    stretch = {pair: unpack(one.stretch, len(judge.stretch)) for pair, one in zip(pairs, learned, strict=True)}
    packaged = {pair: unpack(one.packaged, windows) for pair, one in zip(pairs, learned, strict=True)}
    rows = [
        judge.row(name, *([found[agent, seed] for seed in seeds] for found in (stretch, packaged)))
        for agent, name in AGENTS.items()
    ]
    equal = [
        Equality(seed, *(float(np.mean(d["sb3", seed] == d["reference", seed])) for d in (stretch, packaged)))
        for seed in seeds
    ]
    return Summary(place_of(judge), rows + [judge.baseline(name) for name in BASELINES], equal)


def place_of(judge: Judge) -> str:
    """Say what was learned on."""
    return f"{judge.stretch.name}, {len(judge.stretch)} windows"


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


def band(curves: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean over seeds, the first axis, and half the width of its 95% interval (Student's t)."""
    from scipy.stats import sem, t

    n = len(curves)
    return curves.mean(axis=0), t.ppf(0.975, n - 1) * sem(curves, axis=0)


def draw(path: Path, judge: Judge, cells: Sequence[Cell], learned: Sequence[Learned]) -> None:
    """Draw the learning curves with their bands, the optimum above them and the baselines across."""
    with saving(path, (8, 4.5)) as figure:
        axes = figure.subplots()
        episodes = len(learned[0].returns)
        width = min(SMOOTHED, episodes)
        kernel = np.ones(width) / width
        for (agent, name), colour in zip(AGENTS.items(), ("#d1495b", "#3b6ea5"), strict=True):
            found = [one.returns for cell, one in zip(cells, learned, strict=True) if cell.agent == agent]
            returns = np.array(found) / judge.optimum
            mean, half = band(np.array([np.convolve(one, kernel, "valid") for one in returns]))
            x = np.arange(width, episodes + 1)
            axes.plot(x, mean, color=colour, label=f"{name}, {len(returns)} seeds")
            axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.25, linewidth=0)
        axes.axhline(1.0, color="black", linewidth=0.8, label="optimum")
        for name, style in zip(BASELINES, ("-", "--", "-.", ":"), strict=True):
            there = judge.baseline(name).of_optimum.median
            axes.axhline(there, color="grey", linestyle=style, linewidth=0.8, label=name)
        axes.set(xlabel="episode", ylabel=f"training return / optimum, mean of {width} episodes")
        axes.set_title(f"{place_of(judge)}: mean over seeds and its 95% band", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
