"""What may be judged on ADT-Bench, and how it becomes a method: names, files, methods, and models with `predict`."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from adt_gym import registry, thresholds
from adt_gym.checks import InputError, shown
from adt_gym.envs import task
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import LABEL_CONTEXT, SCORE_CONTEXT
from adt_gym.stream.stream import Method
from adt_gym.thresholds.policy import Policy

PLAIN, SCORED = 6, 7
"""Columns of an observation without and with the score; those with the context have more."""


class Unfit(InputError):
    """A policy that was made for another condition."""


def by_seed(policy: Any, condition: str, seeds: Sequence[int]) -> list[tuple[int, Any]]:
    """Return what is judged under a condition, with the seed of each.

    Raises:
        InputError: If it is a dictionary without the condition.
    """
    if isinstance(policy, Mapping):
        if condition not in policy:
            raise InputError(f"there is no policy for condition {condition!r}")
        policy = policy[condition]
    if isinstance(policy, Sequence) and not isinstance(policy, str):
        numbers = seeds if len(seeds) == len(policy) else range(len(policy))
        return list(zip(numbers, policy, strict=True))
    return [(seed, policy) for seed in seeds]


def method_of(
    policy: Any,
    condition: str,
    seed: int,
    train: Sequence[ScoredSeries],
    actions: str | None = None,
    columns: int | None = None,
) -> Method:
    """Return a method that is ready to judge under a condition; see `adt_gym.evaluation.bench.benchmark`.

    Raises:
        FileNotFoundError: If it is a path that leads nowhere.
        InputError: If it is nothing that can be judged; `Unfit` if it is made for another condition.
    """
    told = task.feedback_under(condition)
    if isinstance(policy, Path) or (isinstance(policy, str) and policy.endswith(".npz")):
        policy = opened(policy)
    if isinstance(policy, str):
        if thresholds.COPIES in thresholds.registry[policy].tags and not told.tells:
            raise Unfit(f"{policy} looks at nothing but labels, and none is told")
        made = {"feedback": told.kind, "delay": told.delay, "noise": told.noise, "seed": seed}
        method: Method = thresholds.registry.make_for(policy, **made)
        if method.shares_evidence:
            method.evidence = _evidence(tuple(train), seed)
        policy = method.fit(train)
    if isinstance(policy, Method):
        if policy.sees_labels and policy.feedback != told:
            raise Unfit(f"{policy.name} is made for feedback {policy.feedback}, not for {told}")
        return policy
    return _shown(policy, condition, seed, actions or _actions_of(policy), columns or _columns_of(policy))


def is_blind(policy: Any) -> bool:
    """Return whether it does the same under all conditions, whatever is told."""
    if isinstance(policy, str):
        return not policy.endswith(".npz") and not thresholds.registry.takes(policy, "feedback")
    return isinstance(policy, Method) and not policy.sees_labels


@lru_cache(maxsize=1)
def _evidence(train: tuple[ScoredSeries, ...], seed: int) -> Any:
    """Return what methods learn of scores alone, which takes longest and is the same under all conditions."""
    from adt_gym.thresholds.evidence import Evidence

    return Evidence(seed).fit(train)


def opened(path: str | Path) -> Any:
    """Read a model of a policy, or a method, that its ``save`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file holds neither.
    """
    try:
        return registry.load("policy", path)
    except InputError:
        return registry.load("method", path)


def _shown(model: Any, condition: str, seed: int, actions: str, columns: int) -> Policy:
    """Return a model as a method that is shown what the model learned on."""
    context = len(SCORE_CONTEXT) + (len(LABEL_CONTEXT) if task.feedback_under(condition).tells else 0)
    if columns not in (PLAIN, SCORED, SCORED + context):
        raise Unfit(
            f"the policy learned on {columns} columns; an observation has {PLAIN}, {SCORED} with the score, or "
            f"{SCORED + context} with the context, and stacked frames cannot be replayed"
        )
    settings = task.settings_of(condition, actions) | {"observe_score": columns > PLAIN}
    return Policy(_unnormalised(model), context=columns > SCORED, memoryless=False, seed=seed, **settings)


def _actions_of(model: Any) -> str:
    space = getattr(model, "action_space", None)
    count = _width(model, "outputs") if space is None else getattr(space, "n", 1)
    for name, levels in task.ACTIONS.items():
        if count == (1 if levels == "continuous" else len(levels)):
            return name
    _require_predict(model)
    raise InputError(f"say what the actions of {shown(model)} are: actions={', '.join(map(repr, task.ACTIONS))}")


def _columns_of(model: Any) -> int:
    space = getattr(model, "observation_space", None)
    count = _width(model, "inputs") if space is None else space.shape[-1]
    if count is None:
        raise InputError(f"say how many columns {shown(model)} observes: columns=6, 7 with the score, or 35")
    return int(count)


def _width(model: Any, side: str) -> int | None:
    """Return the ``inputs`` or ``outputs`` of a model, or of its network of torch's layers; None where it has none."""
    if network := getattr(model, "network", None):
        return int(network[0].in_features if side == "inputs" else network[-1].out_features)
    width: int | None = getattr(model, side, None)
    return width


def _require_predict(model: Any) -> None:
    if not callable(getattr(model, "predict", None)):
        raise InputError(
            f"judged can be a model with SB3's predict, a method, a file of one, or its name; got {shown(model)}"
        )


def _unnormalised(model: Any) -> Any:
    """Return a model that takes raw observations, whatever it learned on."""
    env = model.get_vec_normalize_env() if hasattr(model, "get_vec_normalize_env") else None
    return _Normalised(model, env) if env is not None and env.norm_obs else model


class _Normalised:
    """A model of SB3's that learned on the observations of a VecNormalize."""

    def __init__(self, model: Any, env: Any):
        self._model, self._env = model, env

    def predict(self, observation: Any, *others: Any, **more: Any) -> Any:
        return self._model.predict(self._env.normalize_obs(observation), *others, **more)
