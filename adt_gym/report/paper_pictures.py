"""The pictures that `adt reproduce` draws beside its tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from adt_gym import thresholds
from adt_gym.experiments import paper
from adt_gym.experiments.paper_agents import Cell, Trained, env_options
from adt_gym.experiments.paper_results import ReproduceSettings, Result
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.mdp.plan import outputs
from adt_gym.report import figures, plots
from adt_gym.series import Detection, ScoredSeries


def draw(
    path: Path,
    settings: ReproduceSettings,
    results: Sequence[Result],
    cells: Sequence[Cell],
    agents: Sequence[Trained],
    test: Sequence[ScoredSeries],
    detections: Mapping[str, Sequence[Detection]],
) -> None:
    """Draw the picture of a table or figure into an image file.

    Args:
        path: The file.
        settings: Of the reproduction.
        results: The rows of its table.
        cells, agents: All that were trained.
        test: What was evaluated.
        detections: By the method's name, of its first run, one per series of ``test``.
    """
    what, dataset = settings.what, settings.dataset
    bars = [figures.Bar(row.method, row.interval, row.saw_labels) for row in results]
    varied = [(row.setting, bar, row.seconds) for row, bar in zip(results, bars, strict=True) if row.setting]
    references = bars[len(varied) :]
    varied_settings, ours = [setting for setting, _, _ in varied], [bar for _, bar, _ in varied]
    if what == "table4":
        shape = (len(paper.TABLE4_HOLDS), len(paper.ALPHAS))
        f1 = np.reshape([bar.f1.estimate for bar in ours], shape).T
        axes = ("alpha", "l, windows a threshold is kept for")
        figures.f1_heat_map(
            path, paper.ALPHAS, paper.TABLE4_HOLDS, f1, axes, references, f"{dataset}: F1 by alpha and l"
        )
    elif what == "figure2":
        seconds = [second or 0.0 for _, _, second in varied]
        holds = [setting.hold for setting in varied_settings]
        figures.f1_curve(
            path, holds, ours, references, "l, windows a threshold is kept for", f"{dataset}: F1 over l", seconds
        )
    elif what == "figure3":
        ks = [setting.k for setting in varied_settings]
        figures.f1_curve(path, ks, ours, references, "k, windows the agent looks back on", f"{dataset}: F1 over k")
    elif what == "figure4":
        rewards = {f"adt, seed {cell.seed}": agent.rewards for cell, agent in zip(cells, agents, strict=True)}
        title = f"{dataset}: training reward; lines: what rules get on the training windows of seed 0"
        figures.reward_curves(path, rewards, rule_rewards(cells[0]), paper.SMOOTHED, title)
    elif what == "figure5":
        most = plots.most_eventful(test)
        panels = {f"{row.method} (saw labels)" if row.saw_labels else row.method: row.method for row in results}
        plots.detection_panels(path, test[most], {title: detections[name][most] for title, name in panels.items()})
    else:
        figures.f1_bars(path, bars, f"{dataset}: F1 of all methods")


def rule_rewards(cell: Cell) -> dict[str, float]:
    """Return what the simple rules get in an episode on a cell's training windows, the mean over its series."""
    rules = [
        thresholds.make("persistence"),
        thresholds.make("static").fit(cell.labelled),
        thresholds.make("always"),
        thresholds.make("never"),
    ]
    mdps = [ThresholdingMDP([one], **env_options(cell.setting)) for one in cell.labelled]
    return {
        rule.name: float(np.mean([episode_reward(mdp, rule.detect(mdp.series[0])) for mdp in mdps])) for rule in rules
    }


def episode_reward(mdp: ThresholdingMDP, detection: Detection) -> float:
    """Return the reward that decisions get in an episode on one whole series."""
    return float(outputs(mdp, mdp.k, detection.decisions[mdp.k :])[1].sum())
