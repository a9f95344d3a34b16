"""A trained agent as a thresholder."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from adt_gym.envs.thresholding import THRESHOLDS
from adt_gym.mdp import PASSIVE, ThresholdingMDP
from adt_gym.plan import MAX_STATES_PER_DECISION, roll_out, states_per_decision
from adt_gym.series import Detection, InputError, ScoredSeries


class Policy:
    """The thresholds that a policy sets in ADT-v0, from a series' first window to its last.

    Args:
        model: Any object with SB3's ``predict(observation, deterministic=True) -> (action, state)``.
        name: What tables call it.
        hold: l, for how many windows the agent keeps an action, as in its training.
        memoryless: Whether the action depends on the observation alone. Then ``predict`` gets all states that can
            occur in one batch where that is faster; otherwise it is called window by window.
        env_kwargs: Arguments of ADT-v0 (``k``, ...), as in the training.

    Raises:
        InputError: If ``hold`` is below 1.
    """

    sees_labels = True

    def __init__(self, model: Any, *, name: str = "adt", hold: int = 1, memoryless: bool = True, **env_kwargs: Any):
        if hold < 1:
            raise InputError(f"hold must be at least 1, got {hold}")
        self.model, self.name, self.hold, self.memoryless = model, name, hold, memoryless
        self.env_kwargs = env_kwargs

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Do nothing: the policy comes trained."""
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Run the greedy policy over the whole series; its first k windows are judged in passive mode."""
        arguments = {name: self.env_kwargs[name] for name in ("k", "alpha", "beta") if name in self.env_kwargs}
        mdp = ThresholdingMDP([series], **arguments)
        if self.memoryless and states_per_decision(mdp) <= MAX_STATES_PER_DECISION * self.hold:
            actions = roll_out(mdp, mdp.k, len(series), self._choose, THRESHOLDS, self.hold)
            thresholds = np.array(THRESHOLDS)[actions]
        else:
            env = gym.make("ADT-v0", series=series, **self.env_kwargs)
            thresholds = np.array(list(self._step_through(env)))
        return Detection.at(np.append(np.full(mdp.k, PASSIVE), thresholds), series)

    def _choose(self, observations: NDArray[np.float32]) -> NDArray[np.integer]:
        actions: NDArray[np.integer] = self.model.predict(observations, deterministic=True)[0]
        return actions

    def _step_through(self, env: gym.Env[Any, Any]) -> Iterator[float]:
        observation, _ = env.reset()
        state, over, steps = None, False, 0
        while not over:
            if steps % self.hold == 0:
                first = np.array([steps == 0])
                action, state = self.model.predict(observation, state=state, episode_start=first, deterministic=True)
            observation, _, over, _, info = env.step(action)
            yield info["threshold"]
            steps += 1
