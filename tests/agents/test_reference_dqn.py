import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.reference_dqn import EpisodeReport, Hyperparameters, ReferenceDQN, ReplayMemory
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.thresholds import Policy

MakeSeries = Callable[..., ScoredSeries]

QUICK = {"batch_size": 64, "buffer_size": 500, "target_update_interval": 5, "learning_rate": 3e-3}


def learn(env: gym.Env[Any, Any], episodes: int = 25, seed: int = 3, **hyperparameters: Any) -> tuple[Any, list[Any]]:
    agent = ReferenceDQN(env, seed, **{**QUICK, **hyperparameters})
    reports: list[EpisodeReport] = []
    agent.learn(episodes, on_episode=reports.append)
    return agent, reports


def assert_equal_agents(one: ReferenceDQN, other: ReferenceDQN) -> None:
    for name in ("network", "target"):
        states = (getattr(agent, name).state_dict() for agent in (one, other))
        for weights, others in zip(*(state.values() for state in states), strict=True):
            assert torch.equal(weights, others)
    assert one.memory.added == other.memory.added
    for name in ("observations", "actions", "rewards", "next_observations", "terminated"):
        np.testing.assert_array_equal(getattr(one.memory, name), getattr(other.memory, name), err_msg=name)


def same_weights(one: ReferenceDQN, other: ReferenceDQN) -> bool:
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# Planned episodes are stepped episodes


@pytest.mark.parametrize(
    ("arguments", "hold"),
    [
        ({"k": 1}, 1),
        ({"k": 2}, 1),
        ({"k": 2}, 5),
        ({"k": 5, "alpha": 0.5, "beta": 0.5}, 3),
        ({"k": 3}, 100),
        ({"k": 2, "episode_windows": 12}, 1),
        ({"k": 3, "episode_windows": 14}, 4),
    ],
    ids=str,
)
def test_planned_and_stepped_learning_are_one(
    several: list[ScoredSeries], arguments: dict[str, Any], hold: int
) -> None:
    def refuse(action: Any) -> Any:
        raise AssertionError("a planned episode does not step")

    env = gym.make("ADT-v0", series=several, **arguments)
    env.step = refuse  # type: ignore[method-assign]
    planned, planned_reports = learn(env, hold=hold)
    stepped, stepped_reports = learn(gym.make("ADT-v0", series=several, **arguments), hold=hold, plan=False)
    assert planned_reports == stepped_reports
    assert planned_reports[-1].loss is not None
    assert_equal_agents(planned, stepped)
    assert set(planned.memory.terminated.tolist()) == ({0.0, 1.0})
    assert set(planned.memory.actions.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("arguments", "hold"),
    [
        ({"feedback_delay": 3}, 1),
        ({"feedback": "alerts", "feedback_delay": 5, "k": 3}, 4),
        ({"feedback": "none", "observe_score": True, "k": 6}, 1),
        ({"label_noise": 0.3, "episode_windows": 12}, 1),
        ({"label_noise": 0.3, "feedback": "alerts", "thresholds": [0.1, 0.5, 0.9], "observe_score": True}, 2),
        ({"thresholds": [0.1, 0.5, 0.9], "observe_score": True}, 1),
        ({"observe_score": True, "k": 5}, 3),
    ],
    ids=str,
)
def test_planned_learning_is_stepped_learning_whatever_is_told(
    several: list[ScoredSeries], arguments: dict[str, Any], hold: int
) -> None:
    envs: list[Any] = [gym.make("ADT-v0", series=several, **arguments).unwrapped for _ in range(2)]
    envs[0].step = None
    planned, planned_reports = learn(envs[0], hold=hold)
    stepped, stepped_reports = learn(envs[1], hold=hold, plan=False)
    assert planned_reports == stepped_reports
    assert_equal_agents(planned, stepped)
    assert len(set(planned.memory.actions.tolist())) == len(arguments.get("thresholds", "01"))
    states = [env.np_random.bit_generator.state for env in envs]
    assert states[0] == states[1]


@pytest.mark.parametrize(
    "arguments", [{"change_cost": 1.0}, {"alarm_budget": 2}, {"feedback_delay": 2, "k": 12}, {"hold": 2}], ids=str
)
def test_what_cannot_be_planned_is_stepped(make_series: MakeSeries, arguments: dict[str, Any]) -> None:
    env: Any = gym.make("ADT-v0", series=make_series(), **arguments).unwrapped
    steps, step = [], env.step
    env.step = lambda action: steps.append(action) or step(action)
    agent, _ = learn(env, episodes=2)
    assert agent.memory.actions[: len(steps)].tolist() == steps
    assert len(steps) == agent.steps > 0


def test_a_wrapped_environment_is_stepped(make_series: MakeSeries) -> None:
    def halve(observation: Any) -> Any:
        return observation / 2

    env = gym.make("ADT-v0", series=make_series())
    wrapped = gym.wrappers.TransformObservation(env, halve, env.observation_space)
    agent, _ = learn(wrapped, episodes=3)
    assert agent.memory.observations.max() <= 0.5


def test_an_environment_of_another_kind_is_stepped(make_series: MakeSeries) -> None:
    class Paid(ThresholdingEnv):
        def step(self, action: Any) -> Any:
            observation, _, *rest = super().step(action)
            return observation, 7.0, *rest

    agent, _ = learn(Paid(make_series()), episodes=3)
    assert set(agent.memory.rewards[: len(agent.memory)].tolist()) == {7.0}


def test_the_environments_own_hold_makes_one_transition_of_a_step(make_series: MakeSeries) -> None:
    _, reports = learn(gym.make("ADT-v0", series=make_series(42), hold=5), episodes=2)
    assert [report.transitions for report in reports] == [8, 8]
    _, reports = learn(gym.make("ADT-v0", series=make_series(42)), episodes=2, hold=5)
    assert [report.transitions for report in reports] == [40, 40]


def test_transitions_are_those_of_the_environment(make_series: MakeSeries) -> None:
    env = gym.make("ADT-v0", series=make_series(32))
    agent, reports = learn(env, episodes=1)
    memory = agent.memory
    observation, _ = env.reset()
    total = 0.0
    for i in range(30):
        np.testing.assert_array_equal(memory.observations[i], observation)
        observation, reward, terminated, _, _ = env.step(int(memory.actions[i]))
        np.testing.assert_array_equal(memory.next_observations[i], observation)
        assert memory.rewards[i] == np.float32(reward)
        assert memory.terminated[i] == terminated
        total += float(reward)
    assert terminated
    assert reports[0].transitions == len(memory) == 30
    assert reports[0].reward == pytest.approx(total)


def test_an_action_is_kept_for_hold_windows(make_series: MakeSeries) -> None:
    agent, _ = learn(gym.make("ADT-v0", series=make_series(42)), episodes=1, hold=6)
    actions = agent.memory.actions[:40]
    for start in range(0, 40, 6):
        assert len(set(actions[start : start + 6].tolist())) == 1
    assert len(set(actions.tolist())) == 2


# Algorithm 1


def test_two_runs_with_one_seed_are_equal_and_another_seed_differs(several: list[ScoredSeries]) -> None:
    def run(seed: int) -> tuple[ReferenceDQN, list[Any]]:
        return learn(gym.make("ADT-v0", series=several, episode_windows=12), seed=seed)

    (one, reports), (two, again), (other, _) = run(1), run(1), run(2)
    assert reports == again
    assert_equal_agents(one, two)
    assert not same_weights(one, other)


def test_learning_leaves_the_global_generators_alone(make_series: MakeSeries) -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    learn(gym.make("ADT-v0", series=make_series()), episodes=3)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index]  # noqa: NPY002


def test_epsilon_falls_linearly_over_its_fraction() -> None:
    settings = Hyperparameters(exploration_initial_eps=1.0, exploration_final_eps=0.2, exploration_fraction=0.5)
    assert [settings.epsilon(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)] == pytest.approx([1.0, 0.6, 0.2, 0.2, 0.2])


def test_reports_follow_epsilon_and_the_first_update_waits_for_a_batch(make_series: MakeSeries) -> None:
    _, reports = learn(gym.make("ADT-v0", series=make_series(32)), episodes=10, exploration_fraction=1.0)
    assert [report.episode for report in reports] == list(range(1, 11))
    assert [report.epsilon for report in reports] == pytest.approx([1 - 0.999 * i / 10 for i in range(10)])
    assert [report.loss is None for report in reports] == [True, True] + [False] * 8


def test_one_update_an_episode_and_a_target_copied_every_c(make_series: MakeSeries) -> None:
    agent = ReferenceDQN(gym.make("ADT-v0", series=make_series(80)), **{**QUICK, "target_update_interval": 4})
    untrained = [weights.clone() for weights in agent.target.parameters()]
    previous, changes, copies = [weights.clone() for weights in agent.network.parameters()], [], []

    def watch(report: EpisodeReport) -> None:
        nonlocal previous
        current = [weights.clone() for weights in agent.network.parameters()]
        changes.append(any(not torch.equal(a, b) for a, b in zip(current, previous, strict=True)))
        copies.append(all(torch.equal(a, b) for a, b in zip(current, agent.target.parameters(), strict=True)))
        if report.episode < 4:
            assert all(torch.equal(a, b) for a, b in zip(untrained, agent.target.parameters(), strict=True))
        previous = current

    agent.learn(8, on_episode=watch)
    assert changes == [True] * 8
    assert copies == [False, False, False, True] * 2


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_the_loss_is_that_of_q_learning(make_series: MakeSeries, loss: str) -> None:
    env = gym.make("ADT-v0", series=make_series(32))
    # One batch as large as the memory's first episode, and one transition repeated, so that the draw does not matter.
    agent = ReferenceDQN(env, batch_size=8, buffer_size=8, loss=loss, gamma=0.9)
    observation, following = np.full(6, 0.3, np.float32), np.full(6, 0.6, np.float32)
    agent.memory.add(np.array([observation, following]), [1], [2.5], False)
    with torch.no_grad():
        value = agent.network(torch.from_numpy(observation))[1]
        error = float(2.5 + 0.9 * agent.target(torch.from_numpy(following)).max() - value)
    expected = error**2 if loss == "mse" else abs(error) - 0.5
    assert abs(error) > 1
    assert agent._update() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("net_arch", [(32, 32, 16), (4,), ()], ids=str)
def test_the_gradient_of_an_update_is_autograds(make_series: MakeSeries, loss: str, net_arch: tuple[int, ...]) -> None:
    env = gym.make("ADT-v0", series=make_series(32))
    agent = ReferenceDQN(env, batch_size=64, buffer_size=200, loss=loss, gamma=0.9, net_arch=net_arch)
    random = np.random.default_rng(0)
    for _ in range(8):
        observations = random.random((26, 6), dtype=np.float32)
        agent.memory.add(observations, random.integers(2, size=25), random.normal(0, 2, 25), True)
    rows = copy.deepcopy(agent.random).integers(200, size=64)
    observations, actions, rewards, following, terminated = agent.memory.sample(rows)
    network = copy.deepcopy(agent.network)
    network.zero_grad()
    values = network(observations)[torch.arange(64), actions]
    targets = rewards + 0.9 * (1 - terminated) * agent.target(following).max(dim=1).values.detach()
    errors = (values - targets).abs()
    assert errors.min() < 1 < errors.max()
    expected = errors**2 if loss == "mse" else torch.where(errors < 1, errors**2 / 2, errors - 0.5)
    expected.mean().backward()

    assert agent._update() == pytest.approx(expected.mean().item(), rel=1e-5)
    for ours, autograds in zip(agent.network.parameters(), network.parameters(), strict=True):
        assert ours.grad is not None
        assert autograds.grad is not None
        assert autograds.grad.abs().max() > 1e-3
        torch.testing.assert_close(ours.grad, autograds.grad, atol=1e-6, rtol=1e-5)


def test_a_terminal_transition_has_no_future(make_series: MakeSeries) -> None:
    agent = ReferenceDQN(gym.make("ADT-v0", series=make_series()), batch_size=8, buffer_size=8)
    observation = np.full(6, 0.3, np.float32)
    agent.memory.add(np.array([observation, observation]), [0], [3.0], True)
    with torch.no_grad():
        error = float(3.0 - agent.network(torch.from_numpy(observation))[0])
    assert agent._update() == pytest.approx(error**2, rel=1e-5)


@pytest.mark.parametrize("sizes", [(3, 3, 3), (10,), (7, 25), (10, 4)])
def test_the_replay_memory_keeps_the_newest(sizes: tuple[int, ...]) -> None:
    memory, added = ReplayMemory(10, (1,)), []
    for i, n in enumerate(sizes):
        observations = np.arange(100 * i, 100 * i + n + 1, dtype=np.float32)[:, None]
        memory.add(observations, np.full(n, i), np.arange(n), terminated=i % 2 == 0)
        for j in range(n):
            added.append((100 * i + j, i, j, 100 * i + j + 1, float(i % 2 == 0 and j == n - 1)))
    assert len(memory) == min(sum(sizes), 10)
    rows = memory.sample(np.arange(len(memory)))
    observations, actions, rewards, following, terminated = (row.numpy() for row in rows)
    held = zip(observations[:, 0], actions, rewards, following[:, 0], terminated, strict=True)
    assert sorted(tuple(map(float, transition)) for transition in held) == sorted(added[-10:])


@pytest.mark.parametrize(("label", "threshold"), [(1, 0.0), (0, 1.0)])
@pytest.mark.parametrize("hold", [1, 4])
def test_it_solves_what_is_trivial(label: int, threshold: float, hold: int) -> None:
    random = np.random.default_rng(0)
    labels = np.full(50, label)
    labels[:2] = 0
    series = ScoredSeries(random.random(50), labels)
    agent, reports = learn(gym.make("ADT-v0", series=series), episodes=150, hold=hold, batch_size=128, gamma=0.9)
    detection = Policy(agent, hold=hold).detect(series)
    assert (detection.thresholds[2:] == threshold).all()
    assert np.mean([report.reward for report in reports[-10:]]) > np.mean([report.reward for report in reports[:10]])


# Prediction and files


def test_predict_takes_one_observation_or_many(make_series: MakeSeries) -> None:
    agent, _ = learn(gym.make("ADT-v0", series=make_series()), episodes=5)
    observations = np.random.default_rng(0).random((20, 6)).astype(np.float32)
    many, state = agent.predict(observations, deterministic=True)
    assert many.shape == (20,)
    assert state is None
    with torch.no_grad():
        assert many.tolist() == agent.network(torch.from_numpy(observations)).argmax(dim=1).tolist()
    one, _ = agent.predict(observations[0], deterministic=True)
    assert one.shape == ()
    assert one == many[0]


def test_an_undeterministic_prediction_explores(make_series: MakeSeries) -> None:
    agent = ReferenceDQN(gym.make("ADT-v0", series=make_series()), exploration_final_eps=0.5)
    observations = np.full((2000, 6), 0.5, np.float32)
    greedy, _ = agent.predict(observations, deterministic=True)
    assert len(set(greedy.tolist())) == 1
    explored, _ = agent.predict(observations)
    assert np.mean(explored != greedy) == pytest.approx(0.25, abs=0.05)


def test_an_agent_survives_its_file(make_series: MakeSeries, tmp_path: Path) -> None:
    env = gym.make("ADT-v0", series=make_series())
    agent, _ = learn(env, episodes=6, hold=3, net_arch=(8, 4))
    agent.save(tmp_path / "new" / "agent.npz")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["agent.npz"]
    loaded = ReferenceDQN.load(tmp_path / "new" / "agent.npz")
    assert loaded.settings == agent.settings
    assert same_weights(loaded, agent)
    observations = np.random.default_rng(0).random((200, 6)).astype(np.float32)
    expected, _ = agent.predict(observations, deterministic=True)
    np.testing.assert_array_equal(loaded.predict(observations, deterministic=True)[0], expected)
    with pytest.raises(InputError, match="environment"):
        loaded.learn(1)
    ReferenceDQN.load(tmp_path / "new" / "agent.npz", env).learn(2)


@pytest.mark.parametrize("name", ["agent", "agent.zip"])
def test_another_ending_is_refused_and_leaves_nothing(make_series: MakeSeries, tmp_path: Path, name: str) -> None:
    agent = ReferenceDQN(gym.make("ADT-v0", series=make_series()))
    with pytest.raises(InputError, match=r"\.npz"):
        agent.save(tmp_path / name)
    assert not any(tmp_path.iterdir())


class Explosive:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def write_something_else(kind: str, path: Path, series: ScoredSeries) -> None:
    bomb = Explosive(path.with_suffix(".exploded"))
    if kind == "text":
        path.write_text("not an agent")
    elif kind == "empty":
        path.touch()
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "scored series":
        series.save(path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(bomb))
    elif kind == "pickled weights":
        agent = ReferenceDQN(gym.make("ADT-v0", series=series))
        agent.save(path)
        with np.load(path) as arrays:
            content = dict(arrays)
        np.savez(path, **{**content, "0.weight": np.array([bomb], dtype=object)})
    elif kind == "torch":
        torch.save({"weights": bomb}, path)


@pytest.mark.parametrize("kind", ["text", "empty", "array", "scored series", "pickle", "pickled weights", "torch"])
def test_a_file_of_something_else_is_refused_and_never_unpickled(
    make_series: MakeSeries, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "other.npz"
    write_something_else(kind, path, make_series())
    with pytest.raises(InputError, match=r"other\.npz is not a policy"):
        ReferenceDQN.load(path)
    assert not path.with_suffix(".exploded").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.npz"):
        ReferenceDQN.load(tmp_path / "missing.npz")


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"learning_rat": 1e-3}, "'learning_rat'.*learning_rate"),
        ({"hold": 0}, "hold"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 100, "buffer_size": 50}, "buffer_size"),
        ({"loss": "l7"}, "'l7'"),
    ],
)
def test_bad_hyperparameters(make_series: MakeSeries, hyperparameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ReferenceDQN(gym.make("ADT-v0", series=make_series()), **hyperparameters)


def test_spaces_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="Discrete"):
        ReferenceDQN(gym.make("Pendulum-v1"))
