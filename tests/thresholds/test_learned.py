"""What methods that learn from labelled series and are told labels of others have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machines import TRAIN, noisy

from adt_gym import InputError
from adt_gym.stream.feedback import Feedback, feedback_of, told_at
from adt_gym.stream.replay import replay
from adt_gym.stream.state import restore, state_of
from adt_gym.stream.stream import Method, Session
from adt_gym.thresholds import load, make

SERIES = noisy(260, seed=8)


class Visits(Feedback):
    """Every twelve windows someone looks at the alarms, and, newest first, at others of a visit before; not at all."""

    noise = 0.1

    def told_at(self, t: int, decision: bool) -> int | None:
        if t % 5 == 4:
            return None
        return t - t % 12 + (12 if decision else 36 - t % 12)


class Weekly(Feedback):
    """Labels come together, every seventh window."""

    def told_at(self, t: int, decision: bool) -> int | None:
        return t - t % 7 + 8


WORDS = [("none", 1, 0.0), ("full", 1, 0.0), ("full", 10, 0.1), ("alerts", 3, 0.0), ("alerts", 3, 0.1)]
RULES = [*(feedback_of(*word) for word in WORDS), Visits(), Weekly()]
MAKERS: dict[str, Callable[[Feedback], Any]] = {
    "belief": lambda rule: make("belief", feedback=rule, seed=5, trees=5),
    "boosting": lambda rule: make("boosting", feedback=rule, seed=5, trees=5),
    "ours": lambda rule: make("ours", feedback=rule, seed=5),
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


def test_the_stream_is_the_series(method: Method) -> None:
    detection, looped = method.detect(SERIES), replay(method, SERIES, method.feedback, method.seed)
    np.testing.assert_array_equal(looped.thresholds, detection.thresholds)
    assert 0 < detection.decisions.mean() < 1


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


def test_it_goes_on_from_its_state(method: Method) -> None:
    told, sessions = flipped(method.feedback), [method.start(), method.start()]
    restored = method.start()
    for t, score in enumerate(SERIES.scores.tolist()):
        first, other = (decide(session, score) for session in sessions)
        assert first == other
        for session in sessions:
            session.tell(max(t - 2, 0), told[max(t - 2, 0)])
        if t == 130:
            restore(restored, state_of(sessions[0]))
            sessions[1] = restored


def test_a_file_holds_all_of_it(method: Method, tmp_path: Path) -> None:
    path = tmp_path / "method.npz"
    if method.feedback.kind == "own rule":
        with pytest.raises(InputError, match="rule of your own"):
            method.save(path)
        return
    method.save(path)
    again: Any = load(path)
    assert (type(again), again.name, again.feedback) == (type(method), method.name, method.feedback)
    np.testing.assert_array_equal(again.detect(SERIES).thresholds, method.detect(SERIES).thresholds)
    one, other = (getattr(one, "chosen", one).held_out_f1 for one in (again, method))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(one, other)
    with np.load(path, allow_pickle=False) as file:
        assert "roots" in file.files
