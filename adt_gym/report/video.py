"""A film of an agent at work: what ADT-v0 draws, frame by frame, as a GIF."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import whole
from adt_gym.folders import check_file, own_file

COLOURS = 24
"""Of the GIF; the drawing has few."""


def film(
    model: Any, path: Path, condition: str, series: str, start: int, windows: int, actions: str = "levels"
) -> None:
    """Write a GIF of a model that plays a stretch of a test series of ADT-Bench-v0.

    Args:
        model: Anything with SB3's ``predict``, of ADT-Bench's observations.
        path: The file.
        condition: Under which it plays.
        series: The name of the test series.
        start: The window of the series from which on frames are drawn; it plays from the first.
        windows: How many frames there are.
        actions: What its actions are; see `adt_gym.envs.task.ACTIONS`.

    Raises:
        FileExistsError: If there is a file that adt did not write.
        InputError: If a name or number is none.
    """
    from PIL import Image

    check_file(path, "zoo")
    whole("start", start, least=0)
    whole("windows", windows)
    env = gym.make("ADT-Bench-v0", condition=condition, split="test", actions=actions, render_mode="rgb_array")
    frames = [
        Image.fromarray(one).quantize(COLOURS, dither=Image.Dither.NONE)
        for one in _frames(model, env, series, start, start + windows)
    ]
    with own_file(path, "zoo") as temporary:
        frames[0].save(temporary, save_all=True, append_images=frames[1:], duration=66, loop=0, optimize=True)


def _frames(model: Any, env: Any, series: str, start: int, stop: int) -> Iterator[NDArray[np.uint8]]:
    observation, _ = env.reset(seed=0, options={"series": series})
    state, over = None, False
    t = env.unwrapped.mdp.k
    while not over and t < stop:
        begun = np.array([t == env.unwrapped.mdp.k])
        action, state = model.predict(observation, state=state, episode_start=begun, deterministic=True)
        observation, _, over, _, _ = env.step(action)
        t += 1
        if t > start:
            yield env.render()
