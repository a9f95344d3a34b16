"""Reward terms that make thresholding a truly sequential problem; all are off by default."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import number, whole
from adt_gym.envs.memory import Array, Envs
from adt_gym.mdp.mdp import PASSIVE, ThresholdingMDP


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What is added to the MDP's reward, per window judged.

    Args:
        change_cost: Subtracted when the threshold is not that of the window before.
        early_bonus: Added for the first flagged window of an event, a run of anomalous windows of the series, if it is
            the event's first; it falls linearly to 0 over ``early_windows``.
        early_windows: From how many windows after an event's first one its detection earns no bonus.
        alarm_budget: Flagged windows that an episode may have for free; None for any number.
        alarm_cost: Subtracted for each flagged window beyond the budget.

    Raises:
        InputError: If a cost or the bonus is negative or not finite, ``early_windows`` below 1 or the budget negative.
    """

    change_cost: float = 0.0
    early_bonus: float = 0.0
    early_windows: int = 10
    alarm_budget: int | None = None
    alarm_cost: float = 1.0

    def __post_init__(self) -> None:
        for name in ("change_cost", "early_bonus", "alarm_cost"):
            object.__setattr__(self, name, number(name, getattr(self, name), least=0))
        object.__setattr__(self, "early_windows", whole("early_windows", self.early_windows))
        if self.alarm_budget is not None:
            object.__setattr__(self, "alarm_budget", whole("alarm_budget", self.alarm_budget, least=0))

    @property
    def charged(self) -> bool:
        """Whether any of the terms is on."""
        return bool(self.change_cost or self.early_bonus or self.alarm_budget is not None)


class Ledger:
    """What N episodes remember for their costs."""

    def __init__(self, costs: Costs, mdp: ThresholdingMDP, num_envs: int):
        self._costs, self._mdp = costs, mdp
        self._threshold = np.empty(num_envs, dtype=np.float32)
        self._detected = np.empty(num_envs, dtype=np.int64)  # the event that was flagged last, by its first position
        self._alarms = np.empty(num_envs, dtype=np.int64)

    def restart(self, envs: Envs) -> None:
        """Begin, the first k windows judged in passive mode."""
        self._threshold[envs], self._detected[envs], self._alarms[envs] = PASSIVE, -1, 0

    def charge(self, envs: Envs, position: Array, threshold: Array, decision: Array) -> NDArray[np.float64]:
        """Return what the terms add to the rewards for judging the windows at ``position``."""
        costs = self._costs
        added = -costs.change_cost * (threshold != self._threshold[envs])
        self._threshold[envs] = threshold
        if costs.early_bonus:
            event = self._mdp.event_starts[position]
            first = decision & self._mdp.labels[position] & (event != self._detected[envs])
            self._detected[envs] = np.where(first, event, self._detected[envs])
            added += costs.early_bonus * first * np.maximum(0.0, 1 - (position - event) / costs.early_windows)
        if costs.alarm_budget is not None:
            self._alarms[envs] += decision
            added -= costs.alarm_cost * (decision & (self._alarms[envs] > costs.alarm_budget))
        return added
