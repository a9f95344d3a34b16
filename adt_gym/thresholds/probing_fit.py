"""What the probing agent learns from labelled series: likelihoods of evidence, and which of some plans does best."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import ScoredSeries
from adt_gym.stream.feedback import Alerts, Feedback, Full
from adt_gym.thresholds.ageing import Ageing
from adt_gym.thresholds.chain import usual_delay
from adt_gym.thresholds.evidence import LEAST, logit
from adt_gym.thresholds.objective import objective
from adt_gym.thresholds.probing_loop import RECENT, Tables, replay_on, told_on
from adt_gym.thresholds.probing_plan import LOGITS, SINCE, Likelihoods, Setting, classes, plan, stages

KINDS = 12
"""Kinds of evidence that are told apart, at most, as likely as each other where half of the windows are anomalous."""

FINE = np.linspace(-1.001, 1.001, 241) * logit(1 - LEAST)
"""The grid on which evidence is counted."""

KEEPS = (0.0, 0.25, 1.0)
OFFSETS = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0)
"""What is tried on the training series: how much evidence is kept for later windows, and what is added to all cuts."""

LEAST_FACTOR = 0.05
"""Of evidence near a false alarm: it is never worth nothing."""

Array = NDArray[np.float64]


class Trial:
    """Plans, and how they do on the training series.

    Args:
        feedback, seed: Those of the method.
        train: The training series.
        held_out: Of each the evidence by trees that have not seen it.
    """

    def __init__(self, feedback: Feedback, seed: int, train: Sequence[ScoredSeries], held_out: Sequence[Array]):
        self._ageing, self._train = Ageing.of(train), train
        self._delay = usual_delay(feedback, max(map(len, train))) if feedback.tells else 1
        self._feedback = feedback
        if any(told_on(one, feedback, seed) is None for one in train):  # then one that is like it, in order
            self._feedback = (Alerts if feedback.partial else Full)(self._delay, feedback.noise)
        self._events: list[Any] = [told_on(one, self._feedback, seed) for one in train]
        self.centres, self._edges, self.ratio, self.normal = _likelihoods(train, held_out)
        self._x = [np.interp(one, self.centres, self.ratio) for one in held_out]
        self._kinds = [np.searchsorted(self._edges, one, side="right") for one in held_out]

    def best(self) -> tuple[Tables, float, float]:
        """Return the tables that do best, the F1 that they were planned to reach, and what was added to the cuts."""
        one = np.ones(1)
        tried = [self._scored(*self._plan(keeps, one, self.normal[None]), 0.0) for keeps in KEEPS]
        plain = max(tried, key=itemgetter(0))[1]
        tried.append(self._scored(*self._plan(plain.keeps, *self._discounts(plain)), 0.0))
        _, chosen, f1, _ = max(tried, key=itemgetter(0))
        tried += [self._scored(replace(chosen, cuts=chosen.cuts + offset), f1, offset) for offset in OFFSETS]
        return max(tried, key=itemgetter(0))[1:]

    def _plan(self, keeps: float, factor: Array, normal: Array) -> tuple[Tables, float]:
        """Return the tables of the plan for evidence weakened by factors, shape ``(S,)``, and its F1."""
        says = Likelihoods.discounted(self.ratio, normal, factor)
        cuts, f1 = plan(Setting(self._ageing, says, self._feedback, self._delay, keeps))
        recent = min(self._delay, RECENT) if keeps else 1
        power, partial = np.linalg.matrix_power, self._feedback.partial
        return Tables(
            step=self._ageing.step,
            lead=power(self._ageing.step, self._delay - recent),
            start=self._ageing.stationary,
            centres=self.centres,
            ratio=self.ratio,
            factor=factor,
            shift=factor * self.ratio[0] - says.ratio[:, 0],
            cuts=cuts,
            ages=classes(stages(self._delay), cuts.shape[2] - 1) if partial else np.zeros(2, np.int64),
            sinces=classes(SINCE, 0) if len(factor) > 1 else np.zeros(2, np.int64),
            keeps=keeps,
            noise=self._feedback.noise,
            recent=recent,
        ), f1

    def _scored(self, tables: Tables, *more: float) -> tuple[Any, ...]:
        """Return the mean objective of tables over the training series with an anomaly before them."""
        return float(np.mean([objective(*pair) for pair in self._played(tables)])), tables, *more

    def f1(self, tables: Tables) -> Array:
        """Return the F1 that tables reach on each training series with an anomaly."""
        return np.array([precision_recall_f1(*pair)[2] for pair in self._played(tables)])

    def _played(self, tables: Tables) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Yield the decisions on each training series with an anomaly, and its labels."""
        for one, x, events in zip(self._train, self._x, self._events, strict=True):
            if one.truth.any():
                yield replay_on(tables, x, *events)[0], one.truth

    def _discounts(self, tables: Tables) -> tuple[Array, Array]:
        """Return what evidence is worth by time since a false alarm, as a factor, and what normal windows show then.

        The factor is that of the log-likelihood ratio in the logistic regression of labels on it and on the belief.
        """
        from sklearn.linear_model import LogisticRegression

        number = 1 + len(SINCE) if self._feedback.partial else 1
        if number > 1:
            wide = np.repeat(tables.cuts, number, axis=3)
            ones, zeros = np.ones(number), np.zeros(number)
            tables = replace(tables, cuts=wide, factor=ones, shift=zeros, sinces=classes(SINCE, 0))
        shape = (number, 2, len(LOGITS), len(self.ratio))
        counts = np.zeros(shape)
        for one, x, kind, events in zip(self._train, self._x, self._kinds, self._events, strict=True):
            _, logits, since = replay_on(tables, x, *events)
            belief = _nearest(logits)
            cell = np.ravel_multi_index((since, one.truth.astype(int), belief, kind), shape)
            counts += np.bincount(cell, minlength=counts.size).reshape(shape) / len(one)
        says = np.stack([one.ravel() for one in np.meshgrid(LOGITS, self.ratio, indexing="ij")], axis=1)
        factor = np.ones(number)
        for i, (normal, anomalous) in enumerate(counts):
            if normal.any() and anomalous.any():
                weights = np.append(normal, anomalous) / counts[i].sum()
                model = LogisticRegression(C=1e6, max_iter=1000).fit(
                    np.tile(says, (2, 1)), np.repeat([0, 1], len(says)), weights
                )
                factor[i] = np.clip(model.coef_[0, 1], LEAST_FACTOR, 1.0)
        normal = counts[:, 0].sum(axis=1)
        return factor, _shares(normal + 0.01 * normal.sum() * self.normal / number)


def _nearest(logits: Array) -> NDArray[np.int64]:
    """Return the nearest of the grid of beliefs to each."""
    step = LOGITS[1] - LOGITS[0]
    return np.clip(np.rint((logits - LOGITS[0]) / step), 0, len(LOGITS) - 1).astype(np.int64)


def _shares(weights: Array) -> Array:
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _likelihoods(train: Sequence[ScoredSeries], held_out: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
    """Return of the kinds of evidence centres, the edges between, log-likelihood ratios, and shares of normal windows.

    Each series weighs the same.
    """
    from sklearn.isotonic import isotonic_regression

    fine = []
    for label in (False, True):
        seen = [np.histogram(x[one.truth == label], FINE)[0] for one, x in zip(train, held_out, strict=True)]
        fine.append(_shares(np.mean([_shares(one) for one in seen if one.any()], axis=0) + 1e-4 / len(FINE)))
    both = (fine[0] + fine[1]) / 2
    last = np.unique(np.searchsorted(np.cumsum(both), np.arange(1, KINDS) / KINDS).clip(0, len(both) - 2)) + 1
    begins = np.append(0, last)
    normal, anomalous, weight = (np.add.reduceat(one, begins) for one in (*fine, both))
    middles = (FINE[1:] + FINE[:-1]) / 2
    centres = np.add.reduceat(both * middles, begins) / weight
    ratio = isotonic_regression(np.log(anomalous / normal), sample_weight=weight)
    return centres, FINE[last], ratio + 1e-3 * np.arange(len(ratio)), normal
