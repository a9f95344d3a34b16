"""ADT-Context-v0 in JAX on families of series, under feedback that is drawn anew for each episode."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces

from adt_gym.checks import InputError
from adt_gym.jax import bits
from adt_gym.jax.env import Thresholding
from adt_gym.jax.making import make
from adt_gym.jax.values import EnvParams, EnvState
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import FEEDBACK_CONTEXT, HISTORY, LABEL_CONTEXT, SCORE_CONTEXT, score_context, since
from adt_gym.stream.feedback import Full

COLUMNS = (*SCORE_CONTEXT, *LABEL_CONTEXT, *FEEDBACK_CONTEXT)
"""What is observed, each in [-1, 1] before it is standardised."""

ROWS = 1000
"""Rows of each family in the table that an episode's series is drawn from."""

FLAT = 1e-3
"""Added to the standard deviations that the columns are divided by."""


@struct.dataclass
class Episode:
    """An episode of ADT-v0, and the number of the rule that it is told labels by."""

    inner: EnvState
    rule: Any


class Varied:
    """Episodes of ADT-v0, each under one of several rules of feedback; the interface is gymnax's.

    Observed are the ``COLUMNS`` of the window that is judged next, less ``centre`` and divided by ``scale``, both of
    shape ``(len(COLUMNS),)``: those of the scores have a mean of 0 and a variance of 1 over the families. Rewards are
    ADT-v0's, weighted by family: one with half as many anomalous windows earns twice as much for each, so that none is
    drowned out; the mean weight is 1.

    Args:
        env: Made with "full", the longest delay of the rules and a noise.
        families: Its series, in its order.
        rules: "full", "alerts" and "none" with any delay and noise.
    """

    def __init__(self, env: Thresholding, families: Sequence[Sequence[ScoredSeries]], rules: Sequence[Full]):
        self._env = env
        self._lag = np.array([rule.delay - 1 for rule in rules], np.int32)
        self._noise = np.array([rule.noise for rule in rules], np.float32)
        self._told = np.array([[rule.told_at(0, one) is not None for one in (False, True)] for rule in rules])
        self._newest = bits.masks(np.arange(self._lag.max() + 1), env.kept)
        self._ends = np.cumsum([sum(len(one) + 1 for one in each) for each in families])
        weights = np.array([1 / max(np.mean([one.truth.mean() for one in each]), FLAT) for each in families])
        self._weights = np.array(weights / weights.mean(), np.float32)
        self.centre, self.scale = np.zeros(len(COLUMNS), np.float32), np.ones(len(COLUMNS), np.float32)
        rows = [[score_context(one.scores).astype(np.float64) for one in each] for each in families]
        centre = _mean([[one.mean(axis=0) for one in each] for each in rows])
        variance = _mean([[np.square(one - centre).mean(axis=0) for one in each] for each in rows])
        self.centre[: len(centre)], self.scale[: len(centre)] = centre, np.sqrt(variance) + FLAT

    def action_space(self, params: EnvParams) -> Any:
        """Return the space of an action."""
        return self._env.action_space(params)

    def observation_space(self, params: EnvParams) -> spaces.Box:
        """Return the space of an observation."""
        return spaces.Box(-np.inf, np.inf, (len(COLUMNS),), jnp.float32)

    def reset(self, key: jax.Array, params: EnvParams) -> tuple[jax.Array, Episode]:
        """Begin an episode: a rule, a family, a series of it, and where episodes are cropped a start are drawn."""
        episode = self._begin(key, params)
        return self.get_obs(episode, params), episode

    def step(
        self, key: jax.Array, episode: Episode, action: Any, params: EnvParams
    ) -> tuple[jax.Array, Episode, jax.Array, jax.Array, jax.Array, dict[str, Any]]:
        """Judge the next window, and begin a new episode where one ends; the info is ADT-v0's."""
        given, (key_step, key_begin) = self._under(episode.rule, params), jax.random.split(key)
        _, inner, reward, terminated, info = self._env.step_env(key_step, episode.inner, action, given)
        truncated = self._env.is_truncated(inner, given)
        family = jnp.searchsorted(jnp.asarray(self._ends, jnp.int32), inner.end)
        begun, reached = self._begin(key_begin, params), Episode(inner, episode.rule)
        episode = jax.tree.map(lambda new, old: jnp.where(terminated | truncated, new, old), begun, reached)
        weighted = reward * jnp.asarray(self._weights)[family]
        return self.get_obs(episode, params), episode, weighted, terminated, truncated, info

    def get_obs(self, episode: Episode, params: EnvParams) -> jax.Array:
        """Return what is observed before the next window is judged."""
        inner, given = episode.inner, self._under(episode.rule, params)
        assert given.feedback is not None
        lag, (on_normal, on_alarm) = given.feedback.lag, given.feedback.told
        true_positive, true_negative, false_positive, false_negative = bits.taken(inner.told, lag, HISTORY)
        positive = true_positive | false_negative
        heard = positive | true_negative | false_positive
        age, any_told = bits.newest(heard), (heard != 0).any()
        is_positive = (bits.newest(positive) == age) & (positive != 0).any()
        label = jnp.where(any_told, jnp.where(is_positive, 1.0, -1.0), 0.0)
        waiting = jnp.where(on_alarm, jnp.minimum(inner.time + self._env.k, lag), 0)
        alarms = bits.counts((inner.told[0] | inner.told[2]) & jnp.asarray(self._newest)[lag])
        windows = jnp.stack([jnp.where(any_told, age + lag + 1, HISTORY), waiting, alarms])
        shares = jnp.asarray(since(np.arange(HISTORY + 1)))[jnp.minimum(windows, HISTORY)]
        flags = jnp.stack([on_alarm, on_normal != on_alarm]).astype(jnp.float32)
        context = self._env.get_obs(inner, given)[-len(SCORE_CONTEXT) - len(LABEL_CONTEXT) :]
        return (jnp.concatenate([context, flags, label[None], shares]) - self.centre) / self.scale

    def _under(self, rule: Any, params: EnvParams) -> EnvParams:
        """Return the parameters under the rule of that number."""
        lag, told, noise = (jnp.asarray(one)[rule] for one in (self._lag, self._told, self._noise))
        assert params.feedback is not None
        return replace(params, feedback=replace(params.feedback, lag=lag, told=told, noise=noise))

    def _begin(self, key: jax.Array, params: EnvParams) -> Episode:
        key_rule, key_reset = jax.random.split(key)
        rule = jax.random.randint(key_rule, (), 0, len(self._lag))
        return Episode(self._env.reset_env(key_reset, self._under(rule, params))[1], rule)


def _mean(families: list[list[Any]]) -> Any:
    """Return the mean over families of the means over their series."""
    return np.mean([np.mean(each, axis=0) for each in families], axis=0)


def varied(
    families: Mapping[str, Sequence[ScoredSeries]], rules: Sequence[Full], **arguments: Any
) -> tuple[Varied, EnvParams]:
    """Return the environment and its parameters.

    Args:
        families: The series by family; every family is drawn equally often, and so is every series of one.
        rules: What an episode may be told by, each drawn equally often: "full", "alerts" and "none" with any delay and
            noise.
        arguments: Of ADT-Context-v0, but for those of feedback and noise, and with ``hold`` left at 1.

    Raises:
        InputError: If there is no family, one has no series, or an argument is unknown or out of range.
    """
    if not families or not all(families.values()):
        raise InputError("give families of at least one scored series each")
    named = [[replace(one, name=f"{family}/{one.name}") for one in series] for family, series in families.items()]
    told = {"feedback_delay": max(rule.delay for rule in rules), "label_noise": max(rule.noise for rule in rules)}
    env, params = make("ADT-Context-v0", series=tuple(one for each in named for one in each), **told, **arguments)
    firsts = np.cumsum([0, *map(len, named[:-1])])
    rows = [first + np.arange(max(ROWS, len(each))) % len(each) for first, each in zip(firsts, named, strict=True)]
    drawn = np.concatenate(rows)
    return Varied(env, named, rules), replace(params, offsets=params.offsets[drawn], lengths=params.lengths[drawn])
