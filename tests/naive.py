"""The thresholding MDP as the paper writes it (Yang et al., ALA 2023, equations 5 to 8), one loop per sum.

Beyond the paper: labels that are told late, in part, flipped or never, other thresholds, and costs. The tests hold the
package against this module, so it shares nothing with it: no import, no arrays, no shortcuts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass
class Judged:
    """One window after it was judged."""

    t: int
    threshold: float
    decision: bool
    label: bool
    outcome: str


@dataclass
class Step:
    """What an environment must return for one action."""

    observation: list[float]
    reward: float
    terminated: bool
    truncated: bool
    windows: list[Judged]


@dataclass
class NaiveMDP:
    """One episode over windows ``start`` to ``stop`` (exclusive); every list is one entry per window."""

    scores: Sequence[float]
    labels: Sequence[bool]
    k: int
    alpha: float
    beta: float
    hold: int = 1
    start: int = 0
    stop: int | None = None  # the series' end
    levels: Sequence[float] | None = (0.0, 1.0)  # None: an action is a threshold
    feedback: str = "full"
    delay: int = 1
    week: int | None = None  # labels come on Monday mornings: all windows of a week before the first of the next
    urgent: bool = False  # with a week: those of flagged windows come after ``delay`` all the same
    flipped: Sequence[bool] = ()  # per window judged, the first k included, whether its label is told wrongly
    observe_score: bool = False
    change_cost: float = 0.0
    early_bonus: float = 0.0
    early_windows: int = 10
    alarm_budget: int | None = None
    alarm_cost: float = 1.0
    judged: list[Judged] = field(default_factory=list)

    def reset(self) -> list[float]:
        """Judge the first k windows in passive mode; return the first observation."""
        self.judged = []
        for _ in range(self.k):
            self._judge(threshold=1.0)
        return self._observation()

    def step(self, action: float) -> Step:
        """Judge up to ``hold`` windows with the threshold of ``action`` (equation 7)."""
        threshold = action if self.levels is None else self.levels[int(action)]
        total, windows = 0.0, []
        for _ in range(self.hold):
            if self._next() < self._end():
                windows.append(self._judge(threshold))
                total += self._reward() + self._extra()
        at_end = self._next() == len(self.scores)
        return Step(self._observation(), total, at_end, self._next() == self._end() and not at_end, windows)

    def play(self, actions: Iterator[float]) -> Iterator[tuple[float, Step]]:
        """Take actions until the episode ends."""
        while True:
            action = next(actions)
            step = self.step(action)
            yield action, step
            if step.terminated or step.truncated:
                return

    def _next(self) -> int:
        return self.start + len(self.judged)

    def _end(self) -> int:
        return len(self.scores) if self.stop is None else self.stop

    def _judge(self, threshold: float) -> Judged:
        t = self._next()
        decision = self.scores[t] > threshold
        label = self.labels[t]
        if decision:
            outcome = "TP" if label else "FP"
        else:
            outcome = "FN" if label else "TN"
        self.judged.append(Judged(t, threshold, decision, label, outcome))
        return self.judged[-1]

    def _observation(self) -> list[float]:
        recent = self.judged[-self.k :]
        mu = 0.0
        for window in recent:
            mu += self.scores[window.t] / self.k
        sigma = 0.0
        if self.k > 1:
            for window in recent:
                sigma += (self.scores[window.t] - mu) ** 2 / (self.k - 1)
        observation = [mu, sigma] + [self._told(outcome) / self.k for outcome in ("TP", "TN", "FP", "FN")]
        if self.observe_score:
            observation.append(self.scores[self._next()] if self._next() < len(self.scores) else 0.0)
        return observation

    def seen(self) -> list[int]:
        """Per window judged, the label that is told in time, -1 if it never is."""
        labels = []
        for i, window in enumerate(self.judged):
            if self.feedback == "none" or (self.feedback == "alerts" and not window.decision):
                labels.append(-1)
            elif i < len(self.flipped) and self.flipped[i]:
                labels.append(0 if window.label else 1)
            else:
                labels.append(1 if window.label else 0)
        return labels

    def _arrives(self, window: Judged) -> int:
        """Return before which window what is told of one is in, or is known not to come."""
        if self.week is None or (self.urgent and window.decision):
            return window.t + self.delay
        return window.t - window.t % self.week + self.week

    def _told(self, outcome: str) -> int:
        """Count those told to have come out so among the k windows of this episode that came in last."""
        arrived = []
        for window, label in zip(self.judged, self.seen(), strict=True):
            if self._arrives(window) <= self._next():
                arrived.append((self._arrives(window), window.t, window.decision, label))
        count = 0
        for _, _, decision, label in sorted(arrived)[-self.k :]:
            right = (label == 1) == decision
            told = ("T" if right else "F") + ("P" if decision else "N")
            if label >= 0 and told == outcome:
                count += 1
        return count

    def _reward(self) -> float:
        right, wrong = self._count("TP"), self._count("FP") + self._count("FN")
        return self.alpha * (right - wrong) + self.beta * self._count("TN")

    def _extra(self) -> float:
        """Add up the reward terms of the window judged last."""
        *before, last = self.judged
        total = 0.0
        if last.threshold != before[-1].threshold:
            total -= self.change_cost
        if last.outcome == "TP":
            first = last.t
            while first > 0 and self.labels[first - 1]:
                first -= 1
            missed_so_far = True
            for window in before:
                if window.t >= first and window.decision:
                    missed_so_far = False
            if missed_so_far:
                total += self.early_bonus * max(0.0, 1 - (last.t - first) / self.early_windows)
        if last.decision and self.alarm_budget is not None:
            alarms = 0
            for window in self.judged:
                if window.decision:
                    alarms += 1
            if alarms > self.alarm_budget:
                total -= self.alarm_cost
        return total

    def _count(self, outcome: str) -> int:
        count = 0
        for window in self.judged[-self.k :]:
            if window.outcome == outcome:
                count += 1
        return count
