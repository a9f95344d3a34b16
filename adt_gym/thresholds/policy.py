"""A trained agent as a thresholder."""

from collections.abc import Sequence
from typing import Any, Self

import gymnasium as gym
import numpy as np

from adt_gym.envs.thresholding import THRESHOLDS, ThresholdingEnv
from adt_gym.plan import MAX_STATES_PER_DECISION, roll_out, states_per_decision
from adt_gym.series import Detection, ScoredSeries


class Policy:
    """The thresholds that a policy sets in ADT-v0, from a series' first window to its last.

    Args:
        model: Any object with SB3's ``predict(observation, deterministic=True) -> (action, state)``.
        name: What tables call it.
        hold: l, for how many windows the agent keeps an action, as in its training.
        memoryless: Whether the action depends on the observation alone. Then ``predict`` gets all states that can
            occur in one batch where that is faster; otherwise it is called window by window.
        env_kwargs: Arguments of ADT-v0 (``k``, ...), as in the training.
    """

    sees_labels = True

    def __init__(self, model: Any, *, name: str = "adt", hold: int = 1, memoryless: bool = True, **env_kwargs: Any):
        self.model, self.name, self.hold, self.memoryless = model, name, hold, memoryless
        self.env_kwargs = env_kwargs

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Do nothing: the policy comes trained."""
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Run the greedy policy over the whole series; its first k windows are judged in passive mode."""
        env = gym.make("ADT-v0", series=series, **self.env_kwargs)
        assert isinstance(env, ThresholdingEnv)
        states = states_per_decision(env.mdp) / self.hold
        if self.memoryless and env.hold == 1 and states <= MAX_STATES_PER_DECISION:
            start, stop = env.mdp.k, len(series)
            actions = roll_out(env.mdp, start, stop, self._choose, THRESHOLDS, self.hold)
            thresholds = np.array(THRESHOLDS)[actions]
        else:
            thresholds = np.concatenate(list(self._step_through(env)))
        return Detection.at(np.append(np.full(env.mdp.k, THRESHOLDS[1]), thresholds), series)

    def _choose(self, observations: Any) -> Any:
        return self.model.predict(observations, deterministic=True)[0]

    def _step_through(self, env: ThresholdingEnv) -> Any:
        observation, _ = env.reset()
        state, over, steps = None, False, 0
        while not over:
            if steps % self.hold == 0:
                start = np.array([steps == 0])
                action, state = self.model.predict(observation, state=state, episode_start=start, deterministic=True)
            observation, _, over, _, info = env.step(action)
            judged = np.atleast_1d(info["threshold"])
            yield judged[~np.isnan(judged)]
            steps += 1
