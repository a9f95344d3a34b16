"""What an episode in JAX depends on, and what it remembers: values on the device."""

from typing import Any

from flax import struct
from gymnax.environments import environment

FOREVER = 2**31 - 1
"""Stands for no limit."""


@struct.dataclass
class Costs:
    """The numbers of `adt_gym.envs.costs.Costs`; ``event_starts`` per position, as in `ThresholdingMDP`."""

    change_cost: Any
    early_bonus: Any
    early_windows: Any
    alarm_budget: Any
    alarm_cost: Any
    event_starts: Any


@struct.dataclass
class Rule:
    """A feedback rule that is the user's own, in arrays over positions, as `adt_gym.envs.feedback.Arrivals` has it.

    Args:
        heard: Shape ``(P,)``: whether feedback on the window there ever comes in.
        told: Shape ``(P, 2)``: whether its label is told, by the decision.
        released: Shape ``(P,)``: of how many windows the feedback is in, over all series.
        due: Shape ``(n,)``: the position at which that of each of them is in.
    """

    heard: Any
    told: Any
    released: Any
    due: Any


@struct.dataclass
class Feedback:
    """What is told, and when, where it is not each label at once.

    Args:
        lag: How many of the windows judged last wait for their feedback: a number, or one per position. With the rules
            "full" and "alerts" it is the delay less 1, and may be less than that which the environment was made with.
        told: Shape ``(2,)``: whether the label of a window is told, by the decision; None where every one is. Episodes
            of an environment made with "full" may be told what "alerts", (False, True), or "none" would tell.
        begun: Shape ``(P, 2, words)``: of the k windows before each position, judged in passive mode, which are told
            to be TN and FN, as bits.
        noise: The probability that a label is told wrongly; None for 0.
        rule: None for "full", "alerts" and "none".
    """

    lag: Any
    begun: Any
    told: Any = None
    noise: Any = None
    rule: Rule | None = None


@struct.dataclass(kw_only=True)
class EnvParams(environment.EnvParams):
    """What an episode depends on: numbers that `jax.vmap` may vary, and the series, laid end to end over P positions.

    What is None is not compiled; to vary such a term, make the environment with it.

    Args:
        alpha, beta, change_cost...: The arguments of `adt_gym.jax.make`.
        thresholds: Shape ``(n,)``: those of the actions; None where an action is a threshold.
        episode_windows: None for whole series.
        costs: None where no term is on.
        feedback: None where every label is told at once.
        scores, labels, positives: Shape ``(P,)``, as in `adt_gym.mdp.mdp.ThresholdingMDP`.
        statistics: Shape ``(P, 2)``, as there.
        t: Shape ``(P,)``: the number of the window within its series.
        offsets, lengths: Shape ``(n,)``: of each series its first position, and its windows.
        context: Shape ``(P, len(SCORE_CONTEXT))``; None where it is not observed.
    """

    max_steps_in_episode: Any = FOREVER
    alpha: Any
    beta: Any
    thresholds: Any
    episode_windows: Any
    costs: Costs | None
    feedback: Feedback | None
    scores: Any
    labels: Any
    positives: Any
    statistics: Any
    t: Any
    offsets: Any
    lengths: Any
    context: Any


@struct.dataclass
class Ledger:
    """What an episode remembers for its costs; see `adt_gym.envs.costs.Ledger`."""

    threshold: Any
    detected: Any
    alarms: Any


@struct.dataclass
class EnvState(environment.EnvState):
    """An episode.

    Args:
        time: Steps taken.
        position: Of the window that is judged next.
        stop, end: The positions at which the episode ends, and its series.
        truth: Shape ``(2, words)``: which of the last k windows were true and false positives, as bits.
        told: Shape ``(4, words)``: which of the windows judged last turned out TP, TN, FP and FN as they are told, by
            now or later; None where every label is told at once.
        ledger: None without costs.
        draws: What the episodes after this one are drawn by; see `next_draw`.
    """

    position: Any
    stop: Any
    end: Any
    truth: Any
    told: Any
    ledger: Ledger | None
    draws: Any
