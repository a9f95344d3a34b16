"""Pictures of the episodes of a vector environment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.envs.memory import Array, Envs
from adt_gym.envs.rendering import HEIGHT, WIDTH, Screen, frame_of
from adt_gym.mdp.mdp import PASSIVE, ThresholdingMDP

SHOWN = 16
"""How many episodes are drawn, the first ones."""

COLUMNS = 4
"""Of the grid that more episodes than these make."""

Picture = NDArray[np.uint8]


class Pictures:
    """What is drawn of N episodes: the thresholds and rewards of the first ones.

    Args:
        mdp: What they are episodes of.
        num_envs: N.
        fps: See `Screen`.
    """

    def __init__(self, mdp: ThresholdingMDP, num_envs: int, fps: int):
        self._mdp, self._num_envs, self._screen = mdp, num_envs, Screen("rgb_array", fps)
        shown = min(num_envs, SHOWN)
        self._thresholds: list[list[float]] = [[] for _ in range(shown)]
        self._reward, self._return = np.zeros((2, shown))

    def restart(self, envs: Array) -> None:
        """Begin episodes, their first k windows judged in passive mode."""
        for i in envs[envs < SHOWN].tolist():
            self._thresholds[i] = [PASSIVE] * self._mdp.k
            self._reward[i] = self._return[i] = 0.0

    def step(self) -> None:
        """Begin a step, which may judge several windows."""
        self._reward[:] = 0.0

    def judged(self, envs: Envs, threshold: Array, reward: Array) -> None:
        """Take in the next window of some episodes and ADT-v0's reward for it."""
        for i, delta, earned in zip(np.arange(self._num_envs)[envs], threshold, reward, strict=True):
            if i >= SHOWN:
                break
            self._thresholds[i].append(float(delta))
            self._reward[i] += earned
            self._return[i] += earned

    def draw(self, series: Array, start: Array, stop: Array) -> tuple[Picture, ...]:
        """Return N pictures: of each episode its own, or of more than ``SHOWN`` for each the same grid of the first.

        Args:
            series, start, stop: Shape ``(N,)``: what the episodes cover so far.
        """
        pictures = [
            self._picture(i, self._mdp.series[series[i]], int(start[i]), int(stop[i]))
            for i in range(len(self._thresholds))
        ]
        return tuple(pictures) if self._num_envs <= SHOWN else (grid(pictures),) * self._num_envs

    def _picture(self, i: int, series: Any, start: int, stop: int) -> Picture:
        drawn = self._screen.draw(
            frame_of(series, start, stop, self._thresholds[i], float(self._reward[i]), float(self._return[i]))
        )
        assert drawn is not None
        return drawn


def grid(pictures: list[Picture]) -> Picture:
    """Return pictures, a multiple of ``COLUMNS``, at half their size in rows: of sixteen ``(800, 1200, 3)``."""
    halves = np.array(pictures, dtype=np.uint16).reshape(-1, COLUMNS, HEIGHT // 2, 2, WIDTH // 2, 2, 3).sum(axis=(3, 5))
    return (halves // 4).astype(np.uint8).transpose(0, 2, 1, 3, 4).reshape(-1, COLUMNS * (WIDTH // 2), 3)
