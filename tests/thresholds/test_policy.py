from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from mondays import Mondays, Urgent
from numpy.typing import NDArray
from restored import thresholds_of_restored

from adt_gym import InputError, ScoredSeries
from adt_gym.agents import sb3
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.stream.feedback import feedback_of
from adt_gym.stream.replay import replay
from adt_gym.stream.state import state_of
from adt_gym.thresholds import Method, Policy, load, make

MakeSeries = Callable[..., ScoredSeries]
Choose = Callable[[NDArray[np.float32]], NDArray[np.integer]]
MakePolicy = Callable[[int], Choose]


class Model:
    """SB3's interface around a function; counts how often it is asked."""

    def __init__(self, choose: Choose):
        self.choose, self.calls = choose, 0

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.integer], Any]:
        assert deterministic
        self.calls += 1
        return self.choose(np.atleast_2d(observation)).reshape(observation.shape[:-1]), state


class LastLabel(Model):
    """With k = 1 the observation tells the last label: its share of TP or of FN is 1."""

    def __init__(self) -> None:
        super().__init__(lambda observations: 1 - np.rint(observations[:, 2] + observations[:, 5]).astype(np.int64))


class Alternating:
    """A recurrent policy: active on every other window, whatever it observes."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[np.integer], Any]:
        assert bool(episode_start[0]) == (state is None)
        turn = 0 if state is None else state + 1
        return np.array(turn % 2), turn


def step_through(series: ScoredSeries, choose: Choose, hold: int = 1, **env_kwargs: Any) -> list[float]:
    """Return the thresholds of a policy that keeps its action for ``hold`` windows, by stepping the environment."""
    env = gym.make("ADT-v0", series=series, **env_kwargs)
    observation, _ = env.reset()
    thresholds = [1.0] * env.unwrapped.mdp.k  # type: ignore[attr-defined]
    while len(thresholds) < len(series):
        action = int(choose(observation[None])[0])
        for _ in range(min(hold, len(series) - len(thresholds))):
            observation, *_, info = env.step(action)
            thresholds.append(info["threshold"])
    return thresholds


@pytest.mark.parametrize("k", [1, 2, 6])
@pytest.mark.parametrize("hold", [1, 3, 50])
@pytest.mark.parametrize("seed", range(4))
def test_planned_and_stepped_policies_equal_the_environment(
    make_series: MakeSeries, make_policy: MakePolicy, k: int, hold: int, seed: int
) -> None:
    series, choose = make_series(60, seed), make_policy(seed)
    planned, stepped = Model(choose), Model(choose)
    detection = Policy(planned, hold=hold, k=k).detect(series)
    again = Policy(stepped, hold=hold, memoryless=False, k=k).detect(series)
    expected = step_through(series, choose, hold, k=k)
    assert detection.thresholds.tolist() == again.thresholds.tolist() == expected
    np.testing.assert_array_equal(detection.decisions, series.scores > np.array(expected))
    assert planned.calls == 1
    assert stepped.calls == -(-(60 - k) // hold)


def test_the_policies_of_these_tests_take_both_actions(make_series: MakeSeries, make_policy: MakePolicy) -> None:
    for seed in range(4):
        assert set(step_through(make_series(60, seed), make_policy(seed))) == {0.0, 1.0}


@pytest.mark.parametrize("hold", [2, 7, 100])
def test_hold_keeps_a_threshold_as_the_environments_hold_does(
    make_series: MakeSeries, make_policy: MakePolicy, hold: int
) -> None:
    series, choose = make_series(60, 3), make_policy(3)
    env = gym.make("ADT-v0", series=series, hold=hold)
    observation, _ = env.reset()
    expected, over = [1.0, 1.0], False
    while not over:
        observation, _, over, _, info = env.step(int(choose(observation[None])[0]))
        expected += info["threshold"][info["t"] >= 0].tolist()
    assert Policy(Model(choose), hold=hold).detect(series).thresholds.tolist() == expected


@pytest.mark.parametrize("memoryless", [True, False])
def test_a_large_k_is_judged_all_the_same(make_series: MakeSeries, make_policy: MakePolicy, memoryless: bool) -> None:
    series, choose = make_series(120, 1), make_policy(1)
    detection = Policy(Model(choose), memoryless=memoryless, k=40).detect(series)
    assert detection.thresholds.tolist() == step_through(series, choose, k=40)


ENV_KWARGS: list[dict[str, Any]] = [
    {"feedback_delay": 4},
    {"feedback": "alerts", "label_noise": 0.3, "feedback_delay": 2},
    {"feedback": "none", "k": 20},
    {"label_noise": 0.5, "hold": 3},
    {"thresholds": [0.2, 0.8], "observe_score": True, "hold": 2},
    {"thresholds": [0.2, 0.8], "observe_score": True, "k": 7, "change_cost": 1.0, "feedback": "alerts"},
    {"alpha": 0.5, "beta": 0.5, "observe_score": True, "episode_windows": 9, "render_mode": "ansi"},
]


@pytest.mark.parametrize("env_kwargs", ENV_KWARGS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_every_argument_of_the_environment_counts(
    make_series: MakeSeries, env_kwargs: dict[str, Any], seed: int
) -> None:
    weights = np.random.default_rng(seed).random(7)

    def choose(observations: NDArray[np.float32]) -> NDArray[np.integer]:
        return (observations @ weights[: observations.shape[1]] * 7).astype(np.int64) % 2

    series = make_series(80, seed)
    arguments = {name: value for name, value in env_kwargs.items() if name not in ("hold", "episode_windows")}
    env: Any = gym.make("ADT-v0", series=series, **arguments)
    observation, _ = env.reset(seed=seed)
    expected, over, hold = [1.0] * env.unwrapped.mdp.k, False, env_kwargs.get("hold", 1)
    for i in range(len(series) - len(expected)):
        if i % hold == 0:
            action = choose(observation[None])[0]
        observation, _, over, _, info = env.step(action)
        expected.append(info["threshold"])
    assert over
    model = Model(choose)
    assert Policy(model, seed=seed, **env_kwargs).detect(series).thresholds.tolist() == expected
    assert (model.calls == 1) == (env_kwargs.get("k") != 7)
    stepped = Policy(Model(choose), seed=seed, memoryless=False, **env_kwargs)
    assert stepped.detect(series).thresholds.tolist() == expected
    assert len(set(expected)) > 1


def test_a_continuous_policy_sets_any_threshold(make_series: MakeSeries) -> None:
    class Follow:
        def predict(self, observation: NDArray[np.float32], **_: Any) -> tuple[NDArray[np.float32], None]:
            return observation[6:] / 2, None

    series = make_series(30)
    detection = Policy(Follow(), thresholds="continuous", observe_score=True).detect(series)
    np.testing.assert_array_equal(detection.thresholds[2:], series.scores[2:] / 2)
    assert detection.decisions[2:].all()
    assert (detection.thresholds[:2] == 1).all()


def test_without_feedback_no_labels_are_seen() -> None:
    assert not Policy(LastLabel(), feedback="none").sees_labels
    assert Policy(LastLabel(), feedback="alerts", feedback_delay=10).sees_labels


def test_a_policy_that_copies_the_last_label_is_persistence(make_series: MakeSeries) -> None:
    series = make_series(80, 5)
    labels = series.labels.copy()
    labels[0] = False
    series = ScoredSeries(series.scores, labels)
    copied = Policy(LastLabel(), k=1).detect(series)
    np.testing.assert_array_equal(copied.decisions, make("persistence").detect(series).decisions)
    assert copied.decisions.any()


def test_a_recurrent_policy_keeps_its_state(make_series: MakeSeries) -> None:
    detection = Policy(Alternating(), memoryless=False).detect(make_series(9))
    assert detection.thresholds.tolist() == [1, 1, 0, 1, 0, 1, 0, 1, 0]
    held = Policy(Alternating(), memoryless=False, hold=2).detect(make_series(9))
    assert held.thresholds.tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 1]


def test_a_policy_is_a_thresholder_that_sees_labels(make_series: MakeSeries) -> None:
    policy = Policy(LastLabel(), name="mine", k=1)
    assert isinstance(policy, Method)
    assert policy.fit([]) is policy
    assert (policy.name, policy.sees_labels) == ("mine", True)
    detection = policy.detect(make_series())
    assert detection.name == "random_0"
    assert detection.thresholds.dtype == np.float32
    assert detection.decisions.dtype == bool


@pytest.mark.parametrize("memoryless", [True, False])
def test_bad_policies(make_series: MakeSeries, memoryless: bool) -> None:
    with pytest.raises(InputError, match="'random_0' has 40 windows"):
        Policy(LastLabel(), memoryless=memoryless, k=39).detect(make_series(40))
    with pytest.raises(InputError, match="hold must be at least 1, got 0"):
        Policy(LastLabel(), memoryless=memoryless, hold=0).detect(make_series(40))


# Live

RULES: list[dict[str, Any]] = [
    *ENV_KWARGS,
    {"feedback": Mondays(5, noise=0.2), "k": 3},
    {"feedback": Mondays(3, alerts=True), "observe_score": True, "hold": 2},
    {"feedback": Urgent(7), "k": 4},
]


class Recorder(Model):
    """A model that acts by all it observes, and keeps what that was."""

    def __init__(self) -> None:
        weights = np.random.default_rng(5).random(7)
        super().__init__(lambda seen: (seen @ weights[: seen.shape[1]] * 7).astype(np.int64) % 2)
        self.observed: list[list[float]] = []

    def predict(self, observation: NDArray[np.float32], *args: Any, **kwargs: Any) -> tuple[NDArray[np.integer], Any]:
        self.observed.append(observation.tolist())
        return super().predict(observation, *args, **kwargs)


@pytest.mark.parametrize("env_kwargs", RULES, ids=str)
@pytest.mark.parametrize("k", [1, 2, 30])
def test_a_session_observes_bit_for_bit_what_the_environment_does(
    make_series: MakeSeries, env_kwargs: dict[str, Any], k: int
) -> None:
    series, model = make_series(80, 4), Recorder()
    env_kwargs = {"k": k, **env_kwargs}
    hold = env_kwargs.get("hold", 1)
    policy = Policy(model, seed=9, **env_kwargs)
    thresholds = replay(policy, series, policy.feedback, 9).thresholds.tolist()
    env: Any = gym.make("ADT-v0", series=series, **policy.env_kwargs)
    observation, _ = env.reset(seed=9)
    expected = [observation.tolist()]
    levels = policy.settings.levels or ()
    for threshold in thresholds[env_kwargs["k"] :]:
        observation, *_ = env.step(levels.index(threshold))
        expected.append(observation.tolist())
    assert model.observed == expected[:-1:hold]
    assert set(thresholds[env_kwargs["k"] :]) == set(levels)
    assert policy.detect(series).thresholds.tolist() == thresholds


@pytest.mark.parametrize("env_kwargs", RULES[:2] + RULES[-3:], ids=str)
def test_a_session_goes_on_from_its_state(make_series: MakeSeries, env_kwargs: dict[str, Any]) -> None:
    series = make_series(80, 4)
    policy = Policy(Recorder(), **env_kwargs)
    assert len(thresholds_of_restored(policy, series)) == len(series)


def test_labels_count_from_when_they_are_due_and_there() -> None:
    model = Recorder()
    session = Policy(model, k=2, feedback_delay=3).start()

    def shares(*told: tuple[int, bool]) -> list[float]:
        """Tell labels, judge a window by passing it, and return what was observed of it, TP TN FP FN."""
        for window, label in told:
            session.tell(window, label)
        session.threshold(0.5)
        session.judged(0.5, False)
        return (np.array(model.observed[-1][2:]) * 2).tolist() if model.observed else []

    assert shares() == shares() == []  # the first k windows
    assert shares((0, True), (1, False)) == [0, 0, 0, 0]  # early: they wait
    assert shares() == [0, 0, 0, 1]
    assert shares((1, True)) == [0, 0, 0, 2]  # the last word counts
    assert shares((0, False)) == [0, 0, 0, 1]  # window 2 is due and not told, window 0 no longer counts
    assert shares((2, False)) == [0, 1, 0, 0]  # late, but among the two, as is window 3, which nobody tells
    assert shares() == [0, 0, 0, 0]


def test_two_sessions_of_a_policy_do_not_touch_each_other(make_series: MakeSeries) -> None:
    one, other = make_series(40, 1), make_series(40, 2)
    policy = Policy(Alternating(), memoryless=False)
    sessions = [policy.start(), policy.start()]
    for session, series in zip(sessions, (one, other), strict=True):
        thresholds = []
        for score in series.scores.tolist():
            thresholds.append(session.threshold(score))
            session.judged(score, score > thresholds[-1])
        assert thresholds == policy.detect(series).thresholds.tolist()


def test_a_memory_of_the_models_own_is_in_no_state() -> None:
    with pytest.raises(InputError, match="'adt' is not memoryless"):
        state_of(Policy(Alternating(), memoryless=False).start())


# On disk


@pytest.mark.parametrize(
    "env_kwargs",
    [
        {},
        {"feedback": "alerts", "feedback_delay": 3, "label_noise": 0.2, "k": 3, "thresholds": [0.2, 0.4, 0.8]},
        {"feedback": feedback_of("full", 3), "observe_score": True, "hold": 2},
    ],
    ids=str,
)
def test_a_policy_of_ours_is_kept_whole(make_series: MakeSeries, tmp_path: Path, env_kwargs: dict[str, Any]) -> None:
    series = make_series(120, 2)
    settings = {name: value for name, value in env_kwargs.items() if name != "hold"}
    agent = ReferenceDQN(gym.make("ADT-v0", series=series, **settings), batch_size=8, net_arch=(8, 4)).learn(20)
    agent.save(tmp_path / "agent.npz")
    policy = Policy(agent, name="mine", seed=3, **env_kwargs)
    policy.save(tmp_path / "policy.npz")
    again = load(tmp_path / "policy.npz")
    assert isinstance(again, Policy)
    assert (again.name, again.seed, again.settings.told) == ("mine", 3, policy.settings.told)
    assert again.settings.levels == policy.settings.levels
    expected = policy.detect(series).thresholds.tolist()
    assert len(set(expected)) > 1
    assert again.detect(series).thresholds.tolist() == expected
    named = make(f"policy:{tmp_path / 'agent.npz'}", seed=3, **env_kwargs)
    assert named.detect(series).thresholds.tolist() == expected


def test_a_policy_of_sb3_is_kept_by_its_network(make_series: MakeSeries, tmp_path: Path) -> None:
    series = make_series(120, 2)
    model = sb3.make_dqn(gym.make("ADT-v0", series=series), net_arch=(8, 4), batch_size=8)
    with torch.no_grad():  # untrained it does the same whatever it sees
        model.q_net.q_net[-1].bias -= model.q_net(torch.tensor([[0.5, 0.1, 0.0, 1.0, 0.0, 0.0]]))[0]
    with pytest.raises(InputError, match=r"HoldDQN cannot be kept.*load_policy"):
        Policy(model).save(tmp_path / "policy.npz")
    model.save(tmp_path / "model.zip")
    greedy = sb3.load_policy(tmp_path / "model.zip", "dqn", (8, 4))
    greedy.save(tmp_path / "greedy.npz")
    Policy(greedy).save(tmp_path / "policy.npz")
    expected = Policy(model).detect(series).thresholds.tolist()
    assert len(set(expected[2:])) == 2
    for one in (load(tmp_path / "policy.npz"), Policy(tmp_path / "greedy.npz"), Policy(greedy)):
        assert one.detect(series).thresholds.tolist() == expected


def test_what_a_file_cannot_hold_is_said(make_series: MakeSeries, tmp_path: Path) -> None:
    agent = ReferenceDQN(gym.make("ADT-v0", series=make_series()))
    with pytest.raises(InputError, match="'mondays' is a rule of your own"):
        Policy(agent, feedback=Mondays(7)).save(tmp_path / "policy.npz")
    with pytest.raises(FileNotFoundError):
        Policy("nothing.npz")
    make("always").save(tmp_path / "always.npz")
    with pytest.raises(InputError, match="no policy is registered as"):
        Policy(tmp_path / "always.npz")
