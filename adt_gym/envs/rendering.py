"""What ADT-v0 shows of an episode: a text for the terminal and a picture drawn with pygame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from gymnasium.error import DependencyNotInstalled
from gymnasium.utils import colorize
from numpy.typing import NDArray

from adt_gym.extras import MissingExtra, require
from adt_gym.series import ScoredSeries
from adt_gym.stream.feedback import OUTCOME_NUMBERS, OUTCOMES

if TYPE_CHECKING:
    import pygame

WINDOWS = 120
"""The most windows that one picture holds."""

OUTCOME_COLOURS = ((0, 114, 178), (173, 214, 240), (240, 178, 40), (204, 72, 0))
"""Of TP, TN, FP, FN: cool where the decision was right, warm where it was wrong; far apart for the colour-blind too."""

# Geometry, in pixels of a picture of WIDTH x HEIGHT.
WIDTH, HEIGHT = 600, 400
LEFT, RIGHT = 50, 590
COLUMN = (RIGHT - LEFT) / WINDOWS
SCORE_0, SCORE_1 = 308, 76
MARGIN = 8
CELLS_TOP, CELLS_BOTTOM = 324, 344
TICKS, LEGEND = 354, 382

_CODES = np.array(OUTCOME_NUMBERS)
_ANSI_COLOURS = ("blue", "cyan", "yellow", "red")
_ANSI_WINDOWS = 64  # with the captions, a line stays within 80 characters
_BLOCKS = "▁▂▃▄▅▆▇█"

_OVERSAMPLING = 2  # everything is drawn this much larger and scaled down, which smooths lines, shapes and text
_PAPER, _PANEL, _GRID, _BAND = (246, 247, 249), (255, 255, 255), (229, 232, 236), (252, 218, 211)
_INK, _FAINT = (31, 41, 55), (107, 114, 128)
_SCORE, _SCORE_AREA, _THRESHOLD = (71, 85, 105), (203, 210, 220), (124, 58, 180)

_Colour = tuple[int, int, int]
_Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment of an episode: the last n windows, 1 <= n <= 120, up to and including the newest judged one.

    Args:
        scores: Shape ``(n,)``, float32 in [0, 1]: the anomaly scores.
        thresholds: Shape ``(n,)``, float32 in [0, 1]: delta_t, what each score was held against.
        labels: Shape ``(n,)``, bool: True where the window is anomalous.
        decisions: Shape ``(n,)``, bool: True where the window was flagged.
        t: The index of the newest window in its series, from 0.
        total: How many windows the series has.
        name: The name of the series.
        reward: The reward of the last step.
        episode_return: The sum of the rewards so far.
    """

    scores: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    labels: NDArray[np.bool_]
    decisions: NDArray[np.bool_]
    t: int
    total: int
    name: str
    reward: float
    episode_return: float

    @property
    def outcomes(self) -> NDArray[np.int64]:
        """Shape ``(n,)``: the outcome of each window as its position in ``OUTCOMES``."""
        return _CODES[self.labels.astype(int), self.decisions.astype(int)]


def frame_of(
    series: ScoredSeries, start: int, stop: int, thresholds: Sequence[float], reward: float, episode_return: float
) -> Frame:
    """Return the newest windows of an episode that covers ``start`` to ``stop``, exclusive, of a series so far.

    Args:
        thresholds: Of all these windows.
        series, start, stop, reward, episode_return: See `Frame`.
    """
    shown = slice(max(start, stop - WINDOWS), stop)
    deltas = np.array(thresholds[shown.start - stop :], dtype=np.float32)
    return Frame(
        scores=series.scores[shown],
        thresholds=deltas,
        labels=series.truth[shown],
        decisions=series.scores[shown] > deltas,
        t=stop - 1,
        total=len(series),
        name=series.name,
        reward=reward,
        episode_return=episode_return,
    )


def ansi(frame: Frame) -> str:
    """Return the newest windows as text, one character per window, oldest first.

    An outcome stands as two letters, one below the other (T or F, then P or N), in its colour.
    """
    outcomes = frame.outcomes
    header = (
        f"{frame.name}  window {frame.t}/{frame.total}  threshold {frame.thresholds[-1]:.2f}  "
        f"{'flagged' if frame.decisions[-1] else 'passed'} {OUTCOMES[outcomes[-1]]}  "
        f"reward {frame.reward:+.2f}  return {frame.episode_return:+.2f}"
    )
    shown = outcomes[-_ANSI_WINDOWS:]
    rows = {
        "score": _blocks(frame.scores),
        "threshold": _blocks(frame.thresholds),
        "anomalous": "".join("█" if label else "·" for label in frame.labels[-_ANSI_WINDOWS:]),
        "outcome": "".join(colorize(OUTCOMES[code][0], _ANSI_COLOURS[code]) for code in shown),
        "": "".join(colorize(OUTCOMES[code][1], _ANSI_COLOURS[code]) for code in shown),
    }
    return "\n".join([header, *(f"{caption:<11}{row}" for caption, row in rows.items())]) + "\n"


def _blocks(values: NDArray[np.float32]) -> str:
    levels = np.clip(values[-_ANSI_WINDOWS:] * len(_BLOCKS), 0, len(_BLOCKS) - 1).astype(int)
    return "".join(_BLOCKS[level] for level in levels)


class Screen:
    """Where frames are drawn: a window in "human" mode, an array in "rgb_array" mode.

    Args:
        mode: "human" or "rgb_array".
        fps: Frames per second that "human" mode waits for.

    Raises:
        DependencyNotInstalled: If pygame is missing.
    """

    def __init__(self, mode: Literal["human", "rgb_array"], fps: int) -> None:
        _require_pygame()
        self.mode = mode
        self.fps = fps
        self._window: pygame.Surface | None = None
        self._clock: pygame.time.Clock | None = None

    def draw(self, frame: Frame) -> NDArray[np.uint8] | None:
        """Show ``frame``; in "rgb_array" mode return it as a fresh uint8 array of shape ``(400, 600, 3)``."""
        picture = _paint(frame)
        if self.mode == "human":
            self._show(picture)
            return None
        import pygame

        return np.ascontiguousarray(pygame.surfarray.array3d(picture).transpose(1, 0, 2))

    def _show(self, picture: "pygame.Surface") -> None:
        import pygame

        if self._window is None or self._clock is None:
            pygame.display.init()
            pygame.display.set_caption("ADT-v0")
            self._window = pygame.display.set_mode((WIDTH, HEIGHT))
            self._clock = pygame.time.Clock()
        self._window.blit(picture, (0, 0))
        pygame.event.pump()
        self._clock.tick(self.fps)
        pygame.display.flip()

    def close(self) -> None:
        """Close the window, if there is one; a later ``draw`` opens it again."""
        if self._window is not None:
            import pygame

            pygame.display.quit()
            self._window = self._clock = None


def _require_pygame() -> None:
    try:
        require("render_mode=", "pygame")
    except MissingExtra as error:
        raise DependencyNotInstalled(str(error)) from error


def _paint(frame: Frame) -> "pygame.Surface":
    canvas = _Canvas()
    _paint_header(canvas, frame)
    _paint_axes(canvas, frame)
    _paint_lines(canvas, frame)
    _paint_cells(canvas, frame)
    _paint_legend(canvas)
    return canvas.picture()


def _x(window: float) -> float:
    return LEFT + window * COLUMN


def _y(score: float) -> float:
    return SCORE_0 + float(score) * (SCORE_1 - SCORE_0)


def _paint_header(canvas: "_Canvas", frame: Frame) -> None:
    name = frame.name if len(frame.name) <= 40 else frame.name[:39] + "…"
    canvas.text(name, (LEFT, 24), 20, _INK, "midleft")
    canvas.text(f"return {frame.episode_return:+.2f}", (RIGHT, 24), 20, _INK, "midright")
    canvas.text(f"window {frame.t}/{frame.total}", (LEFT, 47), 14, _FAINT, "midleft")
    last = f"threshold {frame.thresholds[-1]:.2f}     reward {frame.reward:+.2f}"
    canvas.text(last, (RIGHT, 47), 14, _FAINT, "midright")


def _paint_axes(canvas: "_Canvas", frame: Frame) -> None:
    top, bottom = SCORE_1 - MARGIN, SCORE_0 + MARGIN
    canvas.rectangle(LEFT, top, RIGHT, bottom, _PANEL)
    for window in np.flatnonzero(frame.labels):
        canvas.rectangle(_x(window), top, _x(window + 1), bottom, _BAND)
    for score in (0, 0.25, 0.5, 0.75, 1):
        canvas.line([(LEFT, _y(score)), (RIGHT, _y(score))], _GRID, 1)
        canvas.text(f"{score:g}", (LEFT - 8, _y(score)), 13, _FAINT, "midright")
    first = frame.t - len(frame.scores) + 1
    for t in range(first, frame.t + 1):
        if t % 20 == 0:
            canvas.text(str(t), (_x(t - first + 0.5), TICKS), 13, _FAINT, "center")


def _paint_lines(canvas: "_Canvas", frame: Frame) -> None:
    scores = [(_x(i + 0.5), _y(score)) for i, score in enumerate(frame.scores)]
    scores = [(_x(0), scores[0][1]), *scores, (_x(len(frame.scores)), scores[-1][1])]
    canvas.area([(scores[0][0], _y(0)), *scores, (scores[-1][0], _y(0))], _SCORE_AREA)
    canvas.line(scores, _SCORE, 1.5)
    steps = [(_x(i + side), _y(delta)) for i, delta in enumerate(frame.thresholds) for side in (0, 1)]
    canvas.line(steps, _THRESHOLD, 2.5)


def _paint_cells(canvas: "_Canvas", frame: Frame) -> None:
    for i, code in enumerate(frame.outcomes):
        canvas.rectangle(_x(i), CELLS_TOP, _x(i + 1) - 0.5, CELLS_BOTTOM, OUTCOME_COLOURS[code])


def _paint_legend(canvas: "_Canvas") -> None:
    entries = [*zip(OUTCOMES, OUTCOME_COLOURS, strict=True), ("anomalous", _BAND)]
    x: float = LEFT
    for caption, colour in entries:
        canvas.rectangle(x, LEGEND - 6, x + 12, LEGEND + 6, colour)
        x = canvas.text(caption, (x + 18, LEGEND), 14, _INK, "midleft") + 18
    for caption, colour in (("score", _SCORE), ("threshold", _THRESHOLD)):
        canvas.line([(x, LEGEND), (x + 16, LEGEND)], colour, 2)
        x = canvas.text(caption, (x + 22, LEGEND), 14, _INK, "midleft") + 18


class _Canvas:
    """A surface larger than the picture that is drawn on in the picture's pixels."""

    def __init__(self) -> None:
        import pygame

        self._pygame = pygame
        pygame.font.init()  # another environment's close() may have ended it
        self._surface = pygame.Surface((WIDTH * _OVERSAMPLING, HEIGHT * _OVERSAMPLING), depth=32)
        self._surface.fill(_PAPER)

    def picture(self) -> "pygame.Surface":
        return self._pygame.transform.smoothscale(self._surface, (WIDTH, HEIGHT))

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: _Colour) -> None:
        (x0, y0), (x1, y1) = _larger([(left, top), (right, bottom)])
        self._pygame.draw.rect(self._surface, colour, (x0, y0, x1 - x0, y1 - y0))

    def area(self, corners: list[_Point], colour: _Colour) -> None:
        self._pygame.draw.polygon(self._surface, colour, _larger(corners))

    def line(self, points: list[_Point], colour: _Colour, width: float) -> None:
        corners, thick = _larger(points), round(width * _OVERSAMPLING)
        self._pygame.draw.lines(self._surface, colour, False, corners, thick)
        for corner in corners[1:-1]:  # pygame leaves notches at the joints
            self._pygame.draw.circle(self._surface, colour, corner, thick // 2)

    def text(self, text: str, at: _Point, size: int, colour: _Colour, anchor: str) -> float:
        """Write ``text`` with the point of its box that ``anchor`` names at ``at``; return its right edge."""
        font = self._pygame.font.Font(None, size * _OVERSAMPLING)
        written = font.render(text, True, colour)
        box = written.get_rect(**{anchor: _larger([at])[0]})
        self._surface.blit(written, box)
        return box.right / _OVERSAMPLING


def _larger(points: list[_Point]) -> list[tuple[int, int]]:
    return [(round(x * _OVERSAMPLING), round(y * _OVERSAMPLING)) for x, y in points]
