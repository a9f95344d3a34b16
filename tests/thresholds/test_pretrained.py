import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machines import noisy
from own_rules import Table, Visits

from adt_gym import InputError, ScoredSeries
from adt_gym.scoring.scaling import quantile, tail
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.thresholds import load, make
from adt_gym.thresholds import pretrained as module
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.pretrained import DELAYS, QUIET, SHIPPED, Pretrained, _name
from adt_gym.thresholds.remembering import Remembering, Rule

ROOT = Path(__file__).parents[2]
TRAIN = [noisy(250, seed=seed) for seed in range(3)]
UNSEEN = noisy(250, seed=7)

shipped = pytest.mark.skipif(not SHIPPED.exists(), reason="no trained agent comes with this checkout")


@pytest.fixture(scope="module")
def agents() -> Iterator[dict[str, dict[str, Any]]]:
    """Return agents for few delays, and few rules to choose from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DELAYS", (1, 10))
        patch.setattr("adt_gym.thresholds.rule_search.CUTS", (-2.0, 0.0, 2.0))
        trained = Pretrained(seed=3).train(TRAIN)
    return trained.agents


def of(agents: dict[str, dict[str, Any]], *feedback: Any) -> Pretrained:
    method = Pretrained(*feedback, seed=3)
    method.agents = agents
    return method


@pytest.mark.parametrize(
    ("feedback", "name"),
    [
        (feedback_of("none"), "none"),
        (feedback_of("full", 1), "full-1"),
        (feedback_of("full", 3), "full-1"),
        (feedback_of("full", 4), "full-10"),  # the square root of 1 times 10 is 3.2
        (feedback_of("full", 24), "full-10"),
        (feedback_of("full", 25), "full-60"),
        (feedback_of("alerts", 134), "alerts-60"),
        (feedback_of("alerts", 135, 0.1), "alerts-300"),
        (feedback_of("alerts", 100_000), "alerts-300"),
        (Visits(), "alerts-10"),  # every twelve windows: about six later
        (Table([(60, 60)] * 2000), "full-60"),
    ],
    ids=str,
)
def test_the_agent_for_the_nearest_delay_of_the_same_kind_judges(feedback: Feedback, name: str) -> None:
    assert DELAYS == (1, 10, 60, 300)
    assert _name(feedback) == name


@pytest.mark.parametrize(
    ("feedback", "nearest"), [(("none",), ("none",)), (("full", 2), ("full", 1)), (("alerts", 40), ("alerts", 10))]
)
def test_an_agent_is_the_one_that_remembers_trained_on_all_series(
    monkeypatch: pytest.MonkeyPatch, agents: dict[str, Any], feedback: Any, nearest: Any
) -> None:
    assert sorted(agents) == ["alerts-1", "alerts-10", "full-1", "full-10", "none"]
    monkeypatch.setattr(module, "DELAYS", (1, 10))
    monkeypatch.setattr("adt_gym.thresholds.rule_search.CUTS", (-2.0, 0.0, 2.0))
    agent = Remembering(*nearest, seed=3)
    agent.evidence = Evidence(3).fit(TRAIN)
    agent.fit(TRAIN).feedback = feedback_of(*feedback)
    decisions = of(agents, *feedback).detect(UNSEEN).decisions
    np.testing.assert_array_equal(decisions, agent.detect(UNSEEN).decisions)
    assert 0 < decisions.mean() < 1


def test_fit_changes_nothing(agents: dict[str, Any]) -> None:
    method = of(agents, "alerts", 10)
    before = method.detect(UNSEEN).thresholds
    assert method.fit([noisy(250, seed=20, lift=-0.2)]) is method
    np.testing.assert_array_equal(method.detect(UNSEEN).thresholds, before)


def test_it_decides_from_the_first_window_without_past_and_without_labels(agents: dict[str, Any]) -> None:
    by_score = Rule(mix=0.0, weight=0.0, gain=0.0, patience=0.0, cut=3.0)
    blind = of({"none": {**agents["none"], "rule": list(by_score)}})
    assert not blind.sees_labels
    for first, flagged in ((0.385, True), (0.383, False)):  # one in 20.4 and in 19.9, and the cut is one in exp(3)
        session = blind.start()
        assert (first > session.threshold(first)) == flagged
        scores = np.append(first, np.full(20, 0.3))
        assert blind.detect(ScoredSeries(scores, None)).decisions.tolist() == [flagged] + [False] * 20


def test_of_its_own_past_one_window_in_twenty_is_flagged_unless_every_label_comes(agents: dict[str, Any]) -> None:
    by_surprise = {"rule": list(Rule(mix=0.0, weight=0.0, gain=0.0, patience=0.0, cut=0.5))}
    past = np.random.default_rng(0).random(1000)
    again = ScoredSeries(past, np.zeros(1000, bool), past=past)
    flagged = {}
    for name in ("none", "alerts-1", "full-1"):
        method = of({name: {**agents[name], **by_surprise}}, name.partition("-")[0])
        flagged[name] = method.detect(again).decisions.mean()
    assert flagged["none"] == flagged["alerts-1"] == pytest.approx(QUIET, abs=0.001)
    assert flagged["full-1"] > 2 * QUIET
    quiet = of({"none": {**agents["none"], "rule": [0.0, 0.0, 0.0, 0.0, 9.0]}})
    assert quiet.detect(again).decisions.mean() == 0  # a cut that is high enough stays


def test_a_file_holds_all_agents(agents: dict[str, Any], tmp_path: Path) -> None:
    of(agents, "alerts", 10).save(tmp_path / "own.npz")
    again: Any = load(tmp_path / "own.npz")
    assert again.feedback == feedback_of("alerts", 10)
    assert sorted(again.agents) == sorted(agents)
    for feedback in (("none",), ("full", 1), ("alerts", 9, 0.1)):
        one, other = (of(those, *feedback).detect(UNSEEN).thresholds for those in (again.agents, agents))
        np.testing.assert_array_equal(one, other)


def test_each_agent_is_announced_and_one_series_cannot_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    with pytest.raises(InputError, match="at least two that hold both"):
        Pretrained().train(TRAIN[:1], done.append)
    assert done == []
    monkeypatch.setattr(module, "DELAYS", (300,))
    monkeypatch.setattr("adt_gym.thresholds.rule_search.CUTS", (0.0,))
    Pretrained().train(TRAIN, done.append)
    assert done == ["none", "alerts-300", "full-300"]


def test_the_trained_agent_is_packaged() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["adt_gym"]
    folder = ROOT / "adt_gym"
    assert SHIPPED.resolve() == (folder / "thresholds" / "pretrained.npz").resolve()
    assert any((Path("thresholds") / "pretrained.npz").match(one) for one in told)


@shipped
def test_what_comes_with_the_package_is_small_and_has_an_agent_for_every_kind() -> None:
    assert SHIPPED.stat().st_size < 2_000_000
    names = {"none", *(f"{kind}-{delay}" for kind in ("alerts", "full") for delay in DELAYS)}
    assert set(Pretrained.load(SHIPPED).agents) == names


@shipped
def test_on_noise_that_nobody_labelled_it_is_quiet() -> None:
    for seed in range(3):
        raw = np.random.default_rng(seed).exponential(1, 6000).astype(np.float32)
        series = ScoredSeries.scaled(raw[3000:], tail(raw[:3000]), None, "noise", past=raw[:3000])
        assert make("pretrained").detect(series).decisions.mean() < 0.05


@shipped
@pytest.mark.parametrize("feedback", [("none",), ("alerts", 10)])
def test_however_scores_are_scaled_it_decides_the_same(feedback: tuple[Any, ...]) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(900) % 150 < 20
    past = random.exponential(1, 1500).astype(np.float32)
    raw = (random.exponential(1, 900) + 3 * labels).astype(np.float32)
    by_tail, by_quantile = (
        make("pretrained", **dict(zip(("feedback", "delay"), feedback, strict=False))).detect(
            ScoredSeries.scaled(raw, scaling(past), labels, "one", past=past)
        )
        for scaling in (tail, quantile)
    )
    np.testing.assert_array_equal(by_tail.decisions, by_quantile.decisions)
    assert 0 < by_tail.decisions.mean() < 0.5
