import copy
import pickle
import statistics
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from naive import NaiveMDP

from adt_gym import InputError, ScoredSeries
from adt_gym.mdp.mdp import ThresholdingMDP, mdp_of, reward, trailing_count, trailing_statistics
from adt_gym.stream.feedback import OUTCOME_OF

MakeSeries = Callable[..., ScoredSeries]


@given(flags=nps.arrays(bool, st.integers(1, 60)), k=st.integers(1, 70))
def test_trailing_count_counts_the_last_k(flags: np.ndarray, k: int) -> None:
    expected = [sum(flags.tolist()[max(t - k, 0) : t]) for t in range(len(flags) + 1)]
    assert trailing_count(flags, k).tolist() == expected


@given(scores=nps.arrays(np.float32, st.integers(4, 40), elements=st.floats(0, 1, width=32)), k=st.integers(1, 4))
def test_trailing_statistics_are_the_standard_librarys(scores: np.ndarray, k: int) -> None:
    computed = trailing_statistics(scores, k)
    for t in range(k, len(scores) + 1):
        recent = scores[t - k : t].tolist()
        variance = statistics.variance(recent) if k > 1 else 0.0
        np.testing.assert_allclose(computed[t], [statistics.fmean(recent), variance], atol=1e-7)


@pytest.mark.parametrize(
    ("tp", "fp", "fn", "expected"), [(2, 0, 0, 1.8), (0, 2, 0, -1.8), (0, 0, 2, -1.8), (0, 0, 0, 0.2), (1, 1, 0, 0.0)]
)
def test_reward_by_hand(tp: int, fp: int, fn: int, expected: float) -> None:
    assert reward(tp, fp, tp + fn, k=2, alpha=0.9, beta=0.1) == pytest.approx(expected, abs=1e-12)


def test_outcomes_are_named_by_label_and_decision() -> None:
    assert OUTCOME_OF[True][True] == "TP"
    assert OUTCOME_OF[False][False] == "TN"
    assert OUTCOME_OF[False][True] == "FP"
    assert OUTCOME_OF[True][False] == "FN"


@pytest.mark.parametrize("k", [1, 2, 5])
def test_every_row_of_the_table_is_the_state_it_stands_for(make_series: MakeSeries, k: int) -> None:
    series = [make_series(k + 2, 1), make_series(12, 2)]
    mdp = ThresholdingMDP(series, k, 0.7, 0.3)
    assert mdp.table is not None
    for offset, one in zip(mdp.offsets.tolist(), series, strict=False):
        for t in range(k, len(one) + 1):
            for history in range(1 << k):
                naive = NaiveMDP(one.scores.tolist(), one.labels.tolist(), k, 0.7, 0.3, start=t - k)
                naive.reset()
                naive.judged = []
                for i in reversed(range(k)):
                    naive._judge(threshold=0.0 if history >> i & 1 else 1.0)
                row = (offset + t) << k | history
                np.testing.assert_allclose(mdp.table.observations[row], naive._observation(), atol=1e-7)
                assert mdp.table.rewards[row] == pytest.approx(naive._reward(), abs=1e-12)


def test_no_table_where_the_states_are_too_many(make_series: MakeSeries) -> None:
    assert ThresholdingMDP([make_series(60)], k=50).table is None


def test_environments_of_one_series_share_one_mdp(make_series: MakeSeries) -> None:
    series = (make_series(),)
    assert mdp_of(series, 2, 0.9, 0.1) is mdp_of(series, 2, 0.9, 0.1)
    assert mdp_of(series, 3, 0.9, 0.1) is not mdp_of(series, 2, 0.9, 0.1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda mdp: pickle.loads(pickle.dumps(mdp))])  # noqa: S301
def test_copies_are_equal(make_series: MakeSeries, copied: object) -> None:
    mdp = ThresholdingMDP([make_series(20, 1), make_series(30, 2)], 3, 0.6, 0.4)
    other = copied(mdp)  # type: ignore[operator]
    assert (other.k, other.alpha, other.beta) == (3, 0.6, 0.4)
    for name in ("scores", "labels", "positives", "statistics", "offsets", "lengths"):
        np.testing.assert_array_equal(getattr(other, name), getattr(mdp, name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"k": -3}, "-3"),
        ({"alpha": 0.9, "beta": 0.2}, "0.9 and 0.2"),
        ({"alpha": 1.5, "beta": -0.5}, r"alpha must be in \[0, 1\], got 1\.5"),
        ({"alpha": float("nan"), "beta": 0.1}, "nan"),
    ],
)
def test_bad_arguments(make_series: MakeSeries, changes: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ThresholdingMDP([make_series()], **changes)  # type: ignore[arg-type]


def test_no_series() -> None:
    with pytest.raises(InputError, match="no series"):
        ThresholdingMDP([])


def test_a_series_needs_k_plus_2_windows() -> None:
    ThresholdingMDP([ScoredSeries(np.zeros(7), np.zeros(7), "enough")], k=5)
    with pytest.raises(InputError, match=r"'brief' has 6 windows.*7"):
        ThresholdingMDP([ScoredSeries(np.zeros(6), np.zeros(6), "brief")], k=5)
