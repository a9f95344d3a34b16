"""The curves of a network's training as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from adt_gym.report.pictures import saving
from adt_gym.scoring.training import Epoch

PARTS = {"training": "-", "validation": "--", "test": ":"}
"""The parts and their lines."""


def training_curves(path: str | Path, curves: Mapping[str, Sequence[Epoch]]) -> None:
    """Draw mean squared error and R2 by epoch, one row per scorer.

    Args:
        path: An image file; the ending chooses the format.
        curves: By the scorer's name.
    """
    with saving(path, (9, 2.2 * len(curves) + 0.6)) as figure:
        rows = figure.subplots(len(curves), 2, sharex="row", squeeze=False)
        for (losses, r2), (name, curve) in zip(rows, curves.items(), strict=True):
            epochs = [one.epoch for one in curve]
            for part, line in PARTS.items():
                for axes, suffix in ((losses, ""), (r2, "_r2")):
                    values = [getattr(one, part + suffix) for one in curve]
                    axes.plot(epochs, np.array(values, dtype=float), line, linewidth=1, label=part)
            losses.set_yscale("log")
            losses.set_title(f"{name}: mean squared error", loc="left", fontsize=9)
            r2.set_title("R2", loc="left", fontsize=9)
            for axes in (losses, r2):
                axes.tick_params(labelsize=7)
                axes.spines[["top", "right"]].set_visible(False)
        for axes in rows[-1]:
            axes.set_xlabel("epoch")
        figure.legend(*rows[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
