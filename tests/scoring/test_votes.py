import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adt_gym.scoring import votes
from adt_gym.scoring.votes import Action, Verdicts, f1_weights, votes_needed
from adt_gym.series import InputError


def verdicts(flags: np.ndarray, weights: np.ndarray | None = None) -> Verdicts:
    members = flags.shape[1]
    given_weights = np.full(members, 1 / members) if weights is None else weights
    scores = np.where(flags, 0.9, 0.1).astype(np.float32)
    return Verdicts(tuple(f"m{i}" for i in range(members)), scores, np.full(members, 0.5), given_weights)


flag_tables = st.integers(1, 6).flatmap(lambda m: arrays(bool, st.tuples(st.integers(1, 12), st.just(m))))


@given(flag_tables)
def test_the_vote_share_and_the_agreement_are_those_of_naive_loops(flags: np.ndarray) -> None:
    said = verdicts(flags)
    windows, members = flags.shape
    agreeing = pairs = 0
    for t in range(windows):
        assert said.share()[t] == pytest.approx(sum(1 for flag in flags[t] if flag) / members)
        for i in range(members):
            for j in range(members):
                if i != j:
                    pairs += 1
                    agreeing += flags[t, i] == flags[t, j]
    assert said.agreement() == pytest.approx(agreeing / pairs if pairs else 1.0)


@given(flag_tables)
def test_rules_flag_what_their_words_say(flags: np.ndarray) -> None:
    members = flags.shape[1]
    votes = flags.sum(axis=1)
    words = {
        "any": votes > 0,
        "majority": 2 * votes > members,
        "strong": 3 * votes >= 2 * members,
        "all": votes == members,
        f"at_least({members})": votes >= members,
        "at_least(1)": votes >= 1,
    }
    for rule, expected in words.items():
        np.testing.assert_array_equal(votes >= votes_needed(rule, members), expected)


@pytest.mark.parametrize("rule", ["most", "at_least(0)", "at_least(4)", "at_least(x)", "at_least(1)x"])
def test_unknown_rules_are_refused(rule: str) -> None:
    with pytest.raises(InputError, match=r"at_least"):
        votes_needed(rule, 3)


def test_soft_and_weighted_scores() -> None:
    said = verdicts(np.array([[True, False, False], [True, True, False]]), np.array([0.5, 0.3, 0.2]))
    np.testing.assert_allclose(said.weighted_share(), [0.5, 0.8])
    np.testing.assert_allclose(said.soft(), [(0.9 + 0.2) / 3, (1.8 + 0.1) / 3], rtol=1e-6)


def test_actions_by_hand() -> None:
    flags = np.array(
        [
            [False, False, False, False],
            [True, False, False, False],
            [True, True, False, False],  # half is no majority, whatever the confidence
            [False, True, True, True],  # 0.4: a majority without confidence
            [True, True, False, True],  # 0.85
            [True, False, True, True],  # 0.75 exactly
            [True, True, True, True],
        ]
    )
    said = verdicts(flags, np.array([0.6, 0.25, 0.0, 0.15]))
    expected = [Action.NONE, Action.ALERT, Action.ALERT, Action.ALERT, Action.ACT, Action.ACT, Action.STOP]
    np.testing.assert_array_equal(said.actions(), expected)
    unsure = verdicts(flags, np.array([0.3, 0.3, 0.2, 0.2]))
    assert list(unsure.actions()[3:6]) == [Action.NOTIFY, Action.ACT, Action.NOTIFY]


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(votes).failed == 0


def test_explain_gives_the_action_and_every_members_verdict() -> None:
    explained = verdicts(np.array([[False, False], [True, False]]), np.array([0.75, 0.25])).explain(1)
    assert explained.action == Action.ALERT
    assert str(explained) == "ALERT: m0 0.900 > 0.500"
    assert [(one.member, one.flagged, one.weight, one.threshold) for one in explained.verdicts] == [
        ("m0", True, 0.75, 0.5),
        ("m1", False, 0.25, 0.5),
    ]
    assert [one.score for one in explained.verdicts] == pytest.approx([0.9, 0.1])


def test_f1_weights_by_hand() -> None:
    labels = np.array([True, True, False, False])
    flags = np.array([[True, True, False], [True, False, False], [False, False, True], [False, False, False]])
    np.testing.assert_allclose(f1_weights(flags, labels), [1 / (1 + 2 / 3), (2 / 3) / (1 + 2 / 3), 0])
    np.testing.assert_allclose(f1_weights(~labels[:, None].repeat(2, axis=1), labels), [0.5, 0.5])
