from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from adt_gym import Detection, ScoredSeries
from adt_gym.report.plots import MAX_WINDOWS, detection_panels, frontier_curves
from adt_gym.thresholds import make


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: object, **kwargs: object) -> None:
        figures.append(self)
        save(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def series_of(windows: int, anomalous: slice, timed: bool = False) -> ScoredSeries:
    labels = np.zeros(windows, bool)
    labels[anomalous] = True
    index = np.datetime64("2020-01-01T00", "h") + np.arange(windows) if timed else None
    return ScoredSeries(np.random.default_rng(0).random(windows), labels, "pump", index)


def detections(series: ScoredSeries) -> dict[str, Detection]:
    varying = np.linspace(0, 1, len(series))
    return {"varying": Detection.at(varying, series), "copy": make("persistence").detect(series)}


def lines(figure: Figure, panel: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Places and heights of what is drawn in a panel, by its name in the legend."""
    axes = figure.axes[panel]
    return {str(line.get_label()): (line.get_xdata(orig=False), line.get_ydata()) for line in axes.lines}


def test_a_panel_per_method_shows_scores_thresholds_and_flags(tmp_path: Path, drawn: list[Figure]) -> None:
    series = series_of(40, slice(10, 20))
    by_name = detections(series)
    detection_panels(tmp_path / "new" / "panels.png", series, by_name)
    (figure,) = drawn
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["varying", "copy"]
    for panel, detection in enumerate(by_name.values()):
        shown = lines(figure, panel)
        np.testing.assert_array_equal(shown["score"], (np.arange(40), series.scores))
        np.testing.assert_array_equal(shown["threshold"], (np.arange(40), detection.thresholds))
        np.testing.assert_array_equal(shown["flagged"][0], np.flatnonzero(detection.decisions))


def test_the_anomalous_windows_are_shaded(tmp_path: Path, drawn: list[Figure]) -> None:
    series = series_of(40, slice(10, 20))
    detection_panels(tmp_path / "panels.png", series, detections(series))
    for axes in drawn[0].axes:
        (shade,) = axes.collections
        (path,) = shade.get_paths()
        assert (path.vertices[:, 0].min(), path.vertices[:, 0].max()) == pytest.approx((10, 19), abs=0.5)
        assert path.vertices[:, 1].min() < 0
        assert path.vertices[:, 1].max() > 1


def test_a_timed_series_is_drawn_over_its_times(tmp_path: Path, drawn: list[Figure]) -> None:
    series = series_of(40, slice(10, 20), timed=True)
    detection_panels(tmp_path / "panels.png", series, detections(series))
    np.testing.assert_allclose(lines(drawn[0], 0)["score"][0], date2num(series.index))
    assert drawn[0].axes[-1].get_xlabel() == "time"


@pytest.mark.parametrize("first", [0, 2000, 4999])
def test_of_a_long_series_the_stretch_around_its_first_anomaly_is_shown(
    tmp_path: Path, drawn: list[Figure], first: int
) -> None:
    series = series_of(5000, slice(first, first + 30))
    detection_panels(tmp_path / "panels.png", series, detections(series))
    x, scores = lines(drawn[0], 0)["score"]
    assert len(x) == MAX_WINDOWS
    assert first in x
    np.testing.assert_array_equal(scores, series.scores[x.astype(int)])
    np.testing.assert_array_equal(x, np.arange(x[0], x[0] + MAX_WINDOWS))


def test_one_method_and_no_anomaly_make_a_picture(tmp_path: Path) -> None:
    series = series_of(20, slice(0))
    detection_panels(tmp_path / "panels.png", series, {"never": make("never").detect(series)})
    assert (tmp_path / "panels.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 1


def test_an_ending_that_is_no_picture_leaves_nothing(tmp_path: Path) -> None:
    series = series_of(20, slice(5, 8))
    with pytest.raises(ValueError, match="xyz"):
        detection_panels(tmp_path / "panels.xyz", series, detections(series))
    assert not any(tmp_path.iterdir())


def test_a_frontier_has_a_panel_per_feedback_and_a_line_per_method(tmp_path: Path, drawn: list[Figure]) -> None:
    full = pd.DataFrame([[0.9, 0.5, np.nan], [0.8, 0.6, 0.4]], ["persistence(d)", "ours"], ["1", "10", "never"])
    frontier_curves(tmp_path / "new" / "frontier.png", {"feedback full": full, "feedback alerts": full / 2})
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes] == ["feedback full", "feedback alerts"]
    for axes, f1 in zip(figure.axes, (full, full / 2), strict=True):
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "10", "never"]
        for line, (method, values) in zip(axes.lines, f1.iterrows(), strict=True):
            assert line.get_label() == method
            np.testing.assert_array_equal(line.get_ydata(), values)
    copy, ours = figure.axes[0].lines
    assert ours.get_linewidth() > copy.get_linewidth()
    assert ours.get_zorder() < copy.get_zorder(), "equal lines are both seen"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["persistence(d)", "ours"]


def test_a_frontier_under_one_feedback_has_one_panel(tmp_path: Path, drawn: list[Figure]) -> None:
    frontier_curves(tmp_path / "frontier.png", {"none": pd.DataFrame([[0.4]], ["ours"], ["never"])})
    assert len(drawn[0].axes) == 1


def test_lines_of_fifteen_methods_are_told_apart_without_their_colours(tmp_path: Path, drawn: list[Figure]) -> None:
    table = pd.DataFrame(np.eye(15), [f"method {i}" for i in range(15)], [str(d) for d in range(15)])
    frontier_curves(tmp_path / "frontier.png", {"feedback full": table})
    looks = {(line.get_linestyle(), line.get_marker()) for line in drawn[0].axes[0].lines}
    assert len(looks) == 15
