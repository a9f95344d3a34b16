import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn.metrics import precision_recall_fscore_support

from adt_gym import InputError
from adt_gym.evaluation import precision_recall_f1

pairs = st.integers(1, 40).flatmap(lambda n: st.tuples(nps.arrays(bool, n), nps.arrays(bool, n)))


@given(pair=pairs)
def test_precision_recall_f1_are_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    decisions, labels = pair
    if not decisions.any() and not labels.any():
        expected: tuple[float, ...] = (1.0, 1.0, 1.0)
    else:
        expected = precision_recall_fscore_support(labels, decisions, average="binary", zero_division=0.0)[:3]
    computed = precision_recall_f1(decisions, labels)
    assert computed == pytest.approx(expected)
    assert [type(value) for value in computed] == [float] * 3


@pytest.mark.parametrize(
    ("decisions", "labels", "expected"),
    [
        ([0, 0, 0], [0, 0, 0], (1.0, 1.0, 1.0)),  # nothing to find, nothing flagged
        ([1, 0, 0], [0, 0, 0], (0.0, 0.0, 0.0)),  # only false alarms
        ([0, 0, 0], [0, 1, 1], (0.0, 0.0, 0.0)),  # all missed
        ([1, 0, 0], [0, 1, 0], (0.0, 0.0, 0.0)),
        ([1, 1, 0, 0], [1, 0, 1, 1], (1 / 2, 1 / 3, 2 / 5)),
        ([1, 1], [1, 1], (1.0, 1.0, 1.0)),
    ],
)
def test_conventions_by_hand(decisions: list[int], labels: list[int], expected: tuple[float, float, float]) -> None:
    assert precision_recall_f1(decisions, labels) == pytest.approx(expected)


def test_different_lengths() -> None:
    with pytest.raises(InputError, match=r"\(2,\).*\(3,\)"):
        precision_recall_f1([0, 1], [0, 1, 0])
