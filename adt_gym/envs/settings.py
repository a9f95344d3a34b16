"""The arguments of the environments, checked in one place: of ADT-v0, and of what runs many episodes side by side."""

from dataclasses import dataclass
from typing import Any

from gymnasium.vector import AutoresetMode

from adt_gym.checks import InputError, flag, shown, whole
from adt_gym.envs.actions import THRESHOLDS, Thresholds, levels_of
from adt_gym.envs.costs import Costs
from adt_gym.mdp.mdp import weights_of
from adt_gym.stream.feedback import feedback_of

MAX_HOLD = 10**5
"""An info has an entry for each of the windows that a step judges."""

MAX_ENVS, MAX_CELLS = 10**6, 10**8
"""How many episodes may run side by side, and how many entries an array over episodes and windows may have."""


@dataclass
class Settings:
    """What an episode of ADT-v0 depends on beside its series; `ThresholdingEnv` says what the arguments are.

    Attributes:
        told: The feedback, its delay and its noise in one.
        levels: The threshold of each action; None where any may be set.
        costs: What is added to the reward.

    Raises:
        InputError: If an argument is of another type or out of range.
    """

    k: int = 2
    alpha: float = 0.9
    beta: float = 0.1
    hold: int = 1
    thresholds: Thresholds = THRESHOLDS
    feedback: str = "full"
    feedback_delay: int = 1
    label_noise: float = 0.0
    observe_score: bool = False
    episode_windows: int | None = None
    change_cost: float = 0.0
    early_bonus: float = 0.0
    early_windows: int = 10
    alarm_budget: int | None = None
    alarm_cost: float = 1.0

    def __post_init__(self) -> None:
        self.k, self.hold = whole("k", self.k), whole("hold", self.hold, most=MAX_HOLD)
        self.alpha, self.beta = weights_of(self.alpha, self.beta)
        self.observe_score = flag("observe_score", self.observe_score)
        if self.episode_windows is not None and whole("episode_windows", self.episode_windows) < self.k + 2:
            raise InputError(f"episode_windows must be at least k + 2 = {self.k + 2}, got {self.episode_windows}")
        self.told = feedback_of(self.feedback, self.feedback_delay, self.label_noise)
        self.levels = levels_of(self.thresholds)
        self.costs = Costs(self.change_cost, self.early_bonus, self.early_windows, self.alarm_budget, self.alarm_cost)


def many(num_envs: Any, windows: int = 1) -> int:
    """Return how many episodes run side by side, each with that many windows in memory.

    Raises:
        InputError: If it is no whole number above 0, or too large.
    """
    return whole("num_envs", num_envs, most=min(MAX_ENVS, max(MAX_CELLS // windows, 1)))


def autoreset_of(mode: Any) -> AutoresetMode:
    """Return what ``mode``, Gymnasium's or its value, stands for.

    Raises:
        InputError: If there is no such mode.
    """
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = ", ".join(one.value for one in AutoresetMode)
        raise InputError(f"unknown autoreset_mode {shown(mode)}; known: {known}") from None
