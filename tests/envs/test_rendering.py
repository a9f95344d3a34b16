import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled
from numpy.typing import ArrayLike, NDArray

from adt_gym.envs.rendering import (
    CELLS_BOTTOM,
    CELLS_TOP,
    COLUMN,
    LEFT,
    OUTCOME_COLOURS,
    SCORE_0,
    SCORE_1,
    WINDOWS,
    Frame,
    Screen,
    ansi,
)

CELLS_ROW = (CELLS_TOP + CELLS_BOTTOM) // 2
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def a_frame(labels: ArrayLike, decisions: ArrayLike, threshold: float = 0.5, score: float = 0.1) -> Frame:
    labels, decisions = np.asarray(labels, bool), np.asarray(decisions, bool)
    n = len(labels)
    return Frame(
        scores=np.full(n, score, np.float32),
        thresholds=np.broadcast_to(np.float32(threshold), n),
        labels=labels,
        decisions=decisions,
        t=n + 6,
        total=500,
        name="a series",
        reward=-0.9,
        episode_return=12.5,
    )


def quiet(n: int = WINDOWS, **changes: float) -> Frame:
    return a_frame(np.zeros(n), np.zeros(n), **changes)


def paint(frame: Frame) -> NDArray[np.uint8]:
    picture = Screen("rgb_array", 30).draw(frame)
    assert picture is not None
    return picture


def middle_of(window: int) -> int:
    return int(LEFT + (window + 0.5) * COLUMN)


@pytest.mark.parametrize("n", [1, 2, 33, WINDOWS])
def test_rgb_array_is_a_picture_of_400_by_600(n: int) -> None:
    picture = paint(quiet(n))
    assert picture.shape == (400, 600, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


def test_every_picture_is_a_fresh_array() -> None:
    screen = Screen("rgb_array", 30)
    first, second = screen.draw(quiet()), screen.draw(quiet())
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first, second)
    assert not np.shares_memory(first, second)


def test_outcome_of_every_window_is_painted_below_it() -> None:
    rng = np.random.default_rng(0)
    labels, decisions = rng.random((2, WINDOWS)) < 0.5
    picture = paint(a_frame(labels, decisions))
    true_positive, true_negative, false_positive, false_negative = OUTCOME_COLOURS
    for window, (label, decision) in enumerate(zip(labels, decisions, strict=True)):
        if decision:
            expected = true_positive if label else false_positive
        else:
            expected = false_negative if label else true_negative
        assert tuple(picture[CELLS_ROW, middle_of(window)]) == expected


def test_few_windows_fill_the_picture_from_the_left() -> None:
    cells = paint(quiet(30))[CELLS_ROW]
    painted = np.flatnonzero((cells == OUTCOME_COLOURS[1]).all(axis=1))
    assert painted[0] == LEFT
    assert painted[-1] < LEFT + 30 * COLUMN
    assert middle_of(29) in painted


def test_anomalous_windows_are_shaded_and_the_others_are_not() -> None:
    labels = np.zeros(WINDOWS)
    labels[40:60] = 1
    shaded = paint(a_frame(labels, np.zeros(WINDOWS)))[SCORE_1 + 20]
    plain = paint(quiet())[SCORE_1 + 20]
    changed = np.flatnonzero((shaded != plain).any(axis=1))
    assert changed[0] == LEFT + 40 * COLUMN
    assert changed[-1] == LEFT + 60 * COLUMN - 1
    assert len(changed) == 20 * COLUMN


def rows_of_change(before: Frame, after: Frame, window: int) -> NDArray[np.intp]:
    column = middle_of(window)
    return np.flatnonzero((paint(before)[:, column] != paint(after)[:, column]).any(axis=1))


@pytest.mark.parametrize("threshold", [0.0, 0.35, 0.8, 1.0])
def test_threshold_line_stands_at_the_threshold(threshold: float) -> None:
    rows = rows_of_change(quiet(threshold=0.6), quiet(threshold=threshold), window=60)
    height = SCORE_0 - SCORE_1
    left, reached = SCORE_0 - 0.6 * height, SCORE_0 - threshold * height
    assert np.abs(rows - left).min() <= 1
    assert np.abs(rows - reached).min() <= 1
    assert np.minimum(np.abs(rows - left), np.abs(rows - reached)).max() <= 3


def test_threshold_line_is_a_step_that_moves_only_where_the_threshold_changes() -> None:
    stepped = np.where(np.arange(WINDOWS) < 60, 0.6, 0.9).astype(np.float32)
    flat = quiet(threshold=0.6)
    assert len(rows_of_change(flat, replace(flat, thresholds=stepped), window=59)) == 0
    assert len(rows_of_change(flat, replace(flat, thresholds=stepped), window=60)) > 0


def test_higher_scores_stand_higher() -> None:
    rows = rows_of_change(quiet(score=0.2, threshold=1), quiet(score=0.8, threshold=1), window=60)
    height = SCORE_0 - SCORE_1
    assert rows.min() == pytest.approx(SCORE_0 - 0.8 * height, abs=2)
    assert rows.max() == pytest.approx(SCORE_0 - 0.2 * height, abs=2)


def test_human_mode_shows_the_same_picture_in_a_window() -> None:
    import pygame

    screen = Screen("human", 1000)
    try:
        assert screen.draw(quiet()) is None
        shown = pygame.surfarray.array3d(pygame.display.get_surface()).transpose(1, 0, 2)
        np.testing.assert_array_equal(shown, paint(quiet()))
    finally:
        screen.close()
    assert not pygame.display.get_init()


def test_closed_window_opens_again() -> None:
    screen = Screen("human", 1000)
    try:
        for _ in range(2):
            screen.draw(quiet())
            screen.close()
            screen.close()
    finally:
        screen.close()


def test_pygame_ended_by_another_environment_does_not_matter() -> None:
    import pygame

    screen = Screen("rgb_array", 30)
    before = screen.draw(quiet())
    pygame.quit()
    after = screen.draw(quiet())
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(after, before)


def test_missing_pygame_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(DependencyNotInstalled, match=r"pip install .*adt-gym\[render\]"):
        Screen("rgb_array", 30)


def a_small_frame() -> Frame:
    frame = a_frame(labels=[1, 0, 0, 1, 1], decisions=[1, 0, 1, 0, 1])
    return replace(
        frame,
        scores=np.array([1e-6, 0.3, 0.5, 0.99, 1.0], np.float32),
        thresholds=np.array([0, 1, 0, 1, 0.25], np.float32),
    )


def test_ansi_without_colours_is_readable() -> None:
    assert ESCAPE.sub("", ansi(a_small_frame())).split("\n") == [
        "a series  window 11/500  threshold 0.25  flagged TP  reward -0.90  return +12.50",
        "score      ▁▃▅██",
        "threshold  ▁█▁█▃",
        "anomalous  █··██",
        "outcome    TTFFT",
        "           PNPNP",
        "",
    ]


def test_ansi_gives_each_outcome_its_colour() -> None:
    first, second = ansi(a_small_frame()).splitlines()[-2:]
    colours = ESCAPE.findall(first.replace("\x1b[0m", ""))
    assert colours == ESCAPE.findall(second.replace("\x1b[0m", ""))
    assert len(set(colours[:4])) == 4
    assert colours[4] == colours[0]


def test_ansi_keeps_the_newest_windows_within_80_columns() -> None:
    newest_flagged = replace(quiet(), decisions=np.arange(WINDOWS) == WINDOWS - 1)
    rows = ESCAPE.sub("", ansi(newest_flagged)).splitlines()[1:]
    assert max(map(len, rows)) <= 80
    assert rows[-2].endswith("TF")
    assert rows[-1].endswith("NP")
