"""How well policies and methods do on ADT-Bench: fitted on its training series, judged on its test series."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adt_gym import metrics
from adt_gym.checks import InputError, one_of, shown
from adt_gym.envs import task
from adt_gym.evaluation.entrants import Unfit, by_seed, is_blind, method_of
from adt_gym.metrics.bootstrap import bootstrap_interval
from adt_gym.metrics.composite import composite_counts, composite_of_counts
from adt_gym.metrics.evaluated import Evaluated
from adt_gym.metrics.windows import of_counts
from adt_gym.series import ScoredSeries
from adt_gym.stream.replay import replay
from adt_gym.stream.stream import Method
from adt_gym.threads import one_thread

if TYPE_CHECKING:
    import pandas as pd

ALWAYS_THERE = ("always", "never", "random", "persistence", "static")
"""The methods that every policy is held against, in every table."""

MEASURES = ("composite_f1", "f1", "precision", "recall", "false_alarms_per_day", "delay_median")
"""The registered metrics that are measured, the two first with an interval."""


@dataclass(frozen=True)
class Result:
    """How one method did under one condition; a figure by seed is over the windows of all test series together.

    Args:
        method: Its name.
        condition: A name in `adt_gym.envs.task.CONDITIONS`.
        saw_labels: Whether it was told labels of the series that it judged.
        seeds: Of what was drawn, the label noise included; of a trained agent, those of its trainings.
        composite_f1, f1, precision, recall: In [0, 1], by seed; see `adt_gym.metrics`.
        false_alarms_per_day: Alarm segments that touch no event, per day of normal time, by seed.
        delay_median: Windows from an event's start to its first alarm, the median over found events, by seed; None
            where none is found.
        composite_f1_interval, f1_interval: The ends of the 95% bootstrap interval of the mean over seeds, series and
            seeds drawn anew.
    """

    method: str
    condition: str
    saw_labels: bool
    seeds: list[int]
    composite_f1: list[float]
    f1: list[float]
    precision: list[float]
    recall: list[float]
    false_alarms_per_day: list[float]
    delay_median: list[float | None]
    composite_f1_interval: tuple[float, float]
    f1_interval: tuple[float, float]


def benchmark(
    policy: Any,
    conditions: Sequence[str] | None = None,
    *,
    name: str | None = None,
    seeds: Sequence[int] = (0,),
    split: str = "test",
    family: str = task.FAMILY,
    actions: str | None = None,
    columns: int | None = None,
) -> "pd.DataFrame":
    """Judge the test series of ADT-Bench as if they were live, and return a table of how that went.

    Whatever is judged gets score after score, and a label when the condition has told it: through
    `adt_gym.stream.replay.replay`, the only way from a series to a detection. The rows of `ALWAYS_THERE` are in every
    table.

    Args:
        policy: One of

            - an object with SB3's ``predict(observation, state, episode_start, deterministic)``, recurrent or not, such
              as a trained model of SB3 or sb3-contrib, or the path of a file that an agent of this package saved;
            - a `adt_gym.stream.stream.Method`, fitted, or the name of a registered one, which is fitted on the
              training series;
            - a list of those, one for each seed of their training;
            - a dictionary of any of that by condition, for what has to be trained anew for each.
        conditions: Names in `adt_gym.envs.task.CONDITIONS`. None: all that the policy fits, which is those on which
            the observation has as many columns as it learned on, or those for whose feedback the method is made.
        name: What the table calls it.
        seeds: Of all that is drawn; with a list of policies one each, by default from 0 on.
        split: "test"; or "validation", to choose hyper-parameters by.
        family: Of the series; see `adt_gym.envs.task.families`.
        actions: What the policy's actions are, "levels", "paper" or "continuous". None: what its action space says.
        columns: Of an observation that it learned on: 6, 7 with the score, more with context. None: what its
            observation space says.

    Returns:
        A row per method and condition: ``method``, ``condition``, ``saw_labels``, ``composite_f1`` with
        ``composite_f1_low`` and ``composite_f1_high``, ``f1`` with the same, ``precision``, ``recall``,
        ``false_alarms_per_day``, ``delay_median`` (windows), and ``seeds``, their number: means over seeds; see
        `Result`.

    Raises:
        InputError: If a name is unknown, or the policy does not fit a condition that is asked for.
        FileNotFoundError: If a path leads nowhere.
    """
    import pandas as pd

    judged = results(policy, conditions, name, seeds, split, family, actions, columns)
    where = list(dict.fromkeys(one.condition for one in judged))
    drawn = judged[0].seeds if judged else list(seeds)
    rivals = [
        one for rival in ALWAYS_THERE for condition in where for one in _rival(rival, condition, drawn, split, family)
    ]
    rows = {(one.method, one.condition): one for one in rivals + judged}  # a rival may be what was asked for
    order = {condition: i for i, condition in enumerate(where)}
    return pd.DataFrame([flat(one) for one in sorted(rows.values(), key=lambda one: order[one.condition])])


def results(
    policy: Any,
    conditions: Sequence[str] | None = None,
    name: str | None = None,
    seeds: Sequence[int] = (0,),
    split: str = "test",
    family: str = task.FAMILY,
    actions: str | None = None,
    columns: int | None = None,
) -> list[Result]:
    """Return what `benchmark` says of the policy alone, by condition and seed; the arguments are the same."""
    for one in conditions or ():
        one_of("condition", one, task.CONDITIONS)
    train, series = task.series_of("fit" if split == "validation" else "train", family), task.series_of(split, family)
    found = list[Result]()
    for condition in conditions or (policy if isinstance(policy, Mapping) else task.CONDITIONS):
        if found and is_blind(policy):  # nothing that it sees has changed
            found.append(replace(found[0], condition=condition))
            continue
        entrants = by_seed(policy, condition, seeds)
        try:
            methods = [method_of(one, condition, seed, train, actions, columns) for seed, one in entrants]
        except Unfit as error:
            if conditions is None:
                continue
            raise Unfit(f"condition {condition!r}: {error}") from error
        result = _judge(methods, [seed for seed, _ in entrants], condition, series)
        found.append(replace(result, method=name) if name else result)
    if not found:
        raise InputError(f"{shown(policy)} fits none of the conditions")
    return found


def _rival(name: str, condition: str, seeds: Sequence[int], split: str, family: str) -> list[Result]:
    """Return the result of a method, none where there is nothing that it could look at."""
    try:
        return results(name, [condition], None, seeds, split, family)
    except Unfit:
        return []


def flat(result: Result) -> dict[str, Any]:
    """Return a result as the table has it: means over seeds."""
    row: dict[str, Any] = {"method": result.method, "condition": result.condition, "saw_labels": result.saw_labels}
    for measure in MEASURES[:2]:
        low, high = getattr(result, f"{measure}_interval")
        row |= {measure: mean_of(getattr(result, measure)), f"{measure}_low": low, f"{measure}_high": high}
    for measure in MEASURES[2:]:
        row[measure] = mean_of(getattr(result, measure))
    return row | {"seeds": len(result.seeds)}


def mean_of(values: Sequence[float | None]) -> float:
    """Return the mean of what was measured; NaN where nothing was."""
    measured = [one for one in values if one is not None]
    return float(np.mean(measured)) if measured else float("nan")


def _judge(methods: Sequence[Method], seeds: list[int], condition: str, series: Sequence[ScoredSeries]) -> Result:
    told = task.feedback_under(condition)
    with one_thread() if "torch" in sys.modules else nullcontext():  # many times faster, a window at a time
        runs = [[replay(by, one, told, seed) for one in series] for seed, by in zip(seeds, methods, strict=True)]
    counts = np.array([[composite_counts(run[i]) for run in runs] for i in range(len(series))])
    measured = [Evaluated(run, series) for run in runs]
    figures: dict[str, Any] = {
        name: [_known(metrics.registry[name].load()(one)) for one in measured] for name in MEASURES
    }
    return Result(
        methods[0].name,
        condition,
        methods[0].sees_labels,
        seeds,
        **figures,
        composite_f1_interval=_interval(counts, composite_of_counts),
        f1_interval=_interval(counts, lambda one: of_counts(*one[:3].tolist())[2]),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(counts: NDArray[np.int_], figure: Callable[[NDArray[Any]], float]) -> tuple[float, float]:
    """Return the interval of the mean over seeds of a figure of counts of shape ``(series, seeds, 5)``."""
    found = bootstrap_interval(counts, lambda drawn: float(np.mean([figure(one) for one in drawn.sum(axis=0)])))
    return found.low, found.high
