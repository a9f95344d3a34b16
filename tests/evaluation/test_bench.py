from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.actor import Actor
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.envs import task
from adt_gym.evaluation import benchmark
from adt_gym.evaluation.bench import ALWAYS_THERE, results
from adt_gym.threads import one_thread
from adt_gym.thresholds import Policy, make, registry
from adt_gym.thresholds.persistence import Persistence

contrib = pytest.importorskip("sb3_contrib")

SHORT = "short"
"""A family of a few short series, so that a policy is judged in no time."""


@pytest.fixture(autouse=True, scope="module")
def short_family() -> Iterator[None]:
    def cut(split: str, count: int) -> tuple[ScoredSeries, ...]:
        busiest = sorted(task.series_of(split), key=lambda one: -one.truth.sum())[:count]
        return tuple(one[int(np.argmax(one.truth)) - 60 :][:150] for one in busiest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task.families, "_entries", dict(task.families._entries))
        task.families.register(SHORT, lambda: task.Parts(cut("fit", 3), cut("validation", 2), cut("test", 3)))
        yield


class Plain:
    """SB3's predict around a function of one observation; keeps what it observed, series by series."""

    def __init__(self, choose: Any, columns: int = 35, actions: int = 21):
        self.choose, self.inputs, self.outputs = choose, columns, actions
        self.observed = list[list[Any]]()

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        assert deterministic
        if episode_start[0]:
            assert state is None
            self.observed.append([])
        self.observed[-1].append(observation)
        return self.choose(observation), len(self.observed[-1])


def anything(observation: Any) -> Any:
    """Return an action that depends on all that is observed."""
    return np.int64(abs(float(observation.sum())) * 1000) % 21


def mine(policy: Any, condition: str, **more: Any) -> Any:
    return benchmark(policy, [condition], name="mine", family=SHORT, **more).set_index("method").loc["mine"]


# The figures


@pytest.mark.parametrize("condition", ["noisy-10", "alerts-1"])
def test_the_figures_are_those_of_an_independent_count(condition: str) -> None:
    """Play the environment on the test series, and count by hand."""
    tp = fp = fn = events = in_time = false_segments = 0
    delays, days = [], 0.0
    for series in task.series_of("test", SHORT):
        env: Any = gym.make("ADT-Context-v0", series=series, **task.settings_of(condition))
        observation, _ = env.reset(seed=4)  # what flips is drawn for each series as if it were alone
        decisions, over = [False, False], False
        while not over:
            observation, _, over, _, info = env.step(anything(observation))
            decisions.append(bool(info["decision"]))
        truth = series.truth.tolist()
        event = segment = None
        for t, (flagged, anomalous) in enumerate(zip([*decisions, False], [*truth, False], strict=True)):
            tp, fp, fn = (
                tp + (flagged and anomalous),
                fp + (flagged and not anomalous),
                fn + (anomalous and not flagged),
            )
            if anomalous and event is None:
                event = t
            if event is not None and not anomalous:
                events, hits = events + 1, [s - event for s in range(event, t) if decisions[s]]
                delays, in_time, event = delays + hits[:1], in_time + (hits[:1] != [] and hits[0] < 10), None
            if flagged and segment is None:
                segment = t
            if segment is not None and not flagged:
                false_segments, segment = false_segments + (not any(truth[segment:t])), None
        days += (len(truth) - sum(truth)) / 24
    precision, recall, found = tp / (tp + fp), tp / (tp + fn), in_time / events
    row = mine(Plain(anything), condition, seeds=[4])
    assert row["precision"] == pytest.approx(precision)
    assert row["recall"] == pytest.approx(recall)
    assert row["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert row["composite_f1"] == pytest.approx(2 * precision * found / (precision + found))
    assert row["false_alarms_per_day"] == pytest.approx(false_segments / days)
    assert row["delay_median"] == np.median(delays)
    assert row["composite_f1_low"] <= row["composite_f1"] <= row["composite_f1_high"]
    assert 0 < precision < 1


def test_what_every_policy_is_held_against_is_in_every_table() -> None:
    table = benchmark(Plain(anything), ["full-10"], family=SHORT)
    names = ["always", "never", "random", "persistence(10)", "static", "adt"]
    assert table["method"].tolist() == names
    assert len(ALWAYS_THERE) == 5
    saw = dict(zip(table["method"], table["saw_labels"], strict=True))
    assert saw == dict.fromkeys(names, False) | {"persistence(10)": True, "adt": True}
    never = benchmark("never", ["never"], family=SHORT)
    assert never["method"].tolist() == ["always", "never", "random", "static"]  # there is no label to copy
    assert not never["saw_labels"].any()


def test_a_method_by_name_learns_from_the_training_series_alone() -> None:
    static = make("static").fit(task.series_of("train", SHORT))
    by_name = benchmark("static", ["never"], family=SHORT).set_index("method").loc["static"]
    fitted = benchmark(static, ["never"], name="fitted", family=SHORT).set_index("method").loc["fitted"]
    assert by_name["composite_f1"] == fitted["composite_f1"] > 0
    chosen = benchmark("static", ["never"], family=SHORT, split="validation").set_index("method").loc["static"]
    fit = make("static").fit(task.series_of("fit", SHORT))
    again = benchmark(fit, ["never"], name="fit", family=SHORT, split="validation").set_index("method").loc["fit"]
    assert chosen["f1"] == again["f1"]


def test_seeds_are_of_the_noise_and_of_the_trainings() -> None:
    one = results("persistence", ["noisy-10"], seeds=(0, 1), family=SHORT)[0]
    assert one.f1[0] != one.f1[1]
    several = results([Plain(anything), Plain(lambda _: np.int64(0))], ["full-1"], family=SHORT)[0]
    assert several.seeds == [0, 1]
    assert several.f1[0] != several.f1[1]


# Nobody peeks


def test_what_is_observed_tells_nothing_of_what_is_to_come() -> None:
    """Up to window t an observation is the same whatever scores and labels come later, or are not told yet."""
    series = task.series_of("test", SHORT)[0]
    t, delay = len(series) // 2, 10
    scores, labels = series.raw.copy(), series.truth.copy()
    scores[t + 1 :], labels[t + 1 - delay :] = scores[t + 1 :][::-1], ~labels[t + 1 - delay :]
    other = ScoredSeries.scaled(scores, series.scaling, labels, series.name, past=series.past, index=series.index)  # type: ignore[arg-type]
    seen = []
    for one in (series, other):
        model = Plain(anything)
        task.families._entries.pop("one", None)
        task.families.register("one", lambda one=one: task.Parts((series,), (), (one,)))
        results(model, ["full-10"], family="one")
        seen.append(np.array(model.observed[0]))
    np.testing.assert_array_equal(seen[0][: t - 1], seen[1][: t - 1])  # the first two windows are not asked about
    assert (seen[0][t:] != seen[1][t:]).any()


def test_a_memory_begins_anew_with_every_series() -> None:
    model = Plain(anything)
    results(model, ["alerts-10"], family=SHORT)
    assert [len(one) for one in model.observed] == [len(one) - 2 for one in task.series_of("test", SHORT)]


# What can be judged


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (DQN, {"policy": "MlpPolicy"}),
        (contrib.RecurrentPPO, {"policy": "MlpLstmPolicy", "n_steps": 32, "policy_kwargs": {"lstm_hidden_size": 8}}),
    ],
    ids=["dqn", "recurrent"],
)
def test_a_trained_model_its_actor_and_its_file_are_one(kind: Any, options: dict[str, Any], tmp_path: Path) -> None:
    model = kind(env=gym.make("ADT-Bench-full-10-v0", family=SHORT), seed=0, device="cpu", **options)
    with one_thread():
        model.learn(64)
    actor = Actor.of(model)
    actor.save(tmp_path / "actor.npz")
    path = tmp_path / "actor.npz"
    rows = [mine(one, "full-10").drop("method", errors="ignore") for one in (model, actor, path, str(path))]
    for row in rows[1:]:
        pd.testing.assert_series_equal(row, rows[0])


def test_agents_that_observe_less_are_shown_less() -> None:
    agent = ReferenceDQN(gym.make("ADT-v0", series=task.series_of("train", SHORT)), batch_size=8, net_arch=(8,)).learn(
        5
    )
    row = mine(agent, "full-1")
    pd.testing.assert_series_equal(row, mine(agent, "full-1", actions="paper", columns=6))
    expected = Policy(agent)
    (same,) = results(expected, ["full-1"], name="mine", family=SHORT)
    assert row["f1"] == pytest.approx(same.f1[0])
    model = PPO("MlpPolicy", gym.make("ADT-Levels-v0", series="yahoo_like_1"), device="cpu")
    assert mine(model, "never")["saw_labels"] == False  # noqa: E712 - NumPy's
    assert len(results(model, family=SHORT)) == len(task.CONDITIONS)


def test_normalised_observations_are_normalised_again() -> None:
    env = VecNormalize(DummyVecEnv([lambda: gym.make("ADT-Bench-full-10-v0", family=SHORT)]), norm_reward=False)
    model = PPO("MlpPolicy", env, n_steps=64, seed=0, device="cpu")
    with one_thread():
        model.learn(128)

    def choose(observation: Any) -> Any:
        return model.predict(env.normalize_obs(observation), deterministic=True)[0]

    by_hand = Plain(choose)
    pd.testing.assert_series_equal(mine(model, "full-10"), mine(by_hand, "full-10"))


def test_what_sees_no_labels_under_one_condition_may_under_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    registry.register("mine", Persistence)  # without the tag that says that it does nothing else
    never, told = results("mine", ["never", "full-1"], family=SHORT)
    assert (never.saw_labels, told.saw_labels) == (False, True)
    assert told.recall[0] > 0.8 > never.recall[0] == 0
    assert results("mine", ["full-1"], family=SHORT) == [told]


def test_a_policy_by_condition() -> None:
    policies = {"full-1": Plain(anything), "never": Plain(anything, 27)}
    assert [one.condition for one in results(policies, family=SHORT)] == ["full-1", "never"]
    with pytest.raises(InputError, match="no policy for condition 'full-10'"):
        results(policies, ["full-10"], family=SHORT)


def test_without_conditions_it_is_all_that_fit() -> None:
    assert [one.condition for one in results(Plain(anything, 27), family=SHORT)] == ["never"]
    told = [one for one in task.CONDITIONS if one != "never"]
    assert [one.condition for one in results(Plain(anything, 35), family=SHORT)] == told
    copy = make("persistence", delay=60)
    assert [one.condition for one in results(copy, family=SHORT)] == ["full-60"]


@pytest.mark.parametrize(
    ("policy", "conditions", "message"),
    [
        (Plain(anything, 27), ["full-1"], "'full-1'.*learned on 27 columns.*35 with the context"),
        (Plain(anything, 35 * 4), None, "fits none of the conditions"),
        (make("persistence", delay=5), ["full-10"], "'full-10'.*is made for feedback"),
        (Plain(anything, actions=5), None, "say what the actions of"),
        (object(), None, "a model with SB3's predict"),
        ("nonsense", None, "unknown method 'nonsense'"),
        ("static", ["full-2"], "condition.*full-2"),
        ("persistence", ["never"], "looks at nothing but labels"),
    ],
    ids=lambda one: str(one)[:20],
)
def test_what_cannot_be_judged_is_said(policy: Any, conditions: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        results(policy, conditions, family=SHORT)


def test_stacked_frames_are_refused_in_one_line() -> None:
    env = VecFrameStack(DummyVecEnv([lambda: gym.make("ADT-Bench-v0", family=SHORT)]), 3)
    with pytest.raises(InputError, match="stacked frames cannot be replayed"):
        results(PPO("MlpPolicy", env, device="cpu"), ["alerts-10"], family=SHORT)


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        results(tmp_path / "none.npz", family=SHORT)
    make("always").save(tmp_path / "always.npz")
    assert results(tmp_path / "always.npz", ["never"], family=SHORT)[0].recall == [1.0]
