"""What makes the environment in JAX: arguments, bits, draws, and what gymnax and `jax.vmap` make of it."""

import subprocess
import sys
from functools import partial
from typing import Any

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments.environment import Environment
from gymnax.wrappers.purerl import FlattenObservationWrapper, LogWrapper, StickyActionWrapper
from hypothesis import given, settings
from hypothesis import strategies as st
from mondays import Urgent

import adt_gym.jax
from adt_gym import InputError, ScoredSeries
from adt_gym.jax import bits
from adt_gym.jax.draws import below

STEPS = 30


@pytest.fixture(scope="module")
def made(make_series: Any) -> tuple[Any, Any]:
    return adt_gym.jax.make("ADT-v0", series=make_series(25, 3), feedback_delay=2)


@partial(jax.jit, static_argnums=0)
def rewards(env: Any, params: Any, key: Any) -> Any:
    """Return the rewards of an episode and the next, of actions that the key draws."""

    def step(state: Any, key: Any) -> tuple[Any, Any]:
        _, state, reward, *_ = env.step(key, state, jax.random.randint(key, (), 0, 2), params)
        return state, reward

    return jax.lax.scan(step, env.reset(key, params)[1], jax.random.split(key, STEPS))[1]


# Bits and draws


@given(flags=st.lists(st.booleans(), min_size=1, max_size=80), n=st.integers(1, 70))
def test_trailing_words_hold_the_flags_before(flags: list[bool], n: int) -> None:
    words = bits.trailing_words(np.array(flags), n)
    for t in range(len(flags) + 1):
        newest_first = flags[max(t - n, 0) : t][::-1]
        assert as_number(words[t]) == sum(2**age for age, flag in enumerate(newest_first) if flag)


@settings(deadline=None, max_examples=30)
@given(number=st.integers(0, 2**96 - 1), first=st.integers(0, 96), bit=st.booleans())
def test_bits_are_pushed_taken_counted_and_found(number: int, first: int, bit: bool) -> None:
    words = jnp.array([[number >> shift & 0xFFFFFFFF for shift in (0, 32, 64)]], jnp.uint32)
    pushed = bits.pushed(words, jnp.array([bit]), 90)
    assert as_number(pushed[0]) == (number << 1 | bit) % 2**90
    assert as_number(bits.taken(words, first, 40)[0]) == (number >> first) % 2**40
    assert int(bits.counts(words)[0]) == number.bit_count()
    if number:
        assert int(bits.newest(words[0])) == (number & -number).bit_length() - 1


def test_flags_are_packed_and_masks_made() -> None:
    flags = np.random.default_rng(0).random(37) < 0.5
    assert as_number(bits.packed(jnp.array(flags))) == sum(1 << i for i in np.flatnonzero(flags).tolist())
    assert [as_number(row) for row in bits.masks(np.array([0, 5, 32, 33, 64]), 64)] == [
        0,
        31,
        *(2**n - 1 for n in (32, 33, 64)),
    ]


def as_number(words: Any) -> int:
    return sum(int(word) << (32 * i) for i, word in enumerate(words))


@settings(deadline=None)
@given(draws=st.integers(0, 2**32 - 1), n=st.integers(1, 2**31 - 1))
def test_draws_are_scaled_as_whole_numbers(draws: int, n: int) -> None:
    assert int(below(jnp.uint32(draws), n)) == draws * n >> 32


def test_every_series_and_start_comes_equally_often(several: list[ScoredSeries]) -> None:
    env, params = adt_gym.jax.make("ADT-v0", series=several, episode_windows=17)
    state = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), 3000), params)[1]
    step = jax.jit(jax.vmap(env.step, (0, 0, None, None)))
    keys, begun = jax.random.split(jax.random.key(1), 3000), []
    for _ in range(3):  # the episodes that reset() draws, and those after them
        begun.append(np.asarray(state.position) - 2)
        for _ in range(15):
            state = step(keys, state, 0, params)[1]
    for position in begun:
        counts = np.bincount(np.searchsorted(np.asarray(params.offsets), position, side="right") - 1)
        np.testing.assert_allclose(counts / 3000, 1 / 3, atol=0.04)
        longest = position[position >= int(params.offsets[2])] - int(params.offsets[2])
        np.testing.assert_allclose(np.bincount(longest, minlength=24) / len(longest), 1 / 24, atol=0.03)
    assert np.mean(begun[0] != begun[1]) > 0.3
    assert abs(np.corrcoef(begun[0], begun[1])[0, 1]) < 0.06


# gymnax and JAX


def test_it_steps_as_gymnax_does(made: Any) -> None:
    env, params = made
    key = jax.random.key(0)
    one = other = env.reset(key, params)[1]
    for _ in range(STEPS):
        ours, theirs = env.step(key, one, 1, params), Environment.step(env, key, other, 1, params)
        one, other = (out[1].replace(draws=jnp.uint32(0)) for out in (ours, theirs))  # gymnax draws by the key
        for a, b in zip(*(map(jax.tree.leaves, ((*x[:1], *x[2:]) for x in (ours, theirs)))), strict=True):
            np.testing.assert_array_equal(a, b)
        jax.tree.map(np.testing.assert_array_equal, one, other)


def test_many_at_once_are_many_in_turn(made: Any) -> None:
    env, params = made
    keys = jax.random.split(jax.random.key(0), 4)
    together = jax.vmap(lambda key: rewards(env, params, key))(keys)
    np.testing.assert_array_equal(together, jnp.stack([rewards(env, params, key) for key in keys]))


def test_numbers_can_be_varied(made: Any, make_series: Any) -> None:
    env, params = made
    alphas, delays = np.array([0.0, 0.5, 0.9], np.float32), np.array([1, 2])
    key = jax.random.key(0)
    varied = jax.vmap(lambda alpha: rewards(env, params.replace(alpha=alpha, beta=1 - alpha), key))(alphas)
    for alpha, row in zip(alphas.tolist(), varied, strict=True):
        alone = adt_gym.jax.make("ADT-v0", series=make_series(25, 3), feedback_delay=2, alpha=alpha, beta=1 - alpha)
        np.testing.assert_allclose(row, rewards(*alone, key), atol=1e-6)

    def last(delay: Any) -> Any:
        changed = params.replace(feedback=params.feedback.replace(lag=delay - 1))
        return env.step(key, env.reset(key, changed)[1], 0, changed)[0]

    for delay, row in zip(delays.tolist(), jax.vmap(last)(delays), strict=True):
        numpy_env = gym.make("ADT-v0", series=make_series(25, 3), feedback_delay=delay)
        numpy_env.reset()
        np.testing.assert_allclose(row, numpy_env.step(0)[0], atol=1e-6)


def test_one_compilation_serves_all_values(made: Any) -> None:
    env, params = made
    traced = []

    @jax.jit
    def run(params: Any, key: Any) -> Any:
        traced.append(1)
        return rewards(env, params, key)

    for seed, alpha in ((0, 0.9), (1, 0.5)):
        run(params.replace(alpha=alpha, beta=1 - alpha), jax.random.key(seed))
    assert len(traced) == 1


def test_an_episode_can_be_cut_short(made: Any) -> None:
    env, params = made
    short = params.replace(max_steps_in_episode=3)
    assert adt_gym.jax.make("ADT-v0", series="yahoo_like_1", max_episode_steps=3)[1].max_steps_in_episode == 3
    state = env.reset(jax.random.key(0), short)[1]
    ends = []
    for _ in range(6):
        _, state, _, terminated, truncated, _ = env.step(jax.random.key(0), state, 0, short)
        ends.append((bool(terminated), bool(truncated)))
    assert ends == [(False, False), (False, False), (False, True)] * 2


def test_gymnaxs_wrappers_take_it(made: Any) -> None:
    env, params = made
    wrapped = LogWrapper(FlattenObservationWrapper(StickyActionWrapper(env, 0.5)))
    assert wrapped.observation_space(params).shape == (6,)
    state, total = wrapped.reset(jax.random.key(0), params)[1], 0.0
    for i in range(23):
        _, state, reward, terminated, _, info = wrapped.step(jax.random.key(i), state, i % 2, params)
        total += float(reward)
    assert bool(terminated)
    assert float(info["returned_episode_returns"]) == pytest.approx(total, abs=1e-4)
    assert int(info["returned_episode_lengths"]) == 23


@pytest.mark.parametrize(
    "id", ["ADT-v0", "ADT-Levels-v0", "ADT-Continuous-v0", "ADT-Blind-v0", "ADT-Context-v0", "ADT-Bench-v0"]
)
def test_the_spaces_are_those_of_gymnasium(id: str, make_series: Any) -> None:
    given = {} if id == "ADT-Bench-v0" else {"series": make_series()}
    theirs: Any = gym.make(id, **given)
    env, params = adt_gym.jax.make(id, **given)
    space, actions = env.observation_space(params), env.action_space(params)
    np.testing.assert_array_equal(space.low, theirs.observation_space.low)
    np.testing.assert_array_equal(space.high, theirs.observation_space.high)
    assert (space.shape, env.name) == (theirs.observation_space.shape, id)
    if isinstance(theirs.action_space, gym.spaces.Discrete):
        assert actions.n == env.num_actions == theirs.action_space.n
    else:
        assert (actions.shape, actions.low, actions.high) == ((1,), 0.0, 1.0)
    assert env.reset(jax.random.key(0))[0].shape == space.shape  # with its default parameters


# Bad input


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        ("ADT-v0", {"k": 0}, "k must be"),
        ("ADT-v0", {"kk": 2}, "unknown argument of ADT-v0 'kk'"),
        ("ADT-v0", {"render_mode": "ansi"}, "render_mode"),
        ("ADT-v0", {"series": "nowhere"}, "unknown series"),
        ("ADT-v0", {"feedback": Urgent(7)}, "JAX cannot: gym.make"),
        ("ADT-Context-v0", {"observe_score": False}, "the context holds the score"),
        ("mo-adt-v0", {}, "mo-adt-v0 has no environment in JAX"),
    ],
    ids=str,
)
def test_bad_arguments(id: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        adt_gym.jax.make(id, **arguments)


def test_importing_the_package_changes_nothing_in_jax() -> None:
    program = "import jax; a = jax.config.values; before = dict(a); import adt_gym.jax; print(before == dict(a))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
