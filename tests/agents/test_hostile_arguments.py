"""Every hyper-parameter of every agent, given what it cannot be, and policy files that claim what cannot be."""

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from adt_gym.agents.reference_dqn import Hyperparameters, ReferenceDQN
from adt_gym.agents.samples_dqn import SamplesDQN, SamplesSettings
from adt_gym.agents.sb3 import learn_episodes, make_dqn, make_ppo
from adt_gym.agents.vec_env import SB3VecEnv
from adt_gym.checks import InputError, shown
from adt_gym.files import seal
from adt_gym.series import ScoredSeries
from adt_gym.thresholds import Policy

MakeSeries = Callable[..., ScoredSeries]

HUGE = 10**12
COUNTS: tuple[Any, ...] = (2.0, True, "x", None, math.nan, 0, -3, HUGE, [2], np.array([300]))
SHARES: tuple[Any, ...] = (True, "x", None, math.nan, math.inf, -0.1, 1.5, [0.5])
FLAGS: tuple[Any, ...] = (1, "yes", None)
SEEDS: tuple[Any, ...] = (1.5, True, "x", None, -1, HUGE)
BAD: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("buffer_size", "batch_size", "target_update_interval", "hold", "train_freq"), COUNTS),
    "learning_starts": tuple(bad for bad in COUNTS if bad != 0),
    **dict.fromkeys(("gamma", "exploration_initial_eps", "exploration_final_eps", "exploration_fraction"), SHARES),
    "exploration_decay": SHARES,
    "learning_rate": (0, -1.0, True, "x", None, math.nan, math.inf, [1e-3]),
    "net_arch": (5, None, "32", [0], [1.5], [True], ["32"], [HUGE], [10**5] * 2, [32] * 10**5, {32: 32}),
    "loss": ("l7", 5, None, ["mse"]),
    "plan": FLAGS,
    "double": FLAGS,
}


def assert_named(name: str, make: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def cases(settings: type[Any]) -> list[tuple[str, Any]]:
    return [(name, bad) for name in settings.__annotations__ for bad in BAD[name]]


@pytest.mark.parametrize(("name", "bad"), cases(Hyperparameters), ids=lambda value: shown(value)[:30])
@pytest.mark.parametrize("make", [ReferenceDQN, make_dqn])
def test_hyperparameters_of_adts_agents_are_named(make: Any, name: str, bad: Any) -> None:
    assert_named(name, lambda: make(gym.make("ADT-v0"), **{name: bad}))


@pytest.mark.parametrize(("name", "bad"), cases(SamplesSettings), ids=lambda value: shown(value)[:30])
def test_hyperparameters_of_the_samples_agent_are_named(name: str, bad: Any) -> None:
    assert_named(name, lambda: SamplesDQN(gym.make("ADT-Samples-v0"), **{name: bad}))


@pytest.mark.parametrize("bad", SEEDS, ids=repr)
def test_seeds_and_episodes_are_named(bad: Any) -> None:
    env = gym.make("ADT-v0")
    for make in (ReferenceDQN, make_dqn, make_ppo):
        assert_named("seed", partial(make, env, seed=bad))
    assert_named("seed", lambda: SamplesDQN(gym.make("ADT-Samples-v0"), seed=bad))
    assert_named("episodes", lambda: ReferenceDQN(env).learn(bad))
    assert_named("episodes", lambda: learn_episodes(make_dqn(env), bad))
    assert_named("episodes", lambda: SamplesDQN(gym.make("ADT-Samples-v0")).learn(bad))


@pytest.mark.parametrize("env", [5, "ADT-v0", print], ids=repr)
def test_what_is_no_environment_is_named(env: Any) -> None:
    for make in (make_dqn, make_ppo):
        assert_named("gym.make", partial(make, env))
    assert_named("SameStep", lambda: SB3VecEnv(env))


def test_numpys_numbers_can_be_saved(tmp_path: Path) -> None:
    agent = ReferenceDQN(
        gym.make("ADT-v0"), np.int64(3), batch_size=np.int64(8), gamma=np.float32(0.5), net_arch=[np.int64(4)]
    )
    agent.save(tmp_path / "p.npz")
    assert ReferenceDQN.load(tmp_path / "p.npz").settings == agent.settings


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"hold": bad}, "hold") for bad in COUNTS]
    + [({"k": bad}, "k") for bad in COUNTS]
    + [({"seed": bad}, "seed") for bad in SEEDS if bad != HUGE]
    + [({"alpha": 0.5}, "alpha and beta"), ({"feedback": "some"}, "feedback"), ({"thresholds": "any"}, "thresholds")]
    + [({"memoryless": 1}, "memoryless"), ({"speed": 9}, "speed"), ({"observe_score": 1}, "observe_score")],
    ids=shown,
)
def test_arguments_of_a_policy_are_named_before_it_judges(arguments: dict[str, Any], name: str) -> None:
    assert_named(name, lambda: Policy(ReferenceDQN(gym.make("ADT-v0")), **arguments))


@pytest.mark.parametrize("model", [None, 5, print], ids=repr)
def test_a_policy_needs_a_model_that_predicts(model: Any) -> None:
    assert_named("predict", lambda: Policy(model))


CLAIMS: list[dict[str, Any]] = [
    {"class": 5}, {"class": "adt_gym.agents.samples_dqn:SamplesDQN"}, {"options": None}, {"options": []},
    {"options": {"seed": "0"}}, {"options": {"seed": -1}}, {"options": {"env": None}}, {"options": {"speed": 9}},
    {"options": {"buffer_size": HUGE}}, {"options": {"net_arch": [32] * 10**5}}, {"options": {"net_arch": [HUGE]}},
    {"options": {"net_arch": "32"}}, {"options": {"net_arch": [32, 16, 16]}}, {"options": {"gamma": "x"}},
    {"values": None}, {"values": {"episodes": None}}, {"values": {"weights": {}}}, {"values": {"weights": [1, 2]}},
]  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: shown(claim)[:50])
def test_what_a_policy_claims_is_never_believed(make_series: MakeSeries, tmp_path: Path, claim: dict[str, Any]) -> None:
    path = tmp_path / "p.npz"
    ReferenceDQN(gym.make("ADT-v0", series=make_series())).save(path)
    with np.load(path) as arrays:
        content = dict(arrays)
    header = json.loads(str(content["header"]))
    ((part, inner),) = claim.items()
    header[part] = {**header[part], **inner} if isinstance(inner, dict) else inner
    np.savez(path, **{**content, "header": np.array(json.dumps(header))})
    seal(path)
    assert_named("p.npz is not a policy", lambda: ReferenceDQN.load(path))


@pytest.mark.parametrize("damage", ["missing", "nan", "shape"])
def test_weights_that_do_not_fit_are_refused(make_series: MakeSeries, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "p.npz"
    ReferenceDQN(gym.make("ADT-v0", series=make_series())).save(path)
    with np.load(path) as arrays:
        content = dict(arrays)
    name, weights = next((name, one) for name, one in content.items() if name.endswith("weight"))
    content[name] = {"missing": None, "nan": weights * np.nan, "shape": weights.T}[damage]
    np.savez(path, **{name: one for name, one in content.items() if one is not None})
    seal(path)
    assert_named("p.npz is not a policy", lambda: ReferenceDQN.load(path))
