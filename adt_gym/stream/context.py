"""What a series' past tells beyond the last k windows: context for agents that must do with late labels, few or none.

Every row is causal: it depends on the scores up to its window, and on labels that have been told by then. One loop over
windows makes the rows of a whole series and those of a stream, bit by bit the same, at a cost that does not grow.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.stream.feedback import DueLabels, Feedback, in_at

HORIZONS = (3, 10, 30, 100, 1000)
"""Windows that the score's rolling means cover, and the shares of positives among the labels told."""

HISTORY = HORIZONS[-1]
"""Windows that a row looks back on at most: of labels, those whose feedback came last."""

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

FEEDBACK_CONTEXT = ("tells", "partial", "told", "told_age", "waiting", "alarms_waiting")
"""What an agent for any feedback is shown beside: whether labels come at all, and only after some decisions; the label
of the newest window that has one (1, -1; 0 for none) and its age; windows, and alarms, whose feedback is still to come.
The last three are on the scale of `since`."""

FLAT = 0.02
"""A standard deviation below this counts as this one, so that a flat stretch does not make noise look strange."""

STILL = 0.003
"""The same for the mean change from one window to the next."""


UNIT, SQUARE = 2.0**40, 2.0**50
"""Sums are kept in whole numbers of 1 / UNIT, those of squares of 1 / SQUARE: exact, they never drift."""

_MEANS = (*HORIZONS, 5, LONG)
"""Windows of the running sums; after them come the squares and the changes, both over LONG."""

_SQUARES, _CHANGES = len(_MEANS), len(_MEANS) + 1

_QUANTILES = (0.5, 0.9, 0.4)

_KEPT = HISTORY + 1
"""Scores that are kept: the one that leaves the longest sum is still needed."""

_NO_SCORE = 2.0
"""Stands behind all scores where there are fewer than LONG of them."""

_SINCE = (np.log1p(np.arange(HISTORY + 1)) / np.log1p(HISTORY)).astype(np.float32)


@compiled
def _score_rows(
    scores: NDArray[np.float32],
    t: int,
    past: NDArray[np.float64],
    usual: NDArray[np.float64],
    sums: NDArray[np.int64],
    rows: NDArray[np.float32],
) -> None:
    """Take in scores, the first of them that of window t, and write a row for each.

    Args:
        scores: Shape ``(n,)``.
        t: Scores taken in before.
        past: Shape ``(_KEPT,)``: the score of window i at i modulo _KEPT.
        usual: Shape ``(LONG,)``: the newest LONG scores, ascending, then _NO_SCORE.
        sums: Shape ``(len(_MEANS) + 2,)``.
        rows: Shape ``(n, len(SCORE_CONTEXT))``.
    """
    quantiles = np.empty(len(_QUANTILES))
    means = np.empty(len(_MEANS))
    for i in range(len(scores)):
        score = np.float64(scores[i])
        if t == 0:
            past[:] = score  # so that what lies before the first window is the first score
            sharpness = 0.0
        else:
            sharpness = score - sums[5] / UNIT / min(t, 5)
        previous = past[(t - 1) % _KEPT]
        for j in range(len(_MEANS)):
            sums[j] += int(score * UNIT)
            if t >= _MEANS[j]:
                sums[j] -= int(past[(t - _MEANS[j]) % _KEPT] * UNIT)
            means[j] = sums[j] / UNIT / min(t + 1, _MEANS[j])
        sums[_SQUARES] += int(score * score * SQUARE)
        sums[_CHANGES] += int(abs(score - previous) * UNIT)
        leaving = _NO_SCORE
        if t >= LONG:
            leaving = past[(t - LONG) % _KEPT]
            sums[_SQUARES] -= int(leaving * leaving * SQUARE)
            sums[_CHANGES] -= int(abs(leaving - past[(t - LONG - 1) % _KEPT]) * UNIT)
        gap, place = np.searchsorted(usual, leaving), np.searchsorted(usual, score)
        if place > gap:
            usual[gap : place - 1] = usual[gap + 1 : place].copy()
            usual[place - 1] = score
        else:
            usual[place + 1 : gap + 1] = usual[place:gap].copy()
            usual[place] = score
        past[t % _KEPT] = score
        count = min(t + 1, LONG)
        for j in range(len(_QUANTILES)):
            at = (count - 1) * _QUANTILES[j]
            low = int(at)
            quantiles[j] = usual[low] + (usual[min(low + 1, count - 1)] - usual[low]) * (at - low)
        low_10 = low_30 = high_10 = high_30 = score
        for back in range(1, min(t + 1, 30)):
            one = past[(t - back) % _KEPT]
            low_30, high_30 = min(low_30, one), max(high_30, one)
            if back < SHORT:
                low_10, high_10 = low_30, high_30
        day = means[6]
        deviation = 1.0
        if t > 0:
            variance = (sums[_SQUARES] / SQUARE - day * day * count) / (count - 1)
            deviation = max(np.sqrt(max(variance, 0.0)), FLAT)
        step = max(sums[_CHANGES] / UNIT / count, STILL)
        row = rows[i]
        row[0] = score
        row[1:6] = means[:5]
        row[6] = quantiles[0]
        row[7] = quantiles[1]
        row[8] = score - quantiles[0]
        row[9] = means[1] - quantiles[0]
        row[10] = means[2] - quantiles[2]
        row[11] = score - low_10
        row[12] = high_10 - score
        row[13] = score - past[(t - 3) % _KEPT]
        row[14] = score - past[(t - 10) % _KEPT]
        row[15] = means[5] - low_30
        row[16] = high_30 - score
        row[17] = sharpness
        row[18] = min(max((score - past[(t - 5) % _KEPT]) / step / 10, -1.0), 1.0)
        row[19] = min(max((score - day) / deviation / 10, -1.0), 1.0)
        t += 1


class ScoreContext:
    """The rows of `score_context`, score by score.

    Attributes:
        state: See `adt_gym.stream.state`.
    """

    state: ClassVar = ("_seen", "_past", "_usual", "_sums")

    def __init__(self) -> None:
        self._seen, self._past = 0, np.zeros(_KEPT)
        self._usual, self._sums = np.full(LONG, _NO_SCORE), np.zeros(len(_MEANS) + 2, np.int64)

    def push(self, score: float) -> NDArray[np.float32]:
        """Take in the next score, in [0, 1]; return the row of its window, shape ``(len(SCORE_CONTEXT),)``."""
        return self.extend(np.array([score], np.float32))[0]

    def extend(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """Take in the next n scores; return their rows, shape ``(n, len(SCORE_CONTEXT))``."""
        rows = np.empty((len(scores), len(SCORE_CONTEXT)), np.float32)
        _score_rows(np.asarray(scores, np.float32), self._seen, self._past, self._usual, self._sums, rows)
        self._seen += len(scores)
        return rows


def score_context(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the scores up to each window tell of it.

    Args:
        scores: Shape ``(T,)``, in [0, 1].

    Returns:
        Shape ``(T, len(SCORE_CONTEXT))``, in [-1, 1]: the score, its rolling means, and how far it stands above its
        usual level and its recent one, in scores and in standard deviations or mean changes (a tenth of them).
    """
    return ScoreContext().extend(scores)


_WINDOW, _LABEL, _DUE = range(3)


@compiled
def _label_rows(
    position: int,
    arrivals: NDArray[np.int64],
    kept: NDArray[np.int64],
    counts: NDArray[np.int64],
    cursor: NDArray[np.int64],
    rows: NDArray[np.float32],
) -> None:
    """Write the rows of the windows from ``position`` on, and take in what arrives before each.

    Args:
        position: The first window that gets a row.
        arrivals: Shape ``(n, 3)``: window, label (0, 1, or -1 for silence), and before which window that is in; by the
            last, ascending.
        kept: Shape ``(HISTORY, 3)``: the newest arrivals, the n-th at n modulo HISTORY.
        counts: Shape ``(2, len(HORIZONS))``: positives, and labels, among the newest arrivals.
        cursor: Shape ``(2,)``: how many have arrived, and before which window the last positive did.
        rows: Shape ``(T, len(LABEL_CONTEXT))``.
    """
    taken = 0
    for i in range(len(rows)):
        t = position + i
        while taken < len(arrivals) and arrivals[taken, _DUE] <= t:
            label = arrivals[taken, _LABEL]
            for j in range(len(HORIZONS)):
                leaving = kept[(cursor[0] - HORIZONS[j]) % HISTORY, _LABEL]
                counts[0, j] += int(label == 1) - int(leaving == 1)
                counts[1, j] += int(label >= 0) - int(leaving >= 0)
            kept[cursor[0] % HISTORY] = arrivals[taken]
            cursor[0] += 1
            if label == 1:
                cursor[1] = arrivals[taken, _DUE]
            taken += 1
        rows[i, 0] = kept[(cursor[0] - 1) % HISTORY, _LABEL]
        for j in range(len(HORIZONS)):
            rows[i, 1 + j] = counts[0, j] / max(counts[1, j], 1)
        rows[i, -2] = counts[1, -1] / HISTORY
        rows[i, -1] = _SINCE[min(t - cursor[1], HISTORY)] if counts[0, -1] else 1.0


class LabelContext:
    """The rows of `label_context`, window by window, fed with decisions and with labels as they are told.

    A label that is told before its time waits for it. One that is told late, or again, counts from then on as if it had
    been told in time, where its window is among the newest ``HISTORY`` whose feedback is in, and not at all elsewhere.

    Args:
        feedback: When labels are in.

    Attributes:
        state: See `adt_gym.stream.state`.
    """

    state: ClassVar = ("_due", "_kept", "_counts", "_cursor")

    def __init__(self, feedback: Feedback):
        self._due = DueLabels(feedback)
        self._kept = np.full((HISTORY, 3), -1)
        self._counts, self._cursor = np.zeros((2, len(HORIZONS)), np.int64), np.zeros(2, np.int64)

    def push(self, t: int) -> NDArray[np.float32]:
        """Return the row of window t, shape ``(len(LABEL_CONTEXT),)``; ask for every window, in order."""
        arrivals = np.array([(window, label, t) for window, label in self._due.come(t)], np.int64).reshape(-1, 3)
        return self._extend(t, arrivals, 1)[0]

    def judged(self, t: int, decision: bool) -> None:
        """Take in what was decided on window t: it says whether and when its label is due."""
        self._due.judged(t, decision)

    def tell(self, t: int, label: bool) -> None:
        """Take in the label of window t."""
        if not self._due.tell(t, label):
            return
        self._kept[self._kept[:, _WINDOW] == t, _LABEL] = label
        newest_first = self._kept[(self._cursor[0] - 1 - np.arange(HISTORY)) % HISTORY]
        for j, h in enumerate(HORIZONS):
            labels = newest_first[:h, _LABEL]
            self._counts[:, j] = (labels == 1).sum(), (labels >= 0).sum()
        self._cursor[1] = newest_first[newest_first[:, _LABEL] == 1, _DUE].max(initial=0)

    def newest(self) -> tuple[int, int]:
        """Return the newest window of the last ``HISTORY`` that a label was told of, and the label; or (-1, -1)."""
        windows = np.where(self._kept[:, _LABEL] >= 0, self._kept[:, _WINDOW], -1)
        window, label, _ = self._kept[windows.argmax()].tolist()
        return (window, label) if label >= 0 else (-1, -1)

    def waiting(self) -> list[int]:
        """Return the windows that were judged and whose feedback is still to come."""
        return self._due.waiting()

    def _extend(self, position: int, arrivals: NDArray[np.int64], windows: int) -> NDArray[np.float32]:
        rows = np.empty((windows, len(LABEL_CONTEXT)), np.float32)
        _label_rows(position, arrivals, self._kept, self._counts, self._cursor, rows)
        return rows


def label_context(told: NDArray[np.integer], feedback: Feedback) -> NDArray[np.float32]:
    """Return what the labels told before each window tell of it.

    Args:
        told: Shape ``(T,)``: the label that is told of each window when its time has come, 0 or 1, or -1 if none is.
        feedback: When that is: after an alarm, where it depends on the decision.

    Returns:
        Shape ``(T, len(LABEL_CONTEXT))``, in [-1, 1]. Of the windows whose feedback came last: the newest's label (-1
        for none); the shares of positives among the labels told, by horizon; the share of windows of which a label was
        told, over the longest horizon; and the windows since a positive was last told, on a logarithmic scale, 1 for a
        thousand or none.
    """
    return LabelContext(feedback)._extend(0, _arrivals(told, feedback), len(told))


def _arrivals(told: NDArray[np.integer], feedback: Feedback) -> NDArray[np.int64]:
    """Return shape ``(n, 3)``: window, label and time of all that comes in, in the order of the last."""
    schedule = feedback.schedule(len(told))
    if schedule:
        windows, due = schedule.windows, schedule.due
    else:
        times = [(in_at(feedback, t, True)[0], t) for t in range(len(told))]
        due, windows = np.array(sorted(one for one in times if one[0] is not None), np.int64).reshape(-1, 2).T
    return np.stack([windows, told[windows], due], axis=1)


def since(windows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return numbers of windows on the scale of `label_context`'s last column."""
    return _SINCE[np.minimum(windows, HISTORY)]
