from typing import Any, cast

import numpy as np
import pytest
from machines import noisy
from sklearn.ensemble import IsolationForest

from adt_gym import ScoredSeries
from adt_gym.stream.context import ScoreContext, score_context
from adt_gym.stream.feedback import feedback_of
from adt_gym.thresholds import trees
from adt_gym.thresholds.feedback_forest import LEAST, ONE, PART, FeedbackForest, Grown, Taught, Teaching
from adt_gym.thresholds.replayed import Released
from adt_gym.thresholds.trees import Trees

SERIES = noisy(260, seed=8)
ROWS = score_context(noisy(400, seed=9).scores)
MODEL = IsolationForest(n_estimators=7, max_samples=128, random_state=0).fit(ROWS)


def test_path_lengths_are_those_of_sklearn() -> None:
    n = 128
    usual = 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n  # Liu et al., equation 1
    expected = -np.log2(-MODEL.score_samples(ROWS)) * usual  # equation 2: the score is 2 ** (- mean length / usual)
    grown = Grown.of(Trees.of_isolation(MODEL), ROWS)
    lengths = grown.lengths[grown.paths].sum(axis=1)[grown.trees.leaves(ROWS)].sum(axis=1) / PART
    np.testing.assert_allclose(lengths / 7, expected, atol=1 / PART)
    assert grown.usual.tolist() == sorted((lengths * PART).astype(int).tolist())
    leaves = np.column_stack([tree.apply(ROWS) for tree in MODEL.estimators_])
    assert (grown.trees.leaves(ROWS) - grown.trees.roots == leaves).all()
    nodes = (grown.trees.feature, grown.trees.threshold, grown.trees.left, grown.trees.right, grown.trees.roots)
    assert (cast(Any, trees._ends).__wrapped__(ROWS, *nodes) - grown.trees.roots == leaves).all()


def descended(grown: Grown, teaching: Teaching, rule: Any, rows: Any) -> list[bool]:
    """Return the decisions by online mirror descent with the linear loss, one component of w for every node."""
    n = len(grown.trees.left)
    phi = np.zeros((len(rows), n))
    for t, leaves in enumerate(grown.trees.leaves(rows)):
        for leaf in leaves:
            for node in set(grown.paths[leaf].tolist()) - {n}:
                phi[t, node] = -grown.lengths[node] / PART  # the score is minus the path length
    cut = -grown.cut(teaching.level) / ONE / PART**2
    rate = round(teaching.rate * ONE) / ONE
    theta, decisions, waiting = np.ones(n), [], []
    for t in range(len(rows)):
        for window in [one for one in waiting if one + rule.delay <= t]:
            waiting.remove(window)
            y = 1 if SERIES.truth[window] else -1
            if rule.told_at(window, decisions[window]) and (decisions[window] or y == 1):
                theta -= rate * -y * phi[window]  # the gradient of -y w phi
        decisions.append(float(np.maximum(theta, 0) @ phi[t]) > cut)
        waiting.append(t)
    return decisions


@pytest.mark.parametrize("rule", [("full", 1), ("full", 7), ("alerts", 4)], ids=str)
def test_weights_are_those_of_online_mirror_descent(rule: tuple[str, int]) -> None:
    grown, teaching, feedback = Grown.of(Trees.of_isolation(MODEL), ROWS), Teaching(0.9, 0.05), feedback_of(*rule)
    released = Released.of(SERIES, feedback, 0)
    assert released is not None
    found = Taught(grown, ScoreContext(), teaching, feedback).thresholds(SERIES.scores, released) == 0
    expected = descended(grown, teaching, feedback, score_context(SERIES.scores))
    assert found.tolist() == expected
    untaught = grown.lengths[grown.paths].sum(axis=1)[grown.trees.leaves(score_context(SERIES.scores))].sum(axis=1)
    assert (found != (untaught < grown.cut(0.9) / ONE / PART)).any()


def test_a_window_like_false_alarms_is_flagged_no_longer() -> None:
    grown = Grown.of(Trees.of_isolation(MODEL), ROWS)
    session, flagged = Taught(grown, ScoreContext(), Teaching(0.9, 0.1), feedback_of("alerts", 1)), []
    for t in range(200):
        flagged.append(session.threshold(0.97) == 0)
        session.judged(0.97, flagged[-1])
        session.tell(t, False)
    assert flagged[0]
    assert not any(flagged[100:])


def test_a_series_without_a_past_is_judged_by_the_training_series() -> None:
    train = [noisy(300, seed=seed) for seed in (1, 2)]
    method = FeedbackForest("none", trees=5).fit(train)
    for past in (None, SERIES.scores[: LEAST - 1]):
        assert method.start(past)._forest is method.forest
    past = ScoredSeries(np.random.default_rng(0).random(LEAST)).scores
    own = method.start(past)._forest
    assert own is not method.forest
    assert len(own.usual) == LEAST
    assert own.usual.tolist() == method.start(past)._forest.usual.tolist()
