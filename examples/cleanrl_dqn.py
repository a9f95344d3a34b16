"""DQN from scratch in one file, as in CleanRL, on the native vector environment."""

from collections.abc import Sequence

import gymnasium as gym
import numpy as np
import torch
from _truth import Greedy, print_truth, split
from stable_baselines3.common.buffers import ReplayBuffer
from torch import nn

from adt_gym import ScoredSeries
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

SEED = 0
NUM_ENVS = 16
LEARNING_RATE = 1e-3
BUFFER_SIZE = 50_000
BATCH_SIZE = 256
GAMMA = 0.9
LEARNING_STARTS = 1_000
TARGET_INTERVAL = 100  # vector steps between two copies to the target network
EXPLORATION_FRACTION, EXPLORATION_END = 0.5, 0.05


def q_network(observations: int, actions: int) -> nn.Sequential:
    """Return a small network from an observation to the value of every action."""
    return nn.Sequential(nn.Linear(observations, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, actions))


def train(series: Sequence[ScoredSeries], steps: int) -> Greedy:
    """Learn for ``steps`` transitions and return the greedy policy."""
    random = np.random.default_rng(SEED)
    torch.manual_seed(SEED)
    # SB3's buffer draws from NumPy's global generator.
    np.random.seed(SEED)  # noqa: NPY002
    envs = gym.make_vec("ADT-v0", num_envs=NUM_ENVS, series=series, autoreset_mode="SameStep")
    space, actions = envs.single_observation_space, int(envs.single_action_space.n)  # type: ignore[attr-defined]
    network, target = (q_network(space.shape[0], actions) for _ in range(2))  # type: ignore[index]
    target.load_state_dict(network.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    buffer = ReplayBuffer(
        BUFFER_SIZE, space, envs.single_action_space, "cpu", n_envs=NUM_ENVS, handle_timeout_termination=False
    )
    policy = Greedy(network)

    observations, _ = envs.reset(seed=SEED)
    for step in range(steps // NUM_ENVS):
        progress = step * NUM_ENVS / (EXPLORATION_FRACTION * steps)
        epsilon = max(1 - progress * (1 - EXPLORATION_END), EXPLORATION_END)
        greedy, _ = policy.predict(observations)
        explored = random.integers(actions, size=NUM_ENVS)
        action = np.where(random.random(NUM_ENVS) < epsilon, explored, greedy)
        next_observations, rewards, terminated, truncated, info = envs.step(action)
        # Where an episode ended, next_observations already belongs to the one after it.
        reached = next_observations.copy()
        for i in np.flatnonzero(terminated | truncated):
            reached[i] = info["final_obs"][i]
        buffer.add(observations, reached, action, rewards, terminated, [{}] * NUM_ENVS)
        observations = next_observations

        if step * NUM_ENVS < LEARNING_STARTS:
            continue
        batch = buffer.sample(BATCH_SIZE)
        with torch.no_grad():
            best_next = target(batch.next_observations).amax(dim=1, keepdim=True)
            targets = batch.rewards + GAMMA * (1 - batch.dones) * best_next
        loss = nn.functional.mse_loss(network(batch.observations).gather(1, batch.actions), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % TARGET_INTERVAL == 0:
            target.load_state_dict(network.state_dict())
    envs.close()
    return policy


@one_thread()
def main(steps: int = 40_000) -> list[Row]:
    """Train, and print the table."""
    training, test = split()
    return print_truth([Policy(train(training, steps), name="dqn")], training, test)


if __name__ == "__main__":
    main()
