from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machines import noisy
from numpy.typing import NDArray

from adt_gym import Detection, InputError, ScoredSeries
from adt_gym.metrics.composite import composite_f1
from adt_gym.thresholds import load
from adt_gym.thresholds import ours as module
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.ours import Ours
from adt_gym.thresholds.step_control import StepControl

SERIES = [ScoredSeries(np.linspace(0, 1, 200), np.arange(200) >= 100, f"{i}") for i in range(3)]


class Remembers:
    """Stands for the one that remembers: it did so well on series that its trees had not seen."""

    name = "remembering"

    def __init__(self, held_out: list[float]):
        self.held_out = np.array(held_out)

    def fit(self, train: list[ScoredSeries]) -> "Remembers":
        return self


class Controls:
    """Stands for step control: it flags so many of the 100 anomalous windows of each series, and no other."""

    name = "step control"

    def __init__(self, found: list[int]):
        self.found = found

    def fit(self, train: list[ScoredSeries]) -> "Controls":
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        flagged = np.arange(200) < 100 + self.found[int(series.name)]
        return Detection(np.zeros(200, np.float32), flagged & series.truth, series.truth)


def worth(found: int) -> float:
    """Return the mean of composite F1, which is 1 as the event is found at once, and F1."""
    return (1 + 2 * found / (found + 100)) / 2


@pytest.mark.parametrize("kind", ["full", "alerts", "none"])
@pytest.mark.parametrize(
    ("ahead", "chosen"),
    [
        ([0.1, 0.1, 0.11], "step control"),
        ([0.0, 0.0, 0.3], "remembering"),  # one series decides
        ([-0.1, -0.1, -0.11], "remembering"),
        ([0.0, 0.0, 0.0], "remembering"),
    ],
)
def test_step_control_is_chosen_where_it_is_surely_better(
    monkeypatch: pytest.MonkeyPatch, kind: str, ahead: list[float], chosen: str
) -> None:
    found = [50, 60, 70]
    held_out = [worth(one) - more for one, more in zip(found, ahead, strict=True)]
    monkeypatch.setattr(module, "Remembering", lambda *_, **__: Remembers(held_out))
    monkeypatch.setattr(module, "StepControl", lambda *_, **__: Controls(found))
    agent = Ours(kind, 5).fit(SERIES)
    assert (agent.chosen.name, agent.detail) == (chosen, chosen)
    assert agent.sees_labels == (kind != "none")


def test_it_judges_and_is_kept_as_the_chosen_one_step_control_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train, unseen = [noisy(250, seed=seed) for seed in range(3)], noisy(250, seed=7)
    monkeypatch.setattr(module, "surely_better", lambda one, other: True)
    agent = Ours("alerts", 4, seed=3).fit(train)
    agent.save(tmp_path / "ours.npz")
    alone = StepControl("alerts", 4, seed=3).fit(train).detect(unseen)
    assert 0 < alone.decisions.mean() < 1
    for one in (agent, load(tmp_path / "ours.npz")):
        np.testing.assert_array_equal(one.detect(unseen).thresholds, alone.thresholds)


def test_what_is_weighed_is_the_objective_on_the_training_series(monkeypatch: pytest.MonkeyPatch) -> None:
    train, weighed = [noisy(250, seed=seed) for seed in range(3)], list[NDArray[np.float64]]()

    def spy(one: Any, other: Any) -> bool:
        weighed.extend((one, other))
        return False

    monkeypatch.setattr(module, "surely_better", spy)
    agent: Any = Ours("full", 4).fit(train)
    of_control, of_remembering = weighed
    control = StepControl("full", 4).fit(train)
    detections = [control.detect(one) for one in train]
    f1 = [2 * (d.decisions & d.truth).sum() / (d.decisions.sum() + d.truth.sum()) for d in detections]
    assert of_control.tolist() == pytest.approx(
        [(composite_f1([d]) + one) / 2 for d, one in zip(detections, f1, strict=True)]
    )
    np.testing.assert_array_equal(of_remembering, agent.chosen.held_out)
    assert agent.chosen.held_out.tolist() != [objective(agent.detect(one).decisions, one.truth) for one in train]


def test_evidence_is_shared_with_the_one_that_remembers() -> None:
    train = [noisy(250, seed=seed) for seed in range(3)]
    agents = [Ours("alerts", 2), Ours("alerts", 9)]
    evidence = Evidence(seed=3, trees=2).fit(train)
    for agent in agents:
        agent.evidence = evidence
        agent.fit(train)
        assert getattr(agent.chosen, "forest", evidence.trees) is evidence.trees
    assert {agent.chosen.name for agent in agents} & {"remembering"}
    with pytest.raises(InputError, match="other series"):
        agents[0].fit(train[:2])
