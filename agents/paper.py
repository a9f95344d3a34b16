"""The paper's agent as a method that trains itself: the reference DQN on ADT-v0 under some feedback."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import gymnasium as gym

from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.scaling import Scaling
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.stream import Scores, Session, ToldMethod
from adt_gym.thresholds.policy import Policy

EPISODE_WINDOWS = 1000
"""It learns on episodes of so many windows, or as many as the shortest series has."""

HYPERPARAMETERS: dict[str, Any] = {"learning_rate": 1e-3, "gamma": 0.9}
"""Those of `adt run`."""


class PaperAgent(ToldMethod):
    """The agent of the paper (Yang, Howley and Schukat, ALA 2023), told in training what it is told in the test.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.
        episodes: Of the training.

    Attributes:
        agent: The reference DQN.
    """

    name = "adt (paper)"
    fitted = ("agent",)
    agent: ReferenceDQN

    def __init__(
        self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0, episodes: int = 2000
    ) -> None:
        super().__init__(feedback, delay, noise, seed)
        self.episodes = episodes

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Train on random stretches of all series."""
        windows = min(EPISODE_WINDOWS, *(len(one) for one in train))
        env = gym.make("ADT-v0", series=tuple(train), episode_windows=windows, feedback=self.feedback)
        self.agent = ReferenceDQN(env, self.seed, **HYPERPARAMETERS).learn(self.episodes)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Session:
        """Begin as the greedy policy does."""
        return self._policy().start(past, times, scaling)

    def detect(self, series: ScoredSeries) -> Detection:
        """Run the greedy policy."""
        return self._policy().detect(series)

    def _policy(self) -> Policy:
        return Policy(self.agent, seed=self.seed, feedback=self.feedback)

    def _fitted(self) -> dict[str, Any]:
        return {"agent": self.agent.kept()}

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.agent = ReferenceDQN.anew(values["agent"])
