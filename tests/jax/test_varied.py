"""Feedback drawn anew for each episode, in JAX, against what a session in NumPy is told of the same decisions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adt_gym import InputError, ScoredSeries
from adt_gym.agents.generalist import ENV, Played
from adt_gym.jax.varied import COLUMNS, Varied, varied
from adt_gym.stream.feedback import Alerts, Full, Untold, Waiting, feedback_of

RULES = (Full(1), Full(7), Alerts(7), Alerts(40), Untold(), Alerts(1, noise=1.0))
STEPS, ENVS = 400, 12


def family(seed: int, share: float, sizes: tuple[int, ...]) -> list[ScoredSeries]:
    random = np.random.default_rng(seed)
    return [ScoredSeries(random.random(n), random.random(n) < share, f"series {n}") for n in sizes]


FAMILIES = {"often": family(1, 0.4, (90, 60, 75)), "seldom": family(2, 0.1, (80,))}
SERIES = [one for each in FAMILIES.values() for one in each]


@pytest.fixture(scope="module")
def made() -> tuple[Varied, Any]:
    return varied(FAMILIES, RULES, **{**ENV, "early_bonus": 0.0, "episode_windows": None})


@pytest.fixture(scope="module")
def played(made: tuple[Varied, Any]) -> Any:
    """Return what was observed, the episodes' rules, positions and ends, the actions and rewards, and what ended."""
    env, params = made
    actions = jax.random.bernoulli(jax.random.key(1), 0.6, (STEPS, ENVS)).astype(jnp.int32)

    @jax.jit
    def play(keys: Any) -> Any:
        def step(now: Any, taken: Any) -> Any:
            observation, episode = now
            action, key = taken
            reached, after, reward, terminated, truncated, _ = jax.vmap(env.step, (0, 0, 0, None))(
                jax.random.split(key, ENVS), episode, action, params
            )
            at = episode.rule, episode.inner.position, episode.inner.end
            return (reached, after), (observation, *at, action, reward, terminated | truncated)

        first = jax.vmap(env.reset, (0, None))(keys, params)
        return jax.lax.scan(step, first, (actions, jax.random.split(jax.random.key(2), STEPS)))[1]

    return jax.tree.map(np.asarray, play(jax.random.split(jax.random.key(0), ENVS)))


class Seen(Played):
    """A session that keeps what its policy would observe."""

    def __init__(self, feedback: Any):
        super().__init__(self, feedback)  # type: ignore[arg-type]
        self.rows: list[Any] = []

    def predict(self, observation: Any, state: Any = None) -> Any:
        self.rows.append(observation)
        return 0, state


def episodes(played: Any) -> Any:
    """Yield every whole episode: its rule, series, observations and actions."""
    observed, rules, positions, _, actions, _, done = played
    firsts = np.cumsum([0, *(len(one) + 1 for one in SERIES)])
    for i in range(ENVS):
        stops = np.flatnonzero(done[:, i])
        for start, stop in zip([0, *(stops[:-1] + 1)], stops + 1, strict=True):
            series = SERIES[int(np.searchsorted(firsts, positions[start, i], side="right")) - 1]
            assert stop - start == len(series) - 1
            yield RULES[rules[start, i]], series, observed[start:stop, i], actions[start:stop, i]


def test_it_observes_what_a_session_does(made: tuple[Varied, Any], played: Any) -> None:
    env, _ = made
    judged = set()
    for rule, series, observed, actions in episodes(played):
        judged.add((rule, series.name))
        session, waiting = Seen(feedback_of(rule.kind, rule.delay)), Waiting(rule)
        for t, (score, action) in enumerate(zip(series.scores.tolist(), [1, *actions], strict=True)):
            for window, told in waiting.come(t):
                if told:
                    session.tell(window, bool(series.truth[window]) != (rule.noise == 1.0))
            session.threshold(score)
            session.judged(score, action == 0)
            waiting.judged(t, action == 0)
        np.testing.assert_allclose(observed * env.scale + env.centre, session.rows, atol=2e-6)
    assert {rule for rule, _ in judged} == set(RULES)
    assert {name for _, name in judged} == {one.name for one in SERIES}
    assert len(COLUMNS) == observed.shape[1]


def test_families_are_drawn_equally_often_and_their_scores_standardised(made: tuple[Varied, Any]) -> None:
    env, params = made
    _, episode = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(3), 2000), params)
    seldom = np.asarray(episode.inner.end) > sum(len(one) + 1 for one in FAMILIES["often"])
    assert seldom.mean() == pytest.approx(0.5, abs=0.04)
    assert np.bincount(np.asarray(episode.rule)) / 2000 == pytest.approx(1 / len(RULES), abs=0.03)
    means = [np.mean([one.scores.mean() for one in each]) for each in FAMILIES.values()]
    assert env.centre[0] == pytest.approx(np.mean(means), abs=1e-6)


def test_rewards_are_weighted_by_how_seldom_a_family_has_anomalies(played: Any) -> None:
    _, _, positions, ends, actions, rewards, _ = played
    labels = np.concatenate([[*one.truth, False] for one in SERIES])[positions]
    paid = np.where(actions == 0, np.where(labels, 1.0, -1.0), -1.0 * labels)
    rates = [np.mean([one.truth.mean() for one in each]) for each in FAMILIES.values()]
    weights = 2 * np.array([1 / rates[0], 1 / rates[1]]) / (1 / rates[0] + 1 / rates[1])
    seldom = ends > sum(len(one) + 1 for one in FAMILIES["often"])
    np.testing.assert_allclose(rewards, paid * weights[seldom.astype(int)], rtol=1e-5)


def test_a_family_without_series_is_refused() -> None:
    with pytest.raises(InputError, match="families of at least one"):
        varied({"none": []}, RULES, **ENV)
