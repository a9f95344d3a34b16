import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from machines import TRAIN, noisy
from numpy.typing import NDArray

from adt_gym import InputError
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.thresholds import probing_loop
from adt_gym.thresholds.ageing import Ageing
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.probing import Probing
from adt_gym.thresholds.probing_loop import RECENT, Tables, replay_on, told_on
from adt_gym.thresholds.probing_plan import LOGITS, Likelihoods, Setting, classes, plan, problem, stages

CHAIN = Ageing(0.02, (0.05, 0.1, 0.02), (4.0, 10.0))
NORMAL = np.array([0.5, 0.3, 0.15, 0.05])
RATIO = np.log([0.1, 0.2, 0.3, 0.4] / NORMAL)


def setting(kind: str, delay: int, keeps: float = 1.0, noise: float = 0.0, factors: Any = (1.0,)) -> Setting:
    says = Likelihoods.discounted(RATIO, np.tile(NORMAL, (len(factors), 1)), factors)
    return Setting(CHAIN, says, feedback_of(kind, delay, noise), delay, keeps)


def logit(p: Any) -> Any:
    return np.log(p) - np.log1p(-p)


def test_weaker_evidence_still_is_a_likelihood() -> None:
    says = Likelihoods.discounted(RATIO, np.tile(NORMAL, (2, 1)), (1.0, 0.3))
    np.testing.assert_allclose(says.ratio[0], RATIO, atol=1e-12)
    np.testing.assert_allclose(says.anomalous.sum(axis=1), 1)
    np.testing.assert_allclose(np.diff(says.ratio[1]), 0.3 * np.diff(RATIO))


def test_classes_by_hand() -> None:
    assert classes((2, 5), 0).tolist() == [0, 1, 1, 2, 2, 2, 0]
    assert classes((), 3).tolist() == [0, 3]
    assert stages(1) == []
    assert stages(2) == [1]
    assert stages(10) == [2, 3, 5, 9]


@pytest.mark.parametrize(
    ("kind", "noise"), [("none", 0.0), ("full", 0.0), ("full", 0.1), ("alerts", 0.0), ("alerts", 0.1)]
)
@pytest.mark.parametrize("delay", [1, 10])
def test_nobody_can_expect_to_change_their_mind(kind: str, noise: float, delay: int) -> None:
    """What is believed of the next window is, in the mean over evidence and labels, what the chain alone says."""
    made = setting(kind, delay, 1.0, noise, (1.0, 1.0, 1.0, 1.0) if kind == "alerts" else (1.0,))
    table = problem(made)
    beliefs = np.broadcast_to(1 / (1 + np.exp(-LOGITS))[:, None, None, None], made.shape)
    phases = np.broadcast_to(np.arange(3)[:, None, None], made.shape)
    expected = beliefs * (1 - np.array(CHAIN.ends)[phases]) + (1 - beliefs) * CHAIN.onset
    inside = (np.abs(logit(expected)) < 3).ravel()  # far from the ends of the grid, where beliefs are cut off
    for following in table.following:
        np.testing.assert_allclose(following.sum(axis=1), 1)
        after = (following @ beliefs.ravel()).reshape(table.chance.shape)
        mean = (table.chance * after).sum(axis=1)
        np.testing.assert_allclose(mean[inside], expected.ravel()[inside], atol=2e-3)


def test_where_nothing_is_told_the_cut_is_half_the_f1() -> None:
    made = setting("none", 1, 0.0)
    cuts, f1 = plan(made)
    beliefs = 1 / (1 + np.exp(-LOGITS))[:, None]
    chance = 1 / (1 + np.exp(-logit(beliefs) - RATIO))
    flagged = made.says.ratio[0] > cuts[:, 0, 0]
    np.testing.assert_array_equal(flagged, chance > f1 / 2)
    assert 0 < flagged.mean() < 1


@pytest.mark.parametrize("delay", [2, 10])
def test_asking_pays_unless_an_answer_is_on_its_way(delay: int) -> None:
    cuts, f1 = plan(setting("alerts", delay, 0.0))
    at_once = logit(f1 / 2) - LOGITS  # where a flag would change nothing that comes later
    some = (at_once > RATIO.min()) & (at_once < RATIO.max())
    assert (cuts[some, :, 0, 0] < at_once[some, None] - 0.01).all()
    assert (cuts[some, :, 0, 0] < cuts[some, :, 1, 0] - 0.01).all()


def tables_of(made: Setting, seed: int) -> Tables:
    """Return tables whose cuts are drawn, by ages and times since a false alarm that a few windows go through."""
    random, recent = np.random.default_rng(seed), min(made.delay, RECENT)
    ages, sinces, factor = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2, 0]), np.array([1.0, 0.2, 0.6])
    return Tables(
        step=CHAIN.step, lead=np.linalg.matrix_power(CHAIN.step, made.delay - recent), start=CHAIN.stationary,
        centres=np.zeros(1), ratio=np.zeros(1), factor=factor, shift=np.array([0.0, 0.1, -0.2]),
        cuts=random.normal(0, 1, (21, 3, 3, 3)), ages=ages, sinces=sinces,
        keeps=made.keeps, noise=made.feedback.noise, recent=recent,
    )  # fmt: skip


def by_all_paths(t: int, heard: dict[int, int], worth: list[float], tables: Tables, d: int) -> tuple[float, int]:
    """Return the logit that window t is anomalous, and the likeliest phase, by adding up all that may have been.

    Args:
        heard: The label told of each window, -1 for silence.
        worth: The weight of an anomalous window by its evidence, where no label is told of it.
    """
    paths = np.array(list(product(range(4), repeat=t + 1)))
    weights = tables.start[paths[:, 0]]
    for window in range(t):
        word, anomalous = heard.get(window, -1), paths[:, window] > 0
        if word < 0:
            weights = weights * np.where(anomalous, worth[window], 1.0)
        else:
            weights = weights * np.where(anomalous == bool(word), 1 - tables.noise, tables.noise)
        weights = weights * tables.step[paths[:, window], paths[:, window + 1]]
    of = np.array([weights[paths[:, t] == state].sum() for state in range(4)])
    return float(np.log(of[1:].sum() / of[0])), int(of[1:].argmax())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("kind", "delay"), [("none", 1), ("full", 1), ("full", 3), ("alerts", 1), ("alerts", 3)])
def test_the_loop_is_bayes_rule_and_the_tables(kind: str, delay: int, seed: int) -> None:
    made = setting(kind, delay, 0.5, 0.0 if kind == "none" else 0.1)
    tables, series = tables_of(made, seed), noisy(7, seed=seed)
    random = np.random.default_rng(seed)
    series = replace(series, labels=random.random(7) < 0.5)
    x = random.normal(0, 2, 7)
    words, schedule = told_on(series, made.feedback, seed)  # type: ignore[misc]
    told = words[:, 1].tolist()
    flagged, logits, since = replay_on(tables, x, words, schedule)
    decided, worth = list[bool](), list[float]()
    for t in range(7):
        heard = {w: told[w] if decided[w] or kind == "full" else -1 for w in range(t - delay + 1)}
        belief, phase = by_all_paths(t, heard, worth, tables, delay)
        waiting = [t - w for w in range(max(t - delay + 1, 0), t) if decided[w]] if kind != "none" else []
        spoken = [(w, heard[w]) for w in heard if heard[w] == 1 or (heard[w] == 0 and decided[w])]
        ago = t - (spoken[-1][0] + delay) + 1 if spoken and spoken[-1][1] == 0 else 0
        old, late = [0, 1, 1, 2, 2, 2, 2][max(waiting, default=0)], [0, 1, 2, 2, 0, 0, 0, 0][ago]
        says = tables.factor[late] * x[t] - tables.shift[late]
        at = (min(max(belief, -6.0), 6.0) + 6) / 0.6
        cut = np.interp(at, np.arange(21), tables.cuts[:, phase, old, late])
        decided.append(bool(says > cut))
        worth.append(math.exp(0.5 * says))
        assert logits[t] == pytest.approx(belief, abs=1e-9)
        assert since[t] == late
    assert flagged.tolist() == decided


def test_the_loop_has_the_same_bits_compiled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    series, x = noisy(300, seed=1), np.random.default_rng(0).normal(0, 2, 300)
    made = setting("alerts", 20, 0.5, 0.1)
    words, schedule = told_on(series, made.feedback, 0)  # type: ignore[misc]
    compiled = replay_on(tables_of(made, 1), x, words, schedule)
    monkeypatch.setattr(probing_loop, "judge", probing_loop.judge.__wrapped__)  # type: ignore[attr-defined]
    for one, other in zip(replay_on(tables_of(made, 1), x, words, schedule), compiled, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(trees=10).fit(TRAIN)


def fitted(feedback: Feedback, evidence: Evidence) -> Probing:
    agent = Probing(feedback)
    agent.evidence = evidence
    return agent.fit(evidence.train)


def found(agent: Probing) -> NDArray[np.float64]:
    detections = [agent.detect(noisy(500, seed=seed)) for seed in range(5, 10)]
    return np.array([2 * (d.decisions & d.truth).sum() / (d.decisions.sum() + d.truth.sum()) for d in detections])


def test_labels_help(evidence: Evidence) -> None:
    told, never = (found(fitted(feedback_of(*rule), evidence)).mean() for rule in (("alerts", 1), ("none",)))
    assert told > never + 0.03 > 0.5


def test_evidence_of_other_series_is_refused(evidence: Evidence) -> None:
    agent = Probing()
    agent.evidence = evidence
    with pytest.raises(InputError, match="fitted on other series"):
        agent.fit(TRAIN[:2])
