"""Minari: collect episodes of a random policy, keep them as a data set, and learn from it alone.

The data set stands in a temporary folder; without `patch.dict` it would be kept where Minari keeps them. Its wrapper
`DataCollector` fits ADT-v0 too, but needs JAX; its buffers need nothing.
"""

import os
import tempfile
from typing import Any
from unittest.mock import patch

import gymnasium as gym
import minari
import numpy as np
import torch
from _truth import Greedy, print_truth, split
from minari.data_collector import EpisodeBuffer
from torch import nn

import adt_gym  # noqa: F401  registers the environments
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

SEED = 0
SOURCE = "yahoo_like"
DATASET = "adt/random-v0"
EPISODE_WINDOWS = 200
LEARNING_RATE = 1e-3
BATCH_SIZE = 512
GAMMA = 0.9
ITERATIONS, UPDATES = 20, 100  # of fitted Q: how often the targets are renewed, and updates towards each


def collect(series: list[str], steps: int) -> minari.MinariDataset:
    """Play at random in the named series, and write the episodes to a new data set."""
    env = gym.make("ADT-v0", series=SOURCE, episode_windows=EPISODE_WINDOWS)  # named, so that a data set can hold it
    env.action_space.seed(SEED)
    random = np.random.default_rng(SEED)
    episodes = [play(env, i, str(random.choice(series))) for i in range(max(steps // EPISODE_WINDOWS, 1))]
    return minari.create_dataset_from_buffers(
        DATASET,
        episodes,
        env=env,
        eval_env=env,
        data_format="arrow",
        algorithm_name="random",
        description="A random policy on ADT-v0",
    )


def play(env: gym.Env, seed: int, series: str) -> EpisodeBuffer:
    """Return one episode of random actions."""
    options = {"series": series}
    first, _ = env.reset(seed=seed, options=options)
    steps: list[tuple[Any, ...]] = []
    over = False
    while not over:
        action = env.action_space.sample()
        observation, reward, terminated, truncated, _ = env.step(action)
        steps.append((action, observation, reward, terminated, truncated))
        over = terminated or truncated
    actions, observations, rewards, terminations, truncations = map(list, zip(*steps, strict=True))
    return EpisodeBuffer(
        seed=seed,
        options=options,
        observations=[first, *observations],
        actions=actions,
        rewards=rewards,
        terminations=terminations,
        truncations=truncations,
    )


def train(dataset: minari.MinariDataset) -> Greedy:
    """Fitted Q iteration (Ernst et al., JMLR 2005) with a small network, on the data set alone."""
    random = np.random.default_rng(SEED)
    torch.manual_seed(SEED)
    episodes = list(dataset.iterate_episodes())
    observations = torch.from_numpy(np.concatenate([one.observations[:-1] for one in episodes]))
    reached = torch.from_numpy(np.concatenate([one.observations[1:] for one in episodes]))
    actions = torch.from_numpy(np.concatenate([one.actions for one in episodes]))[:, None]
    rewards = torch.from_numpy(np.concatenate([one.rewards for one in episodes]).astype(np.float32))
    goes_on = torch.from_numpy(1 - np.concatenate([one.terminations for one in episodes]).astype(np.float32))

    network = nn.Sequential(nn.Linear(observations.shape[1], 64), nn.ReLU(), nn.Linear(64, dataset.action_space.n))
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for iteration in range(ITERATIONS):
        targets = rewards
        if iteration:
            with torch.no_grad():
                targets = rewards + GAMMA * goes_on * network(reached).amax(dim=1)
        for _ in range(UPDATES):
            rows = torch.from_numpy(random.integers(len(rewards), size=BATCH_SIZE))
            values = network(observations[rows]).gather(1, actions[rows])[:, 0]
            loss = nn.functional.mse_loss(values, targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return Greedy(network)


@one_thread()
def main(steps: int = 40_000) -> list[Row]:
    """Collect, learn, and print the table."""
    training, test = split()
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, MINARI_DATASETS_PATH=folder):
        collect([one.name for one in training], steps)
        policy = train(minari.load_dataset(DATASET))
    return print_truth([Policy(policy, name="fitted Q")], training, test)


if __name__ == "__main__":
    main()
