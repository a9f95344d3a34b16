"""PPO with a memory in JAX: it learns, predicts as its network does, and is judged and saved like any policy."""

from pathlib import Path
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adt_gym.jax
from adt_gym import InputError, ScoredSeries, thresholds
from adt_gym.agents.gru import RecurrentPolicy, remembered
from adt_gym.agents.recurrent import Rollout, Settings, advantages, forward, new_weights, train, train_seeds
from adt_gym.envs.sources import resolve
from adt_gym.evaluation import precision_recall_f1

SMALL: dict[str, Any] = {"num_envs": 8, "num_steps": 8, "total_steps": 200, "minibatches": 2, "width": 5}
LATE: dict[str, Any] = {"feedback_delay": 12, "label_noise": 0.1}


def f1(method: thresholds.Method, series: Any) -> float:
    decisions = np.concatenate([method.detect(one).decisions for one in series])
    return precision_recall_f1(decisions, np.concatenate([one.truth for one in series]))[2]


def judged(policy: RecurrentPolicy, **arguments: Any) -> thresholds.Policy:
    return thresholds.Policy(policy, memoryless=False, **arguments)


def test_it_learns_to_copy_the_last_label() -> None:
    policy, rewards = train(*adt_gym.jax.make("ADT-v0"), Settings(total_steps=200_000), seed=0)
    test = resolve(None)[:12]
    assert rewards.shape == (97,)
    assert rewards[-10:].mean() > rewards[:10].mean()
    assert f1(judged(policy), test) >= f1(thresholds.make("persistence", delay=1), test) - 1e-9


def test_it_learns_from_scores_where_labels_are_late_and_noisy() -> None:
    levels = [0.5, 0.9, 0.95, 0.98, 1.0]
    given = {**LATE, "thresholds": levels, "observe_score": True}
    policy, _ = train(*adt_gym.jax.make("ADT-v0", **given), Settings(total_steps=200_000), seed=0)
    assert f1(judged(policy, **given), resolve(None)[:12]) > 0.2  # never: 0


def test_the_policy_predicts_as_the_network_does() -> None:
    weights = new_weights(jax.random.key(0), 7, 3, Settings(width=5, memory=4))
    random = np.random.default_rng(0)
    observations, starts = random.random((9, 2, 7), np.float32), random.random((9, 2)) < 0.3
    outputs, _, last = forward(weights, jnp.array(observations), jnp.array(starts), jnp.zeros((2, 4)))
    policy = RecurrentPolicy(True, {name: np.asarray(one) for name, one in weights.items()})
    state = None
    for observation, start, output in zip(observations, starts, outputs, strict=True):
        actions, state = policy.predict(observation, state, start)
        np.testing.assert_array_equal(actions, output.argmax(axis=1))
    np.testing.assert_allclose(state, last, atol=1e-6)


def test_the_memory_is_that_of_flax() -> None:
    from flax import linen

    random = np.random.default_rng(0)
    x, hidden = random.random((2, 5), np.float32), random.random((2, 4), np.float32)
    cell = linen.GRUCell(features=4)
    given = cell.init(jax.random.key(0), hidden, x)["params"]
    names = [("ir", "hr"), ("iz", "hz"), ("in", "hn")]
    inner = [np.concatenate([given[pair[i]]["kernel"] for pair in names], axis=1) for i in (0, 1)]
    bias = np.concatenate([given[i]["bias"] for i in ("ir", "iz", "in")])
    recur_bias = np.concatenate([np.zeros(8), given["hn"]["bias"]])
    weights = {"recur": inner[1], "recur_bias": recur_bias}
    expected = cell.apply({"params": given}, hidden, x)[0]
    np.testing.assert_allclose(remembered(weights, x @ inner[0] + bias, hidden, np), expected, atol=1e-6)


def test_advantages_by_their_definition() -> None:
    random = np.random.default_rng(0)
    reward, value, last = random.random((6, 1)), random.random((6, 1)), random.random(1)
    done = np.array([0, 0, 1, 0, 0, 0])[:, None]
    rollout = Rollout(None, None, None, None, *map(jnp.array, (value, reward, done)))
    estimated = advantages(rollout, jnp.array(last), Settings(gamma=0.9, gae_lambda=0.8))
    following = np.append(value, last)
    for t in range(6):
        total, weight = 0.0, 1.0
        for i in range(t, 6):
            total += weight * (reward[i, 0] + 0.9 * following[i + 1] * (1 - done[i, 0]) - value[i, 0])
            weight *= 0.9 * 0.8 * (1 - done[i, 0])
        assert float(estimated[t, 0]) == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize(("id", "memory"), [("ADT-v0", 0), ("ADT-Continuous-v0", 3)])
def test_saved_it_sets_the_same_thresholds(id: str, memory: int, make_series: Any, tmp_path: Path) -> None:
    series: ScoredSeries = make_series(40)
    (policy, other), rewards = train_seeds(
        *adt_gym.jax.make(id, series=series), Settings(memory=memory, **SMALL), [1, 2]
    )
    assert rewards.shape == (2, 3)
    assert (policy.weights["act"] != other.weights["act"]).any()
    arguments: dict[str, Any] = {"thresholds": "continuous", "observe_score": True} if id != "ADT-v0" else {}
    before = judged(policy, **arguments).detect(series)
    policy.save(tmp_path / "policy.npz")
    again = judged(tmp_path / "policy.npz", **arguments).detect(series)  # type: ignore[arg-type]
    np.testing.assert_array_equal(before.thresholds, again.thresholds)
    if id != "ADT-v0":
        assert len(np.unique(before.thresholds[2:])) > 1


def test_it_learns_on_gymnaxs_environments() -> None:
    env, params = gymnax.make("CartPole-v1")
    policy, rewards = train(env, params, Settings(**SMALL), seed=0)
    assert rewards.tolist() == [1.0, 1.0, 1.0]
    assert policy.predict(np.zeros(4))[0] in (0, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_envs": 9}, "multiple of minibatches, 4"),
        ({"total_steps": 10}, "at least num_envs x num_steps, 2048"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"gamma": 2.0}, "gamma"),
    ],
)
def test_bad_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**changes)


def test_it_needs_actions_that_it_can_take() -> None:
    env, params = gymnax.make("Catch-bsuite")
    with pytest.raises(InputError, match="flat observation"):
        train(env, params, Settings(**SMALL))


def test_it_knows_its_best_action_only() -> None:
    with pytest.raises(InputError, match="deterministic=True"):
        RecurrentPolicy().predict(np.zeros(6), deterministic=False)
