"""What the tests of agents for unseen machines learn on."""

import numpy as np

from adt_gym import ScoredSeries


def noisy(windows: int = 500, seed: int = 0, lift: float = 0.25) -> ScoredSeries:
    """Anomalies in runs of about 20 windows, and scores that are higher there, by ``lift``."""
    random = np.random.default_rng(seed)
    labels = np.zeros(windows, dtype=bool)
    for start in range(30, windows, 100):
        labels[start : start + int(random.integers(10, 30))] = True
    scores = 0.3 + 0.15 * random.standard_normal(windows) + lift * labels
    return ScoredSeries(np.clip(scores, 0, 1), labels, f"noisy_{seed}")


TRAIN = [noisy(seed=seed) for seed in range(3)]
