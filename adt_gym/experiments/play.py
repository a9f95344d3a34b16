"""A person sets the threshold, a key a window: `adt play`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from adt_gym import thresholds
from adt_gym.envs.actions import KEYS
from adt_gym.envs.sources import resolve
from adt_gym.evaluation.compare import Row, evaluate, measure, where_possible
from adt_gym.extras import require
from adt_gym.mdp.mdp import PASSIVE
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.settings import Settings, count, option, seed

Environment = Literal["ADT-v0", "ADT-Levels-v0"]
"""What can be played: the picture shows every label after its window, as these do to agents."""


@dataclass(frozen=True)
class PlaySettings(Settings):
    """An episode for a person.

    Args:
        env: The environment's id.
        series: What ADT-v0 takes as text.
        windows: Of the episode.
        fps: Windows judged per second while a key is held.
        seed: Of the series and the place in it, drawn among the places that hold an anomaly.
    """

    env: Environment = option("ADT-v0", help="the paper's two thresholds, or 21 levels")
    series: str = option("yahoo_like", help="a packaged name, an .npz file of scored series, or a folder")
    windows: int = count(100, "windows of the episode", least=4)
    fps: int = count(8, "windows a second while a key is held", most=60)
    seed: int = seed("of the series and the place in it, drawn among those that hold an anomaly")


class Game:
    """One episode to play, and who else judges it.

    Args:
        settings: What is played.
    """

    def __init__(self, settings: PlaySettings):
        self._settings, series = settings, resolve(settings.series)
        self.episode, i = draw_part(series, settings.windows, np.random.default_rng(settings.seed))
        self._others = [*series[:i], *series[i + 1 :]]
        self._env: gym.Env[Any, Any] = gym.make(settings.env, series=self.episode, render_mode="rgb_array")
        self._keys = self._env.get_wrapper_attr("get_keys_to_action")()
        self._levels: tuple[float, ...] = self._env.get_wrapper_attr("levels")

    @property
    def rules(self) -> str:
        """What the keys do."""
        meant = {0.0: "0, flags the window", PASSIVE: "1, does not"}
        keys = "; ".join(f"{key}: {meant.get(one, f'{one:.2f}')}" for key, one in zip(KEYS, self._levels, strict=False))
        return f"A key sets the threshold and judges a window, hold it for more; Esc ends. Thresholds: {keys}"

    def play(self) -> list[Row]:
        """Open the window, let the person play, and return the rows of the person and the rivals on what was judged.

        Raises:
            InputError: If no window was judged.
            MissingExtra: If pygame is not installed.
        """
        require("adt play", "pygame")
        import pygame
        from gymnasium.utils.play import play

        k = self._env.get_wrapper_attr("mdp").k
        set_by_person = [PASSIVE] * k

        def follow(
            before: Any, after: Any, action: Any, reward: Any, terminated: bool, truncated: bool, info: Any
        ) -> None:
            set_by_person.append(info["threshold"])
            if terminated or truncated:
                pygame.event.post(pygame.event.Event(pygame.QUIT))

        passive = int(np.argmax(self._levels))
        play(self._env, callback=follow, fps=self._settings.fps, noop=passive, wait_on_player=True)
        self._env.close()
        if len(set_by_person) == k:
            raise InputError("no window was judged: press one of the keys")
        judged = self.episode[: len(set_by_person)]
        person = measure("you", True, [Detection.at(set_by_person, judged)], [judged])
        return [person, *self._rivals(judged)]

    def _rivals(self, judged: ScoredSeries) -> list[Row]:
        persistence, static = thresholds.make("persistence", delay=1), thresholds.make("static")
        rows = where_possible([persistence, *([static] if self._others else [])], self._others, [judged])
        return [*rows, evaluate(thresholds.make("static", on="test"), self._others, [judged])]


def draw_part(series: Sequence[ScoredSeries], windows: int, random: np.random.Generator) -> tuple[ScoredSeries, int]:
    """Draw so many windows of one of the series, an anomaly among them where any series has one.

    Returns:
        The windows, all where the series has no more, and the number of the series.
    """
    numbers = [i for i, one in enumerate(series) if one.truth.any()] or list(range(len(series)))
    i = int(random.choice(numbers))
    one = series[i]
    center = int(random.choice(np.flatnonzero(one.truth) if one.truth.any() else len(one)))
    start = min(max(center - int(random.integers(windows)), 0), max(len(one) - windows, 0))
    return one[start : start + windows], i
