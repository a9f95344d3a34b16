"""MO-Gymnasium: misses against false alarms, one agent for each weighing of the four outcomes, and who dominates whom.

No labels are seen here: with the last label in the observation all weighings would copy it.
"""

from collections.abc import Sequence

import gymnasium as gym
import mo_gymnasium as mo_gym
import numpy as np
from _truth import print_truth, split
from mo_gymnasium.wrappers import LinearReward
from stable_baselines3 import DQN

import adt_gym  # noqa: F401  registers the environments
from adt_gym import ScoredSeries
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

SEED = 0
ALPHAS = (0.5, 0.9, 0.98)  # what an anomalous window counts; a normal one counts 1 - alpha
BLIND = gym.spec("ADT-Blind-v0").kwargs  # 21 levels, the score in sight, and no labels


def weights(alpha: float) -> np.ndarray:
    """Return the weights of TP, TN, FP and FN: alpha for what is found or missed, 1 - alpha for the rest."""
    return np.array([alpha, 1 - alpha, alpha - 1, -alpha])


def train(series: Sequence[ScoredSeries], steps: int, alpha: float) -> Policy:
    """Learn for ``steps`` transitions under the weighing of ``alpha`` and return the policy."""
    env = LinearReward(mo_gym.make("mo-adt-v0", series=series, k=1, **BLIND), weights(alpha))
    model = DQN(
        "MlpPolicy",
        env,
        gamma=0.0,  # without feedback a decision changes nothing that comes after it
        learning_rate=1e-3,
        learning_starts=min(1_000, steps // 10),
        exploration_fraction=0.5,
        policy_kwargs={"net_arch": [64, 64]},
        seed=SEED,
        device="cpu",
    )
    return Policy(model.learn(steps), name=f"dqn, alpha={alpha}", k=1, **BLIND)


def pareto(rows: Sequence[Row]) -> list[bool]:
    """Return which rows no other beats in recall or in false alarms without losing in the other."""
    points = np.array([(row.recall, -row.false_alarms_per_1000) for row in rows])
    return [not ((points >= one).all(axis=1) & (points > one).any(axis=1)).any() for one in points]


@one_thread()
def main(steps: int = 10_000) -> list[Row]:
    """Train one agent per weighing, print the table and the front."""
    training, test = split()
    rows = print_truth([train(training, steps, alpha) for alpha in ALPHAS], training, test)
    blind = [row for row in rows if not row.saw_labels]
    print("\nwithout labels            recall  false alarms/1k")
    for row, best in zip(blind, pareto(blind), strict=True):
        print(f"{row.method:26}{row.recall:6.3f}  {row.false_alarms_per_1000:15.1f}  {'on the front' if best else ''}")
    return rows


if __name__ == "__main__":
    main()
