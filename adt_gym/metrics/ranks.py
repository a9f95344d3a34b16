"""Average ranks of methods over series, and how far apart they must be to differ."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.series import InputError


def average_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Return shape ``(k,)``: the mean over series of each method's rank, 1 for the best; equal ones share theirs.

    Args:
        values: Shape ``(n, k)``: of k methods on n series, higher is better. Finite.

    Raises:
        InputError: If the shape is another, or a value is not finite.
    """
    from scipy.stats import rankdata

    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        raise InputError(
            f"ranks: values must be finite, of shape (series, methods), none of them 0; got {values.shape}; leave out "
            "methods that were not measured on some series"
        )
    ranks: NDArray[np.float64] = rankdata(-values, axis=1).mean(axis=0)
    return ranks


def critical_difference(methods: int, series: int, alpha: float = 0.05) -> float:
    """Return by how much average ranks must differ for two methods to differ: Nemenyi's test.

    CD = q_alpha sqrt(k (k + 1) / (6 N)), with q_alpha the studentized range over sqrt 2.

    Reference: J. Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006, section 3.2.2.
    It takes the series for independent of each other, which those of one family are not quite.

    Args:
        methods: k, at least 2.
        series: N, at least 1.
        alpha: The chance that any two of equal methods are told apart, inside (0, 1).

    Raises:
        InputError: If one of them is out of range.
    """
    from scipy.stats import studentized_range

    if methods < 2 or series < 1 or not 0 < alpha < 1:
        raise InputError(
            f"critical difference: needs two methods, a series and 0 < alpha < 1, got {methods}, {series} and {alpha}"
        )
    q = studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * series)))
