import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.reference_dqn import Hyperparameters, ReferenceDQN
from adt_gym.agents.sb3 import (
    HoldDQN,
    learn_episodes,
    load_policy,
    make_dqn,
    make_ppo,
)
from adt_gym.agents.sb3_checkpoint import load_checkpoint, save_checkpoint
from adt_gym.thresholds import Policy

MakeSeries = Callable[..., ScoredSeries]

QUICK = {"batch_size": 64, "buffer_size": 3000, "target_update_interval": 5, "learning_rate": 3e-3}


class Watch(BaseCallback):
    """Calls ``begin(model)`` before and ``step(model)`` in every step."""

    def __init__(self, begin: Callable[[Any], object] = bool, step: Callable[[Any], object] = bool):
        super().__init__()
        self.begin, self.step = begin, step

    def _on_rollout_start(self) -> None:
        self.begin(self.model)

    def _on_step(self) -> bool:
        self.step(self.model)
        return True


def scalar(series: Any, **arguments: Any) -> gym.Env[Any, Any]:
    return gym.make("ADT-v0", series=series, **arguments)


def vector(num_envs: int, series: Any, **arguments: Any) -> Any:
    return gym.make_vec("ADT-v0", num_envs, series=series, autoreset_mode="SameStep", **arguments)


def quick(env: Any, seed: int = 3, **hyperparameters: Any) -> HoldDQN:
    return make_dqn(env, seed, **{**QUICK, **hyperparameters})


def weights(network: nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in network.state_dict().values()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# The clock of Algorithm 1


def test_an_episode_has_one_gradient_step_once_a_batch_is_there(make_series: MakeSeries) -> None:
    updates: list[int] = []
    model = quick(scalar(make_series(40)))  # 38 transitions an episode: a batch of 64 after two
    learn_episodes(model, 9, Watch(begin=lambda model: updates.append(model._n_updates)))
    assert [*updates, model._n_updates] == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert model._episode_num == 9
    assert model.num_timesteps == 9 * 38 == model.replay_buffer.pos


def test_the_target_is_copied_every_c_episodes(make_series: MakeSeries) -> None:
    targets: list[list[torch.Tensor]] = []
    networks: list[list[torch.Tensor]] = []

    def note(model: Any) -> None:
        targets.append(weights(model.q_net_target))
        networks.append(weights(model.q_net))

    model = quick(scalar(make_series(40)), target_update_interval=4)
    learn_episodes(model, 13, Watch(begin=note))
    assert not equal(networks[3], networks[4])
    for episodes in range(13):
        copied = episodes - episodes % 4
        assert equal(targets[episodes], networks[copied])
        assert equal(targets[episodes], networks[episodes]) == (episodes == copied or episodes == 1)


def test_epsilon_is_that_of_the_reference_agent(make_series: MakeSeries) -> None:
    rates: list[float] = []
    model = quick(scalar(make_series(20)), exploration_initial_eps=0.8, exploration_fraction=0.6)
    learn_episodes(model, 10, Watch(step=lambda model: rates.append(model.exploration_rate)))
    settings = Hyperparameters(exploration_initial_eps=0.8, exploration_fraction=0.6)
    expected = np.repeat([settings.epsilon(episode / 10) for episode in range(10)], 18)
    np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_sb3s_own_learn_still_counts_steps(make_series: MakeSeries) -> None:
    model = learn_episodes(quick(scalar(make_series(20))), 2)
    model.learn(18 * 5)
    assert model.num_timesteps == 18 * 5


def test_actions_are_random_where_epsilon_says_so(make_series: MakeSeries) -> None:
    series = make_series(400)
    for epsilon in (0.0, 0.5, 1.0):
        model = quick(scalar(series), exploration_initial_eps=epsilon, exploration_final_eps=epsilon)
        learn_episodes(model, 1)
        taken = model.replay_buffer.actions[:398, 0, 0]
        fresh = ReferenceDQN(scalar(series))  # the policy before any update is that of the initial network
        fresh.network.load_state_dict(dict(zip(fresh.network.state_dict(), initial_weights(model), strict=True)))
        greedy, _ = fresh.predict(model.replay_buffer.observations[:398, 0], deterministic=True)
        assert np.mean(taken != greedy) == pytest.approx(epsilon / 2, abs=0.08)


def initial_weights(model: HoldDQN) -> list[torch.Tensor]:
    return weights(make_dqn(model.env, model.seed, **QUICK).q_net)


# Updates


def with_transitions(loss: str, n: int = 64) -> HoldDQN:
    series = ScoredSeries(np.linspace(0.1, 0.9, 20), np.zeros(20))
    model = quick(scalar(series), loss=loss, gamma=0.9)
    model._setup_learn(1)
    random = np.random.default_rng(0)
    for i in range(n):
        one, other = random.random((2, 1, 6)).astype(np.float32)
        reward, done = random.normal(size=1) * 3, np.array([i % 7 == 0])
        model.replay_buffer.add(one, other, np.array([i % 2]), reward, done, [{"TimeLimit.truncated": i % 14 == 0}])
    with torch.no_grad():
        for parameter in model.q_net_target.parameters():
            parameter.add_(0.05)  # so that target and network differ
    return model


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_the_loss_is_that_of_its_name(loss: str) -> None:
    model = with_transitions(loss)
    memory, rows = model.replay_buffer, np.random.RandomState(5).randint(0, 64, size=64)
    np.random.seed(5)  # noqa: NPY002 - what SB3's replay draws from
    with torch.no_grad():
        following = model.q_net_target(torch.from_numpy(memory.next_observations[rows, 0])).max(dim=1).values.numpy()
        values = model.q_net(torch.from_numpy(memory.observations[rows, 0])).numpy()
    actions, terminated = rows % 2, (rows % 7 == 0) & (rows % 14 != 0)
    errors = memory.rewards[rows, 0] + 0.9 * ~terminated * following - values[np.arange(64), actions]
    huber = np.where(np.abs(errors) < 1, errors**2 / 2, np.abs(errors) - 0.5)
    model.train(1, 64)
    assert model.logger.name_to_value["train/loss"] == pytest.approx(
        np.mean(huber if loss == "huber" else errors**2), rel=1e-4
    )


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_an_update_equals_that_of_the_reference_agent(loss: str) -> None:
    model = with_transitions(loss)
    memory, rows = model.replay_buffer, np.random.RandomState(5).randint(0, 64, size=64)
    reference = ReferenceDQN(
        scalar(ScoredSeries(np.linspace(0.1, 0.9, 20), np.zeros(20))), loss=loss, gamma=0.9, learning_rate=3e-3
    )
    for network, other in ((reference.network, model.q_net), (reference.target, model.q_net_target)):
        network.load_state_dict(dict(zip(network.state_dict(), weights(other), strict=True)))
    for row in rows:
        pair = np.concatenate([memory.observations[row], memory.next_observations[row]])
        terminated = bool(memory.dones[row, 0]) and not memory.timeouts[row, 0]
        reference.memory.add(pair, memory.actions[row, 0], memory.rewards[row], terminated)
    reference.random = _InOrder()  # type: ignore[assignment]
    reference.settings = Hyperparameters(loss=loss, gamma=0.9, batch_size=64)
    reference._update()
    np.random.seed(5)  # noqa: NPY002
    before = weights(model.q_net)
    model.train(1, 64)
    assert not equal(before, weights(model.q_net))
    for ours, theirs in zip(weights(reference.network), weights(model.q_net), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


class _InOrder:
    def integers(self, high: int, size: int) -> Any:
        assert high == size
        return np.arange(size)


# Holding


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("hold", [1, 4])
def test_stored_transitions_hold_the_action_really_taken(several: list[ScoredSeries], num_envs: int, hold: int) -> None:
    env = scalar(several) if num_envs == 1 else vector(num_envs, several)
    model = quick(env, hold=hold, exploration_fraction=0.5)
    learn_episodes(model, 24)
    memory = model.replay_buffer
    changes = 0
    for i in range(num_envs):
        stops = np.flatnonzero(memory.dones[: memory.pos, i]) + 1
        for start, stop in zip([0, *stops[:-1]], stops, strict=True):
            actions = memory.actions[start:stop, i, 0]
            assert np.array_equal(actions, np.repeat(actions[::hold], hold)[: len(actions)])
            changes += int(np.count_nonzero(np.diff(actions)))
            replay_episode(memory, slice(start, stop), i, several)
    assert changes > 10


def replay_episode(memory: Any, steps: slice, i: int, several: list[ScoredSeries]) -> None:
    """Take the stored actions in the series of that length: everything stored must come out again."""
    actions = memory.actions[steps, i, 0]
    env = scalar(next(series for series in several if len(series) == len(actions) + 2))
    observation, _ = env.reset()
    for step, action in enumerate(actions, steps.start):
        np.testing.assert_array_equal(memory.observations[step, i], observation)
        observation, reward, terminated, _, _ = env.step(int(action))
        np.testing.assert_array_equal(memory.next_observations[step, i], observation)
        assert memory.rewards[step, i] == np.float32(reward)
        assert memory.dones[step, i] == terminated


@pytest.mark.parametrize("shared", [False, True])
def test_environments_explore_each_for_itself_or_all_at_once(make_series: MakeSeries, shared: bool) -> None:
    model = quick(
        vector(40, make_series(30)), shared_exploration=shared, exploration_initial_eps=0.5, exploration_fraction=0.01
    )
    model._setup_learn(1)
    model.exploration_rate = 0.5
    greedy = int(model.predict(model._last_obs[:1], deterministic=True)[0][0])
    different = [int(np.sum(model._sample_action(0, None, 40)[0] != greedy)) for _ in range(100)]
    assert np.mean(different) == pytest.approx(10, abs=2.5)
    assert (different.count(0) > 30) == shared


# Learning


def test_two_runs_with_one_seed_are_equal(several: list[ScoredSeries]) -> None:
    def run(seed: int) -> list[torch.Tensor]:
        return weights(learn_episodes(quick(scalar(several, episode_windows=12), seed, hold=2), 15).policy)

    one, again, other = run(0), run(0), run(1)
    assert equal(one, again)
    assert not equal(one, other)


@pytest.mark.parametrize("hold", [1, 4])
@pytest.mark.parametrize("num_envs", [1, 8])
@pytest.mark.parametrize(("label", "threshold"), [(1, 0.0), (0, 1.0)])
def test_it_solves_what_is_trivial(label: int, threshold: float, num_envs: int, hold: int) -> None:
    series = all_the_same(label)
    env = scalar(series) if num_envs == 1 else vector(num_envs, series)
    model = learn_episodes(quick(env, hold=hold, batch_size=128, gamma=0.9), 144)
    assert (Policy(model, hold=hold).detect(series).thresholds[2:] == threshold).all()


@pytest.mark.parametrize(("label", "threshold"), [(1, 0.0), (0, 1.0)])
def test_ppo_solves_what_is_trivial(label: int, threshold: float) -> None:
    series = all_the_same(label)
    model = make_ppo(vector(16, series), learning_rate=3e-3, gamma=0.9, n_epochs=4).learn(8192)
    assert (Policy(model).detect(series).thresholds[2:] == threshold).all()


def all_the_same(label: int) -> ScoredSeries:
    labels = np.full(50, label)
    labels[:2] = 0
    return ScoredSeries(np.random.default_rng(0).random(50), labels)


def test_dqn_trains_on_256_environments(make_series: MakeSeries) -> None:
    model = quick(vector(256, make_series(30), episode_windows=12), buffer_size=20_000)
    before = weights(model.q_net)
    learn_episodes(model, 600)
    assert model._episode_num == 768
    assert model._n_updates == 768
    assert not equal(before, weights(model.q_net))
    assert equal(weights(model.q_net_target), weights(model.q_net))
    assert len(model.ep_info_buffer) == 100


def test_ppo_trains_on_256_environments(make_series: MakeSeries) -> None:
    model = make_ppo(vector(256, make_series(30)), n_epochs=2)
    assert [layer.out_features for layer in model.policy.mlp_extractor.policy_net[::2]] == [32, 32, 16]
    before = weights(model.policy)
    model.learn(3 * 4096)
    assert model.num_timesteps == 3 * 4096
    assert not equal(before, weights(model.policy))


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"learning_rat": 1e-3}, "'learning_rat'.*learning_rate"),
        ({"hold": 0}, "hold"),
        ({"batch_size": 100, "buffer_size": 50}, "buffer_size"),
        ({"loss": "l7"}, "'l7'"),
    ],
)
def test_bad_hyperparameters(make_series: MakeSeries, hyperparameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_dqn(scalar(make_series()), **hyperparameters)


def test_a_bad_hyperparameter_of_ppo(make_series: MakeSeries) -> None:
    with pytest.raises(InputError, match="n_stepz"):
        make_ppo(scalar(make_series()), n_stepz=3)


# Files


@pytest.mark.parametrize("arguments", [{}, {"episode_windows": 12}], ids=str)
def test_a_resumed_run_equals_an_uninterrupted_one(
    several: list[ScoredSeries], tmp_path: Path, arguments: dict[str, Any]
) -> None:
    def save(model: Any) -> None:
        if model._episode_num == 7:
            save_checkpoint(model, tmp_path / "run" / "checkpoint.zip")

    whole = quick(scalar(several, **arguments), hold=3, buffer_size=100)
    learn_episodes(whole, 16, Watch(begin=save))
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["checkpoint.zip"]
    resumed = load_checkpoint(tmp_path / "run" / "checkpoint.zip", scalar(several, **arguments))
    assert resumed._episode_num == 7
    learn_episodes(resumed, 16, reset_num_timesteps=False)
    assert resumed.num_timesteps == whole.num_timesteps
    assert equal(weights(resumed.policy), weights(whole.policy))
    for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts", "pos"):
        np.testing.assert_array_equal(getattr(resumed.replay_buffer, name), getattr(whole.replay_buffer, name))


def test_a_vector_resumes_too(make_series: MakeSeries, tmp_path: Path) -> None:
    model = learn_episodes(quick(vector(4, make_series(20))), 8)
    save_checkpoint(model, tmp_path / "checkpoint.zip")
    resumed = load_checkpoint(tmp_path / "checkpoint.zip", vector(4, make_series(20)))
    learn_episodes(resumed, 16, reset_num_timesteps=False)
    assert resumed._episode_num == 16


@pytest.mark.parametrize("algorithm", ["dqn", "ppo"])
def test_a_policy_read_from_its_zip_predicts_the_same(make_series: MakeSeries, tmp_path: Path, algorithm: str) -> None:
    make = {"dqn": make_dqn, "ppo": make_ppo}[algorithm]
    model: Any = make(scalar(make_series()), net_arch=(16, 8))
    with torch.no_grad():  # so that both actions occur
        last = model.q_net.q_net[-1] if algorithm == "dqn" else model.policy.action_net
        last.weight.normal_(generator=torch.Generator().manual_seed(0)).mul_(10)
        last.bias.zero_()
    observations = np.random.default_rng(0).random((300, 6)).astype(np.float32)
    with torch.no_grad():
        tensor = torch.from_numpy(observations)
        outputs = (
            model.q_net(tensor) if algorithm == "dqn" else model.policy.get_distribution(tensor).distribution.logits
        )
        last.bias[0] = float((outputs[:, 1] - outputs[:, 0]).median())
    model.save(tmp_path / "model.zip")
    policy = load_policy(tmp_path / "model.zip", algorithm, (16, 8))
    actions, state = policy.predict(observations, deterministic=True)
    assert state is None
    assert 50 < actions.sum() < 250
    np.testing.assert_array_equal(actions, model.predict(observations, deterministic=True)[0])
    one, _ = policy.predict(observations[7])
    assert one.shape == ()
    assert one == actions[7]
    with pytest.raises(InputError, match="greedy"):
        policy.predict(observations, deterministic=False)


class Explosive:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def bytes_of(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "kind", ["text", "empty", "pickle", "no policy", "pickled", "torch", "legacy", "list", "tensor"]
)
def test_a_file_of_something_else_is_refused_and_never_unpickled(tmp_path: Path, kind: str) -> None:
    path, bomb = tmp_path / "other.zip", Explosive(tmp_path / "exploded")
    if kind in ("text", "empty", "pickle"):
        path.write_bytes({"text": b"no zip", "empty": b"", "pickle": pickle.dumps(bomb)}[kind])
    else:
        content = {
            "no policy": b"",
            "pickled": pickle.dumps(bomb, protocol=2),
            "torch": bytes_of({"q_net.q_net.0.weight": bomb}),
            "legacy": pickle.dumps({"q_net.q_net.0.weight": bomb}, protocol=2),
            "list": bytes_of([1, 2]),
            "tensor": bytes_of(torch.zeros(3)),
        }[kind]
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other.pth" if kind == "no policy" else "policy.pth", content)
            archive.writestr("data", pickle.dumps(bomb))
    with pytest.raises(InputError, match=r"other\.zip is not an SB3 dqn policy"):
        load_policy(path, "dqn")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("algorithm", "net_arch"), [("dqn", (32, 16)), ("dqn", (32, 32, 8)), ("ppo", (32, 32, 16)), ("dqn", ())]
)
def test_settings_that_do_not_fit_the_weights(
    make_series: MakeSeries, tmp_path: Path, algorithm: str, net_arch: tuple[int, ...]
) -> None:
    make_dqn(scalar(make_series())).save(tmp_path / "model.zip")
    with pytest.raises(InputError, match=r"model\.zip is not"):
        load_policy(tmp_path / "model.zip", algorithm, net_arch)
    load_policy(tmp_path / "model.zip", "dqn")


def test_what_is_missing_is_named(make_series: MakeSeries, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.zip"):
        load_policy(tmp_path / "missing.zip", "dqn")
    with pytest.raises(FileNotFoundError, match=r"missing\.zip"):
        load_checkpoint(tmp_path / "missing.zip", scalar(make_series()))
    make_dqn(scalar(make_series())).save(tmp_path / "model.zip")
    with pytest.raises(InputError, match="'sac'"):
        load_policy(tmp_path / "model.zip", "sac")
