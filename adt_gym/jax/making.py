"""From the arguments of ADT-v0 to its environment in JAX."""

from typing import Any

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np

from adt_gym.checks import InputError
from adt_gym.envs.context import score_context_of
from adt_gym.envs.feedback import Arrivals
from adt_gym.envs.settings import Settings, settings_of
from adt_gym.envs.sources import Source, resolve
from adt_gym.jax import bits
from adt_gym.jax.env import Thresholding
from adt_gym.jax.values import FOREVER, Costs, EnvParams, Feedback, Rule
from adt_gym.mdp.mdp import ThresholdingMDP, mdp_of
from adt_gym.stream.context import HISTORY

_ENTRIES = ("adt_gym.envs.thresholding:ThresholdingEnv", "adt_gym.envs.context:ContextEnv")

OWN = "own rule"


def make(id: str = "ADT-v0", series: Source = None, **settings: Any) -> tuple[Thresholding, EnvParams]:
    """Return the environment of an id, and its parameters.

    Args:
        id: "ADT-v0", a preset of it, or "ADT-Context-v0".
        series: What `gymnasium.make` takes.
        settings: The arguments of `adt_gym.envs.thresholding.ThresholdingEnv`.

    Raises:
        InputError: If the id is of another kind of environment, or an argument is unknown or out of range; or if
            ``feedback`` is a rule that does not come as an `adt_gym.stream.feedback.Schedule`.
    """
    spec = gym.spec(id)
    if spec.entry_point not in _ENTRIES:
        raise InputError(f"{id} has no environment in JAX; ADT-v0, its presets and ADT-Context-v0 have one")
    kwargs = {**spec.kwargs, **settings}
    source = kwargs.pop("series", None) if series is None else series
    kwargs.pop("series", None)
    given, context = settings_of(kwargs), spec.entry_point == _ENTRIES[1]
    if context and not given.observe_score:
        raise InputError("the context holds the score: leave observe_score=False out, or make ADT-v0")
    mdp = mdp_of(resolve(source), given.k, given.alpha, given.beta)
    kind, kept, feedback = feedback_of(mdp, given, context)
    params = params_of(mdp, given, feedback, context)
    return Thresholding(id, given.k, given.hold, kind, kept, given.observe_score, params), params


def params_of(mdp: ThresholdingMDP, given: Settings, feedback: Feedback | None, context: bool) -> EnvParams:
    """Return the parameters on the device."""
    t = np.arange(len(mdp.labels)) - np.repeat(mdp.offsets[:-1], mdp.lengths + 1)
    t[mdp.offsets[1:] - 1] = -1
    costs = None
    if given.charged:
        budget = FOREVER if given.alarm_budget is None else given.alarm_budget
        early = given.early_bonus, given.early_windows
        costs = Costs(given.change_cost, *early, budget, given.alarm_cost, mdp.event_starts)
    params = EnvParams(
        alpha=given.alpha,
        beta=given.beta,
        thresholds=None if given.levels is None else np.array(given.levels),
        episode_windows=given.episode_windows,
        costs=costs,
        feedback=feedback,
        scores=mdp.scores,
        labels=mdp.labels,
        positives=mdp.positives,
        statistics=mdp.statistics,
        t=t,
        offsets=mdp.offsets[:-1],
        lengths=mdp.lengths,
        context=np.concatenate([score_context_of(one) for one in mdp.series]) if context else None,
    )
    return jax.tree.map(_on_device, params)


def _on_device(value: Any) -> jax.Array:
    """Return a value in JAX's own types: words, floats and whole numbers of 32 bits, and bool."""
    kinds = {"f": jnp.float32, "i": jnp.int32}
    array = np.asarray(value)
    return jnp.asarray(array, kinds.get(array.dtype.kind))


def feedback_of(mdp: ThresholdingMDP, given: Settings, context: bool) -> tuple[str, int, Feedback | None]:
    """Return which labels are told, of how many windows that is kept, and the rule in arrays.

    Raises:
        InputError: If it does not come as a schedule.
    """
    arrivals = Arrivals.of(mdp, given.told)
    if not len(arrivals.windows):
        return "none", 0, None
    if given.told.immediate and not context:
        return "full", 0, None
    positions = np.arange(len(mdp.labels))
    places = arrivals.place_of(positions)
    lag: Any = places - arrivals.released
    longest, rule = int(lag.max()), None
    kind = _kind_of(mdp, arrivals, lag)
    if kind == OWN:
        rule = Rule(np.isin(positions, arrivals.windows), arrivals.told, arrivals.released, arrivals.due)
    else:
        lag = longest
    kept = min(longest + (HISTORY if context else given.k), int(mdp.lengths.max()) + 1)
    return kind, kept, Feedback(lag, _begun(mdp, arrivals, places), given.told.noise or None, rule)


def _kind_of(mdp: ThresholdingMDP, arrivals: Arrivals, lag: Any) -> str:
    """Return "full" or "alerts" where the rule is one of these with some delay."""
    ends = mdp.offsets[1:] - 1
    told, windows = np.delete(arrivals.told, ends, axis=0), np.concatenate([np.arange(n + 1) for n in mdp.lengths])
    if len(arrivals.windows) == len(told) and (lag == np.minimum(lag.max(), windows)).all():
        for kind, pair in (("full", (True, True)), ("alerts", (False, True))):
            if (told == pair).all():
                return kind
    return OWN


def _begun(mdp: ThresholdingMDP, arrivals: Arrivals, places: Any) -> Any:
    """Return `Feedback.begun`."""
    told, positive = arrivals.told[arrivals.windows, 0], mdp.labels[arrivals.windows]
    earlier = places[np.maximum(np.arange(len(places)) - mdp.k, 0)]
    since = bits.masks(places - earlier, mdp.k)
    return np.stack([bits.trailing_words(told & one, mdp.k)[places] & since for one in (~positive, positive)], axis=1)
