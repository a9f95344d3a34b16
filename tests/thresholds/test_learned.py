"""What methods that learn from labelled series and are told labels of others have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machines import TRAIN, noisy
from own_rules import Visits

from adt_gym.stream.feedback import Feedback, feedback_of, told_at
from adt_gym.stream.stream import Method, Session
from adt_gym.thresholds import load, make

SERIES = noisy(260, seed=8)


class Weekly(Feedback):
    """Labels come together, every seventh window."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return t - t % 7 + 8


WORDS = [("none", 1, 0.0), ("full", 1, 0.0), ("full", 10, 0.1), ("alerts", 3, 0.0), ("alerts", 3, 0.1)]
RULES = [*(feedback_of(*word) for word in WORDS), Visits(0.1), Weekly()]
MAKERS: dict[str, Callable[[Feedback], Any]] = {
    "belief": lambda rule: make("belief", feedback=rule, seed=5, trees=5),
    "remembering": lambda rule: make("remembering", feedback=rule, seed=5),
    "boosting": lambda rule: make("boosting", feedback=rule, seed=5, trees=5),
    "ours": lambda rule: make("ours", feedback=rule, seed=5),
    "step_control": lambda rule: make("step_control", feedback=rule, seed=5),
    "hedge": lambda rule: make("hedge", feedback=rule, seed=5),
    "feedback_forest": lambda rule: make("feedback_forest", feedback=rule, seed=5, trees=5),
    "probing": lambda rule: make("probing", feedback=rule, seed=5, trees=5),
}


def flipped(rule: Feedback) -> list[bool]:
    wrong = np.random.default_rng(5).random(len(SERIES)) < rule.noise
    return (SERIES.labels ^ wrong).tolist()


@pytest.fixture(scope="module", params=[(n, r) for n in MAKERS for r in RULES], ids=lambda p: f"{p[0]}-{p[1]!r:.20}")
def method(request: pytest.FixtureRequest) -> Method:
    name, rule = request.param
    made: Method = MAKERS[name](rule).fit(TRAIN)
    return made


def decide(session: Session, score: float) -> bool:
    decision = bool(score > session.threshold(score))
    session.judged(score, decision)
    return decision


def test_labels_told_at_once_wait_for_their_time(method: Method) -> None:
    told, session, decisions = flipped(method.feedback), method.start(), []
    for t, score in enumerate(SERIES.scores.tolist()):
        decisions.append(decide(session, score))
        if told_at(method.feedback, t, decisions[t]) is not None:
            session.tell(t, not told[t])
            session.tell(t, told[t])
    np.testing.assert_array_equal(decisions, method.detect(SERIES).decisions)


def test_a_label_that_is_corrected_in_the_same_window_leaves_no_trace(method: Method) -> None:
    rule, told, session = method.feedback, flipped(method.feedback), method.start()
    decisions: list[bool] = []
    for t, score in enumerate(SERIES.scores.tolist()):
        decisions.append(decide(session, score))
        due = [w for w in range(max(t - 60, 0), t + 1) if told_at(rule, w, decisions[w]) == t + 1]
        for window in due[::-1]:
            session.tell(window, told[window])
        for window in range(max(t - 20, 0), t):
            at = told_at(rule, window, decisions[window])
            if at is not None and at <= t:
                session.tell(window, not told[window])
                session.tell(window, told[window])
    np.testing.assert_array_equal(decisions, method.detect(SERIES).decisions)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("belief", "held_out_f1"), ("remembering", "held_out"), ("boosting", "held_out"), ("ours", "held_out")],
)
def test_a_file_holds_trees_and_how_they_did_on_series_that_they_had_not_seen(
    name: str, kept: str, tmp_path: Path
) -> None:
    method: Any = MAKERS[name](feedback_of("full", 10, 0.1)).fit(TRAIN)
    method.save(tmp_path / "method.npz")
    one, other = (getattr(getattr(one, "chosen", one), kept) for one in (load(tmp_path / "method.npz"), method))
    np.testing.assert_array_equal(one, other)
    with np.load(tmp_path / "method.npz", allow_pickle=False) as file:
        assert "roots" in file.files
