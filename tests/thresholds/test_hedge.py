import numpy as np
import pytest
from machines import TRAIN, noisy

from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.thresholds.hedge import EXPERTS, FORGOTTEN, Bets, Hedge, Stakes, experts
from adt_gym.thresholds.replayed import Released

SERIES = noisy(260, seed=8)
LEVELS = experts(SERIES.scores)


def hedged(stakes: Stakes, before: list[int], rule: Feedback) -> list[float]:
    """Return the thresholds by the definition: losses of all labels told so far, summed anew for every window."""
    told, waiting, thresholds, decisions = [], [], [], []
    for t, score in enumerate(SERIES.scores):
        for window in [one for one in waiting if one[1] <= t]:
            waiting.remove(window)
            told.append(window[0] if rule.told_at(window[0], decisions[window[0]]) else None)
        losses = np.array(before, float)
        for window in told[-stakes.memory :] if stakes.memory else told:
            for i in range(EXPERTS) if window is not None else ():
                flags = SERIES.scores[window] > LEVELS[i]
                losses[i] += stakes.false_alarm * (flags and not SERIES.truth[window])
                losses[i] += stakes.miss * (not flags and SERIES.truth[window])
        weights = np.exp(-stakes.rate * (losses - losses.min()))
        shares = np.cumsum(weights) / weights.sum()
        thresholds.append(float(LEVELS[np.flatnonzero(shares >= 0.5 - 1e-12)[0]]))
        decisions.append(bool(score > thresholds[-1]))
        waiting.append((t, t + rule.delay))
    return thresholds


@pytest.mark.parametrize("memory", [0, 20])
@pytest.mark.parametrize("rule", [("full", 1), ("full", 7), ("alerts", 4)], ids=str)
def test_the_weighted_median_of_the_experts_by_the_definition(rule: tuple[str, int], memory: int) -> None:
    stakes, feedback = Stakes(True, 0.1, 1, 3, 0, memory), feedback_of(*rule)
    before = np.arange(EXPERTS)
    released = Released.of(SERIES, feedback, 0)
    assert released is not None
    found = Bets(stakes, LEVELS, before, feedback).thresholds(SERIES.scores, released)
    assert found.tolist() == hedged(stakes, before.tolist(), feedback)
    assert len(set(found.tolist())) > 3


def test_one_label_tells_the_loss_of_all_experts() -> None:
    session = Bets(Stakes(True, 0.1, 2, 5, 0, 0), LEVELS, np.zeros(EXPERTS, np.int64), feedback_of("full", 1))
    score = float(LEVELS[9:11].mean())
    for t, label in enumerate((False, True, True)):
        session.threshold(score)
        session.judged(score, True)
        session.tell(t, label)
    session.threshold(score)
    assert session._losses.tolist() == 10 * [2] + 11 * [10]


def test_experts_stand_at_quantiles_and_above_the_highest_score() -> None:
    scores = np.random.default_rng(0).random(100_000) * 0.8
    levels = experts(scores)
    assert (np.diff(levels) > 0).all()
    assert np.mean(scores > levels[0]) == pytest.approx(10**-0.3, abs=1e-3)
    assert (levels > scores.max()).sum() == 7
    assert levels[-1] < 1


def test_training_counts_for_so_many_windows() -> None:
    method = Hedge("none").fit(TRAIN)
    stakes, own = method.stakes, method.stakes.own
    levels = [experts(one.past_scores(raw=False)) if own and len(one.past) else method.levels for one in TRAIN]
    flags = [one.scores[:, None] > level for one, level in zip(TRAIN, levels, strict=True)]
    truth = [one.truth[:, None] for one in TRAIN]
    costs = stakes.false_alarm, stakes.miss
    losses = [
        costs[0] * (f & ~y).mean(axis=0) + costs[1] * (~f & y).mean(axis=0) for f, y in zip(flags, truth, strict=True)
    ]
    np.testing.assert_allclose(method.before, stakes.worth * np.mean(losses, axis=0), atol=0.5)


def test_a_weight_of_next_to_nothing_is_none() -> None:
    weights = Stakes(True, 0.5, 1, 1, 0, 0).weights
    np.testing.assert_allclose(weights[:-1], np.exp(-0.5 * np.arange(2 * FORGOTTEN)))
    assert weights[-1] == 0
