import numpy as np
import pytest

from adt_gym import ScoredSeries
from adt_gym.thresholds import ours as module
from adt_gym.thresholds.belief import gains
from adt_gym.thresholds.ours import Ours

SERIES = [ScoredSeries(np.linspace(0, 1, 20), np.arange(20) > 15, name) for name in "ab"]


class Learner:
    """Stands for one of the two: it did so well on held-out series, and flags everything or nothing."""

    def __init__(self, name: str, held_out_f1: list[float]):
        self.name, self.held_out_f1 = name, np.array(held_out_f1)

    def fit(self, train: list[ScoredSeries]) -> "Learner":
        return self

    def detect(self, series: ScoredSeries) -> str:
        return self.name


@pytest.mark.parametrize(
    ("kind", "belief", "boosting", "chosen"),
    [
        ("full", [0.5, 0.6, 0.7], [0.7, 0.8, 0.9], "boosting"),
        ("full", [0.5, 0.6, 0.7], [0.45, 0.6, 1.0], "belief"),  # one series decides
        ("full", [0.5, 0.6, 0.7], [0.4, 0.5, 0.6], "belief"),
        ("none", [0.5, 0.6, 0.7], [0.7, 0.8, 0.9], "boosting"),
        ("alerts", [0.5, 0.6, 0.7], [0.7, 0.8, 0.9], "belief"),
    ],
)
def test_boosting_is_chosen_where_it_is_clearly_better(
    monkeypatch: pytest.MonkeyPatch, kind: str, belief: list[float], boosting: list[float], chosen: str
) -> None:
    monkeypatch.setattr(module, "Belief", lambda *_, **__: Learner("belief", belief))
    monkeypatch.setattr(module, "Boosting", lambda *_, **__: Learner("boosting", boosting))
    agent = Ours(kind, 5).fit(SERIES)
    assert agent.detect(SERIES[0]) == chosen
    assert agent.sees_labels == (kind != "none")


def test_a_gain_must_exceed_its_standard_error() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        one, other = random.normal(size=(2, 6))
        difference = one - other
        deviation = np.sqrt(sum((d - difference.mean()) ** 2 for d in difference) / 5)
        assert gains(one, other) == (difference.mean() > deviation / np.sqrt(6))
