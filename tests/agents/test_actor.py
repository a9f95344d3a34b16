from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from adt_gym import InputError
from adt_gym.agents.actor import ALGORITHMS, Actor
from adt_gym.registry import load

contrib = pytest.importorskip("sb3_contrib")

MODELS: dict[str, Any] = {
    "dqn": DQN,
    "qrdqn": contrib.QRDQN,
    "ppo": PPO,
    "ppo_lstm": contrib.RecurrentPPO,
    "sac": SAC,
    "tqc": contrib.TQC,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "qrdqn": {"policy_kwargs": {"n_quantiles": 7, "net_arch": [8]}},
    "dqn": {"policy_kwargs": {"net_arch": [8, 5], "activation_fn": torch.nn.Tanh}},
    "ppo_lstm": {"policy": "MlpLstmPolicy", "policy_kwargs": {"lstm_hidden_size": 6, "net_arch": [8]}},
}


def model_of(algorithm: str) -> Any:
    """Return an untrained model whose outputs differ from one observation to the next."""
    env_id = "ADT-Bench-Continuous-v0" if algorithm in ("sac", "tqc") else "ADT-Bench-v0"
    env = gym.make(env_id, split="validation")
    options = {"policy": "MlpPolicy", "policy_kwargs": {"net_arch": [8, 5]}, **OPTIONS.get(algorithm, {})}
    model = MODELS[algorithm](env=env, seed=1, device="cpu", **options)
    with torch.no_grad():
        for tensor in model.policy.parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(tensor.numel())))
    return model


def observations(windows: int = 120) -> Any:
    return np.random.default_rng(2).random((windows, 35), dtype=np.float32) * 2 - 1


def test_every_algorithm_is_tested() -> None:
    assert set(MODELS) == set(ALGORITHMS)


@pytest.mark.parametrize("algorithm", sorted(set(ALGORITHMS) - {"ppo_lstm"}))
def test_an_actor_acts_as_the_model_does(algorithm: str, tmp_path: Path) -> None:
    model, seen = model_of(algorithm), observations()
    actor = Actor.of(model)
    expected, _ = model.predict(seen, deterministic=True)
    assert len(np.unique(expected)) > 3
    np.testing.assert_allclose(actor.predict(seen)[0], expected, rtol=0, atol=1e-6)
    for one, action in zip(seen[:20], expected, strict=False):
        np.testing.assert_allclose(actor.predict(one)[0], action, rtol=0, atol=1e-6)
    assert actor.inputs == 35
    assert actor.outputs == (1 if algorithm in ("sac", "tqc") else 21)
    model.save(tmp_path / "model.zip")
    activation = "tanh" if algorithm == "dqn" else None
    read = Actor.of_zip(tmp_path / "model.zip", algorithm, actor.outputs, activation)
    np.testing.assert_array_equal(read.predict(seen)[0], actor.predict(seen)[0])


@pytest.mark.parametrize("batch", [1, 3])
def test_an_actor_remembers_as_the_model_does(batch: int, tmp_path: Path) -> None:
    model = model_of("ppo_lstm")
    model.save(tmp_path / "model.zip")
    seen = observations().reshape(-1, batch, 35)
    for actor in (Actor.of(model), Actor.of_zip(tmp_path / "model.zip", "ppo_lstm", 21)):
        state = expected_state = None
        actions = []
        for t, one in enumerate(seen):
            start = np.array([t % (7 + i) == 0 for i in range(batch)])
            action, state = actor.predict(one, state, start)
            expected, expected_state = model.predict(one, expected_state, start, deterministic=True)
            np.testing.assert_array_equal(action, expected)
            actions.append(action)
        assert len(np.unique(actions)) > 3
        for ours, theirs in zip(state, expected_state, strict=True):
            np.testing.assert_allclose(ours, theirs[0], atol=1e-6)


@pytest.mark.parametrize("algorithm", ["qrdqn", "ppo_lstm", "sac"])
def test_an_actor_is_kept_without_pickle(algorithm: str, tmp_path: Path) -> None:
    actor = Actor.of(model_of(algorithm))
    actor.save(tmp_path / "actor.npz")
    again = load("policy", tmp_path / "actor.npz")
    assert isinstance(again, Actor)
    seen = observations()
    np.testing.assert_array_equal(again.predict(seen)[0], actor.predict(seen)[0])
    assert (again.head, again.activation, len(again.memory)) == (actor.head, actor.activation, len(actor.memory))


def test_what_is_no_actor_is_refused(tmp_path: Path) -> None:
    model = model_of("ppo")
    model.save(tmp_path / "model.zip")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(FileNotFoundError, match="no agent at"):
        Actor.of_zip(tmp_path / "none.zip", "ppo", 21)
    with pytest.raises(InputError, match="is not an agent that SB3's ppo saved"):
        Actor.of_zip(tmp_path / "text.zip", "ppo", 21)
    with pytest.raises(InputError, match=r"is not an agent that SB3's dqn saved.*layers of dqn"):
        Actor.of_zip(tmp_path / "model.zip", "dqn", 21)
    with pytest.raises(InputError, match="algorithm"):
        Actor.of_zip(tmp_path / "model.zip", "a2c", 21)
    with pytest.raises(InputError, match="deterministic=True"):
        Actor.of(model).predict(observations()[0], deterministic=False)
    normalised = PPO("MlpPolicy", VecNormalize(DummyVecEnv([lambda: gym.make("ADT-Bench-v0")])), device="cpu")
    with pytest.raises(InputError, match="VecNormalize"):
        Actor.of(normalised)
