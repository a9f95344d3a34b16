import numpy as np
import pytest
from machines import noisy

from adt_gym import InputError, ScoredSeries
from adt_gym.thresholds import ours as module
from adt_gym.thresholds.belief import gains
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.ours import Ours

SERIES = [ScoredSeries(np.linspace(0, 1, 20), np.arange(20) > 15, name) for name in "ab"]


class Learner:
    """Stands for one of the two: it did so well on held-out series."""

    def __init__(self, name: str, held_out_f1: list[float]):
        self.name, self.held_out_f1 = name, np.array(held_out_f1)

    def fit(self, train: list[ScoredSeries]) -> "Learner":
        return self


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
    assert agent.chosen.name == chosen
    assert agent.sees_labels == (kind != "none")


def test_evidence_is_shared_with_the_belief_agent() -> None:
    train = [noisy(250, seed=seed) for seed in range(3)]
    agents = [Ours("alerts", 2), Ours("alerts", 9)]
    evidence = Evidence(seed=3, trees=2).fit(train)
    for agent in agents:
        agent.evidence = evidence
        assert agent.fit(train).chosen.forest is evidence.trees
    with pytest.raises(InputError, match="other series"):
        agents[0].fit(train[:2])


def test_a_gain_must_exceed_its_standard_error() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        one, other = random.normal(size=(2, 6))
        difference = one - other
        deviation = np.sqrt(sum((d - difference.mean()) ** 2 for d in difference) / 5)
        assert gains(one, other) == (difference.mean() > deviation / np.sqrt(6))
