"""The decision problem of an operator whose alarms are also probes, tabulated, and the cuts that solve it.

A situation, before a window is seen, is a belief (the chance that it is anomalous, in logits), the phase that an
anomaly would be in, the age of the oldest alarm whose label is to come, and the time since one was told to be false.
Beliefs between two of the grid are one or the other, the nearer one likelier, so that the mean stays (W. S. Lovejoy,
"Computationally feasible bounds for partially observed Markov decision processes", Operations Research 39(1), 1991).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.stream.feedback import Feedback
from adt_gym.thresholds.ageing import PHASES, Ageing
from adt_gym.thresholds.dinkelbach import Problem, solve

Array = NDArray[np.float64]

LOGITS = np.linspace(-6.0, 6.0, 21)
"""The grid of beliefs."""

SINCE = (10, 40, 160)
"""Windows since an alarm was told to be false, up to which it is in each of the classes 1, 2, ...; 0 from there on."""

STAGES = 4
"""Classes of the age of an alarm that waits for its label, at most."""

DISCOUNT = 0.999

NEVER = 12.0
"""A cut in logits that no evidence exceeds; minus that, one that all does."""

ALARM_IS_RIGHT = 0.5
"""How likely that is of an alarm of which the belief long after says little."""


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """What evidence says, by time since a false alarm (S classes; one if nobody looks at that) and kind of evidence.

    Args:
        ratio: Shape ``(S, E)``, ascending along E: log P(kind | anomalous) - log P(kind | normal).
        normal: Shape ``(S, E)``: P(kind | normal); rows add up to 1.
    """

    ratio: Array
    normal: Array

    @property
    def anomalous(self) -> Array:
        """Shape ``(S, E)``: P(kind | anomalous)."""
        return self.normal * np.exp(self.ratio)

    @classmethod
    def discounted(cls, ratio: Array, normal: Array, factors: ArrayLike) -> "Likelihoods":
        """Weaken a ratio, shape ``(E,)``, by a factor for each row of ``normal``, such that it still is one."""
        weak = np.asarray(factors)[:, None] * ratio
        return cls(weak - np.log((normal * np.exp(weak)).sum(axis=1, keepdims=True)), normal)


def stages(delay: int) -> list[int]:
    """Return up to which age a waiting alarm is in each of the classes 1, 2, ...; none where labels come at once."""
    most = delay - 1
    return sorted({round(most ** (i / STAGES)) for i in range(1, STAGES + 1)}) if most else []


def classes(edges: Sequence[int], beyond: int) -> NDArray[np.int64]:
    """Return the class of each number up to the last edge, 0, 1, ..., and of one more, which stands for the rest."""
    return np.append(0, np.append(np.searchsorted(edges, np.arange(1, max(edges, default=0) + 1)) + 1, beyond))


@dataclass(frozen=True, eq=False)
class Setting:
    """What the problem follows from.

    Args:
        ageing: The chain of the labels.
        says: What evidence says.
        feedback: Which labels are told; its kind of rule, noise and whether it tells any are looked at.
        delay: After how many windows, at least 1.
        keeps: Which share of the logits that the evidence of a window is worth is kept for those after it, in [0, 1].
    """

    ageing: Ageing
    says: Likelihoods
    feedback: Feedback
    delay: int
    keeps: float

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """How many beliefs, phases, ages and times since a false alarm there are."""
        ages = 1 + len(stages(self.delay)) if self.feedback.partial else 1
        return len(LOGITS), PHASES, ages, len(self.says.ratio)


def problem(setting: Setting) -> Problem:
    """Return the decision problem of a setting, tabulated."""
    kinds = setting.says.ratio.shape[1]
    belief = _chance(LOGITS)[:, None, None, None, None]
    from_normal, from_anomalous = (one[None, None, None] for one in (setting.says.normal, setting.says.anomalous))
    chance = np.broadcast_to((1 - belief) * from_normal + belief * from_anomalous, (*setting.shape, kinds))
    anomalous = np.broadcast_to(_chance(_logit(belief) + setting.says.ratio), chance.shape)
    n = int(np.prod(setting.shape))
    start = np.abs(LOGITS - _logit(1 - setting.ageing.stationary[0])).argmin()
    return Problem(
        chance=(chance / chance.sum(axis=-1, keepdims=True)).reshape(n, kinds),
        anomalous=anomalous.reshape(n, kinds),
        following=(_following(setting, False), _following(setting, True)),
        start=int(np.ravel_multi_index((start, 0, 0, 0), setting.shape)),
        discount=DISCOUNT,
    )


def plan(setting: Setting) -> tuple[Array, float]:
    """Return, of the policy with the best F1, shape ``setting.shape``: the log-ratio above which it flags; and its F1.

    That is where a flag would be worth as much as silence, by a straight line between, or beyond, kinds of evidence.
    """
    solution = solve(problem(setting))
    gain = solution.advantage.reshape(*setting.shape, -1)
    x = np.broadcast_to(setting.says.ratio, gain.shape)
    low = np.clip((gain <= 0).sum(axis=-1, keepdims=True) - 1, 0, gain.shape[-1] - 2)
    gains, ratios = ([np.take_along_axis(of, low + one, axis=-1)[..., 0] for one in (0, 1)] for of in (gain, x))
    slope = np.maximum(gains[1] - gains[0], 1e-9) / (ratios[1] - ratios[0])
    return np.clip(ratios[0] - gains[0] / slope, -NEVER, NEVER), solution.f1


Whole = NDArray[np.int64]
Way = tuple[Array, Array, Whole, Whole, Whole]
"""A chance, and with it the belief, phase, age and time since a false alarm before the next window."""


def _following(setting: Setting, flag: bool) -> object:
    """Return after which situation and evidence, by row, each situation follows, by column, if that is what is done."""
    from scipy.sparse import coo_array

    shape = setting.shape
    indices = np.indices((*shape, setting.says.ratio.shape[1]))
    rows, columns, chances = [], [], []
    row = np.arange(indices[0].size)
    for chance, belief, phase, age, since in _ways(setting, flag, *indices):
        place = np.interp(belief, _chance(LOGITS), np.arange(len(LOGITS)))
        for one, share in ((np.floor(place), 1 - place % 1), (np.ceil(place), place % 1)):
            weight = (chance * share).ravel()
            some = weight > 0
            to = np.ravel_multi_index((one.astype(int), phase, age, since), shape)
            rows.append(row[some])
            columns.append(to.ravel()[some])
            chances.append(weight[some])
    entries = np.concatenate(chances), (np.concatenate(rows), np.concatenate(columns))
    return coo_array(entries, (len(row), int(np.prod(shape)))).tocsr()


def _ways(setting: Setting, flag: bool, b: Whole, phase: Whole, age: Whole, since: Whole, kind: Whole) -> list[Way]:
    """Return what may follow on each situation and evidence."""
    feedback, delay = setting.feedback, setting.delay
    held, ratio = LOGITS[b], setting.says.ratio[since, kind]
    waits = np.array([1, *np.diff([0, *stages(delay)])]) if feedback.partial else np.ones(1)
    last = len(waits) - 1
    if not feedback.tells:
        comes = np.zeros(b.shape)
    elif not feedback.partial:
        comes = np.ones(b.shape)
    elif last == 0:
        comes = np.full(b.shape, float(flag))
    else:
        comes = np.where(age == last, 1 / waits[age], 0.0)
    younger, older = np.where((age == 0) & flag & (last > 0), 1, age), np.minimum(age + 1, last)
    ages = _either(np.where(age > 0, 1 / waits[age], 0.0) * (age < last), older, younger)
    sinces = _either(*_next_since(since, setting.shape[-1]))
    ways = []
    # Without a label
    for (p, then), (q, old), (r, long) in product(
        _phases(setting.ageing, _chance(held + setting.keeps * ratio), phase), ages, sinces
    ):
        ways.append(((1 - comes) * p * q * r, _onwards(setting, held + setting.keeps * ratio, phase), then, old, long))
    if not feedback.tells:
        return ways
    # With one: where it is that of the window itself, all of its evidence counts for what it may be.
    before = held + (1.0 if delay == 1 else setting.keeps) * ratio
    told = _told(setting, _onwards(setting, before, phase), phase)
    behind = np.where((age == last) & (last > 0), last, younger)  # alarms come in runs: behind a right one is another
    for p, then in _phases(setting.ageing, _chance(before), phase):
        ways.append((comes * told[0][0] * p, told[0][1], then, behind, np.zeros_like(since)))
    afresh = np.full(age.shape, int(flag and last > 0))
    false_alarm = np.full(since.shape, min(setting.shape[-1] - 1, 1))
    ways.append((comes * told[1][0], told[1][1], np.zeros_like(phase), afresh, false_alarm))
    return ways


def _told(setting: Setting, belief: Array, phase: Whole) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return how likely "anomalous" is told of the window ``delay`` ago, and the belief then; the same of "normal"."""
    ahead = np.linalg.matrix_power(setting.ageing.step, setting.delay)
    if_anomalous, if_normal = 1 - ahead[1 + phase, 0], 1 - ahead[0, 0]
    tie = np.maximum(if_anomalous - if_normal, 1e-9)
    right = np.clip((belief - if_normal) / tie, 0, 1)
    if setting.feedback.partial and setting.delay > 1:
        right = tie * right + (1 - tie) * ALARM_IS_RIGHT
    expected = right * if_anomalous + (1 - right) * if_normal
    # What the evidence since then said, as weights of an anomalous and a normal window now.
    now, not_now = belief / expected, (1 - belief) / (1 - expected)
    anomalous = right * (if_anomalous * now + (1 - if_anomalous) * not_now)
    after = if_anomalous * now / (if_anomalous * now + (1 - if_anomalous) * not_now)
    after_normal = if_normal * now / (if_normal * now + (1 - if_normal) * not_now)
    noise = setting.feedback.noise

    def word(true: float) -> tuple[Array, Array]:
        weights = anomalous * true, (1 - anomalous) * (1 - true)
        chance = weights[0] + weights[1]
        return chance, (weights[0] * after + weights[1] * after_normal) / np.maximum(chance, 1e-300)

    return word(1 - noise), word(noise)


def _onwards(setting: Setting, logits: Array, phase: Whole) -> Array:
    """Return the belief a window later, by nothing but the chain."""
    belief, chain = _chance(logits), setting.ageing
    return belief * (1 - np.array(chain.ends)[phase]) + (1 - belief) * chain.onset


def _phases(chain: Ageing, belief: Array, phase: Whole) -> list[tuple[Array, Whole]]:
    """Return the chances of the phases that an anomaly of the next window may be in, and these."""
    step = chain.step
    stays = belief * step[1 + phase, 1 + phase]
    ages = belief * step[1 + phase, np.minimum(2 + phase, PHASES)] * (phase < PHASES - 1)
    begins = (1 - belief) * chain.onset
    total = stays + ages + begins
    after = np.minimum(phase + 1, PHASES - 1)
    return [(stays / total, phase), (ages / total, after), (begins / total, np.zeros_like(phase))]


def _next_since(since: Whole, number: int) -> tuple[Array, Whole, Whole]:
    """Return the chance that the time since a false alarm is in its next class, that class, and this one."""
    widths = np.diff([0, *SINCE])[: number - 1]
    leaves = np.where(since > 0, 1 / np.append(1.0, widths)[since], 0.0)
    return leaves, (since + 1) % number, since


def _either(chance: Array, one: Whole, other: Whole) -> list[tuple[Array, Whole]]:
    return [(chance, one), (1 - chance, other)]


def _chance(logits: Array) -> Array:
    return 1 / (1 + np.exp(-logits))


def _logit(chance: Array) -> Array:
    return np.log(chance / (1 - chance))
