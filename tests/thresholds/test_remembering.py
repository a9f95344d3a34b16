import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from machines import TRAIN, noisy
from numpy.typing import NDArray

from adt_gym import InputError, ScoredSeries
from adt_gym.stream.context import SCORE_CONTEXT, score_context
from adt_gym.stream.feedback import Feedback, feedback_of, told_labels
from adt_gym.stream.state import restore, state_of
from adt_gym.thresholds import remembering as module
from adt_gym.thresholds.chain import Chain
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.persistence import Persistence
from adt_gym.thresholds.remembering import LOOKS, Remembering, Rule, Seen, decisions_of, numbers_of
from adt_gym.thresholds.replayed import Released
from adt_gym.thresholds.surprise import Surprise

CHAIN = Chain(prior=0.15, end=0.1, carry=0.7)
RULES = [
    feedback_of("none"),
    feedback_of("full", 1),
    feedback_of("full", 7, 0.1),
    feedback_of("alerts", 1),
    feedback_of("alerts", 1, 0.1),
    feedback_of("alerts", 7),
    feedback_of("alerts", 7, 0.1),
]


def naive(seen: Seen, told: Sequence[bool], chain: Chain, feedback: Feedback, rule: Rule) -> list[bool]:
    """Return the decisions of a rule, window by window."""

    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    onset = chain.end * chain.prior / (1 - chain.prior)
    belief, run = chain.prior, 0
    remembered: list[dict[str, Any]] = []
    decisions: list[bool] = []
    for t, (forest, surprise, look) in enumerate(zip(*(one.tolist() for one in seen), strict=True)):
        newest = t - feedback.delay
        if newest >= 0 and feedback.kind != "none":
            belief = belief * (1 - chain.end) + (1 - belief) * onset
            if feedback.kind == "full" or decisions[newest]:
                says = told[newest]
                if_anomalous, if_normal = (1 - feedback.noise if says == truth else feedback.noise for truth in (1, 0))
                belief = belief * if_anomalous / (belief * if_anomalous + (1 - belief) * if_normal)
                for one in remembered:
                    if one["window"] == newest:
                        one["verdict"] = 1 if says else -1
        now = chain.carry * belief + (1 - chain.carry) * chain.prior
        now = min(max(now, 0.001), 0.999)
        alike = 0.0
        for one in remembered:
            apart = math.dist(one["look"], look)
            if apart < 3:
                alike += one["verdict"] * math.exp(-(apart**2) / 2) * 0.5 ** ((t - one["window"]) / 2000)
        evidence = rule.mix * forest + (1 - rule.mix) * surprise
        total = evidence + rule.weight * (logit(now) - logit(chain.prior)) + rule.gain * alike
        waits = feedback.kind != "none" and any(decisions[max(newest + 1, 0) :]) and now < 0.5
        decisions.append(total > rule.cut + (rule.patience if waits else 0))
        if decisions[t] and run % 10 == 0:
            remembered = [*remembered, {"window": t, "look": look, "verdict": 0}][-64:]
        run = run + 1 if decisions[t] else 0
    return decisions


def drawn(series: ScoredSeries, seed: int) -> Seen:
    """Return what is seen of windows of which some look alike, in runs of alarms and alone."""
    random = np.random.default_rng(seed)
    forest, scores = random.normal(-2, 2, (2, len(series))) + 4 * series.truth
    rows = random.normal(0, random.choice([0.3, 0.9], (len(series), 1)), (len(series), len(LOOKS)))
    return Seen(forest, scores, rows)


def drawn_rules(n: int, seed: int) -> list[Rule]:
    random = np.random.default_rng(seed)
    numbers = random.uniform((0, 0, 0, 0, -4), (1, 3, 3, 3, 1), (n, 5))
    numbers[::3, 2] = 0.0
    return [Rule(*one) for one in numbers.tolist()]


def decided(seen: Seen, series: ScoredSeries, feedback: Feedback, rule: Rule, chain: Chain = CHAIN) -> Any:
    released = Released.of(series, feedback, 2)
    assert released is not None
    return decisions_of(seen, released, numbers_of(chain, feedback.noise), rule)


@pytest.mark.parametrize("feedback", RULES, ids=str)
def test_it_is_the_rule_window_by_window(feedback: Feedback) -> None:
    series = noisy(300, seed=1)
    seen, told = drawn(series, 3), told_labels(series, feedback, 2).tolist()
    for rule in drawn_rules(8, seed=4):
        decisions = decided(seen, series, feedback, rule)
        assert decisions.tolist() == naive(seen, told, CHAIN, feedback, rule)
        assert 0 < decisions.mean() < 1


def test_the_oldest_alarms_are_forgotten_and_what_is_old_counts_for_less() -> None:
    """Alarms one by one, all told to be nothing but the first: how much is remembered then decides on the last window.

    All look alike, and rule and scores are such that those before are flagged whatever is remembered.
    """
    feedback, rule = feedback_of("alerts", 1), Rule(0.0, 0.0, 1.0, 0.0, 0.0)
    for alarms, gap in ((5, 2), (80, 2), (5, 700)):
        windows = alarms * gap + 1
        labels = np.arange(windows) == 0
        kept = [0.5 ** ((windows - 1 - t) / 2000) * (1 if t == 0 else -1) for t in range(0, windows - 1, gap)][-64:]
        for last, flagged in ((-sum(kept) + 0.01, True), (-sum(kept) - 0.01, False)):
            scores = np.where(np.arange(windows) % gap == 0, 99.0, -99.0)
            scores[-1] = last
            seen = Seen(np.zeros(windows), scores, np.zeros((windows, len(LOOKS))))
            decisions = decided(seen, ScoredSeries(np.full(windows, 0.5), labels), feedback, rule)
            assert decisions[:-1].sum() == alarms
            assert decisions[-1] == flagged


def test_an_alarm_that_was_nothing_keeps_a_look_alike_silent_and_no_other() -> None:
    looks = np.repeat([[0.0], [0.1], [2.0], [50.0], [9.0], [9.1], [-9.0]], len(LOOKS), axis=1)
    scores = np.array([1.0, 1.0, 1.0, -9.0, 1.0, -1.0, -1.0])
    series = ScoredSeries(np.full(7, 0.5), [0, 0, 1, 1, 1, 1, 1])  # the first was nothing, the fifth was something
    seen, heeding = Seen(np.zeros(7), scores, looks), Rule(0.0, 0.0, 2.5, 0.0, 0.0)
    assert decided(seen, series, feedback_of("alerts"), heeding).tolist() == [1, 0, 1, 0, 1, 1, 0]
    for feedback, rule in (
        (feedback_of("alerts"), heeding._replace(gain=0.0)),
        (feedback_of("alerts", 7), heeding),  # no label has come yet
        (feedback_of("none"), heeding),
    ):
        assert decided(seen, series, feedback, rule).tolist() == (scores > 0).tolist()


def test_of_a_long_alarm_every_tenth_window_is_remembered() -> None:
    labels = np.zeros(32, dtype=bool)
    for place, remembered in ((10, True), (11, False), (20, True), (29, False)):
        looks = np.tile(9.0 * np.arange(32)[:, None], (1, len(LOOKS)))
        looks[-1] = looks[place]
        seen = Seen(np.zeros(32), np.append(np.full(30, 1.0), [-1.0, 0.5]), looks)
        last = decided(seen, ScoredSeries(np.full(32, 0.5), labels), feedback_of("alerts"), Rule(0, 0, 1, 0, 0))
        assert last[:-1].sum() == 30
        assert last[-1] == (not remembered)


@pytest.mark.parametrize("delay", [1, 6, 40])
def test_labels_that_alerts_did_not_earn_change_nothing(delay: int) -> None:
    series, feedback, earned = noisy(200), feedback_of("alerts", delay), 0
    seen = drawn(series, 0)
    for rule in drawn_rules(10, seed=1):
        decisions = decided(seen, series, feedback, rule)
        unearned = ScoredSeries(series.scores, np.where(decisions, series.labels, ~series.labels))
        np.testing.assert_array_equal(decided(seen, unearned, feedback, rule), decisions)
        flipped = ScoredSeries(series.scores, ~series.labels)
        earned += bool((decided(seen, flipped, feedback, rule) != decisions).any())
    assert earned, "what they did earn matters"


@pytest.mark.parametrize(("delay", "noise"), [(1, 0.0), (7, 0.0), (7, 0.2), (300, 0.0)])
def test_a_rule_that_trusts_labels_alone_is_persistence(delay: int, noise: float) -> None:
    series, feedback = noisy(250), feedback_of("full", delay, noise)
    chain = Chain(prior=0.15, end=0.99 * (1 - 0.15), carry=0.7)  # labels with hardly any memory, however noisy
    nothing = Seen(np.full(250, -1.0), np.full(250, -1.0), np.zeros((250, len(LOOKS))))
    persistence = Persistence(delay, noise=noise, seed=2).detect(series)
    decisions = decided(nothing, series, feedback, Rule(0.5, 1e6, 0.0, 0.0, 0.0), chain)
    np.testing.assert_array_equal(decisions, persistence.decisions)


def test_the_loop_has_the_same_bits_compiled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    series, feedback = noisy(300, seed=1), feedback_of("alerts", 7, 0.1)
    seen, rules = drawn(series, 3), drawn_rules(4, seed=5)
    compiled = [decided(seen, series, feedback, rule) for rule in rules]
    monkeypatch.setattr(module, "judge_windows", module.judge_windows.__wrapped__)  # type: ignore[attr-defined]
    np.testing.assert_array_equal([decided(seen, series, feedback, rule) for rule in rules], compiled)


# The method


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(trees=10).fit(TRAIN)


def fitted(feedback: Feedback, evidence: Evidence) -> Remembering:
    agent = Remembering(feedback, seed=2)
    agent.evidence = evidence
    return agent.fit(evidence.train)


@pytest.mark.parametrize("feedback", [feedback_of("none"), feedback_of("alerts", 4, 0.1)], ids=str)
def test_it_judges_by_its_evidence_the_surprise_and_the_looks_after_the_past(
    feedback: Feedback, evidence: Evidence
) -> None:
    agent, whole = fitted(feedback, evidence), noisy(400, seed=8)
    agent.rule = Rule(0.5, 1.0, 2.5, 1.0, agent.rule.cut)
    columns = ("score", "mean_10", "mean_30", "above_median", "rise", "change_5_in_steps")
    looks: list[NDArray[np.float64]] = []
    for one in (*TRAIN, whole):
        context = score_context(one.scores).astype(float)
        looks.append(np.stack([context[:, SCORE_CONTEXT.index(name)] for name in columns], axis=1))
    deviations = np.concatenate(looks[:-1]).std(axis=0)
    surprises = Surprise(whole.scores[:150]).extend(whole.scores[150:])
    seen = Seen(evidence(whole)[150:], surprises, looks[-1][150:] / deviations)
    later = ScoredSeries(whole.scores[150:], whole.labels[150:], past=whole.scores[:150])
    expected = naive(seen, told_labels(later, feedback, 2).tolist(), agent.chain, feedback, agent.rule)
    assert agent.detect(later).decisions.tolist() == expected
    assert 0 < np.mean(expected) < 1


def test_a_late_label_is_taken_in_as_if_it_had_come_in_time(evidence: Evidence) -> None:
    agent, series = fitted(feedback_of("alerts", 3), evidence), noisy(300, seed=8)
    agent.rule = Rule(0.5, 1.5, 1.0, 2.0, agent.rule.cut)
    in_time, late = agent.start(), agent.start()
    for t, score in enumerate(series.scores.tolist()):
        in_time.tell(t - 3, bool(series.labels[t - 3])) if t >= 3 else None
        for session in (in_time, late):
            session.threshold(score)
            session.judged(score, t % 2 == 0)
    assert state_of(late) != state_of(in_time)
    for t in np.random.default_rng(0).permutation(297).tolist():
        late.tell(t, not series.labels[t])
        late.tell(t, bool(series.labels[t]))
    assert state_of(late) == state_of(in_time)


def test_its_objective_is_that_of_its_rule_on_evidence_that_has_not_seen_the_series(evidence: Evidence) -> None:
    feedback = feedback_of("alerts", 4, 0.1)
    agent = fitted(feedback, evidence)
    for i, one in enumerate(TRAIN):
        held_out = Evidence(trees=10).fit([*TRAIN[:i], *TRAIN[i + 1 :]])(one)
        seen = Seen.of(held_out, Surprise().extend(one.scores), score_context(one.scores), agent.spread)
        decisions = naive(seen, told_labels(one, feedback, 2).tolist(), agent.chain, feedback, agent.rule)
        assert agent.held_out[i] == pytest.approx(objective(np.array(decisions), one.truth))


def test_evidence_of_other_series_is_refused(evidence: Evidence) -> None:
    agent = Remembering()
    agent.evidence = evidence
    with pytest.raises(InputError, match="other series"):
        agent.fit(TRAIN[:2])


def test_its_threshold_is_the_score_that_would_just_have_been_flagged(evidence: Evidence) -> None:
    agent, series = fitted(feedback_of("none"), evidence), noisy(400, seed=8)
    past, later, within = series.scores[:150], series.scores[150:], 0
    agent.rule = Rule(0.0, 0.0, 0.0, 0.0, 2.0)
    session, surprise = agent.start(past), Surprise(past)
    for score in later.tolist():
        other = Surprise(past)
        restore(other, state_of(surprise))
        threshold = session.threshold(score)
        session.judged(score, score > threshold)
        (found,) = surprise.extend(np.array([score], np.float32))
        assert (score > threshold) == (found > 2.0)
        if 0 < threshold < 1 and abs(score - threshold) > 1e-6:
            assert other.extend(np.array([threshold], np.float32)).tolist() == pytest.approx([2.0], abs=1e-3)
            within += 1
    assert within > 200


def test_a_verdict_that_comes_after_all_corrections_is_remembered_by_its_looks(evidence: Evidence) -> None:
    agent, series = fitted(feedback_of("alerts", 3), evidence), noisy(1200, seed=8)
    agent.rule = Rule(0.5, 1.5, 1.0, 2.0, agent.rule.cut)
    session = agent.start()
    for t, score in enumerate(series.scores.tolist()):
        session.threshold(score)
        session.judged(score, t in (10, 1100))
    before = state_of(session)
    session.tell(10, False)
    after = state_of(session)
    assert {name for name in before if before[name] != after[name]} == {"_verdicts"}
    session.tell(11, False)  # no alarm, and too long ago: nothing to learn of it
    assert state_of(session) == after


def test_a_verdict_that_comes_early_counts_at_once_for_what_looks_alike(evidence: Evidence) -> None:
    agent = fitted(feedback_of("alerts", 60), evidence)
    agent.rule = Rule(0.5, 0.0, 2.5, 0.0, agent.rule.cut)
    scores, told = noisy(60, seed=8).scores.tolist(), []
    for verdict in (None, False, True):
        session = agent.start()
        for t, score in enumerate(scores):
            session.threshold(score)
            session.judged(score, t == 50)
        if verdict is not None:
            session.tell(50, verdict)
        told.append(session.threshold(scores[50]))
    unknown, false, true = told
    assert true < unknown < false
