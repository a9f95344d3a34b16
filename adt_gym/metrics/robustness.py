"""How far a result carries: its spread over even subsets of the windows, and whether two methods differ there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.metrics.flags import of_detection
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import Detection, InputError

DECIMALS = 12
"""Differences are rounded to so many: a mean of equal numbers may differ from them in the last bit."""


def subset_scores(detections: Sequence[Detection], subsets: int = 10) -> NDArray[np.float64]:
    """Return precision, recall and F1 of each of a number of even subsets, shape ``(subsets, 3)``, in [0, 1].

    The windows of all detections, laid end to end, are cut into stretches whose lengths differ by one at most. A subset
    without an anomalous or flagged window counts as 1 (see `precision_recall_f1`).

    Raises:
        InputError: If there are fewer windows than subsets, no subset is asked for, or a decision or label is neither 0
            nor 1.
    """
    pairs = [of_detection(one) for one in detections]
    windows = sum(len(decisions) for decisions, _ in pairs)
    if not 1 <= subsets <= windows:
        raise InputError(f"{windows} windows cannot be cut into {subsets} subsets")
    stretches = [np.array_split(np.concatenate(parts), subsets) for parts in zip(*pairs, strict=True)]
    return np.array([precision_recall_f1(*stretch) for stretch in zip(*stretches, strict=True)])


def mean_and_std(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and sample standard deviation (divisor n - 1; 0 where n = 1) along the first axis, of length n.

    Raises:
        InputError: If n is 0.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 0 or len(values) == 0:
        raise InputError(f"mean and deviation need at least one value, got shape {values.shape}")
    mean = values.mean(axis=0)
    return mean, values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)


def wilcoxon_p(first: ArrayLike, second: ArrayLike) -> float:
    """Return the p-value of the two-tailed Wilcoxon signed-rank test on paired values, both of shape ``(n,)``.

    Equal pairs are left out, as Wilcoxon did; where all are equal the p-value is 1.

    Raises:
        InputError: If the shapes differ, there are no values, or one of them is not finite.
    """
    from scipy.stats import wilcoxon

    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape or first.size == 0:
        raise InputError(f"the Wilcoxon test needs pairs, got shapes {first.shape} and {second.shape}")
    differences = np.round(first - second, DECIMALS)
    if not np.isfinite(differences).all():
        raise InputError(
            f"the Wilcoxon test needs finite values; pair {int(np.argmin(np.isfinite(differences)))} is not"
        )
    if not differences.any():
        return 1.0
    result: Any = wilcoxon(differences, alternative="two-sided")
    return float(result.pvalue)
