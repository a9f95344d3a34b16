"""Which methods the frontier compares, and what each learns on the training series."""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Self

import gymnasium as gym
import numpy as np

from adt_gym import thresholds
from adt_gym.agents.belief import Evidence
from adt_gym.agents.boosting import Boosting
from adt_gym.agents.chosen import ChosenAgent
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.evaluation.compare import evaluate
from adt_gym.evaluation.frontier import PAPER, FrontierRow, delay_of
from adt_gym.metrics.composite import DEADLINE
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.series import Detection, InputError, ScoredSeries
from adt_gym.stream.feedback import Feedback
from adt_gym.stream.stream import Method
from adt_gym.thresholds.pythresh import FAST_PYTHRESH, PyThresh

EPISODE_WINDOWS = 1000
"""The paper's agent learns on episodes of so many windows, or as many as the shortest series has."""


class PaperAgent(Method):
    """The paper's agent as a thresholder that trains itself: the reference DQN on ADT-v0 under some feedback.

    Args:
        feedback: What it is told, in training as in the test.
        seed: Of the training, and of the labels that are flipped.
        episodes: Of the training.
    """

    name = PAPER

    def __init__(self, feedback: Feedback, seed: int, episodes: int):
        self.env: dict[str, Any] = {
            "feedback": feedback.kind,
            "feedback_delay": feedback.delay,
            "label_noise": feedback.noise,
        }
        self.seed, self.episodes, self.sees_labels = seed, episodes, feedback.tells

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Train on random stretches of all series, with the hyper-parameters of `adt run`."""
        windows = min(EPISODE_WINDOWS, *(len(one) for one in train))
        env = gym.make("ADT-v0", series=tuple(train), episode_windows=windows, **self.env)
        agent = ReferenceDQN(env, self.seed, learning_rate=1e-3, gamma=0.9).learn(self.episodes)
        self.policy = thresholds.Policy(agent, seed=self.seed, **self.env)
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Run the greedy policy."""
        return self.policy.detect(series)


class BestPyThresh(Method):
    """The PyThresh method with the highest F1 on the training series, the mean over them.

    Args:
        methods: Which to choose from; those that fail on the training scores are passed over.
    """

    name, sees_labels = "pythresh (best on train)", False

    def __init__(self, methods: Sequence[str] = FAST_PYTHRESH):
        self.methods = methods

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Fit each method on all training scores together and choose by the training labels.

        Raises:
            InputError: If all methods fail.
        """
        best, failure = -1.0, InputError("no PyThresh method to choose from")
        for name in self.methods:
            try:
                method = PyThresh(name).fit(train)
            except InputError as error:
                failure = error
                continue
            f1 = float(np.mean([precision_recall_f1(method.detect(one).decisions, one.truth)[2] for one in train]))
            if f1 > best:
                best, self.chosen = f1, method
        if best < 0:
            raise failure
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        """Apply the chosen method."""
        return self.chosen.detect(series)


def without_labels(pythresh: Sequence[str], seed: int = 0) -> list[tuple[str, thresholds.Method]]:
    """Return, by the names of their rows, the methods that are told no label of the series they judge."""
    names = ("static", "rolling_quantile", "dspot", "online_fdr", "always", "never")
    rules = [(name, thresholds.make(name)) for name in names]
    return [*rules, ("random", thresholds.make("random", seed=seed)), (BestPyThresh.name, BestPyThresh(pythresh))]


def with_labels(
    feedback: Feedback, seed: int, episodes: int, evidence: Evidence
) -> list[tuple[str, thresholds.Method]]:
    """Return, by the names of their rows, the methods that live on what they are told; copying needs something."""
    learners = (Boosting(feedback, seed), PaperAgent(feedback, seed, episodes), ChosenAgent(feedback, seed, evidence))
    methods: list[tuple[str, thresholds.Method]] = [(one.name, one) for one in learners]
    if feedback.tells:
        copy = thresholds.make(
            "persistence", delay=feedback.delay, feedback=feedback.kind, noise=feedback.noise, seed=seed
        )
        methods.insert(0, (copy.name, copy))
    return methods


def measure_all(
    train: Sequence[ScoredSeries],
    test: ScoredSeries,
    conditions: Sequence[Feedback],
    seed: int,
    episodes: int,
    deadline: int = DEADLINE,
    pythresh: Sequence[str] = FAST_PYTHRESH,
) -> list[FrontierRow]:
    """Return a row per condition and method, trained on ``train`` and measured on all of ``test``.

    All methods are told the same: labels flip where ``np.random.default_rng(seed).random(T) < noise``.

    Args:
        train: At least two series with an anomaly.
        test: A series that no method has learned from.
        conditions: What is told of its labels.
        seed: Of everything that is drawn.
        episodes: Of the training of the paper's agent.
        deadline: Of the composite F1, in windows.
        pythresh: The PyThresh methods to choose from.
    """
    started = perf_counter()
    evidence = Evidence(seed).fit(train)
    shared = perf_counter() - started
    blind = [
        _measure(name, method, train, test, conditions[0], seed, deadline)
        for name, method in without_labels(pythresh, seed)
    ]
    rows: list[FrontierRow] = []
    for feedback in conditions:
        here = {"feedback": feedback.kind, "delay": delay_of(feedback), "label_noise": feedback.noise}
        rows += [replace(row, **here) for row in blind]  # type: ignore[arg-type]
        for name, method in with_labels(feedback, seed, episodes, evidence):
            row = _measure(name, method, train, test, feedback, seed, deadline)
            rows.append(replace(row, seconds=row.seconds + shared) if isinstance(method, ChosenAgent) else row)
    return rows


def _measure(
    name: str,
    method: thresholds.Method,
    train: Sequence[ScoredSeries],
    test: ScoredSeries,
    feedback: Feedback,
    seed: int,
    deadline: int,
) -> FrontierRow:
    try:
        row = replace(evaluate(method, train, [test], deadline=deadline), method=name)
    except InputError as error:  # scores that a method cannot be fitted with cost its row, not the others'
        return FrontierRow(
            name, feedback.kind, delay_of(feedback), feedback.noise, test.name, seed, method.sees_labels, str(error)
        )
    detail = ""
    if isinstance(method, BestPyThresh):
        detail = method.chosen.method
    elif isinstance(method, ChosenAgent):
        detail = method.chosen.name
    return FrontierRow.of(row, feedback, test.name, seed, detail)
