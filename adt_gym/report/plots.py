"""Static pictures (matplotlib)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adt_gym.evaluation.frontier import OURS
from adt_gym.metrics.events import runs
from adt_gym.report.colours import colour
from adt_gym.report.pictures import legend, saving
from adt_gym.series import Detection, ScoredSeries

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ANOMALY, SCORE, THRESHOLD, FLAG = "#f4c7c3", "#3b6ea5", "#d1495b", "#1a1a1a"
DASHES, MARKERS = ("-", "--", ":"), "os^Dv"
"""Of the lines of many methods, no two of fifteen alike: some of so many colours are too near each other."""

MAX_WINDOWS = 1500
"""A panel shows at most this many windows: more cannot be told apart."""


def most_eventful(series: Sequence[ScoredSeries]) -> int:
    """Return which series has the most events: the one to draw."""
    return int(np.argmax([len(runs(one.truth)[0]) for one in series]))


def detection_panels(path: str | Path, series: ScoredSeries, detections: dict[str, Detection]) -> None:
    """Draw the scores, anomalous stretches coloured, one panel per method with its threshold (paper, Figure 5).

    Args:
        path: An image file; the ending chooses the format.
        series: Whose windows are drawn; of a long one the stretch of ``MAX_WINDOWS`` around its first anomaly.
        detections: By the method's name, of that series.
    """
    shown = _stretch(series)
    x = np.arange(shown.start, shown.stop) if series.index is None else series.index[shown]
    title = f"{series.name}: anomaly scores, anomalous windows (shaded), thresholds"
    with saving(path, (11, 1.5 * len(detections) + 0.8), title) as figure:
        panels = np.atleast_1d(figure.subplots(len(detections), 1, sharex=True, sharey=True))
        for axes, (name, detection) in zip(panels, detections.items(), strict=True):
            _panel(axes, x, series, detection, shown)
            axes.set_title(name, loc="left", fontsize=9)
        panels[-1].set_xlabel("time" if series.index is not None else "window")
        legend(figure, panels[0])


def frontier_curves(path: str | Path, panels: "Mapping[str, pd.DataFrame]", measure: str = "F1") -> None:
    """Draw a measure of every method over the delay of the labels; our agent's, a thick black line, below the others.

    Args:
        path: An image file; the ending chooses the format.
        panels: By title, a table with a row per method and a column per delay; all with the same methods.
        measure: What it is called.
    """
    _curves(path, panels, "windows until a label is told", f"{measure}, mean over unseen series and seeds")


def learning_curves(path: str | Path, panels: "Mapping[str, pd.DataFrame]") -> None:
    """Draw the composite F1 of every method over the labels that it had been told; see `frontier_curves`."""
    _curves(path, panels, "labels told", "composite F1 over all later windows")


def _curves(path: str | Path, panels: "Mapping[str, pd.DataFrame]", x: str, y: str) -> None:
    with saving(path, (1.5 + 5 * len(panels), 4.8)) as figure:
        all_axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
        for axes, (title, values) in zip(all_axes, panels.items(), strict=True):
            for i, (method, line) in enumerate(values.iterrows()):
                emphasis = {"color": "black", "linewidth": 4, "zorder": 1, "marker": "o"}
                dash, marker = DASHES[i // len(MARKERS) % len(DASHES)], MARKERS[i % len(MARKERS)]
                style = emphasis if method == OURS else {"color": colour(i), "linestyle": dash, "marker": marker}
                axes.plot([str(one) for one in values], line, markersize=4, label=method, **style)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel(x)
            axes.set_ylim(0, 1)
            axes.spines[["top", "right"]].set_visible(False)
        all_axes[0].set_ylabel(y)
        legend(figure, all_axes[0])


def _panel(axes: "Axes", x: np.ndarray, series: ScoredSeries, detection: Detection, shown: slice) -> None:
    axes.fill_between(
        x, -0.05, 1.05, where=series.truth[shown], color=ANOMALY, step="mid", linewidth=0, label="anomalous"
    )
    axes.plot(x, series.scores[shown], color=SCORE, linewidth=0.7, label="score")
    axes.step(x, detection.thresholds[shown], color=THRESHOLD, linewidth=0.8, where="mid", label="threshold")
    flagged = detection.decisions[shown]
    axes.plot(x[flagged], np.full(flagged.sum(), 1.02), "|", color=FLAG, markersize=3, label="flagged")
    axes.set_ylim(-0.05, 1.1)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _stretch(series: ScoredSeries) -> slice:
    if len(series) <= MAX_WINDOWS:
        return slice(0, len(series))
    first = int(np.argmax(series.truth))
    start = min(max(first - MAX_WINDOWS // 4, 0), len(series) - MAX_WINDOWS)
    return slice(start, start + MAX_WINDOWS)
