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
from adt_gym.thresholds.rule_search import _stretch, search
from adt_gym.thresholds.surprise import Surprise

CUTS = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("kind", "delay", "lift"),
    [("none", 1, 0.3), ("full", 1, 0.1), ("alerts", 1, 0.2), ("full", 100, 0.9), ("alerts", 20, 0.3)],
)
def test_the_rule_that_is_best_with_its_neighbours_is_chosen(
    monkeypatch: pytest.MonkeyPatch, kind: str, delay: int, lift: float
) -> None:
    """Of a small grid, by going through all of it; gains are given to the best, at all cuts."""
    for name, grid in {
        "CUTS": CUTS,
        "MIXES": (0.0, 1.0),
        "WEIGHTS": (0.0, 1.0),
        "PATIENCE": (0.0, 2.0),
    }.items():
        monkeypatch.setattr(module, name, grid)
    feedback, train = feedback_of(kind, delay), [noisy(250, seed, lift) for seed in range(3)]
    seen = []
    for one in train:
        forest = logit(np.clip(one.scores.astype(float), 0.05, 0.95))
        seen.append(Seen.of(forest, Surprise().extend(one.scores), score_context(one.scores), np.full(len(LOOKS), 0.2)))
    released: list[Any] = [Released.of(one, feedback, 0) for one in train]
    numbers = numbers_of(Chain.of(train, feedback), 0.0)

    def worth(rule: Rule) -> list[float]:
        triples = zip(seen, released, train, strict=True)
        return [objective(decisions_of(see, told, numbers, rule), one.truth) for see, told, one in triples]

    def steady(rule: Rule) -> float:
        place = CUTS.index(rule.cut)
        near = [CUTS[min(max(place + apart, 0), 5)] for apart in (-2, -1, 0, 1, 2)]
        return sum(sum(worth(rule._replace(cut=cut))) / 3 for cut in near) / 5

    weights = (0.0, 1.0) if kind != "none" else (0.0,)
    waits = (0.0, 2.0) if kind == "alerts" and delay > 1 else (0.0,)
    tried = [Rule(mix, weight, 0.0, wait, 0.0) for mix in (0.0, 1.0) for weight in weights for wait in waits]
    best_of = {rule: max(steady(rule._replace(cut=cut)) for cut in CUTS) for rule in tried}
    promising = sorted(tried, key=lambda rule: -best_of[rule])[:1] if kind != "none" else []
    tried += [rule._replace(gain=gain) for rule in promising for gain in (1.0, 2.5)]
    expected = max((rule._replace(cut=cut) for rule in tried for cut in CUTS), key=lambda rule: round(steady(rule), 12))
    rule, values = search(seen, released, [one.truth for one in train], numbers, feedback)
    assert steady(rule) == pytest.approx(steady(expected), abs=1e-12)
    assert values.tolist() == worth(rule)
    assert (rule.weight > 0 or rule.gain > 0) == (kind != "none")


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
