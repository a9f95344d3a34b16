import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from adt_gym.metrics.robustness import mean_and_std, subset_scores, wilcoxon_p
from adt_gym.series import Detection, InputError


def detected(decisions: np.ndarray, labels: np.ndarray) -> Detection:
    return Detection(np.full(len(decisions), 0.5, dtype=np.float32), decisions, labels)


def random_detections(*lengths: int, seed: int = 0) -> list[Detection]:
    random = np.random.default_rng(seed)
    return [detected(random.random(n) < 0.4, random.random(n) < 0.5) for n in lengths]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 12), st.integers(0, 5))
def test_subsets_cut_all_windows_into_even_stretches_in_order(lengths: list[int], subsets: int, seed: int) -> None:
    run = random_detections(*lengths, seed=seed)
    windows = sum(lengths)
    if windows < subsets:
        with pytest.raises(InputError, match=f"{windows} windows cannot be cut into {subsets} subsets"):
            subset_scores(run, subsets)
        return
    every = [(bool(d), bool(y)) for one in run for d, y in zip(one.decisions, one.labels, strict=True)]
    scores, start = subset_scores(run, subsets), 0
    assert scores.shape == (subsets, 3)
    for i, (precision, recall, f1) in enumerate(scores):
        stop = start + windows // subsets + (i < windows % subsets)
        flags, truth = zip(*every[start:stop], strict=True)
        nothing = not any(flags) and not any(truth)
        expected = precision_recall_fscore_support(truth, flags, average="binary", zero_division=0)[:3]
        assert (precision, recall, f1) == pytest.approx((1, 1, 1) if nothing else expected)
        start = stop
    assert start == windows


def test_mean_and_sample_standard_deviation_of_each_column() -> None:
    mean, std = mean_and_std([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]])
    assert mean == pytest.approx([3.0, 5.0])
    assert std == pytest.approx([(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2) ** 0.5, 0.0])


def test_the_deviation_of_one_run_is_0() -> None:
    mean, std = mean_and_std([[0.5, 0.25]])
    assert (mean.tolist(), std.tolist()) == ([0.5, 0.25], [0.0, 0.0])


def exact_two_tailed_p(differences: list[float]) -> float:
    """Count the sign patterns of the ranks whose positive sum is at least as far from the middle."""
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    n = len(ranks)
    middle = n * (n + 1) / 4
    seen = abs(ranks[np.array(differences) > 0].sum() - middle)
    signs = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return float(np.mean(np.abs(signs @ ranks - middle) >= seen))


@given(st.permutations(range(1, 9)), st.lists(st.booleans(), min_size=8, max_size=8))
def test_wilcoxon_is_the_exact_two_tailed_test(sizes: list[int], positive: list[bool]) -> None:
    differences = [size if sign else -size for size, sign in zip(sizes, positive, strict=True)]
    second = np.linspace(0, 1, 8)
    assert wilcoxon_p(second + np.array(differences), second) == pytest.approx(exact_two_tailed_p(differences))


def test_ten_subsets_all_won_differ_and_equal_ones_do_not() -> None:
    f1 = np.linspace(0.1, 0.9, 10)
    assert wilcoxon_p(f1 + np.linspace(0.01, 0.1, 10), f1) == pytest.approx(2 / 2**10)
    assert wilcoxon_p(f1, f1) == 1.0


def test_a_mean_of_equal_numbers_equals_them() -> None:
    f1 = np.random.default_rng(0).random(10)
    mean = np.mean([f1] * 7, axis=0)
    assert (mean != f1).any()
    assert wilcoxon_p(mean, f1) == 1.0


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 2.0])])
def test_wilcoxon_needs_pairs(first: list[float], second: list[float]) -> None:
    with pytest.raises(InputError, match="pairs"):
        wilcoxon_p(first, second)
