"""From the arguments of ADT-v0 to its environment in JAX."""

from typing import Any

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np

from adt_gym.checks import InputError
from adt_gym.envs.bench import BenchEnv
from adt_gym.envs.context import ContextEnv, score_context_of
from adt_gym.envs.feedback import Arrivals
from adt_gym.envs.settings import Settings
from adt_gym.envs.thresholding import ThresholdingEnv
from adt_gym.jax import bits
from adt_gym.jax.env import Thresholding
from adt_gym.jax.values import FOREVER, Costs, EnvParams, Feedback, Rule
from adt_gym.mdp.mdp import ThresholdingMDP
from adt_gym.stream.context import HISTORY

OWN = "own rule"


def make(id: str = "ADT-v0", **arguments: Any) -> tuple[Thresholding, EnvParams]:
    """Return the environment of an id, and its parameters.

    Args:
        id: "ADT-v0", a preset of it, "ADT-Context-v0" or one of "ADT-Bench".
        arguments: What `gymnasium.make` takes with that id, but for ``render_mode``.

    Raises:
        InputError: If the id is of another kind of environment, or an argument is unknown or out of range; or if
            ``feedback`` is a rule that does not come as an `adt_gym.stream.feedback.Schedule`.
    """
    if arguments.get("render_mode") is not None:
        raise InputError("an environment in JAX does not render: leave render_mode out, or use gymnasium.make")
    env = gym.make(id, **arguments)
    adt: Any = env.unwrapped
    if type(adt) not in (ThresholdingEnv, ContextEnv, BenchEnv):  # a subclass may change what an agent sees or earns
        raise InputError(f"{id} has no environment in JAX; ADT-v0, its presets, ADT-Context-v0 and ADT-Bench have one")
    context = isinstance(adt, ContextEnv)
    given, limit = adt.settings, env.spec.max_episode_steps if env.spec else None
    kind, kept, feedback = feedback_of(adt.mdp, given, context)
    params = params_of(adt.mdp, given, feedback, context, limit or FOREVER)
    return Thresholding(id, given.k, given.hold, kind, kept, given.observe_score, params), params


def params_of(mdp: ThresholdingMDP, given: Settings, feedback: Feedback | None, context: bool, limit: int) -> EnvParams:
    """Return the parameters on the device."""
    t = np.arange(len(mdp.labels)) - np.repeat(mdp.offsets[:-1], mdp.lengths + 1)
    t[mdp.offsets[1:] - 1] = -1
    costs = None
    if given.charged:
        budget = FOREVER if given.alarm_budget is None else given.alarm_budget
        early = given.early_bonus, given.early_windows
        costs = Costs(given.change_cost, *early, budget, given.alarm_cost, mdp.event_starts)
    params = EnvParams(
        max_steps_in_episode=limit,
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
    told = np.array([False, True]) if kind == "alerts" else None
    kept = min(longest + (HISTORY if context else given.k), int(mdp.lengths.max()) + 1)
    return kind, kept, Feedback(lag, _begun(mdp, arrivals, places), told, given.told.noise or None, rule)


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
