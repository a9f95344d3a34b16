"""What all static pictures (matplotlib) share: how they are written, and their legend."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adt_gym.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@contextmanager
def saving(path: str | Path, size: tuple[float, float], title: str = "") -> Iterator["Figure"]:
    """Yield a figure of that size in inches to draw on; it is written to ``path`` when the block ends."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    if title:
        figure.suptitle(title, fontsize=10)
    yield figure
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


def legend(figure: "Figure", axes: "Axes", ncols: int = 4) -> None:
    """Put what one of its axes shows below a figure."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=ncols, frameon=False, fontsize=8)
