import math
from typing import Any

import numpy as np
import pytest
from machines import noisy

from adt_gym import ScoredSeries
from adt_gym.stream.context import score_context
from adt_gym.stream.feedback import feedback_of
from adt_gym.thresholds import rule_search as module
from adt_gym.thresholds.chain import Chain
from adt_gym.thresholds.evidence import logit
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.remembering import LOOKS, Rule, Seen, decisions_of, numbers_of
from adt_gym.thresholds.replayed import Released
from adt_gym.thresholds.rule_search import CUTS, MIXES, _bagged, _stretch, search
from adt_gym.thresholds.surprise import Surprise


def cuts(*numbers: float) -> list[Rule]:
    return [Rule(0.0, 0.0, 0.0, 0.0, one) for one in numbers]


def test_the_best_rule_of_all_resamples_is_chosen() -> None:
    values = np.array([[0.1, 0.5, 0.3], [0.2, 0.6, 0.1], [0.3, 0.8, 0.7]])
    chosen, its = _bagged(cuts(0, 1, 2), values, seed=0)
    assert chosen.cut == 1
    assert its.tolist() == [0.5, 0.6, 0.8]


def test_the_rule_between_those_that_are_best_on_resamples_is_chosen() -> None:
    """On one resample in four the first rule is best, on the others the last: on none is it the one between them."""
    values = np.array([[1.0, 0.1, 0.1, 0.2, 0.0], [0.0, 0.1, 0.1, 0.3, 1.1]])
    chosen, its = _bagged(cuts(0, 1, 2, 3, 4), values, seed=0)
    assert chosen.cut == 3
    assert its.tolist() == [0.2, 0.3]


def test_rules_are_apart_in_steps_of_the_grid() -> None:
    near = [Rule(0.0, 0.6, 0.0, 0.0, 3.0), Rule(0.4, 0.0, 0.0, 0.0, 3.0)]  # by 0.6 and 0.8 of a step
    values = np.array([[1.0, 0.0, 0.1, 0.1], [0.0, 1.1, 0.1, 0.1]])
    chosen, _ = _bagged([*cuts(0, 4), *near], values, seed=0)
    assert chosen == near[0]


class Searched:
    """A search on noisy series, and what labels gained in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lift: float, kind: str, delay: int):
        feedback = feedback_of(kind, delay)
        train = [noisy(250, seed, lift) for seed in range(3)]
        self.weighed: list[Any] = []
        right = module.surely_better

        def spy(one: Any, other: Any) -> bool:
            self.weighed.append((one, other))
            return right(one, other)

        monkeypatch.setattr(module, "surely_better", spy)
        seen = []
        for one in train:
            forest = logit(np.clip(one.scores.astype(float), 0.05, 0.95))
            seen.append(
                Seen.of(forest, Surprise().extend(one.scores), score_context(one.scores), np.full(len(LOOKS), 0.2))
            )
        released: list[Any] = [Released.of(one, feedback, 0) for one in train]
        numbers = numbers_of(Chain.of(train, feedback), 0.0)
        self.rule, self.values = search(seen, released, [one.truth for one in train], numbers, feedback, seed=0)
        plain = [Rule(mix, 0.0, 0.0, 0.0, cut) for mix in MIXES for cut in CUTS]

        def worth(rule: Rule) -> list[float]:
            triples = zip(seen, released, train, strict=True)
            return [objective(decisions_of(see, told, numbers, rule), one.truth) for see, told, one in triples]

        self.expected, self.best_plain = worth(self.rule), max(float(np.mean(worth(rule))) for rule in plain)

    @property
    def gain(self) -> tuple[float, float]:
        """What labels gain over the best without them, and the standard error of that."""
        ((using, alone),) = self.weighed
        gains = [one - other for one, other in zip(using, alone, strict=True)]
        mean = sum(gains) / 3
        return mean, math.sqrt(sum((one - mean) ** 2 for one in gains) / 2 / 3)


@pytest.mark.parametrize(
    ("lift", "kind", "delay", "uses"),
    [(0.1, "full", 1, True), (0.1, "alerts", 1, True), (0.3, "alerts", 20, False), (0.35, "full", 100, False)],
)
def test_labels_are_used_where_they_surely_gain_only(
    monkeypatch: pytest.MonkeyPatch, lift: float, kind: str, delay: int, uses: bool
) -> None:
    found = Searched(monkeypatch, lift, kind, delay)
    gain, error = found.gain
    assert (gain > 1.886 * error) == uses  # t of two degrees of freedom, 10%
    assert uses or gain < 1.5 * error
    assert (found.rule.weight > 0 or found.rule.gain > 0) == uses
    assert found.values.tolist() == found.expected
    assert uses or found.rule.patience == 0
    assert found.values.mean() > found.best_plain - 0.05


def test_a_stretch_is_a_series_of_its_own() -> None:
    labels = np.zeros(400, dtype=bool)
    labels[[20, 210, 230, 250, 270]] = True
    random, feedback = np.random.default_rng(0), feedback_of("full", 7)
    series = ScoredSeries(random.random(400), labels)
    seen = Seen(random.normal(size=400), random.normal(size=400), random.normal(size=(400, len(LOOKS))))
    released = Released.of(series, feedback, 0)
    assert released is not None
    part, told, truth = _stretch(seen, released, labels, 80)
    np.testing.assert_array_equal(truth, labels[191:271])  # the first that holds all four
    for one, whole in zip(part, seen, strict=True):
        np.testing.assert_array_equal(one, whole[191:271])
    expected = Released.of(series[191:271], feedback, 0)
    assert expected is not None
    for one, other in zip(told, expected, strict=True):
        np.testing.assert_array_equal(one, other)
