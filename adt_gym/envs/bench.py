"""ADT-Bench-v0: the fixed task as an environment."""

from typing import Any

from gymnasium.vector import AutoresetMode

from adt_gym.envs.context import ContextEnv, ContextVectorEnv
from adt_gym.envs.task import CONDITION, FAMILY, series_of, settings_of


class BenchEnv(ContextEnv):
    """The thresholding MDP on fixed series under a named condition, so that agents can be compared.

    An episode is a whole series. Observation, reward and infos are those of ``ADT-Context-v0`` with the paper's k = 2,
    alpha = 0.9 and beta = 0.1: the six of the paper, the score of the window judged next, and the context of
    `adt_gym.envs.context.EpisodeContext`, 35 columns; 27 under "never", where there are no labels to tell of.

    Args:
        condition: What becomes known of labels: a name in `adt_gym.envs.task.CONDITIONS`.
        split: Which series are played: "train" or "test"; "fit" and "validation" are the two parts of "train".
        actions: Which thresholds actions set: "levels" (0, 0.05, ..., 1), "paper" (0 and 1) or "continuous".
        family: Of the series; see `adt_gym.envs.task.families`.
        episode_windows, render_mode: As of ADT-v0.

    Raises:
        InputError: If one of them is unknown.
    """

    def __init__(
        self,
        condition: str = CONDITION,
        split: str = "train",
        actions: str = "levels",
        family: str = FAMILY,
        episode_windows: int | None = None,
        render_mode: str | None = None,
    ):
        settings: dict[str, Any] = settings_of(condition, actions) | {"episode_windows": episode_windows}
        super().__init__(series_of(split, family), render_mode, **settings)


class BenchVectorEnv(ContextVectorEnv):
    """N episodes of `BenchEnv` stepped at once.

    Args:
        num_envs, autoreset_mode, render_mode, max_episode_steps: See `adt_gym.envs.vector.ThresholdingVectorEnv`.
        condition, split, actions, family, episode_windows: See `BenchEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        condition: str = CONDITION,
        split: str = "train",
        actions: str = "levels",
        family: str = FAMILY,
        episode_windows: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ):
        settings: dict[str, Any] = settings_of(condition, actions) | {"episode_windows": episode_windows}
        vectorised = autoreset_mode, render_mode, max_episode_steps
        super().__init__(num_envs, series_of(split, family), *vectorised, **settings)
