"""The arguments of ADT-v0, written down and checked in one place."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from adt_gym.checks import InputError, flag, made_of, whole
from adt_gym.envs.actions import THRESHOLDS, Thresholds, levels_of
from adt_gym.envs.costs import Costs
from adt_gym.mdp.mdp import weights_of
from adt_gym.stream.feedback import Feedback, feedback_of

MAX_HOLD = 10**5
"""An info has an entry for each of the windows that a step judges."""


@dataclass(frozen=True, kw_only=True)
class Settings(Costs):
    """What an episode of ADT-v0 depends on beside its series; `ThresholdingEnv` says what the arguments are.

    Attributes:
        told: The feedback, its delay and its noise in one.
        levels: The threshold of each action; None where any may be set.

    Raises:
        InputError: If an argument is of another type or out of range.
    """

    k: int = 2
    alpha: float = 0.9
    beta: float = 0.1
    hold: int = 1
    thresholds: Thresholds = THRESHOLDS
    feedback: Any = "full"
    feedback_delay: int = 1
    label_noise: float = 0.0
    observe_score: bool = False
    episode_windows: int | None = None
    told: Feedback = field(init=False, repr=False)
    levels: tuple[float, ...] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        alpha, beta = weights_of(self.alpha, self.beta)
        checked = {
            "k": whole("k", self.k),
            "hold": whole("hold", self.hold, most=MAX_HOLD),
            "alpha": alpha,
            "beta": beta,
            "observe_score": flag("observe_score", self.observe_score),
            "told": feedback_of(self.feedback, self.feedback_delay, self.label_noise),
            "levels": levels_of(self.thresholds),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.episode_windows is not None and whole("episode_windows", self.episode_windows) < self.k + 2:
            raise InputError(f"episode_windows must be at least k + 2 = {self.k + 2}, got {self.episode_windows}")


def settings_of(arguments: dict[str, Any]) -> Settings:
    """Return the settings that keyword arguments stand for.

    Raises:
        InputError: If one is unknown, of another type or out of range.
    """
    return made_of(Settings, arguments, "argument of ADT-v0")


Init = Callable[..., None]


def takes_settings(init: Init) -> Init:
    """Show users of a constructor, whose keyword arguments are those of `Settings`, which these are."""
    own = inspect.signature(init)
    named = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    ours = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type)
        for one in fields(Settings)
        if one.init
    ]
    init.__signature__ = own.replace(parameters=[*named, *ours])  # type: ignore[attr-defined]
    return init
