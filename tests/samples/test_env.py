import copy
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3
from vectors import assert_equal_infos, run

import adt_gym  # noqa: F401
from adt_gym import InputError
from adt_gym.samples.samples import Samples
from adt_gym.stream.feedback import OUTCOMES

ID = "ADT-Samples-v0"
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"shuffle": False},
    {"episode_samples": 6},
    {"episode_samples": 6, "shuffle": False, "reward": "imbalanced"},
    {"episode_samples": 99, "reward": (4, 3, 2, 1)},
]
MODES = list(AutoresetMode)
Outputs = tuple[Any, ...]


def some(n: int = 17, seed: int = 0, name: str = "some") -> Samples:
    random = np.random.default_rng(seed)
    return Samples(random.normal(5, 3, (n, 3)), np.arange(n) % 3 == 0, ("a", "b", "c"), name)


def play(env: gym.Env[Any, Any], steps: int, seed: int | None = 0) -> list[Outputs]:
    """Return what reset and every step returned."""
    random = np.random.default_rng(1)
    outputs: list[Outputs] = [env.reset(seed=seed)]
    for _ in range(steps):
        outputs.append(env.step(int(random.integers(2))))
        if outputs[-1][2] or outputs[-1][3]:
            outputs.append(env.reset())
    return outputs


def assert_same(outputs: list[Outputs], expected: list[Outputs]) -> None:
    assert len(outputs) == len(expected)
    for one, other in zip(outputs, expected, strict=True):
        np.testing.assert_equal(one, other)


# What an episode is


def test_a_stream_by_hand() -> None:
    samples = Samples([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]], [False, True, True])
    env = gym.make(ID, features=samples, shuffle=False, reward="imbalanced")
    scaled = (samples.features - [3, 20]) / [np.sqrt(14 / 3), np.sqrt(200 / 3)]
    observation, info = env.reset(seed=0)
    np.testing.assert_allclose(observation, scaled[0], rtol=1e-6)
    metrics = info.pop("episode_metrics")
    assert info == {"sample": -1, "decision": False, "label": False, "outcome": -1}
    assert metrics.tolist() == [-1, -1, -1]

    observation, reward, terminated, truncated, info = env.step(1)
    np.testing.assert_allclose(observation, scaled[1], rtol=1e-6)
    assert (reward, terminated, truncated) == (-0.5, False, False)
    assert info.pop("episode_metrics").tolist() == [-1, -1, -1]
    assert info == {"sample": 0, "decision": True, "label": False, "outcome": OUTCOMES.index("FP")}

    *rest, info = env.step(0)[1:]
    assert rest == [-1.0, False, False]
    assert info.pop("episode_metrics").tolist() == [-1, -1, -1]
    assert info == {"sample": 1, "decision": False, "label": True, "outcome": OUTCOMES.index("FN")}
    observation, *rest, info = env.step(1)
    assert observation.tolist() == [0, 0]
    assert rest == [1.0, True, False]
    assert info.pop("episode_metrics").tolist() == [0.5, 0.5, 0.5]  # a hit, a false alarm and a miss
    assert info == {"sample": 2, "decision": True, "label": True, "outcome": OUTCOMES.index("TP")}


@pytest.mark.parametrize(
    ("reward", "of"),
    [
        ("symmetric", {"TP": 1, "TN": 1, "FP": -1, "FN": -1}),
        ("imbalanced", {"TP": 1, "TN": 0.1, "FP": -0.5, "FN": -1}),
        ((4, 3, -2, -5.5), {"TP": 4, "TN": 3, "FP": -2, "FN": -5.5}),
    ],
)
def test_each_outcome_earns_its_reward(reward: Any, of: dict[str, float]) -> None:
    samples = some()
    steps = [step for step in play(gym.make(ID, features=samples, reward=reward), 100) if len(step) == 5]
    assert {OUTCOMES[step[4]["outcome"]] for step in steps} == set(of)
    for _, earned, _, _, info in steps:
        outcome = OUTCOMES[info["outcome"]]
        assert earned == of[outcome]
        assert info["label"] == samples.labels[info["sample"]]
        assert outcome == ("T" if info["decision"] == info["label"] else "F") + "NP"[info["decision"]]


def test_shuffled_episodes_show_every_sample_once_in_orders_of_their_own() -> None:
    env = gym.make(ID, features=some(17))
    env.reset(seed=0)
    orders = []
    for _ in range(3):
        orders.append([env.step(0)[4]["sample"] for _ in range(17)])
        env.reset()
    assert [sorted(order) for order in orders] == [list(range(17))] * 3
    assert len({tuple(order) for order in orders}) == 3


def test_the_sample_observed_is_the_one_judged_next() -> None:
    samples = some()
    scaled = (samples.features - samples.features.mean(axis=0)) / samples.features.std(axis=0)
    env = gym.make(ID, features=samples, episode_samples=9)
    observation, _ = env.reset(seed=3)
    truncated = False
    while not truncated:
        following, _, terminated, truncated, info = env.step(0)
        np.testing.assert_allclose(observation, scaled[info["sample"]], atol=1e-5)
        observation = following
        assert not terminated
    assert observation.any()  # a cut episode goes on behind its end, as bootstrapping from there supposes


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("length", [None, 17, 99])
def test_the_whole_set_terminates(shuffle: bool, length: int | None) -> None:
    env = gym.make(ID, features=some(17), shuffle=shuffle, episode_samples=length)
    env.reset(seed=0)
    assert [env.step(0)[2:4] for _ in range(17)] == [(False, False)] * 16 + [(True, False)]


def test_a_cropped_stream_starts_anywhere_and_truncates_unless_it_reaches_the_end() -> None:
    env = gym.make(ID, features=some(5), shuffle=False, episode_samples=3)
    seen = set()
    for seed in range(40):
        env.reset(seed=seed)
        steps = [env.step(0) for _ in range(3)]
        rows = tuple(step[4]["sample"] for step in steps)
        seen.add(rows)
        assert steps[-1][2:4] == ((True, False) if rows[-1] == 4 else (False, True))
    assert seen == {(0, 1, 2), (1, 2, 3), (2, 3, 4)}


def test_features_are_scaled_by_the_samples_named_for_it_and_clipped() -> None:
    train = Samples([[0.0, 7.0], [2.0, 7.0]], [False, True])
    test = Samples([[3.0, 7.5], [900.0, 7.0]], [False, True])
    env = gym.make(ID, features=test, standardise_on=train, shuffle=False)
    assert env.reset()[0].tolist() == [2.0, 0.5]
    observation = env.step(0)[0]
    assert observation.tolist() == [10.0, 0.0]
    assert observation in env.observation_space


# Contract


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_gymnasium_and_sb3_accept_it(arguments: dict[str, Any]) -> None:
    check_env(gym.make(ID, features=some(), **arguments).unwrapped)
    check_env_for_sb3(gym.make(ID, features=some(), **arguments).unwrapped)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "width"), [(None, 4), ("kubernetes_samples", 4), ("blobs", 2)])
def test_the_packaged_sets_run(name: str | None, width: int) -> None:
    env = gym.make("adt_gym:" + ID, features=name)
    check_env(env.unwrapped)
    assert env.observation_space.shape == (width,)


def test_types_that_users_build_on() -> None:
    for observation, reward, terminated, truncated, info in (
        step for step in play(gym.make(ID, features=some()), 40) if len(step) == 5
    ):
        assert observation.dtype == np.float32
        assert type(reward) is float
        assert type(terminated) is type(truncated) is bool
        assert [type(value) for value in info.values()] == [int, bool, bool, int, np.ndarray]


def test_observations_are_fresh_arrays() -> None:
    env = gym.make(ID, features=some())
    outputs = play(env, 40)
    kept = copy.deepcopy(outputs)
    for output in outputs:
        output[0][:] = 9.0
    assert_same(play(env, 40), kept)


def test_spec_survives_json() -> None:
    env = gym.make(
        ID, features="blobs", standardise_on="blobs", reward=[1, 0, -1, -2], episode_samples=9, shuffle=False
    )
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.spec == env.spec
    assert_same(play(again, 60), play(env, 60))


@pytest.mark.parametrize("arguments", [{}, {"episode_samples": 6}, {"episode_samples": 6, "shuffle": False}], ids=str)
def test_two_envs_with_one_seed_are_equal_and_another_seed_differs(arguments: dict[str, Any]) -> None:
    def run(seed: int) -> list[Outputs]:
        return play(gym.make(ID, features=some(), **arguments), 100, seed)

    assert_same(run(7), run(7))
    with pytest.raises(AssertionError):
        assert_same(run(7), run(8))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])  # noqa: S301
def test_a_copy_made_mid_episode_continues_identically(copied: Callable[[Any], Any]) -> None:
    def finish(env: gym.Env[Any, Any]) -> list[Outputs]:
        return [env.step(i % 2) for i in range(8)] + play(env, 50, seed=None)

    env = gym.make(ID, features=some())
    play(env, 26)
    other = copied(env)
    assert_same(finish(other), finish(env))


# The vector environment


def native(num_envs: int, **arguments: Any) -> VectorEnv[Any, Any, Any]:
    return gym.make_vec(ID, num_envs=num_envs, **arguments)


def assert_equal_runs(outputs: list[Outputs], expected: list[Outputs]) -> None:
    assert len(outputs) == len(expected)
    for one, other in zip(outputs, expected, strict=True):
        for array, wanted in zip(one[:-1], other[:-1], strict=True):
            assert array.dtype == wanted.dtype
            np.testing.assert_array_equal(array, wanted)
        assert_equal_infos(one[-1], other[-1])


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("num_envs", [1, 5])
def test_native_equals_sync_through_episode_ends(mode: AutoresetMode, arguments: dict[str, Any], num_envs: int) -> None:
    outputs = run(native(num_envs, features=some(), autoreset_mode=mode, **arguments), 80)
    sync = gym.make_vec(
        ID,
        num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        features=some(),
        **arguments,
    )
    assert_equal_runs(outputs, run(sync, 80))
    assert sum(int((step[2] | step[3]).sum()) for step in outputs if len(step) == 5) >= 3 * num_envs


def test_native_equals_spawned_workers() -> None:
    arguments: dict[str, Any] = {"features": some(), "episode_samples": 6}
    workers = gym.make_vec(ID, 2, vectorization_mode="async", vector_kwargs={"context": "spawn"}, **arguments)
    try:
        expected = run(workers, 40)
    finally:
        workers.close()
    assert_equal_runs(run(native(2, **arguments), 40), expected)


def test_episodes_of_different_phases_equal_sync_after_masked_resets() -> None:
    mask = np.array([True, False, False])
    both: list[Any] = [
        native(3, features=some(), autoreset_mode="Disabled"),
        gym.make_vec(
            ID, 3, vectorization_mode="sync", vector_kwargs={"autoreset_mode": AutoresetMode.DISABLED}, features=some()
        ),
    ]
    results = []
    for env in both:
        outputs = [env.reset(seed=[5, 5, 9])]
        outputs += [env.step(np.ones(3, dtype=np.int64)) for _ in range(4)]
        outputs.append(env.reset(seed=[1, 2, 3], options={"reset_mask": mask}))
        outputs += [env.step(np.zeros(3, dtype=np.int64)) for _ in range(13)]
        results.append(outputs)
    assert_equal_runs(*results)
    with pytest.raises(ResetNeeded, match="environment 1"):
        both[0].step(np.zeros(3, dtype=np.int64))


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_returned_arrays_are_fresh(mode: AutoresetMode) -> None:
    def scribble(outputs: Outputs) -> None:
        for array in [*outputs[:-1], *(v for v in outputs[-1].values() if isinstance(v, np.ndarray))]:
            if array.flags.writeable:  # what infos share cannot be overwritten
                array[...] = np.zeros((), dtype=array.dtype)

    env, other = (native(3, features=some(), episode_samples=6, autoreset_mode=mode) for _ in range(2))
    scribble(env.reset(seed=0))
    other.reset(seed=0)
    for actions in np.random.default_rng(0).integers(2, size=(40, 3)):
        outputs, expected = env.step(actions), other.step(actions)
        assert_equal_runs([outputs], [expected])
        over = (expected[2] | expected[3]).copy()
        scribble(outputs)
        if mode is AutoresetMode.DISABLED and over.any():
            scribble(env.reset(options={"reset_mask": over}))
            other.reset(options={"reset_mask": over})


def test_a_thousand_environments_on_the_packaged_default() -> None:
    env = native(1024)
    assert type(env.unwrapped).__module__ == "adt_gym.samples.vector"
    observations, _ = env.reset(seed=0)
    assert observations in env.observation_space
    observations, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
    assert observations in env.observation_space
    assert rewards.shape == terminated.shape == truncated.shape == (1024,)


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": "nobody"}, "'nobody'; known: kubernetes_samples, blobs"),
        ({"features": "table.csv"}, "read_samples"),
        ({"features": np.zeros((3, 2))}, "got ndarray"),
        ({"standardise_on": "nobody"}, "'nobody'"),
        ({"standardise_on": "blobs"}, r"'some' have the columns.*'x', 'y'"),
        ({"reward": "generous"}, "'generous'; known: symmetric, imbalanced"),
        ({"reward": (1, 2, 3)}, r"four finite numbers, for TP, TN, FP, FN; got \(1, 2, 3\)"),
        ({"reward": (1, 2, 3, float("nan"))}, "four finite numbers"),
        ({"reward": (1, 2, 3, "four")}, "four finite numbers"),
        ({"reward": {"TP": 1}}, "four finite numbers"),
        ({"episode_samples": 0}, "episode_samples must be at least 1, got 0"),
        ({"render_mode": "human"}, "does not render"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*render_mode:UserWarning")
@pytest.mark.parametrize("make", [gym.make, lambda id, **arguments: native(2, **arguments)], ids=["scalar", "vector"])
def test_bad_arguments(make: Callable[..., Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(ID, **{"features": some(), **changes})


@pytest.mark.parametrize("action", [-1, 2, 0.5, 1.0, "a", None, np.array([1])], ids=str)
def test_an_action_outside_the_space(action: Any) -> None:
    env = gym.make(ID, features=some(), shuffle=False)
    env.reset()
    with pytest.raises(InvalidAction):
        env.step(action)
    assert env.step(np.int64(1))[-1]["sample"] == 0


@pytest.mark.parametrize(
    "actions", [[0, 1], [-1, 0, 1], [0, 1, 2], [0.0, 1.0, 1.0], [True, False, True], 1, None], ids=str
)
def test_actions_outside_the_vector_space(actions: Any) -> None:
    env = native(3, features=some(), shuffle=False)
    env.reset()
    with pytest.raises(InvalidAction):
        env.step(actions)
    assert env.step([0, 1, 1])[-1]["sample"].tolist() == [0, 0, 0]


def test_no_step_before_reset_or_after_the_end() -> None:
    env = gym.make(ID, features=some(3))
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset()
    for _ in range(3):
        env.step(0)
    for _ in range(2):
        with pytest.raises(ResetNeeded):
            env.step(0)
    with pytest.raises(ResetNeeded):
        native(2).step([0, 0])
    with pytest.raises(ResetNeeded):
        native(2).reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1, 2]}, "2 seeds for 3"),
        ({"options": {"start": 3}}, "'start'"),
        ({"options": {"reset_mask": np.zeros(3, dtype=bool)}}, "reset_mask"),
        ({"options": {"reset_mask": [True, True, True]}}, "reset_mask"),
    ],
)
def test_bad_vector_resets(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        native(3).reset(**arguments)


def test_bad_arguments_of_resets_and_vectors() -> None:
    with pytest.raises(InputError, match="'start'"):
        gym.make(ID).reset(options={"start": 1})
    with pytest.raises(InputError, match="num_envs must be at least 1, got 0"):
        native(0)
