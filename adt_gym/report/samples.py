"""How methods judged samples: a table and two pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from adt_gym.metrics.flags import flag_pair
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.report.pictures import legend, saving
from adt_gym.samples.evaluation import CLASSES, METRICS, Summary, Verdicts


def samples_table(rows: Sequence[Summary], title: str, deviations: bool) -> Table:
    """Return the rows as a table to print."""
    shown = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        caption="P, R and F1 of the anomalous class on the test part, whose labels no method saw",
    )
    for column in ("method", "P", "R", "F1", "macro F1"):
        shown.add_column(column, justify="left" if column == "method" else "right", no_wrap=True)
    for row in rows:
        cells = [f"{getattr(row.mean, metric):.3f}" for metric in METRICS]
        if deviations:
            spreads = [getattr(row, f"{metric}_std") for metric in METRICS]
            cells = [f"{cell}±{spread:.3f}" for cell, spread in zip(cells, spreads, strict=True)]
        shown.add_row(row.mean.method, *cells)
    return shown


def draw_confusion(path: str | Path, decisions: NDArray[np.bool_], labels: NDArray[np.bool_], title: str) -> None:
    """Draw the confusion matrix into an image file; the ending chooses the format."""
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    decisions, labels = flag_pair(decisions, labels)
    with saving(path, (4.2, 3.8), title) as figure:
        counts = confusion_matrix(labels, decisions, labels=[False, True])
        display = ConfusionMatrixDisplay(counts, display_labels=CLASSES)
        display.plot(ax=figure.subplots(), cmap="Blues", colorbar=False)


def draw_precision_recall(
    path: str | Path, verdicts: Sequence[Verdicts], labels: NDArray[np.bool_], title: str
) -> None:
    """Draw the precision-recall curve of every method that has scores, a dot where its decisions stand."""
    from sklearn.metrics import PrecisionRecallDisplay

    with saving(path, (5.5, 5.5), title) as figure:
        axes = figure.subplots()
        for one in verdicts:
            if one.scores is not None:
                display = PrecisionRecallDisplay.from_predictions(labels, one.scores, name=one.method, ax=axes)
                precision, recall, _ = precision_recall_f1(one.decisions, labels)
                axes.plot(recall, precision, "o", color=display.line_.get_color())
        axes.axhline(labels.mean(), color="grey", linestyle=":", label="always")
        axes.set(xlabel="recall", ylabel="precision")
        legend(figure, axes, ncols=2)
        axes.legend().remove()
