"""The paper's figures (matplotlib), each with the methods that an agent must be held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.metrics.bootstrap import Interval
from adt_gym.report.pictures import legend, saving

SAW_LABELS, BLIND, AGENT, TIME = "#d1495b", "#3b6ea5", "#1a1a1a", "#8a8a8a"
REFERENCE_STYLES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Bar:
    """The F1 of one method with its interval, and whether it saw labels of what it was tested on."""

    method: str
    f1: Interval
    saw_labels: bool


def f1_bars(path: str | Path, bars: Sequence[Bar], title: str) -> None:
    """Draw the F1 of each method, coloured by whether it saw labels at test time (paper, Tables 2 and 3).

    Args:
        path: An image file; the ending chooses the format.
        bars: From top to bottom.
        title: Above the picture.
    """
    with saving(path, (7, 0.35 * len(bars) + 1.5), title) as figure:
        axes = figure.subplots()
        for saw_labels, colour, label in ((True, SAW_LABELS, "saw test labels"), (False, BLIND, "saw none")):
            chosen = [(i, one) for i, one in enumerate(bars) if one.saw_labels == saw_labels]
            axes.barh(
                [i for i, _ in chosen],
                [one.f1.estimate for _, one in chosen],
                color=colour,
                label=label,
            )
        f1 = [one.f1.estimate for one in bars]
        axes.errorbar(f1, range(len(bars)), xerr=_error_bars(bars), fmt="none", ecolor=AGENT)
        axes.set_yticks(range(len(bars)), [one.method for one in bars])
        axes.invert_yaxis()
        axes.set(xlabel="F1 over windows; line: its 95% interval", xlim=(0, 1.05))
        legend(figure, axes)


def f1_curve(
    path: str | Path,
    values: Sequence[int],
    agent: Sequence[Bar],
    references: Sequence[Bar],
    name: str,
    title: str,
    seconds: Sequence[float] = (),
) -> None:
    """Draw the agent's F1 over a setting, the other methods as lines, and the training time (paper, Figures 2 and 3).

    Args:
        path: An image file; the ending chooses the format.
        values: Of the setting.
        agent: One per value.
        references: Methods that do not depend on the setting.
        name: Of the setting.
        title: Above the picture.
        seconds: Training time, one per value; none for a picture without.
    """
    with saving(path, (7.5, 5.5), title) as figure:
        axes = figure.subplots()
        f1 = [one.f1.estimate for one in agent]
        axes.errorbar(values, f1, _error_bars(agent), fmt="o-", color=AGENT, capsize=3, label="adt, 95% interval")
        for i, one in enumerate(references):
            style, note = ("--", " (saw labels)") if one.saw_labels else (":", "")
            axes.axhline(one.f1.estimate, color=f"C{i}", linestyle=style, linewidth=1.2, label=one.method + note)
        axes.set(xlabel=name, ylabel="F1 over windows", ylim=(-0.02, 1.02), xticks=values)
        handles, names = axes.get_legend_handles_labels()
        if seconds:
            right = axes.twinx()
            right.plot(values, seconds, "s:", color=TIME)
            right.set_ylabel("training time in seconds of a processor", color=TIME)
            right.set_ylim(bottom=0)
            handles, names = [*handles, *right.get_lines()], [*names, "training time"]
        figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=8)


def f1_heat_map(
    path: str | Path,
    rows: Sequence[float],
    columns: Sequence[float],
    f1: ArrayLike,
    names: tuple[str, str],
    references: Sequence[Bar],
    title: str,
) -> None:
    """Draw the agent's F1 over two settings, the other methods in the line below (paper, Table 4).

    Args:
        path: An image file; the ending chooses the format.
        rows, columns: The values of the two settings.
        f1: Shape ``(len(rows), len(columns))``.
        names: Of the two settings.
        references: Methods that do not depend on the settings.
        title: Above the picture.
    """
    values = np.asarray(f1)
    with saving(path, (1.1 * len(columns) + 2.5, 0.7 * len(rows) + 2.2), title) as figure:
        axes = figure.subplots()
        image = axes.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            axes.text(column, row, f"{value:.3f}", ha="center", va="center", color="black" if value > 0.5 else "white")
        axes.set_yticks(range(len(rows)), [f"{value:g}" for value in rows])
        axes.set_xticks(range(len(columns)), [f"{value:g}" for value in columns])
        axes.set(ylabel=names[0], xlabel=names[1])
        figure.colorbar(image, label="F1 over windows")
        texts = [f"{one.method} {one.f1.estimate:.3f}{'*' if one.saw_labels else ''}" for one in references]
        lines = ["   ".join(texts[start : start + 3]) for start in range(0, len(texts), 3)]
        figure.supxlabel("\n".join([*lines, "adt and * saw test labels"]), fontsize=8)


def reward_curves(
    path: str | Path, rewards: Mapping[str, ArrayLike], references: Mapping[str, float], smoothed: int, title: str
) -> None:
    """Draw the reward of each training episode, smoothed, beside what rules get in an episode (paper, Figure 4).

    Args:
        path: An image file; the ending chooses the format.
        rewards: By the curve's name, shape ``(episodes,)``.
        references: By the rule's name, the reward of an episode.
        smoothed: Episodes of the moving average; at most as many as there are.
        title: Above the picture.
    """
    with saving(path, (8, 5), title) as figure:
        axes = figure.subplots()
        for name, values in rewards.items():
            array = np.asarray(values)
            length = min(smoothed, len(array))
            average = np.convolve(array, np.full(length, 1 / length), mode="valid")
            axes.plot(np.arange(length, len(array) + 1), average, linewidth=0.8, label=name)
        for (name, value), style in zip(references.items(), REFERENCE_STYLES * len(references), strict=False):
            axes.axhline(value, color=TIME, linestyle=style, linewidth=1, label=name)
        axes.set(xlabel="episode", ylabel=f"reward, mean of {smoothed} episodes")
        legend(figure, axes)


def _error_bars(bars: Sequence[Bar]) -> NDArray[np.float64]:
    """Return how far the intervals reach below and above, shape ``(2, len(bars))``; 0 where there is none."""
    reach = [[one.f1.estimate - one.f1.low, one.f1.high - one.f1.estimate] for one in bars]
    return np.maximum(np.nan_to_num(np.reshape(reach, (-1, 2)).T), 0)
