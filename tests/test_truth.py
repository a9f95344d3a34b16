"""The truth test: with the labels of past windows in its observation, the trained agent copies the last one."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from adt_gym import ScoredSeries
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.envs.sources import resolve
from adt_gym.evaluation.compare import evaluate
from adt_gym.thresholds import Policy, make

K = 2


def runs(labels: NDArray[np.bool_]) -> int:
    return sum(labels[t] and (t == 0 or not labels[t - 1]) for t in range(len(labels)))


def with_noise_for_scores(series: list[ScoredSeries]) -> list[ScoredSeries]:
    random = np.random.default_rng(0)
    return [replace(one, scores=random.random(len(one)), raw=None, scaling=None) for one in series]


@pytest.mark.parametrize("noise", [False, True], ids=["scores", "noise"])
def test_the_trained_agent_copies_the_last_label(noise: bool) -> None:
    series = list(resolve("yahoo_like"))
    if noise:
        series = with_noise_for_scores(series)
    train = max(series, key=lambda one: runs(one.labels))
    test = [one for one in series if one is not train]
    assert (train.name, len(test)) == ("yahoo_like_59", 66)

    env = gym.make("ADT-v0", series=train, k=K)
    agent = ReferenceDQN(env, seed=0, learning_rate=1e-3, gamma=0.9).learn(2000)
    row = evaluate(Policy(agent, k=K), [train], test)

    decisions = np.concatenate([detection.decisions for detection in row.detections])
    last_label = np.concatenate([np.append(False, one.labels[:-1]) for one in test])
    assert np.mean(decisions == last_label) >= 0.999

    labels = np.concatenate([one.labels for one in test])
    numbers = (row.precision, row.recall, row.f1)
    assert numbers == pytest.approx(precision_recall_fscore_support(labels, last_label, average="binary")[:3], abs=5e-4)
    copy = evaluate(make("persistence", delay=1), [train], test)
    assert numbers == pytest.approx((copy.precision, copy.recall, copy.f1), abs=5e-4)
    by_counting = 1 - sum(runs(one.labels) for one in test) / labels.sum()
    assert numbers == pytest.approx((by_counting,) * 3, abs=0.01)
