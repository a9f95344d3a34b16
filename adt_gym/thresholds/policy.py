"""A trained agent as a method."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, flag, shown, whole
from adt_gym.envs.actions import action_space_of, threshold_of
from adt_gym.envs.settings import settings_of
from adt_gym.mdp.mdp import PASSIVE, ThresholdingMDP
from adt_gym.mdp.plan import MAX_STATES_PER_DECISION, View, roll_out, states_per_decision
from adt_gym.registry import Entry, Registry, class_of, load
from adt_gym.saved import Saved
from adt_gym.scaling import Scaling
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.context import LabelContext, ScoreContext
from adt_gym.stream.feedback import OUTCOME_NUMBERS, OUTCOMES, DueLabels, Feedback, told_labels
from adt_gym.stream.stream import Method, Scores, Session

registry = Registry(
    "policy",
    {
        "reference": Entry("adt_gym.agents.reference_dqn:ReferenceDQN", needs=("torch",)),
        "greedy": Entry("adt_gym.agents.sb3:GreedyPolicy", needs=("stable_baselines3", "torch")),
        "actor": Entry("adt_gym.agents.actor:Actor"),
        "recurrent": Entry("adt_gym.agents.gru:RecurrentPolicy"),
    },
)
"""The models that files may hold."""


class Policy(Method):
    """The thresholds that a policy sets in ADT-v0, from a series' first window to its last.

    Args:
        model: Any object with SB3's ``predict(observation, deterministic=True) -> (action, state)``, or the path of a
            file that one of those in ``registry`` was saved to.
        name: What tables call it.
        hold: l, for how many windows the agent keeps an action, as in its training.
        memoryless: Whether the action depends on the observation alone. Then ``predict`` gets all states that can
            occur in one batch where that is faster; otherwise it is called window by window, with its ``state`` and
            ``episode_start``, which is True at each series' first window.
        context: Whether it learned on ADT-Context-v0, ADT-Bench-v0 or with ContextObservation, and is shown that
            context here; then ``observe_score`` is always True.
        seed: Of what noisy feedback flips.
        env_kwargs: Arguments of ADT-v0 (``k``, ``thresholds``, ``feedback``, ...), as in the training; which part of a
            series an episode covers and how it is drawn does not matter here.

    Raises:
        InputError: If an argument is unknown, of another type or out of range.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str = "adt",
        hold: int = 1,
        memoryless: bool = True,
        context: bool = False,
        seed: int = 0,
        **env_kwargs: Any,
    ):
        if isinstance(model, str | Path):
            model = load("policy", model)
        if not callable(getattr(model, "predict", None)):
            raise InputError(f"a policy's model needs predict(observation, deterministic=True), got {shown(model)}")
        self.model, self.name, self.hold, self.seed = model, name, whole("hold", hold), whole("seed", seed, least=0)
        self.memoryless, self.context = flag("memoryless", memoryless), flag("context", context)
        self.env_kwargs = {
            name: env_kwargs[name] for name in env_kwargs if name not in ("episode_windows", "render_mode")
        }
        if self.context:
            self.env_kwargs["observe_score"] = True
        self.settings = settings_of(self.env_kwargs)
        self.feedback = self.settings.told

    @property
    def sees_labels(self) -> bool:  # type: ignore[override]
        """Whether labels of earlier windows are in the observation."""
        return self.feedback.tells

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Do nothing: the policy comes trained."""
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "PolicySession":
        """Begin with the first k windows, which are judged in passive mode; the past does not matter."""
        return PolicySession(self)

    def detect(self, series: ScoredSeries) -> Detection:
        """Run the greedy policy over the whole series; its first k windows are judged in passive mode."""
        if series.labels is None:
            return super().detect(series)
        given, levels = self.settings, self.settings.levels
        mdp = ThresholdingMDP([series], given.k, given.alpha, given.beta)
        states = states_per_decision(mdp, self.feedback)
        if not self.memoryless or self.context or levels is None or states > MAX_STATES_PER_DECISION * self.hold:
            return super().detect(series)
        view = View(self.feedback, given.observe_score, told_labels(series, self.feedback, self.seed))
        actions = roll_out(mdp, mdp.k, len(series), self._choose, levels, self.hold, view=view)
        return Detection.at(np.append(np.full(mdp.k, PASSIVE), np.array(levels)[actions]), series)

    def kept(self) -> dict[str, Any]:
        """Return all that `anew` needs, the model among it.

        Raises:
            InputError: If the model is none of those in ``registry``, or the feedback a rule of the user's own.
        """
        model, words = self.model, ("feedback", "feedback_delay", "label_noise")
        where = class_of(type(model))
        if not isinstance(model, Saved):
            raise InputError(
                f"policy {self.name!r}: a model of {where} cannot be kept with it; save the model by itself, and make "
                "the policy of what adt_gym.agents.sb3.load_policy reads, or of an agent of this package"
            )
        given = {**self.env_kwargs, **dict(zip(words, self._feedback_words(), strict=True))}
        own = {one: getattr(self, one) for one in ("name", "hold", "memoryless", "context", "seed")}
        return {"options": {**given, **own}, "values": {"class": where, **model.kept()}}

    @classmethod
    def anew(cls, kept: Mapping[str, Any]) -> Self:
        """Make anew what `kept` tells."""
        model = kept["values"]
        return cls(registry.find(model["class"]).anew(model), **kept["options"])

    def _choose(self, observations: NDArray[np.float32]) -> NDArray[np.integer]:
        actions: NDArray[np.integer] = self.model.predict(observations, deterministic=True)[0]
        return actions


class PolicySession(Session):
    """What ADT-v0 would observe of one series, window by window, and what the policy makes of it.

    The shares are counted among the k windows whose feedback came last by the policy's own rule. A label that is told
    early waits until then; one that is told late counts from then on, if its window is still among the k.
    """

    def __init__(self, policy: Policy):
        self._policy, self._memory = policy, None
        given = policy.settings
        self._k, self._levels, self._space = given.k, given.levels, action_space_of(given.levels)
        self._t, self._threshold = 0, PASSIVE
        self._scores: deque[float] = deque(maxlen=self._k)
        self._due = DueLabels(given.told)
        self._waiting: dict[int, bool] = {}  # the decisions on windows whose feedback is still to come
        self._last: dict[int, list[int]] = {}  # of the k whose came last, in order: decision and label, -1 for none
        self._context = _Context(given.told) if policy.context else None

    @property
    def state(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of what changes while it runs.

        Raises:
            InputError: If the model has a memory of its own.
        """
        if not self._policy.memoryless:
            raise InputError(
                f"policy {self._policy.name!r} is not memoryless: what its model remembers cannot be written to a file"
            )
        names = ("_t", "_threshold", "_scores", "_due", "_waiting", "_last")
        return (*names, "_context") if self._context else names

    def threshold(self, score: float) -> float:
        """Return what the policy sets, or goes on to hold."""
        context: Any = self._context.push(self._t, score) if self._context else ()
        begun = self._t - self._k
        if begun >= 0 and begun % self._policy.hold == 0:
            memory: dict[str, Any] = {}
            if not self._policy.memoryless:
                memory = {"state": self._memory, "episode_start": np.array([begun == 0])}
            action, self._memory = self._policy.model.predict(
                self._observe(score, context), deterministic=True, **memory
            )
            self._threshold = threshold_of(action, self._levels, self._space)
        return self._threshold

    def judged(self, score: float, decision: bool) -> None:
        """Take in the decision, and what is due before the next window."""
        if self._due.judged(self._t, decision):
            self._waiting[self._t] = decision
        if self._context:
            self._context.labels.judged(self._t, decision)
        self._scores.append(score)
        self._t += 1
        for window, label in self._due.come(self._t):
            self._last[window] = [int(self._waiting.pop(window)), label]
            if len(self._last) > self._k:
                del self._last[next(iter(self._last))]

    def tell(self, t: int, label: bool) -> None:
        """Take in the label of window t."""
        if self._context:
            self._context.labels.tell(t, label)
        if self._due.tell(t, label) and t in self._last:
            self._last[t][1] = int(label)

    def _observe(self, score: float, context: Any) -> NDArray[np.float32]:
        # One after the other, oldest first, as mdp.trailing_statistics does: only so are the sums equal bit by bit.
        k, total, squares = self._k, 0.0, 0.0
        for one in self._scores:
            total += one
        mean = total / k
        for one in self._scores:
            squares += (one - mean) * (one - mean)
        counts = [0] * len(OUTCOMES)
        for decision, label in self._last.values():
            if label >= 0:
                counts[OUTCOME_NUMBERS[label][decision]] += 1
        observation = [mean, squares / max(k - 1, 1), *(count / k for count in counts)]
        if self._policy.settings.observe_score:
            observation.append(score)
        return np.array([*observation, *context], dtype=np.float32)


class _Context:
    """What `adt_gym.envs.context.EpisodeContext` shows, of a series that is judged window by window."""

    state: ClassVar = ("scores", "labels")

    def __init__(self, feedback: Feedback):
        self.scores, self.labels, self._tells = ScoreContext(), LabelContext(feedback), feedback.tells

    def push(self, t: int, score: float) -> NDArray[np.float32]:
        """Return the context of window t; ask for every window, in order."""
        row, told = self.scores.push(score), self.labels.push(t)
        return np.concatenate((row, told)) if self._tells else row
