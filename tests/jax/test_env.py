"""ADT-v0 in JAX against the naive MDP and the environment in NumPy: same decisions, same everything."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import gymnasium as gym
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mondays import Mondays
from naive import NaiveMDP

import adt_gym.jax
from adt_gym import ScoredSeries
from adt_gym.stream.feedback import OUTCOMES, Feedback

WINDOWS = (50, 43)
STEPS, ENVS = 70, 2
COSTS: dict[str, Any] = {
    "change_cost": 0.3,
    "early_bonus": 2.0,
    "early_windows": 4,
    "alarm_budget": 3,
    "alarm_cost": 2.0,
}
LEVELS = (0.0, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Gaps(Feedback):
    """Every fifth window stays without a label, and so does every third that is not flagged; naive has no such rule."""

    noise: float = 0.0
    kind = "gaps"

    def told_at(self, t: int, decision: bool) -> int | None:
        return None if t % 5 == 4 or (t % 3 == 0 and not decision) else t + 3


LATE: dict[str, Any] = {"feedback": "alerts", "feedback_delay": 5, "label_noise": 0.3}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "the paper": ("ADT-v0", {}),
    "late, cropped": ("ADT-v0", {"feedback_delay": 3, "label_noise": 0.3, "k": 3, "episode_windows": 20}),
    "alerts, held": ("ADT-v0", {**LATE, "hold": 3, "thresholds": LEVELS, "k": 4, "observe_score": True}),
    "none, any threshold": ("ADT-Continuous-v0", {"feedback": "none", "k": 1, **COSTS}),
    "two words": ("ADT-Levels-v0", {"k": 40, "feedback_delay": 7, "label_noise": 1.0, **COSTS}),
    "later than the series": ("ADT-v0", {"feedback_delay": 200, "hold": 7}),
    "Mondays": ("ADT-Levels-v0", {"feedback": Mondays(4), "k": 3, "episode_windows": 20, "change_cost": 0.5}),
    "Mondays, alerts": ("ADT-v0", {"feedback": Mondays(7, True, 0.3), "k": 12, "hold": 2}),
    "gaps": ("ADT-Levels-v0", {"feedback": Gaps(), "k": 5, "early_bonus": 1.0}),
    "context": ("ADT-Context-v0", {"k": 3}),
    "context, alerts": ("ADT-Context-v0", {**LATE, "hold": 2, "episode_windows": 30}),
    "context, none": ("ADT-Context-v0", {"feedback": "none"}),
    "context, gaps": ("ADT-Context-v0", {"feedback": Gaps(), "k": 4}),
}


def make_all(random: np.random.Generator) -> list[ScoredSeries]:
    share = random.choice((0.0, 0.2, 0.5, 1.0))
    runs = [(np.cumsum(random.random(n) < 0.3) % 2 == 1) & (random.random(n) < 2 * share) for n in WINDOWS]
    return [ScoredSeries(random.random(len(labels)), labels, f"of {len(labels)} windows") for labels in runs]


def playing(env: Any) -> Callable[..., Any]:
    """Return what plays N episodes, and those after them, with given actions: one compilation an environment."""

    @jax.jit
    def play(keys: Any, actions: Any, params: Any) -> Any:
        def step(state: Any, now: Any) -> Any:
            action, key = now
            out = jax.vmap(env.step, (0, 0, 0, None))(key, state, action, params)
            return out[1], out

        first = jax.vmap(env.reset, (0, None))(keys, params)
        per_step = jax.vmap(lambda key: jax.random.split(key, ENVS))(jax.random.split(keys[0], STEPS))
        return *first, jax.lax.scan(step, first[1], (actions, per_step))[1], per_step

    return play


def drawn(keys: Any, noise: float, windows: int) -> list[list[bool]]:
    """Return for each key which labels are told wrongly of the windows judged with it."""
    return np.asarray(jax.vmap(lambda key: jax.random.bernoulli(key, noise, (windows,)))(keys)).tolist()


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], Callable[..., Any]]:
    id, arguments = CASES[request.param]
    env, _ = adt_gym.jax.make(id, series=make_all(np.random.default_rng(0)), **arguments)
    return id, arguments, playing(env)


@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 2**31))
def test_it_equals_the_naive_mdp_and_the_env_in_numpy(case: Any, seed: int) -> None:
    id, arguments, play = case
    random = np.random.default_rng(seed)
    series = make_all(random)
    _, params = adt_gym.jax.make(id, series=series, **arguments)
    shape, levels = (STEPS, ENVS), params.thresholds
    actions = random.random((*shape, 1), np.float32) if levels is None else random.integers(len(levels), size=shape)
    keys = jax.random.split(jax.random.key(seed), ENVS)
    *out, step_keys = play(keys, actions, params)
    observations, states, steps = jax.tree.map(np.asarray, out)
    for i in range(ENVS):
        first = jax.tree.map(lambda x, i=i: x[i], (observations, states))
        leaves, structure = jax.tree.flatten(steps)
        every = [structure.unflatten([leaf[t, i] for leaf in leaves]) for t in range(STEPS)]
        both = Both(id, arguments, series)
        both.begin(*first, drawn(jax.random.split(keys[i])[1:], both.noise, both.k)[0])
        flips = drawn(step_keys[:, i], both.noise, both.hold + both.k)
        for *played, some in zip(every, actions[:, i], flips, strict=True):
            both.follow(*played, some)
        assert both.episodes > 1


class Both:
    """The naive MDP and the environment in NumPy, playing what JAX played, with the flips that it drew."""

    def __init__(self, id: str, arguments: dict[str, Any], series: list[ScoredSeries]):
        self.id, self.arguments, self.series = id, arguments, series
        self.env = gym.make(id, series=series, **arguments)
        env: Any = self.env.unwrapped
        self.k, self.hold, self.noise, self.levels = env.mdp.k, env.hold, env.feedback.noise, env.levels
        self.rule = rule_of(**{name: arguments[name] for name in ("feedback", "feedback_delay") if name in arguments})
        self.starts, self.episodes = env.mdp.offsets, 0
        self.known = slice(2) if isinstance(env.feedback, Gaps) else slice(6 + env.observe_score)

    def begin(self, observation: Any, state: Any, flips: list[bool]) -> None:
        position = int(state.position) - self.k
        number = int(np.searchsorted(self.starts, position, side="right")) - 1
        start, series = position - int(self.starts[number]), self.series[number]
        given = {name: self.arguments[name] for name in COSTS if name in self.arguments}
        self.flips = flips
        self.naive = NaiveMDP(
            series.scores.tolist(), series.truth.tolist(), self.k, 0.9, 0.1, self.hold, start,
            min(start + self.arguments.get("episode_windows", 10**6), len(series)), self.levels,
            **self.rule, flipped=flips, **given,
        )  # fmt: skip
        self.naive.observe_score = len(observation) > 6
        first = self.naive.reset()
        with self.given_flips(len(flips)):
            theirs, _ = self.env.reset(options={"series": number, "start": start})
        self.compare(observation, first, theirs)
        self.episodes += 1

    def follow(self, step: Any, action: Any, flips: list[bool]) -> None:
        observation, state, reward, terminated, truncated, info = step
        judged = np.atleast_1d(info["t"])
        judged = judged[judged >= 0]
        self.flips += flips[: len(judged)]
        expected = self.naive.step(float(action[0]) if self.levels is None else int(action))
        with self.given_flips(len(judged)):
            theirs = self.env.step(action if self.levels is None else int(action))
        self.compare(info["final_observation"], expected.observation, theirs[0])
        assert reward == pytest.approx(expected.reward, abs=1e-4)
        assert reward == pytest.approx(theirs[1], abs=1e-4)
        assert (terminated, truncated) == (expected.terminated, expected.truncated) == theirs[2:4]
        for name, values in (
            ("t", [one.t for one in expected.windows]),
            ("threshold", [np.float32(one.threshold) for one in expected.windows]),
            ("decision", [one.decision for one in expected.windows]),
            ("label", [one.label for one in expected.windows]),
            ("outcome", [OUTCOMES.index(one.outcome) for one in expected.windows]),
        ):
            assert np.atleast_1d(info[name])[: len(judged)].tolist() == values, name
        if terminated or truncated:
            self.begin(observation, state, flips[self.hold :])
        else:
            np.testing.assert_array_equal(observation, info["final_observation"])

    def compare(self, observation: Any, naive: list[float], theirs: Any) -> None:
        assert observation.dtype == np.float32
        np.testing.assert_allclose(observation[self.known], naive[self.known], atol=1e-6)
        np.testing.assert_allclose(observation, theirs, atol=1e-6)

    def given_flips(self, windows: int) -> Any:
        return mock.patch("adt_gym.envs.feedback.flips", side_effect=self.flips[len(self.flips) - windows :])


def rule_of(feedback: Any = "full", feedback_delay: int = 1) -> dict[str, Any]:
    """Return a rule as the naive MDP knows it, which knows no gaps."""
    if isinstance(feedback, str):
        return {"feedback": feedback, "delay": feedback_delay}
    return {
        "week": getattr(feedback, "week", 1),
        "feedback": "alerts" if getattr(feedback, "alerts", False) else "full",
    }
