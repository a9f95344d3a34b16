"""The loop over windows of the probing agent: beliefs by what was told, and cuts looked up in tables."""

from dataclasses import dataclass, fields
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.series import ScoredSeries
from adt_gym.stream.feedback import Feedback, Schedule, told_labels
from adt_gym.thresholds.probing_plan import LOGITS

RECENT = 8
"""Windows since the newest one whose feedback is in, of which evidence is kept."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tables:
    """What a fitted agent looks up.

    Args:
        step: Shape ``(states, states)``: of `Ageing`.
        lead: The same over as many windows as evidence is not kept of.
        start: Shape ``(states,)``: the belief that knows nothing.
        centres, ratio: Shape ``(E,)``, ascending: evidence, and the log-likelihood ratio that it stands for.
        factor, shift: Shape ``(S,)``: what that is multiplied by and lowered by, by time since a false alarm.
        cuts: Shape ``(21, phases, ages, S)``: what it must exceed.
        ages, sinces: The class of each age of a waiting alarm, and of each number of windows since a false alarm.
        keeps: The share of the logarithms of the ratios that is kept.
        noise: The probability that a label that is told is the wrong one.
        recent: Of how many windows before the judged one, and one more, evidence is kept.
    """

    step: Array
    lead: Array
    start: Array
    centres: Array
    ratio: Array
    factor: Array
    shift: Array
    cuts: Array
    ages: NDArray[np.int64]
    sinces: NDArray[np.int64]
    keeps: float
    noise: float
    recent: int

    def x(self, evidence: Array) -> Array:
        """Return the log-likelihood ratio that each evidence stands for."""
        return np.interp(evidence, self.centres, self.ratio)

    @property
    def rest(self) -> tuple[Any, ...]:
        """What `judge` needs beside the evidence."""
        return tuple(getattr(self, one.name) for one in fields(self) if one.name not in ("start", "centres", "ratio"))


@compiled
def judge(
    first: int, place: int, oldest: int, x: Array, windows: NDArray[np.int64], due: NDArray[np.int64],
    words: NDArray[np.int64], flagged: NDArray[np.bool_], worth: Array, before: Array, anchor: Array, recent: Array,
    mark: NDArray[np.int64], logits: Array, since: NDArray[np.int64],
    step: Array, lead: Array, factor: Array, shift: Array, cuts: Array, ages: NDArray[np.int64],
    sinces: NDArray[np.int64], keeps: float, noise: float, memory: int,
) -> None:  # fmt: skip
    """Judge some windows, and take in the feedback that comes in before each.

    Args:
        first: The first window that is judged.
        place: Where it stands in ``flagged`` and ``worth``.
        oldest: The oldest flagged window whose feedback is to come; -1 for none, -2 to look for it among ``windows``.
        x: Shape ``(n,)``: the log-likelihood ratio of each judged window.
        windows, due: Shape ``(k,)``: whose feedback comes in, as places, and before which window, ascending.
        words: Shape ``(m, 2)``: the label that is told of the window in each place, by the decision; -1 for silence.
        flagged, worth: Shape ``(m,)``: the decision on the window in each place, and what is kept of its likelihood
            ratio; written for those judged.
        before: Shape ``(k, states + 1)`` or ``(0, ...)``: anchor and mark before each feedback, written.
        anchor: Shape ``(states,)``: the belief about the window whose feedback came in last.
        recent: Shape ``(RECENT,)``: worth of the newest windows, the t-th at t modulo RECENT.
        mark: Shape ``(1,)``: before which window an alarm was last told to be false; -1 for none since a right one.
        logits, since: Shape ``(n,)``: belief before each window is seen, and class of time since a false alarm.
    """
    states = len(anchor)
    now, later = np.empty(states), np.empty(states)
    taken = waiting = 0
    for i in range(len(x)):
        t = first + i
        while taken < len(due) and due[taken] <= t:
            window = windows[taken]
            word = words[window, int(flagged[window])]
            if taken < len(before):
                before[taken, :states] = anchor
                before[taken, states] = mark[0]
            if word < 0:
                normal, anomalous = 1.0, worth[window]
            elif word == 1:
                normal, anomalous = noise, 1.0 - noise
            else:
                normal, anomalous = 1.0 - noise, noise
            total = 0.0
            for k in range(states):
                later[k] = 0.0
                for j in range(states):
                    later[k] += anchor[j] * step[j, k]
                later[k] *= normal if k == 0 else anomalous
                total += later[k]
            for k in range(states):
                anchor[k] = later[k] / total
            if word == 1:
                mark[0] = -1
            elif word == 0 and flagged[window]:
                mark[0] = due[taken]
            taken += 1
        for k in range(states):
            now[k] = 0.0
            for j in range(states):
                now[k] += anchor[j] * lead[j, k]
        for back in range(memory - 1, -1, -1):
            kept = recent[(t - back) % RECENT] if back else 1.0
            for k in range(states):
                later[k] = 0.0
                for j in range(states):
                    later[k] += now[j] * step[j, k]
                if k:
                    later[k] *= kept
            now[:] = later
        total, phase = 0.0, 0
        for k in range(1, states):
            total += now[k]
            if now[k] > now[1 + phase]:
                phase = k - 1
        logits[i] = log(total / now[0])
        waiting = max(waiting, taken)
        if oldest == -2:
            while waiting < len(windows) and windows[waiting] < t and not flagged[windows[waiting]]:
                waiting += 1
            age = t - windows[waiting] if waiting < len(windows) and windows[waiting] < t else 0
        else:
            age = t - oldest if oldest >= 0 else 0
        old = ages[min(age, len(ages) - 1)]
        ago = sinces[min(t - mark[0] + 1, len(sinces) - 1) if mark[0] >= 0 else 0]
        since[i] = ago
        at = (min(max(logits[i], LOGITS[0]), LOGITS[-1]) - LOGITS[0]) / (LOGITS[1] - LOGITS[0])
        low = min(int(at), len(LOGITS) - 2)
        cut = cuts[low, phase, old, ago] + (cuts[low + 1, phase, old, ago] - cuts[low, phase, old, ago]) * (at - low)
        says = factor[ago] * x[i] - shift[ago]
        flagged[place + i] = says > cut
        worth[place + i] = exp(keeps * says)
        recent[t % RECENT] = worth[place + i]


def replay_on(
    tables: Tables, x: Array, words: NDArray[np.int64], schedule: Schedule
) -> tuple[NDArray[np.bool_], Array, NDArray[np.int64]]:
    """Return the decisions on a series, and beliefs and times since a false alarm before each; see `judge`."""
    n = len(x)
    flagged, logits, since = np.zeros(n, bool), np.empty(n), np.empty(n, np.int64)
    memory = tables.start.copy(), np.ones(RECENT), np.full(1, -1)
    judge(
        0, 0, -2, x, schedule.windows, schedule.due, words, flagged, np.ones(n), np.empty((0, 0)), *memory, logits,
        since, *tables.rest,
    )  # fmt: skip
    return flagged, logits, since


def told_on(series: ScoredSeries, feedback: Feedback, seed: int) -> tuple[NDArray[np.int64], Schedule] | None:
    """Return the words of `judge` of a whole series, and when they come; None where they do not come in order."""
    windows = len(series)
    if not feedback.tells:
        t = np.arange(windows)  # nothing comes in at once
        return np.full((windows, 2), -1), Schedule(t, t + 1, np.zeros((windows, 2), bool))
    schedule = feedback.schedule(windows)
    if schedule is None:
        return None
    told = told_labels(series, feedback, seed)[:, None].astype(np.int64)
    return np.where(schedule.told, told, -1), schedule
