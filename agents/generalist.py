"""One policy with a memory for all machines and all feedback, learned by PPO on ADT-v0 in JAX.

Each episode of the training is a stretch of a series of a family, all families equally often, told labels by one of
``RULES``: so it learns what to make of labels that are late, wrong, few or none. That a network with a memory can find
out what it is in, and adapt, is the idea of RL^2 (Duan et al., 2016, arXiv 1611.02779). PPO and the network are those
of `adt_gym.agents.recurrent`. Training takes the extra ``jax``, judging NumPy alone.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.agents.gru import RecurrentPolicy
from adt_gym.checks import whole
from adt_gym.extras import require
from adt_gym.scaling import Scaling
from adt_gym.series import ScoredSeries
from adt_gym.stream.context import HISTORY, LabelContext, ScoreContext, since
from adt_gym.stream.feedback import KINDS, Feedback
from adt_gym.stream.stream import Scores, Session, ToldMethod
from adt_gym.thresholds.evidence import require_teachers

CONDITIONS = product(("full", "alerts", "none"), (1, 10, 60, 300), (0.0, 0.1))
RULES = tuple(KINDS[kind](delay, noise) for kind, delay, noise in CONDITIONS)
"""What episodes are told by; each is drawn equally often."""

ENV: dict[str, Any] = {
    "k": 1,
    "alpha": 1.0,
    "beta": 0.0,
    "early_bonus": 10.0,
    "early_windows": 10,
    "thresholds": (0.0, 1.0),
    "episode_windows": 1000,
}
"""Of ADT-v0. With k = 1 every window is paid for once, at once: 1 for a true positive, -1 for a false positive or a
false negative, so that flagging pays where the chance of an anomaly is above 1/3. F1 is best if one flags above half
the best F1, which is below 2/3 on most series: no other weights that add up to 1 come nearer. The bonus is for events,
which the composite F1 counts once, however long they are. As the score is observed, two thresholds leave every
decision to the policy."""

HYPERPARAMETERS: dict[str, Any] = {
    "num_envs": 64,
    "num_steps": 64,
    "learning_rate": 2e-3,
    "gamma": 0.9,
    "gae_lambda": 0.5,
    "width": 32,
    "memory": 32,
}
"""Of `adt_gym.agents.recurrent.Settings`; the others are its defaults."""

STEPS = 12_000_000
"""Some minutes on one core."""

Families = Mapping[str, Sequence[ScoredSeries]]


class Generalist(ToldMethod):
    """A policy with a memory that is told in training all that any feedback may tell.

    Feedback, delay and noise say what it expects where it judges; what it learns does not depend on them.

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.
        steps: Of the training.

    Attributes:
        policy: What was learned.
    """

    name = "ppo (gru)"
    fitted: ClassVar = ("policy",)
    policy: RecurrentPolicy

    def __init__(
        self, feedback: Any = "full", delay: int = 1, noise: float = 0.0, seed: int = 0, steps: int = STEPS
    ) -> None:
        super().__init__(feedback, delay, noise, seed)
        self.steps = whole("steps", steps)

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from labelled series that count as one family; see `fit_families`."""
        return self.fit_families({"series": train})

    def fit_families(self, families: Families) -> Self:
        """Learn from labelled series by family, every family equally often.

        Raises:
            InputError: If fewer than two series hold both anomalous and normal windows.
            MissingExtra: If JAX is not installed.
        """
        require_teachers([one for series in families.values() for one in series])
        self.policy = _learned(tuple((name, tuple(series)) for name, series in families.items()), self.steps, self.seed)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Played":
        """Begin with the first window, which is judged in passive mode; the past does not matter."""
        return Played(self.policy, self.feedback)

    def _fitted(self) -> dict[str, Any]:
        return {"policy": self.policy.kept()}

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.policy = RecurrentPolicy.anew(values["policy"])


@lru_cache(maxsize=4)
def _learned(families: tuple[tuple[str, tuple[ScoredSeries, ...]], ...], steps: int, seed: int) -> RecurrentPolicy:
    """Return what PPO learns; methods for different feedback share it."""
    require("training the generalist", "flax", "gymnax", "jax", "optax", "six")
    from adt_gym.agents.recurrent import Settings, train
    from adt_gym.jax.varied import varied

    env, params = varied(dict(families), RULES, **ENV)
    policy = train(env, params, Settings(total_steps=steps, **HYPERPARAMETERS), seed)[0]
    # It learned on standardised columns; where it judges, its first layer does that.
    embed = policy.weights["embed"] / env.scale[:, None]
    policy.weights |= {"embed": embed, "embed_bias": policy.weights["embed_bias"] - env.centre @ embed}
    return policy


class Played(Session):
    """One series, judged by the policy, which observes `adt_gym.jax.varied.COLUMNS`.

    Args:
        policy: What was learned.
        feedback: When labels are in.
    """

    state: ClassVar = ("_t", "_scores", "_labels", "_alarms", "_memory")

    def __init__(self, policy: RecurrentPolicy, feedback: Feedback):
        self._policy, self._t = policy, 0
        self._tells, self._partial = feedback.tells, feedback.partial
        self._scores, self._labels = ScoreContext(), LabelContext(feedback)
        self._alarms: dict[int, bool] = {}  # those whose feedback is still to come
        self._memory: NDArray[np.float32] | None = None

    def threshold(self, score: float) -> float:
        """Return 0 where the policy flags the window, else 1."""
        seen = np.concatenate((self._scores.push(score), self._labels.push(self._t), self._told()))
        if self._t < ENV["k"]:
            return 1.0
        action, self._memory = self._policy.predict(seen, self._memory)
        return float(ENV["thresholds"][action])

    def judged(self, score: float, decision: bool) -> None:
        """Go on to the next window."""
        self._labels.judged(self._t, decision)
        if decision:
            self._alarms[self._t] = True
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Take in a label; one that is told early or late, see `adt_gym.stream.context.LabelContext`."""
        self._labels.tell(t, label)

    def _told(self) -> NDArray[np.float32]:
        """Return the columns `adt_gym.stream.context.FEEDBACK_CONTEXT`; ask after the labels' context."""
        waiting, (window, label) = self._labels.waiting(), self._labels.newest()
        self._alarms = {t: True for t in waiting if t in self._alarms}
        age = self._t - window if label >= 0 else HISTORY
        shares = since(np.array([age, len(waiting), len(self._alarms)]))
        return np.array([self._tells, self._partial, (0, -1, 1)[label + 1], *shares], np.float32)
