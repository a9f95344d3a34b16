"""The fixed task ADT-Bench: which series are learned from and which are judged, and what becomes known of labels.

This file is the definition. Results on it are compared over years: whoever changes a word here makes ``-v1`` of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from adt_gym.checks import one_of
from adt_gym.envs.sources import resolve
from adt_gym.registry import Entry, Registry
from adt_gym.series import ScoredSeries
from adt_gym.stream.feedback import Feedback, feedback_of

CONDITIONS: dict[str, tuple[str, int, float]] = {
    "full-1": ("full", 1, 0.0),  # the paper's: the label of the window before is in sight, and copying it wins
    "full-10": ("full", 10, 0.0),
    "full-60": ("full", 60, 0.0),
    "noisy-10": ("full", 10, 0.1),
    "alerts-1": ("alerts", 1, 0.0),
    "alerts-10": ("alerts", 10, 0.0),  # an operator's: alarms alone are answered, and not at once
    "alerts-60": ("alerts", 60, 0.0),
    "never": ("none", 1, 0.0),
}
"""By name: whose labels are told, after how many windows, and with what probability wrongly."""

CONDITION = "alerts-10"
"""Of ADT-Bench-v0, unless another is asked for."""

ACTIONS: dict[str, Any] = {
    "paper": (0.0, 1.0),
    "levels": tuple(i / 20 for i in range(21)),
    "continuous": "continuous",
}
"""By name: the thresholds that actions set."""

SPLITS = ("train", "test", "fit", "validation")
"""What series are for. Hyper-parameters are chosen on the last two, which together are "train"."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The series of a family: no series is in two parts.

    Args:
        fit: Learned from, whatever is chosen.
        validation: What hyper-parameters are chosen by, and then learned from as well.
        test: Judged, and never learned from.
    """

    fit: tuple[ScoredSeries, ...]
    validation: tuple[ScoredSeries, ...]
    test: tuple[ScoredSeries, ...]

    @property
    def train(self) -> tuple[ScoredSeries, ...]:
        """All that may be learned from."""
        return self.fit + self.validation


def _odd_and_even() -> Parts:
    """Split the packaged series by their numbers: even ones are the test; of the odd ones every fourth is validation.

    The generator draws each of the 67 series alike, so a number says nothing about a series. The first quarter of each,
    on which its scorer learned, is its past: scores that nobody has labelled, and that are not judged.
    """
    every = {int(one.name.rpartition("_")[2]): one[one.meta["trained_on_points"] :] for one in resolve("yahoo_like")}
    validation, test = [n for n in every if n % 8 == 3], [n for n in every if n % 2 == 0]
    fit = every.keys() - {*validation, *test}
    return Parts(*(tuple(every[n] for n in sorted(part)) for part in (fit, validation, test)))


families = Registry("family of series", {"yahoo_like": Entry(_odd_and_even)})
"""By name a function that returns the `Parts`; ``families.register("mine", "module:function")`` adds one."""

FAMILY = "yahoo_like"


@lru_cache(maxsize=16)
def _parts(make: Callable[[], Parts]) -> Parts:
    return make()


def series_of(split: str = "train", family: str = FAMILY) -> tuple[ScoredSeries, ...]:
    """Return the series of a split, the same objects every time.

    Args:
        split: One of `SPLITS`.
        family: A name in `families`.

    Raises:
        InputError: If there is no such split or family.
    """
    parts = _parts(families[family].load())
    series: tuple[ScoredSeries, ...] = getattr(parts, one_of("split", split, SPLITS))
    return series


def settings_of(condition: str, actions: str = "levels") -> dict[str, Any]:
    """Return the arguments of ADT-Context-v0 that a condition and a set of actions stand for.

    Raises:
        InputError: If there is no such condition or set of actions.
    """
    kind, delay, noise = CONDITIONS[one_of("condition", condition, CONDITIONS)]
    return {
        "feedback": kind,
        "feedback_delay": delay,
        "label_noise": noise,
        "thresholds": ACTIONS[one_of("actions", actions, ACTIONS)],
        "observe_score": True,
    }


def feedback_under(condition: str) -> Feedback:
    """Return what a condition tells of labels.

    Raises:
        InputError: If there is no such condition.
    """
    return feedback_of(*CONDITIONS[one_of("condition", condition, CONDITIONS)])


def ids() -> Iterable[tuple[str, dict[str, str]]]:
    """Return the ids of the task with their arguments: one for all conditions, and two for each."""
    yield "ADT-Bench-v0", {}
    yield "ADT-Bench-Continuous-v0", {"actions": "continuous"}
    for condition in CONDITIONS:
        yield f"ADT-Bench-{condition}-v0", {"condition": condition}
        yield f"ADT-Bench-{condition}-Continuous-v0", {"condition": condition, "actions": "continuous"}
