"""Bootstrap intervals over series and seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.metrics.flags import of_detection
from adt_gym.metrics.windows import confusion_counts, of_counts
from adt_gym.series import Detection, InputError


@dataclass(frozen=True)
class Interval:
    """A measured value and its confidence interval; NaN at both ends where there was nothing to resample."""

    estimate: float
    low: float
    high: float


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[[NDArray[Any]], float] = np.mean,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the statistic of all values with its percentile bootstrap interval.

    Series and seeds are drawn anew with replacement, each on its own, and all cells of the drawn rows and columns are
    taken: the values of one series are not independent of each other, nor those of one seed (A. Owen, "The Pigeonhole
    Bootstrap", Annals of Applied Statistics 1(2), 2007). An axis of length 1 is not resampled.

    Args:
        values: Shape ``(series, seeds)``, or ``(series, seeds, ...)`` for several numbers per cell, as counts are.
        statistic: From an array of such a shape to a number.
        confidence: Inside (0, 1).
        resamples: How many.
        seed: Of the resampling.

    Raises:
        InputError: If there are no values, or not two axes of them, or one is not finite; if the confidence is out of
            range or there is no resample.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim < 2 or 0 in values.shape:
        raise InputError(f"bootstrap: values must have shape (series, seeds, ...), none of them 0, got {values.shape}")
    if not np.isfinite(values).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(f"bootstrap: values{list(place)} is {values[place]}; leave out what was not measured")
    if not 0 < confidence < 1 or resamples < 1:
        raise InputError(f"bootstrap: needs 0 < confidence < 1 and resamples >= 1, got {confidence} and {resamples}")
    estimate = float(statistic(values))
    axes = [axis for axis in (0, 1) if values.shape[axis] > 1]
    if not axes:
        return Interval(estimate, float("nan"), float("nan"))

    def of_drawn(*drawn: NDArray[np.int_]) -> float:
        cells = values
        for axis, places in zip(axes, drawn, strict=True):
            cells = cells.take(places, axis=axis)
        return float(statistic(cells))

    from scipy.stats import bootstrap

    low, high = bootstrap(
        [np.arange(values.shape[axis]) for axis in axes],
        of_drawn,
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        vectorized=False,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(estimate, float(low), float(high))


@dataclass(frozen=True, eq=False)
class Intervals:
    """Measured values and their confidence intervals, arrays of one shape."""

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def stratified_intervals(
    strata: Sequence[ArrayLike], *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Intervals:
    """Return the mean of the means of all strata, each with the same weight, with percentile bootstrap intervals.

    Series are drawn anew within their stratum (B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993,
    chapter 8). All columns are drawn alike, so that the interval of a column of differences is a paired one. A stratum
    of a single series is not resampled.

    Args:
        strata: One per family, each of shape ``(series, ...)``: what was measured, NaN where nothing was, which makes
            all of its column NaN.
        confidence: Inside (0, 1).
        resamples: How many.
        seed: Of the resampling.

    Returns:
        Arrays of the shape ``(...)``; both ends are NaN where no stratum has two series.

    Raises:
        InputError: If there is no stratum, or one has no series; if the confidence is out of range or there is no
            resample.
    """
    groups = [np.asarray(one, dtype=np.float64) for one in strata]
    if not groups or any(one.ndim < 1 or not len(one) for one in groups):
        raise InputError(f"bootstrap: every family needs a series, got {[one.shape[:1] for one in groups]}")
    if not 0 < confidence < 1 or resamples < 1:
        raise InputError(f"bootstrap: needs 0 < confidence < 1 and resamples >= 1, got {confidence} and {resamples}")
    several, single = ([one for one in groups if (len(one) > 1) == many] for many in (True, False))

    def mean(*drawn: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        means: NDArray[np.float64] = sum(one.mean(axis=axis) for one in drawn) + rest
        return means / len(groups)

    rest: Any = sum(one[0] for one in single)
    estimate = mean(*several, axis=0)
    if not several:
        return Intervals(estimate, *np.full((2, *estimate.shape), np.nan))
    from scipy.stats import bootstrap

    rest = rest if np.ndim(rest) == 0 else rest[..., None]  # the resamples stand behind the columns
    low, high = bootstrap(
        [np.nan_to_num(one) for one in several],
        mean,
        axis=0,
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    missing = np.isnan(estimate)
    return Intervals(estimate, np.where(missing, np.nan, low), np.where(missing, np.nan, high))


def f1_interval(runs: Sequence[Sequence[Detection]], series: Sequence[int] | None = None) -> Interval:
    """Return the F1 over the windows of all series, the mean over runs, with its 95% interval over series and runs.

    Args:
        runs: One per seed, or a single one; each holds one detection per series, of the same series in the same order.
        series: Of each detection of a run, the number of the series that it is part of: a series is drawn as a whole.
            By default each is a series of its own.

    Raises:
        InputError: If there are no runs, no detections in them, or runs of different series; if a decision or label is
            neither 0 nor 1.
    """
    if not runs or not runs[0]:
        raise InputError("no detections to measure")
    numbers = list(range(len(runs[0])) if series is None else series)
    pairs = [[of_detection(one) for one in run] for run in runs]
    counts = np.zeros((max(numbers) + 1, len(runs), 3), dtype=np.int_)
    for place, run in enumerate(pairs):
        same = len(run) == len(numbers) and all(np.array_equal(a[1], b[1]) for a, b in zip(run, pairs[0], strict=True))
        if not same:
            raise InputError("bootstrap: every run must hold detections of the same series in the same order")
        for number, pair in zip(numbers, run, strict=True):
            counts[number, place] += confusion_counts(*pair)
    return bootstrap_interval(counts, _mean_f1)


def _mean_f1(counts: NDArray[Any]) -> float:
    """Return the mean over runs of the F1 of counts of shape ``(series, runs, 3)``, summed over series."""
    return float(np.mean([of_counts(*of_run)[2] for of_run in counts.sum(axis=0)]))
