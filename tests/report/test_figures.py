from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from adt_gym.metrics.bootstrap import Interval
from adt_gym.report.figures import Bar, f1_bars, f1_curve

NO_INTERVAL = Interval(0.3, float("nan"), float("nan"))


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    figures: list[Figure] = []

    def keep(self: Figure, path: Path, **_: object) -> None:
        figures.append(self)
        path.touch()

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def error_bars(axes: Axes) -> list[np.ndarray]:
    (bars,) = (drawn for drawn in axes.collections if isinstance(drawn, LineCollection))
    return [np.asarray(segment) for segment in bars.get_segments()]


def test_bars_are_coloured_by_whether_a_method_saw_labels_and_show_their_interval(
    saved: list[Figure], tmp_path: Path
) -> None:
    bars = [Bar("copy", Interval(0.9, 0.8, 0.95), True), Bar("fixed", NO_INTERVAL, False)]
    f1_bars(tmp_path / "bars.png", bars, "methods")
    axes = saved[0].axes[0]
    saw, blind = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert (saw.get_width(), blind.get_width()) == (0.9, 0.3)
    assert saw.get_facecolor() != blind.get_facecolor()
    np.testing.assert_allclose([bar[:, 0] for bar in error_bars(axes)], [[0.8, 0.95], [0.3, 0.3]])


def test_a_curve_shows_the_interval_of_every_value(saved: list[Figure], tmp_path: Path) -> None:
    agent = [Bar("adt k=2", Interval(0.9, 0.8, 0.95), True), Bar("adt k=5", NO_INTERVAL, True)]
    f1_curve(tmp_path / "curve.png", [2, 5], agent, [Bar("fixed", Interval(0.4, 0.3, 0.5), False)], "k", "F1 over k")
    axes = saved[0].axes[0]
    np.testing.assert_allclose([bar[:, 1] for bar in error_bars(axes)], [[0.8, 0.95], [0.3, 0.3]])
    assert {"fixed", "adt, 95% interval"} <= {text.get_text() for text in saved[0].legends[0].get_texts()}
