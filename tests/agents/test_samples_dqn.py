from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import adt_gym  # noqa: F401
from adt_gym import InputError
from adt_gym.agents.samples_dqn import SamplesDQN, SamplesSettings, make_sb3_dqn
from adt_gym.samples.samples import Samples, Standardiser

QUICK: dict[str, Any] = {"learning_rate": 1e-2, "net_arch": (16,), "learning_starts": 32, "batch_size": 32}
MEMORY = ("observations", "next_observations", "actions", "rewards", "terminated")


def separable(n: int = 60) -> Samples:
    x = np.random.default_rng(0).uniform(-1, 1, (n, 2))
    return Samples(x, x[:, 0] > 0.3, name="separable")


def make_env(samples: Samples | None = None, **arguments: Any) -> gym.Env[Any, Any]:
    return gym.make("ADT-Samples-v0", features=samples or separable(), **arguments)


def same_weights(one: SamplesDQN, other: SamplesDQN) -> bool:
    pairs = zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [({}, {}), ({"double": True}, {}), ({"gamma": 0.0}, {"shuffle": False}), ({}, {"episode_samples": 40})],
    ids=str,
)
def test_it_learns_what_is_separable(changes: dict[str, Any], arguments: dict[str, Any]) -> None:
    samples = separable()
    agent = SamplesDQN(make_env(samples, **arguments), seed=1, **QUICK, **changes)
    before = agent.predict(Standardiser.fit(samples)(samples))[0] == samples.labels
    agent.learn(30)
    after = agent.predict(Standardiser.fit(samples)(samples))[0] == samples.labels
    assert after.mean() > 0.95 > before.mean()


def test_with_gamma_0_it_learns_the_rewards() -> None:
    samples = Samples([[0.0], [1.0]] * 20, [False, True] * 20)
    env = make_env(samples, reward=(3.0, 0.5, -1.0, -2.0))
    agent = SamplesDQN(env, gamma=0.0, **QUICK | {"exploration_decay": 1.0}).learn(80)
    np.testing.assert_allclose(agent.q_values(np.float32([[-1], [1]])), [[0.5, -1.0], [-2.0, 3.0]], atol=0.1)


def test_with_gamma_above_0_it_learns_the_discounted_return() -> None:
    # The same sample over and over, in episodes cut before their end: Q = r + gamma / (1 - gamma) x the best reward.
    samples = Samples([[0.0]] * 40, [True] + [False] * 39)
    env = make_env(samples, episode_samples=20, reward=(1.0, 1.0, 0.0, 1.0))
    agent = SamplesDQN(env, gamma=0.5, target_update_interval=20, exploration_decay=1.0, **QUICK).learn(150)
    np.testing.assert_allclose(agent.q_values(np.float32([0.0]))[0], 2.0, atol=0.1)


@pytest.mark.parametrize("double", [False, True])
def test_one_update_follows_its_equation(double: bool) -> None:
    agent = SamplesDQN(make_env(), gamma=0.5, double=double, learning_rate=0.1, batch_size=8, net_arch=(8,))
    random = np.random.default_rng(0)
    agent.memory.add(random.random((9, 2)), np.arange(8) % 2, random.random(8), True)
    with torch.no_grad():
        agent.network[0].weight.mul_(-1)  # so that network and target disagree
    rows = np.random.default_rng(0).integers(8, size=8)  # what the agent will draw: its seed is 0
    expected = 0.0
    for row in rows:
        following = agent.memory.next_observations[row]
        target = agent.target(torch.tensor(following)).detach().numpy()
        best = target[agent.q_values(following).argmax()] if double else target.max()
        goal = agent.memory.rewards[row] + (0.0 if row == 7 else 0.5) * best
        error = abs(goal - agent.q_values(agent.memory.observations[row])[agent.memory.actions[row]])
        expected += (0.5 * error**2 if error < 1 else error - 0.5) / 8
    assert agent._update() == pytest.approx(expected, rel=1e-4)


def test_epsilon_decays_per_episode() -> None:
    seen: list[float] = []
    SamplesDQN(make_env(), exploration_decay=0.5, exploration_final_eps=0.2).learn(4, lambda r: seen.append(r.epsilon))
    assert seen == [1.0, 0.5, 0.25, 0.2]


def test_transitions_are_what_happened() -> None:
    samples = separable(10)
    agent = SamplesDQN(make_env(samples, shuffle=False), train_freq=4).learn(1)
    assert agent.memory.added == agent.steps == 10
    scaled = Standardiser.fit(samples)(samples)
    np.testing.assert_array_equal(agent.memory.observations[:10], scaled)
    np.testing.assert_array_equal(agent.memory.next_observations[:9], scaled[1:])
    np.testing.assert_array_equal(
        agent.memory.rewards[:10], np.where(agent.memory.actions[:10] == samples.labels, 1, -1)
    )
    assert agent.memory.terminated[:10].tolist() == [0] * 9 + [1]


def test_two_runs_with_one_seed_are_equal_and_another_seed_differs() -> None:
    def trained(seed: int) -> SamplesDQN:
        torch.manual_seed(np.random.default_rng().integers(1000))  # what the rest of a program does is no matter
        return SamplesDQN(make_env(), seed, **QUICK).learn(6)

    assert same_weights(trained(1), trained(1))
    assert not same_weights(trained(1), trained(2))


@pytest.mark.parametrize("double", [False, True])
def test_a_resumed_run_equals_one_that_never_stopped(tmp_path: Path, double: bool) -> None:
    settings = {**QUICK, "double": double, "buffer_size": 150, "target_update_interval": 70}
    whole = SamplesDQN(make_env(), 3, **settings).learn(9)
    SamplesDQN(make_env(), 3, **settings).learn(4).save_checkpoint(tmp_path / "checkpoint.pt")
    resumed = SamplesDQN.resume(tmp_path / "checkpoint.pt", make_env())
    assert (resumed.episodes, resumed.steps) == (4, 240)
    resumed.learn(5)
    assert same_weights(whole, resumed)
    for name in MEMORY:
        np.testing.assert_array_equal(getattr(whole.memory, name), getattr(resumed.memory, name))


def test_a_policy_comes_back_from_its_file(tmp_path: Path) -> None:
    agent = SamplesDQN(make_env(), 3, **QUICK).learn(3)
    agent.save(tmp_path / "policy.npz")
    again = SamplesDQN.load(tmp_path / "policy.npz")
    observations = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    np.testing.assert_array_equal(agent.q_values(observations), again.q_values(observations))
    assert (again.settings, again.episodes, again.seed) == (agent.settings, 3, 3)


def test_prediction_is_greedy_for_one_and_for_many() -> None:
    agent = SamplesDQN(make_env(), **QUICK).learn(3)
    observations = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    actions, state = agent.predict(observations, deterministic=False)
    assert state is None
    np.testing.assert_array_equal(actions, agent.q_values(observations).argmax(axis=1))
    assert [int(agent.predict(one)[0]) for one in observations] == actions.tolist()


def test_sb3_learns_the_same_with_the_same_settings() -> None:
    settings = SamplesSettings(**QUICK, exploration_final_eps=0.05)
    model = make_sb3_dqn(make_env(), settings, seed=1)
    assert (model.gamma, model.batch_size, model.buffer_size) == (0.95, 32, 10_000)
    model.learn(1500)
    samples = separable()
    decisions, _ = model.predict(Standardiser.fit(samples)(samples), deterministic=True)
    assert np.mean(decisions == samples.labels) > 0.9
    with pytest.raises(InputError, match="double"):
        make_sb3_dqn(make_env(), SamplesSettings(double=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rat": 1.0}, "unknown hyper-parameter 'learning_rat'"),
        ({"gamma": 1.5}, r"gamma must be in \[0, 1\], got 1\.5"),
        ({"batch_size": 0}, "batch_size"),
        ({"train_freq": 0}, "train_freq"),
        ({"buffer_size": 10}, "buffer_size"),
    ],
)
def test_bad_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SamplesDQN(make_env(), **changes)


def test_bad_environments_and_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Discrete actions"):
        SamplesDQN(gym.make("Pendulum-v1"))
    with pytest.raises(InputError, match="no environment"):
        SamplesDQN(None).learn(1)
    with pytest.raises(FileNotFoundError, match="nothing"):
        SamplesDQN.load(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match="nothing"):
        SamplesDQN.resume(tmp_path / "nothing.pt", make_env())
    (tmp_path / "noise").write_bytes(b"noise")
    with pytest.raises(InputError, match="is not a policy"):
        SamplesDQN.load(tmp_path / "noise")
    with pytest.raises(InputError, match="is not a checkpoint"):
        SamplesDQN.resume(tmp_path / "noise", make_env())


def test_a_checkpoint_of_another_environment_is_refused(tmp_path: Path) -> None:
    SamplesDQN(make_env(), **QUICK).learn(1).save_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="for this environment"):
        SamplesDQN.resume(tmp_path / "checkpoint.pt", gym.make("ADT-Samples-v0"))
