"""A trained agent as a thresholder."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, flag, shown, whole
from adt_gym.envs.settings import settings_of
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.mdp.mdp import PASSIVE, ThresholdingMDP
from adt_gym.mdp.plan import MAX_STATES_PER_DECISION, View, roll_out, states_per_decision
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.feedback import told_labels
from adt_gym.stream.stream import Method


class Policy(Method):
    """The thresholds that a policy sets in ADT-v0, from a series' first window to its last.

    Args:
        model: Any object with SB3's ``predict(observation, deterministic=True) -> (action, state)``.
        name: What tables call it.
        hold: l, for how many windows the agent keeps an action, as in its training.
        memoryless: Whether the action depends on the observation alone. Then ``predict`` gets all states that can
            occur in one batch where that is faster; otherwise it is called window by window.
        seed: Of what noisy feedback flips.
        env_kwargs: Arguments of ADT-v0 (``k``, ``thresholds``, ``feedback``, ...), as in the training; which part of a
            series an episode covers and how it is drawn does not matter here.

    Raises:
        InputError: If an argument is unknown, of another type or out of range.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str = "adt",
        hold: int = 1,
        memoryless: bool = True,
        seed: int = 0,
        **env_kwargs: Any,
    ):
        if not callable(getattr(model, "predict", None)):
            raise InputError(f"a policy's model needs predict(observation, deterministic=True), got {shown(model)}")
        self.model, self.name, self.hold, self.seed = model, name, whole("hold", hold), whole("seed", seed, least=0)
        self.memoryless = flag("memoryless", memoryless)
        self.env_kwargs = {**env_kwargs, "episode_windows": None}
        self.env_kwargs.pop("render_mode", None)
        self.settings = settings_of(self.env_kwargs)

    @property
    def sees_labels(self) -> bool:  # type: ignore[override]
        """Whether labels of earlier windows are in the observation."""
        return self.settings.told.tells

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Do nothing: the policy comes trained."""
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Run the greedy policy over the whole series; its first k windows are judged in passive mode."""
        env, feedback, levels = self.settings, self.settings.told, self.settings.levels
        mdp = ThresholdingMDP([series], env.k, env.alpha, env.beta)
        states = states_per_decision(mdp, feedback)
        if self.memoryless and levels is not None and states <= MAX_STATES_PER_DECISION * self.hold:
            view = View(feedback, env.observe_score, told_labels(series, feedback, self.seed))
            actions = roll_out(mdp, mdp.k, len(series), self._choose, levels, self.hold, view=view)
            thresholds = np.array(levels)[actions]
        else:
            thresholds = np.array(list(self._step_through(ThresholdingEnv(series, **self.env_kwargs))))
        return Detection.at(np.append(np.full(mdp.k, PASSIVE), thresholds), series)

    def _choose(self, observations: NDArray[np.float32]) -> NDArray[np.integer]:
        actions: NDArray[np.integer] = self.model.predict(observations, deterministic=True)[0]
        return actions

    def _step_through(self, env: ThresholdingEnv) -> Iterator[float]:
        observation, _ = env.reset(seed=self.seed)
        state, over, steps = None, False, 0
        while not over:
            if steps % self.hold == 0:
                first = np.array([steps == 0])
                action, state = self.model.predict(observation, state=state, episode_start=first, deterministic=True)
            observation, _, over, _, info = env.step(action)
            yield info["threshold"]
            steps += 1
