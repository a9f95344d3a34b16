from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machines import noisy
from own_rules import Visits

from adt_gym import InputError, ScoredSeries
from adt_gym.stream.feedback import feedback_of
from adt_gym.thresholds import load
from adt_gym.thresholds import ours as module
from adt_gym.thresholds.boosting import Boosting
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.ours import Ours
from adt_gym.thresholds.remembering import Remembering

TRAIN = [noisy(250, seed=seed) for seed in range(3)]


class Known:
    """Stands for a method that did so well on series that it had not seen."""

    def __init__(self, name: str, *held_out: float):
        self.name, self.held_out = name, np.array(held_out)

    def fit(self, train: list[ScoredSeries]) -> "Known":
        return self


@pytest.mark.parametrize(
    "feedback", [feedback_of("full", 5), feedback_of("alerts", 5), feedback_of("none"), Visits()], ids=str
)
@pytest.mark.parametrize(
    ("of_boosting", "better"), [((0.1, 0.2, 0.9), True), ((0.3, 0.3, 0.5), False), ((0.5, 0.5, 0.1), False)]
)
def test_boosting_is_chosen_where_all_labels_come_and_its_mean_is_higher(
    monkeypatch: pytest.MonkeyPatch, feedback: Any, of_boosting: tuple[float, ...], better: bool
) -> None:
    monkeypatch.setattr(
        module,
        "Remembering",
        lambda *_, **__: Known("remembering", 0.4, 0.4, 0.32),
    )
    monkeypatch.setattr(module, "Boosting", lambda *_, **__: Known("gradient boosting", *of_boosting))
    agent = Ours(feedback).fit(TRAIN)
    chosen = "gradient boosting" if better and feedback.kind == "full" else "remembering"
    assert (agent.chosen.name, agent.detail) == (chosen, chosen)
    assert agent.sees_labels == feedback.tells


@pytest.mark.parametrize(("kind", "ahead"), [(Boosting, -9.0), (Remembering, 9.0)])
def test_it_judges_and_is_kept_as_the_chosen_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: Any, ahead: float
) -> None:
    unseen = noisy(250, seed=7)

    class Placed(Remembering):
        def fit(self, train: Any) -> "Placed":
            super().fit(train)
            self.held_out = self.held_out + ahead
            return self

    with monkeypatch.context() as patch:
        patch.setattr(module, "Remembering", Placed)
        agent = Ours("full", 4, seed=3).fit(TRAIN)
    agent.save(tmp_path / "ours.npz")
    alone = kind("full", 4, seed=3).fit(TRAIN).detect(unseen)
    assert 0 < alone.decisions.mean() < 1
    for one in (agent, load(tmp_path / "ours.npz")):
        np.testing.assert_array_equal(one.detect(unseen).thresholds, alone.thresholds)


def test_evidence_is_shared_with_the_one_that_remembers() -> None:
    agents = [Ours("alerts", 2), Ours("alerts", 9)]
    evidence: Any = Evidence(seed=3, trees=2).fit(TRAIN)
    for agent in agents:
        agent.evidence = evidence
        chosen: Any = agent.fit(TRAIN).chosen
        assert chosen.forest is evidence.trees
    with pytest.raises(InputError, match="other series"):
        agents[0].fit(TRAIN[:2])
