"""What a series' past tells beyond the last k windows: context for agents that must do with late labels, few or none.

Every row is causal: it depends on the scores up to its window, and on labels that have been told by then.
"""

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import InputError

HORIZONS = (3, 10, 30, 100, 1000)
"""Windows that the score's rolling means cover, and the shares of positives among the labels told."""

HISTORY = HORIZONS[-1]
"""Windows, beside the delay, that a row of `label_context` looks back on at most."""

LONG = 288
"""Windows that the score's usual range is taken from: a day of one window every five minutes."""

SHORT = 10
"""Windows that a rise or a fall of the score is looked for in."""

SCORE_CONTEXT = (
    "score",
    *(f"mean_{h}" for h in HORIZONS),
    "median",
    "quantile_90",
    "above_median",
    "mean_10_above_median",
    "mean_30_above_quantile_40",
    "rise",
    "fall",
    "change_3",
    "change_10",
    "slow_rise",
    "slow_fall",
    "sharpness",
    "change_5_in_steps",
    "deviation",
)
"""The columns of `score_context`."""

LABEL_CONTEXT = ("newest", *(f"positives_{h}" for h in HORIZONS), "told_share", "since_positive")
"""The columns of `label_context`."""

FLAT = 0.02
"""A standard deviation below this counts as this one, so that a flat stretch does not make noise look strange."""

STILL = 0.003
"""The same for the mean change from one window to the next."""


def trailing_count(flags: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Return shape ``(T + 1,)``: how many of the k entries before each of 0 .. T are True."""
    total = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=total[1:])
    count = total.copy()
    count[k:] -= total[:-k]
    return count


def score_context(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the scores up to each window tell of it.

    Args:
        scores: Shape ``(T,)``, in [0, 1].

    Returns:
        Shape ``(T, len(SCORE_CONTEXT))``, in [-1, 1]: the score, its rolling means, and how far it stands above its
        usual level and its recent one, in scores and in standard deviations or mean changes (a tenth of them).
    """
    import pandas as pd

    s = pd.Series(np.asarray(scores, dtype=np.float64))

    def rolling(windows: int) -> "pd.api.typing.Rolling":
        return s.rolling(windows, min_periods=1)

    def change(windows: int) -> "pd.Series[float]":
        return s - s.shift(windows).fillna(s.iloc[0])

    means = {h: rolling(h).mean() for h in HORIZONS}
    median, day = rolling(LONG).median(), rolling(LONG)
    step = change(1).abs().rolling(LONG, min_periods=1).mean().clip(lower=STILL)
    columns = (
        s,
        *means.values(),
        median,
        day.quantile(0.9),
        s - median,
        means[10] - median,
        means[30] - day.quantile(0.4),
        s - rolling(SHORT).min(),
        rolling(SHORT).max() - s,
        change(3),
        change(10),
        rolling(5).mean() - rolling(30).min(),
        rolling(30).max() - s,
        s - rolling(5).mean().shift(1).fillna(s.iloc[0]),
        change(5) / step / 10,
        (s - day.mean()) / day.std().fillna(1.0).clip(lower=FLAT) / 10,
    )
    return np.clip(np.stack([np.asarray(one) for one in columns], axis=1), -1, 1).astype(np.float32)


def label_context(told: NDArray[np.integer], delay: int) -> NDArray[np.float32]:
    """Return what the labels told before each window tell of it.

    Args:
        told: Shape ``(T,)``: the label that is told of each window when its time has come, 0 or 1, or -1 if none is.
        delay: d: the label of window t is in before window t + d is judged.

    Returns:
        Shape ``(T, len(LABEL_CONTEXT))``, in [-1, 1]: the newest label that can be in (-1 for none); the shares of
        positives among the labels told of the last windows, by horizon; the share of windows of which a label was told,
        over the longest horizon; and the windows since a positive was last told, on a logarithmic scale, 1 for a
        thousand or none.

    Raises:
        InputError: If the delay is below 1.
    """
    if delay < 1:
        raise InputError(f"delay must be at least 1 window, got {delay}")
    T, longest = len(told), HISTORY
    released = np.concatenate((np.full(min(delay, T), -1), told[: max(T - delay, 0)])).astype(np.int64)
    positives, labels = [
        {h: trailing_count(flags, h)[1:] for h in HORIZONS} for flags in (released == 1, released >= 0)
    ]
    last = np.maximum.accumulate(np.where(released == 1, np.arange(T), -longest))
    since = np.log1p(np.minimum(np.arange(T) - last, longest)) / np.log1p(longest)
    shares = [positives[h] / np.maximum(labels[h], 1) for h in HORIZONS]
    return np.stack([released, *shares, labels[longest] / longest, since], axis=1).astype(np.float32)
