"""Trained agents that come with the package: one for each condition of ADT-Bench-v0 that was trained.

They are those of seed 0 of DQN, which did best on the validation series; how they were trained and how they do:
``zoo/README.md`` and ``docs/leaderboard.md`` of the repository.
"""

from importlib.resources import files
from pathlib import Path

from adt_gym.agents.actor import Actor
from adt_gym.checks import one_of
from adt_gym.envs import task
from adt_gym.thresholds.policy import Policy

ALGORITHM, SEED = "dqn", 0


def conditions() -> list[str]:
    """Return the conditions for which there is an agent."""
    return [one for one in task.CONDITIONS if _file(one).is_file()]


def actor(condition: str = task.CONDITION) -> Actor:
    """Return what acts under a condition: its ``predict`` is SB3's, and needs NumPy alone.

    Raises:
        InputError: If there is no agent for the condition.
    """
    return Actor.load(str(_file(one_of("condition", condition, conditions()))))


def policy(condition: str = task.CONDITION) -> Policy:
    """Return the same as a method, which judges any scored series.

    Raises:
        InputError: If there is no agent for the condition.
    """
    return Policy(actor(condition), name=f"{ALGORITHM} (zoo)", context=True, **task.settings_of(condition))


def _file(condition: str) -> Path:
    return Path(str(files("adt_gym.data"))) / "zoo" / f"{ALGORITHM}-{condition}-{SEED}.npz"
