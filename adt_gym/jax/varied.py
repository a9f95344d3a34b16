"""ADT-Context-v0 in JAX on families of series, under feedback that is drawn anew for each episode."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from adt_gym.jax import bits
from adt_gym.jax.env import Thresholding
from adt_gym.jax.making import make
from adt_gym.jax.values import EnvParams, EnvState
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import FEEDBACK_CONTEXT, HISTORY, LABEL_CONTEXT, SCORE_CONTEXT, since
from adt_gym.stream.feedback import Full

ROWS = 1000
"""Rows of the table that an episode's series is drawn from, for each family."""

COLUMNS = (*SCORE_CONTEXT, *LABEL_CONTEXT, *FEEDBACK_CONTEXT)
"""What is observed."""


@struct.dataclass
class Episode:
    """An episode of ADT-v0, and the number of the rule that it is told labels by."""

    inner: EnvState
    rule: Any


class Varied:
    """Episodes of ADT-v0, each under one of several rules of feedback; the interface is gymnax's.

    Observed are ``COLUMNS``, all in [-1, 1], of the window that is judged next.

    Args:
        env: Made by `varied`.
        rules: "full", "alerts" and "none" with any delay, up to that which ``env`` was made with, and any noise.
    """

    def __init__(self, env: Thresholding, rules: Sequence[Full]):
        self._env = env
        self._lag = np.array([rule.delay - 1 for rule in rules], np.int32)
        self._noise = np.array([rule.noise for rule in rules], np.float32)
        self._told = np.array([[rule.told_at(0, one) is not None for one in (False, True)] for rule in rules])
        self._newest = bits.masks(np.arange(self._lag.max() + 1), env.kept)

    def action_space(self, params: EnvParams) -> Any:
        """Return the space of an action."""
        return self._env.action_space(params)

    def observation_space(self, params: EnvParams) -> spaces.Box:
        """Return the space of an observation."""
        return spaces.Box(-1.0, 1.0, (len(COLUMNS),), jnp.float32)

    def reset(self, key: jax.Array, params: EnvParams) -> tuple[jax.Array, Episode]:
        """Begin an episode: a rule, a family, a series of it, and a start are drawn."""
        episode = self._begin(key, params)
        return self.observe(episode, params), episode

    def step(
        self, key: jax.Array, episode: Episode, action: Any, params: EnvParams
    ) -> tuple[jax.Array, Episode, jax.Array, jax.Array, jax.Array, dict[str, Any]]:
        """Judge the next window, and begin a new episode where one ends."""
        given, (key_step, key_begin) = self.under(episode.rule, params), jax.random.split(key)
        _, inner, reward, terminated, info = self._env.step_env(key_step, episode.inner, action, given)
        truncated = self._env.is_truncated(inner, given)
        begun, reached = self._begin(key_begin, params), Episode(inner, episode.rule)
        episode = jax.tree.map(lambda new, old: jnp.where(terminated | truncated, new, old), begun, reached)
        return self.observe(episode, params), episode, reward, terminated, truncated, info

    def under(self, rule: Any, params: EnvParams) -> EnvParams:
        """Return the parameters under the rule of that number."""
        lag, told, noise = (jnp.asarray(one)[rule] for one in (self._lag, self._told, self._noise))
        assert params.feedback is not None
        return params.replace(feedback=params.feedback.replace(lag=lag, told=told, noise=noise))  # type: ignore[no-any-return, attr-defined]

    def observe(self, episode: Episode, params: EnvParams) -> jax.Array:
        """Return what is observed of the window that is judged next, shape ``(len(COLUMNS),)``."""
        inner, given = episode.inner, self.under(episode.rule, params)
        assert given.feedback is not None
        lag, (on_normal, on_alarm) = given.feedback.lag, given.feedback.told
        true_positive, true_negative, false_positive, false_negative = bits.taken(inner.told, lag, HISTORY)
        positive = true_positive | false_negative
        heard = positive | true_negative | false_positive
        age, any_told = bits.newest(heard), (heard != 0).any()
        is_positive = (bits.newest(positive) == age) & (positive != 0).any()
        label = jnp.where(any_told, jnp.where(is_positive, 1.0, -1.0), 0.0)
        judged = inner.time + self._env.k
        pending = jnp.where(on_alarm, jnp.minimum(judged, lag), 0)
        alarms = bits.counts((inner.told[0] | inner.told[2]) & jnp.asarray(self._newest)[lag])
        ages = jnp.stack([jnp.where(any_told, age + lag + 1, HISTORY), pending, alarms])
        shares = jnp.asarray(since(np.arange(HISTORY + 1)))[jnp.minimum(ages, HISTORY)]
        flags = jnp.stack([on_alarm, on_normal != on_alarm]).astype(jnp.float32)
        seen = self._env.get_obs(inner, given)[-len(SCORE_CONTEXT) - len(LABEL_CONTEXT) :]
        return jnp.concatenate([seen, flags, label[None], shares])

    def _begin(self, key: jax.Array, params: EnvParams) -> Episode:
        key_rule, key_reset = jax.random.split(key)
        rule = jax.random.randint(key_rule, (), 0, len(self._lag))
        return Episode(self._env.reset_env(key_reset, self.under(rule, params))[1], rule)


def varied(
    families: Mapping[str, Sequence[ScoredSeries]], rules: Sequence[Full], **arguments: Any
) -> tuple[Varied, EnvParams]:
    """Return the environment and its parameters.

    Args:
        families: The series by family; every family is drawn equally often, and so is every series of one.
        rules: See `Varied`.
        arguments: Of ADT-Context-v0, but for those of feedback and noise.

    Raises:
        InputError: If an argument is unknown or out of range.
    """
    named = [[replace(one, name=f"{family}/{one.name}") for one in series] for family, series in families.items()]
    latest = max(rules, key=lambda rule: rule.delay)
    given = {"feedback": "full", "feedback_delay": latest.delay, "label_noise": max(rule.noise for rule in rules)}
    env, params = make("ADT-Context-v0", series=tuple(one for each in named for one in each), **given, **arguments)
    firsts = np.cumsum([0, *map(len, named)])
    rows = np.concatenate([np.resize(np.arange(*pair), max(ROWS, pair[1] - pair[0])) for pair in zip(firsts, firsts[1:])])
    return Varied(env, rules), params.replace(offsets=params.offsets[rows], lengths=params.lengths[rows])  # type: ignore[attr-defined]
