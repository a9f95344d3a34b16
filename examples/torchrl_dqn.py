"""TorchRL: a DQN on ADT-v0, from GymEnv to the loss of its own library."""

from collections.abc import Sequence

import torch
from _truth import Greedy, print_truth, split
from tensordict.nn import TensorDictSequential
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import GymEnv
from torchrl.modules import MLP, EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss, HardUpdate

import adt_gym  # noqa: F401  registers the environments
from adt_gym import ScoredSeries
from adt_gym.evaluation.compare import Row
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy

SEED = 0
LEARNING_RATE = 1e-3
BUFFER_SIZE = 50_000
BATCH_SIZE = 256
GAMMA = 0.9
FRAMES_PER_BATCH = 50
UPDATES_PER_BATCH = 4
TARGET_INTERVAL = 100  # updates between two copies to the target network


def make_env(series: Sequence[ScoredSeries]) -> GymEnv:
    """Return ADT-v0 as an environment of TorchRL, its actions as numbers rather than one-hot vectors."""
    env = GymEnv("ADT-v0", series=series, categorical_action_encoding=True)
    env.set_seed(SEED)
    return env


def train(series: Sequence[ScoredSeries], steps: int) -> Greedy:
    """Learn for ``steps`` transitions and return the greedy policy."""
    torch.manual_seed(SEED)
    env = make_env(series)
    network = MLP(env.observation_spec["observation"].shape[-1], env.action_spec.n, num_cells=[64, 64])
    actor = QValueActor(network, in_keys=["observation"], spec=env.action_spec)
    explore = EGreedyModule(env.action_spec, eps_init=1.0, eps_end=0.05, annealing_num_steps=steps // 2)
    loss_module = DQNLoss(actor, delay_value=True)
    loss_module.make_value_estimator(gamma=GAMMA)
    target = HardUpdate(loss_module, value_network_update_interval=TARGET_INTERVAL)
    optimizer = torch.optim.Adam(loss_module.parameters(), lr=LEARNING_RATE)
    buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(BUFFER_SIZE), batch_size=BATCH_SIZE)

    policy = TensorDictSequential(actor, explore)
    collector = Collector(
        env, policy, frames_per_batch=FRAMES_PER_BATCH, total_frames=steps, auto_register_policy_transforms=True
    )
    for transitions in collector:
        buffer.extend(transitions)
        explore.step(transitions.numel())
        for _ in range(UPDATES_PER_BATCH):
            loss = loss_module(buffer.sample())["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            target.step()
    collector.shutdown()
    return Greedy(network)


@one_thread()
def main(steps: int = 20_000) -> list[Row]:
    """Train, and print the table."""
    training, test = split()
    return print_truth([Policy(train(training, steps), name="torchrl dqn")], training, test)


if __name__ == "__main__":
    main()
