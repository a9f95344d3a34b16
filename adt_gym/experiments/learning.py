"""Whether two agents learn the same: a cell is what one of them learns from one seed."""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from adt_gym import thresholds
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.envs.sources import resolve
from adt_gym.evaluation.split import eventful_stretch
from adt_gym.series import InputError, ScoredSeries
from adt_gym.settings import MAX_SEEDS, Settings, count, share

AGENTS = {"sb3": "SB3 DQN", "reference": "reference DQN"}
"""What is trained, the slow one first."""

SERIES = "yahoo_like_10"
"""What they learn on: of the packaged series one with many events close together."""


@dataclass(frozen=True)
class LearnSettings(Settings):
    """What both agents are trained with, beside the reference agent's defaults.

    Args:
        seeds: How many, from 0 on.
        episodes: How many.
        windows: Of the stretch that they learn on.
        learning_rate: Of Adam.
        gamma: Discount factor.
    """

    seeds: int = count(5, least=2, most=MAX_SEEDS)
    episodes: int = count(2000)
    windows: int = count(330, f"of {SERIES}, where the most events begin", 3)
    learning_rate: float = share(1e-3, within=True)
    gamma: float = share(0.99)

    @property
    def cells(self) -> list["Cell"]:
        """Both agents from every seed."""
        stretch = stretch_of(self.windows)
        more = (stretch, self.episodes, self.learning_rate, self.gamma)
        return [Cell(agent, seed, *more) for agent in AGENTS for seed in range(self.seeds)]


@dataclass(frozen=True)
class Cell:
    """One agent, a key of ``AGENTS``, and the seed of everything that is drawn; for the rest see `LearnSettings`."""

    agent: str
    seed: int
    stretch: ScoredSeries
    episodes: int
    learning_rate: float
    gamma: float

    def __str__(self) -> str:
        return f"{self.agent}, seed {self.seed}"


@dataclass(frozen=True)
class Learned:
    """What one agent learned from one seed.

    Args:
        returns: Of each training episode, exploration included; the sum of its rewards.
        packaged: The decisions of the greedy policy on every window of the packaged series, end to end, as hexadecimal
            bits.
        stretch: The same on the stretch that it learned on.
    """

    returns: list[float]
    packaged: str
    stretch: str


def stretch_of(windows: int) -> ScoredSeries:
    """Return the stretch of ``SERIES`` that is learned on.

    Raises:
        InputError: If it is not that long.
    """
    (series,) = resolve(SERIES)
    if windows > len(series):
        raise InputError(f"{SERIES} has no stretch of {windows} windows; choose from 3 to {len(series)}")
    return eventful_stretch(series, windows)


def learn(cell: Cell) -> Learned:
    """Train the agent and run its greedy policy."""
    env = gym.make("ADT-v0", series=cell.stretch)
    hyperparameters: dict[str, Any] = {"learning_rate": cell.learning_rate, "gamma": cell.gamma}
    train = _train_reference if cell.agent == "reference" else _train_sb3
    model, returns = train(env, cell.seed, cell.episodes, hyperparameters)
    policy = thresholds.Policy(model)
    decisions = np.concatenate([policy.detect(one).decisions for one in resolve(None)])
    return Learned(returns, pack(decisions), pack(policy.detect(cell.stretch).decisions))


def _train_reference(
    env: gym.Env[Any, Any], seed: int, episodes: int, hyperparameters: dict[str, Any]
) -> tuple[Any, list[float]]:
    returns: list[float] = []
    agent = ReferenceDQN(env, seed, **hyperparameters)
    return agent.learn(episodes, lambda report: returns.append(report.reward)), returns


def _train_sb3(
    env: gym.Env[Any, Any], seed: int, episodes: int, hyperparameters: dict[str, Any]
) -> tuple[Any, list[float]]:
    from stable_baselines3.common.monitor import Monitor

    from adt_gym.agents.sb3 import learn_episodes, make_dqn

    env = Monitor(env)
    model = learn_episodes(make_dqn(env, seed, **hyperparameters), episodes)
    return model, env.get_episode_rewards()


def pack(decisions: NDArray[np.bool_]) -> str:
    """Return decisions as hexadecimal bits."""
    return np.packbits(decisions).tobytes().hex()


def unpack(bits: str, count: int) -> NDArray[np.bool_]:
    """Return the decisions that `pack` packed."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=count).astype(bool)
