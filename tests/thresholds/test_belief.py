import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from machines import TRAIN, noisy
from numpy.typing import NDArray
from own_rules import Visits
from sklearn.metrics import f1_score

from adt_gym import InputError, ScoredSeries
from adt_gym.evaluation import precision_recall_f1
from adt_gym.stream.feedback import Feedback, feedback_of, told_labels
from adt_gym.stream.state import state_of
from adt_gym.stream.stream import Method
from adt_gym.thresholds.belief import (
    CORRECTED,
    LEVELS,
    Belief,
    Believer,
    Filter,
    Rule,
    f1_of_each,
    gains,
    play,
)
from adt_gym.thresholds.chain import Chain
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.persistence import Persistence

FEEDBACK = [
    feedback_of("none"),
    feedback_of("full", 1),
    feedback_of("full", 20),
    feedback_of("full", 5, 0.1),
    feedback_of("alerts", 1),
    feedback_of("alerts", 20),
    feedback_of("alerts", 4, 0.1),
]
CHAIN = Chain(prior=0.15, end=0.1, carry=0.7)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(trees=10).fit(TRAIN)


def fitted(
    feedback: Feedback, evidence: Evidence, seed: int = 0, train: Sequence[ScoredSeries] | None = None
) -> Belief:
    agent = Belief(feedback, seed=seed)
    agent.evidence = evidence
    return agent.fit(evidence.train if train is None else train)


@pytest.fixture(scope="module", params=FEEDBACK, ids=str)
def agent(request: pytest.FixtureRequest, evidence: Evidence) -> Belief:
    return fitted(request.param, evidence, seed=5)


def naive_play(evidence: Sequence[float], told: Sequence[bool], chain: Chain, feedback: Feedback, rule: Rule) -> Any:
    """Return the decisions of one rule, window by window."""

    def logit(p: float) -> float:
        return math.log(p) - math.log(1 - p)

    onset = chain.end * chain.prior / (1 - chain.prior)
    belief, dismissed = chain.prior, 0.0
    decisions: list[bool] = []
    for t, score in enumerate(evidence):
        newest = t - feedback.delay
        if newest >= 0 and feedback.kind != "none":
            belief = belief * (1 - chain.end) + (1 - belief) * onset
            dismissed *= math.exp(-1 / 50)
            if feedback.kind == "full" or decisions[newest]:
                says = told[newest]
                if_anomalous, if_normal = (1 - feedback.noise if says == truth else feedback.noise for truth in (1, 0))
                belief = belief * if_anomalous / (belief * if_anomalous + (1 - belief) * if_normal)
                dismissed = 0.0 if says else max(dismissed, evidence[newest] - logit(chain.prior))
        now = chain.carry * belief + (1 - chain.carry) * chain.prior
        now = min(max(now, 0.001), 0.999)
        first_open = t if feedback.kind == "none" else max(t - feedback.delay + 1, 0)
        waits = any(decisions[first_open:]) and now < 0.5
        total = score + rule.weight * (logit(now) - logit(chain.prior)) - rule.memory * dismissed
        decisions.append(total > rule.cut + (rule.patience if waits else 0.0))
    return decisions


def random_rules(n: int, seed: int) -> Rule:
    random = np.random.default_rng(seed)
    return Rule(random.uniform(0, 4, n), random.uniform(0, 1, n), random.uniform(0, 3, n), random.uniform(-4, 2, n))


def random_evidence(labels: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(-2, 2, len(labels)) + 2 * labels


@pytest.mark.parametrize("carry", [0.7, 0.999])
@pytest.mark.parametrize("feedback", [one for one in FEEDBACK if one.kind != "none"], ids=str)
def test_play_is_the_rule_window_by_window(feedback: Feedback, carry: float) -> None:
    chain = replace(CHAIN, carry=carry)
    series = noisy(200, seed=1)
    told, evidence = told_labels(series, feedback, 2), random_evidence(series.labels, 3)
    rules = random_rules(12, seed=4)
    played = play(evidence, told, chain, feedback, rules)
    for decisions, rule in zip(played.tolist(), zip(*rules, strict=True), strict=True):
        assert decisions == naive_play(evidence.tolist(), told.tolist(), chain, feedback, Rule(*rule))
    assert 0 < played.mean() < 1
    assert len(np.unique(played, axis=0)) > 1


def test_without_labels_the_evidence_alone_decides() -> None:
    series = noisy(200)
    evidence = random_evidence(series.labels, 0)
    rules = Rule(np.full(3, 2.0), np.ones(3), np.zeros(3), np.array([-3.0, -1.0, 0.0]))
    played = play(evidence, series.labels, CHAIN, feedback_of("none"), rules)
    np.testing.assert_array_equal(played, evidence > rules.cut[:, None])


@pytest.mark.parametrize(("delay", "noise"), [(1, 0.0), (7, 0.0), (7, 0.2), (300, 0.0)])
def test_a_rule_that_trusts_labels_alone_is_persistence(delay: int, noise: float) -> None:
    series, feedback = noisy(250), feedback_of("full", delay, noise)
    told = told_labels(series, feedback, 9)
    chain = Chain(prior=0.15, end=0.99 * (1 - 0.15), carry=0.7)  # labels with hardly any memory, however noisy
    rule = Rule(*(np.array([value]) for value in (1e6, 0.0, 0.0, 0.0)))
    played = play(np.full(250, -1.0), told, chain, feedback, rule)[0]
    persistence = Persistence(delay, noise=noise, seed=9).detect(series)
    np.testing.assert_array_equal(played, persistence.decisions)


@pytest.mark.parametrize("delay", [1, 6, 40])
def test_labels_that_alerts_did_not_earn_change_nothing(delay: int) -> None:
    series, feedback = noisy(200), feedback_of("alerts", delay)
    evidence = random_evidence(series.labels, 0)
    earned = 0
    for rule in zip(*random_rules(10, seed=1), strict=True):
        alone = Rule(*(np.array([value]) for value in rule))
        decisions = play(evidence, series.labels, CHAIN, feedback, alone)
        unearned = play(evidence, np.where(decisions[0], series.labels, ~series.labels), CHAIN, feedback, alone)
        np.testing.assert_array_equal(unearned, decisions)
        flipped = play(evidence, ~series.labels, CHAIN, feedback, alone)
        earned += bool((flipped != decisions).any())
    assert earned  # what they did earn matters


def test_nothing_later_changes_a_decision(agent: Belief) -> None:
    series, other = noisy(200, seed=8), noisy(200, seed=9)
    decisions = agent.detect(series).decisions
    assert decisions.any()
    for t in (0, 33, 50, 140, 198):
        is_past = np.arange(200) <= t
        changed = ScoredSeries(
            np.where(is_past, series.scores, 1 - other.scores),
            np.where(np.arange(200) <= t - agent.feedback.delay, series.labels, ~series.labels),
        )
        np.testing.assert_array_equal(agent.detect(changed).decisions[: t + 1], decisions[: t + 1])


def test_its_thresholds_played_in_the_environment_are_its_decisions(agent: Belief) -> None:
    series, feedback, k = noisy(200, seed=8), agent.feedback, 2
    detection = agent.detect(series)
    assert isinstance(agent, Method)
    assert np.isin(detection.thresholds, LEVELS).all()
    env: Any = gym.make(
        "ADT-Levels-v0",
        series=series,
        k=k,
        feedback=feedback.kind,
        feedback_delay=feedback.delay,
        label_noise=feedback.noise,
    )
    assert env.unwrapped.levels == tuple(LEVELS.tolist())
    env.reset(seed=agent.seed)
    for t in range(k, 200):
        *_, info = env.step(int(np.searchsorted(LEVELS, detection.thresholds[t])))
        assert (info["t"], info["decision"]) == (t, detection.decisions[t])
    told = told_labels(series, feedback, agent.seed)
    earned = {"full": np.ones(200, bool), "alerts": detection.decisions, "none": np.zeros(200, bool)}[feedback.kind]
    assert env.unwrapped.seen(k) == np.where(earned, told, -1)[k:].tolist()


def test_detect_plays_the_rule_at_every_score(agent: Belief, evidence: Evidence) -> None:
    scores = np.concatenate((LEVELS, np.nextafter(LEVELS, 1), np.nextafter(LEVELS, 0)))
    series = ScoredSeries(np.tile(scores, 3), np.arange(189) % 30 < 8)
    np.testing.assert_array_equal(agent.detect(series).decisions, played_by(agent, evidence, series))


def played_by(agent: Belief, evidence: Evidence, series: ScoredSeries) -> NDArray[np.bool_]:
    rule = Rule(*(np.array([value]) for value in agent.rule))
    told = told_labels(series, agent.feedback, agent.seed)
    return play(evidence(series), told, agent.chain, agent.feedback, rule)[0]


class Rounds(Feedback):
    """Every ten windows those flagged in the ten before are looked at."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return t - t % 10 + 10 if decision else None


@pytest.mark.parametrize("rule", [Visits(), Rounds()], ids=lambda one: type(one).__name__)
def test_it_learns_and_acts_on_a_rule_of_ones_own(rule: Feedback, evidence: Evidence) -> None:
    agent, series = fitted(rule, evidence), noisy(400, seed=8)
    assert agent.sees_labels
    for weight, memory, patience in ((0.5, 0.0, 0.0), (1.5, 1.0, 2.0), (4.0, 0.5, 0.0)):
        agent.rule = Rule(weight, memory, patience, agent.rule.cut)
        decisions = agent.detect(series).decisions
        np.testing.assert_array_equal(decisions, played_by(agent, evidence, series))
        assert 0 < decisions.mean() < 1


def test_a_late_label_is_taken_in_as_if_it_had_come_in_time(evidence: Evidence) -> None:
    agent, series = fitted(feedback_of("alerts", 3), evidence), noisy(300, seed=8)
    agent.rule = Rule(1.5, 1.0, 2.0, agent.rule.cut)
    in_time, late = agent.start(), agent.start()
    scores = series.scores.tolist()
    for t, score in enumerate(scores):
        in_time.tell(t - 3, bool(series.labels[t - 3])) if t >= 3 else None
        for session in (in_time, late):
            session.threshold(score)
            session.judged(score, t % 2 == 0)
    with pytest.raises(AssertionError):
        assert state_of(late) == state_of(in_time)
    for t in np.random.default_rng(0).permutation(297).tolist():
        late.tell(t, not series.labels[t])
        late.tell(t, bool(series.labels[t]))
    assert state_of(late) == state_of(in_time)


def test_a_label_of_long_ago_is_too_late() -> None:
    chain = Chain(prior=0.15, end=0.001, carry=0.9)
    forest = Evidence(trees=2).fit(TRAIN).trees
    session = Believer(forest, Filter(chain, 0.0, Rule(1.0, 0.0, 0.0, 0.0)), feedback_of())
    for _ in range(CORRECTED + 10):
        session.threshold(0.5)
        session.judged(0.5, False)
    before = state_of(session)
    session.tell(5, True)
    assert state_of(session) == before
    session.tell(20, True)
    assert state_of(session) != before


def test_the_same_seed_learns_the_same(agent: Belief) -> None:
    again = fitted(agent.feedback, Evidence(trees=10).fit(TRAIN), agent.seed)
    assert again.rule == agent.rule
    series = noisy(seed=8)
    np.testing.assert_array_equal(again.detect(series).thresholds, agent.detect(series).thresholds)


# The search


def blur(values: NDArray[np.float64], deviations: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean over neighbours along each axis by the normal density, up to four deviations; edges go on."""
    for axis, deviation in enumerate(deviations):
        reach, cells = round(4 * deviation), values.shape[axis]
        blurred = np.zeros_like(values)
        total = sum(math.exp(-((step / deviation) ** 2) / 2) for step in range(-reach, reach + 1))
        for step in range(-reach, reach + 1):
            neighbours = np.clip(np.arange(cells) + step, 0, cells - 1)
            blurred += math.exp(-((step / deviation) ** 2) / 2) / total * values.take(neighbours, axis=axis)
        values = blurred
    return values


class Searched:
    """All rules that there are for some feedback, and how they do on series that the evidence has not seen."""

    def __init__(self, train: Sequence[ScoredSeries], feedback: Feedback, seed: int):
        told, alerts = feedback.kind != "none", feedback.kind == "alerts"
        axes = (
            (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0) if told else (0.0,),
            (0.0, 0.5, 1.0) if alerts else (0.0,),
            (0.0, 2.0, 4.0) if alerts and feedback.delay > 1 else (0.0,),
            [round(-5 + 0.2 * step, 1) for step in range(66)],
        )
        self.rules = list(product(*axes))
        rules, chain = Rule(*np.array(self.rules).T), Chain.of(train, feedback)
        f1, blurred = [], []
        for i, one in enumerate(train):
            evidence = Evidence(trees=10).fit([*train[:i], *train[i + 1 :]])(one)
            decisions = play(evidence, told_labels(one, feedback, seed), chain, feedback, rules)
            f1.append(np.array([2 * (row & one.labels).sum() / (row.sum() + one.labels.sum()) for row in decisions]))
            blurred.append(blur(f1[-1].reshape([len(axis) for axis in axes]), (0.7, 0.7, 0.7, 2.0)).ravel())
        self.f1, self.blurred = np.array(f1), np.array(blurred)
        self.best, self.best_alone = self._best(self.blurred)
        self.best_unblurred, _ = self._best(self.f1)

    def _best(self, f1: NDArray[np.float64]) -> tuple[int, int]:
        """Return the places of the best rule, and of the best that uses no label."""
        mean = f1.mean(axis=0)
        alone = [i for i, (weight, memory, patience, _) in enumerate(self.rules) if weight == memory == patience == 0]
        return int(np.argmax(mean)), max(alone, key=lambda i: mean[i])

    @property
    def gain(self) -> tuple[float, float]:
        """What the best rule gains over the best that uses no label, and the standard error of that."""
        gains = self.blurred[:, self.best] - self.blurred[:, self.best_alone]
        deviation = math.sqrt(sum((gain - gains.mean()) ** 2 for gain in gains) / (len(gains) - 1))
        return float(gains.mean()), deviation / math.sqrt(len(gains))


@pytest.mark.parametrize(
    ("windows", "lift", "feedback", "memory"),
    [
        (250, 0.15, feedback_of("none"), False),
        (500, 0.25, feedback_of("full", 2), False),
        (500, 0.1, feedback_of("full", 5, 0.1), False),
        (500, 0.15, feedback_of("alerts", 1), True),
        (500, 0.1, feedback_of("alerts", 4, 0.1), True),
    ],
    ids=str,
)
def test_the_rule_is_the_best_of_its_neighbourhood(windows: int, lift: float, feedback: Feedback, memory: bool) -> None:
    train = [noisy(windows, seed, lift) for seed in range(3)]
    agent = fitted(feedback, Evidence(trees=10).fit(train), seed=5)
    every = Searched(train, feedback, seed=5)
    assert (agent.rule.memory > 0) == memory
    assert agent.rule == every.rules[every.best]
    assert agent.rule != every.rules[every.best_unblurred]
    assert agent.held_out_f1.tolist() == pytest.approx(every.f1[:, every.best].tolist())
    gain, error = every.gain
    assert feedback.kind == "none" or gain > error


@pytest.mark.parametrize(("windows", "lift"), [(250, 0.25), (500, 0.25)])
def test_labels_are_not_used_for_a_gain_within_a_standard_error(windows: int, lift: float) -> None:
    train, feedback = [noisy(windows, seed, lift) for seed in range(3)], feedback_of("alerts", 20)
    agent = fitted(feedback, Evidence(trees=10).fit(train), seed=5)
    every = Searched(train, feedback, seed=5)
    gain, error = every.gain
    assert 0 < gain <= error
    assert agent.rule == every.rules[every.best_alone]
    assert agent.held_out_f1.tolist() == pytest.approx(every.f1[:, every.best_alone].tolist())
    assert agent.held_out_f1.tolist() != pytest.approx(every.f1[:, every.best].tolist())


def test_its_held_out_f1_is_what_its_rule_reaches_on_series_that_the_evidence_has_not_seen(agent: Belief) -> None:
    for i, one in enumerate(TRAIN):
        evidence = Evidence(trees=10).fit([*TRAIN[:i], *TRAIN[i + 1 :]])(one)
        told = told_labels(one, agent.feedback, agent.seed)
        decisions = naive_play(evidence.tolist(), told.tolist(), agent.chain, agent.feedback, agent.rule)
        assert agent.held_out_f1[i] == pytest.approx(f1_score(one.labels, decisions))


# What it comes to


def test_scores_that_are_the_labels_need_no_others() -> None:
    train = [ScoredSeries(one.labels.astype(np.float32), one.labels) for one in (noisy(seed=s) for s in range(3))]
    unseen = noisy(seed=7)
    agent = fitted(feedback_of("none"), Evidence(trees=10).fit(train))
    detection = agent.detect(ScoredSeries(unseen.labels.astype(np.float32), unseen.labels))
    assert precision_recall_f1(detection.decisions, unseen.labels)[2] == 1
    assert not agent.sees_labels


def test_labels_at_once_make_up_for_scores_that_say_nothing() -> None:
    train = [noisy(seed=seed, lift=0.0) for seed in range(3)]
    unseen = noisy(seed=7, lift=0.0)
    agent = fitted(feedback_of(), Evidence(trees=10).fit(train))
    f1 = precision_recall_f1(agent.detect(unseen).decisions, unseen.labels)[2]
    persistence = precision_recall_f1(Persistence(1).detect(unseen).decisions, unseen.labels)[2]
    assert f1 > persistence - 0.02
    assert agent.sees_labels


def test_f1_of_each_rule() -> None:
    random = np.random.default_rng(0)
    labels, decisions = random.random(50) < 0.3, random.random((6, 50)) < 0.4
    expected = [precision_recall_f1(one, labels)[2] for one in decisions]
    np.testing.assert_allclose(f1_of_each(decisions, labels), expected)


def test_a_gain_must_exceed_its_standard_error() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        one, other = random.normal(size=(2, 6))
        difference = one - other
        deviation = np.sqrt(sum((d - difference.mean()) ** 2 for d in difference) / 5)
        assert gains(one, other) == (difference.mean() > deviation / np.sqrt(6))


def test_evidence_of_other_series_is_refused(evidence: Evidence) -> None:
    with pytest.raises(InputError, match="other series"):
        fitted(feedback_of(), evidence, train=TRAIN[:2])
