"""The reference agent, trained on scored series under a progress bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from adt_gym.agents.reference_dqn import EpisodeReport, ReferenceDQN
from adt_gym.evaluation.results import LearningCurve
from adt_gym.report.progress import bar
from adt_gym.series import ScoredSeries
from adt_gym.settings import Settings, count, share

SMOOTHED = 30
"""Episodes that a shown or logged reward is averaged over."""


@dataclass(frozen=True, kw_only=True)
class AgentSettings(Settings):
    """What an agent sees, does and is rewarded for: see ADT-v0 and the reference DQN; beta is 1 - alpha."""

    k: int = count(2, "windows the agent looks back on")
    hold: int = count(1, "windows it keeps a threshold for (l)")
    alpha: float = share(0.9, "weight of TP, FP and FN in the reward")

    @property
    def mdp(self) -> dict[str, Any]:
        """The arguments of ADT-v0 that they stand for."""
        return {"k": self.k, "alpha": self.alpha, "beta": 1 - self.alpha}


def train_agent(
    series: Sequence[ScoredSeries], settings: AgentSettings, episodes: int, seed: int, **hyperparameters: Any
) -> tuple[ReferenceDQN, LearningCurve]:
    """Train the reference DQN; return it and its learning curve."""
    env = gym.make("ADT-v0", series=tuple(series), **settings.mdp)
    agent = ReferenceDQN(env, seed, hold=settings.hold, **hyperparameters)
    reports: list[EpisodeReport] = []
    with bar("agent", episodes) as advance:

        def show(report: EpisodeReport) -> None:
            reports.append(report)
            reward = np.mean([one.reward for one in reports[-SMOOTHED:]])
            advance(f"reward {reward:.0f}  epsilon {report.epsilon:.2f}")

        agent.learn(episodes, show)
    points = [(one.episode, one.reward, one.epsilon, one.loss) for one in reports]
    return agent, LearningCurve(*np.array(points, dtype=float).T)
