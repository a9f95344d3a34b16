"""The thresholding MDP as the paper writes it (Yang et al., ALA 2023, equations 5 to 8), one loop per sum.

The tests hold the package against this module, so it shares nothing with it: no import, no arrays, no shortcuts.
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
    judged: list[Judged] = field(default_factory=list)

    def reset(self) -> list[float]:
        """Judge the first k windows in passive mode; return the first observation."""
        self.judged = []
        for _ in range(self.k):
            self._judge(threshold=1.0)
        return self._observation()

    def step(self, action: int) -> Step:
        """Judge up to ``hold`` windows with the threshold of ``action`` (equation 7)."""
        threshold = 0.0 if action == 0 else 1.0
        total, windows = 0.0, []
        for _ in range(self.hold):
            if self._next() < self._end():
                windows.append(self._judge(threshold))
                total += self._reward()
        at_end = self._next() == len(self.scores)
        return Step(self._observation(), total, at_end, self._next() == self._end() and not at_end, windows)

    def play(self, actions: Iterator[int]) -> Iterator[tuple[int, Step]]:
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
        return [mu, sigma] + [self._count(outcome) / self.k for outcome in ("TP", "TN", "FP", "FN")]

    def _reward(self) -> float:
        right, wrong = self._count("TP"), self._count("FP") + self._count("FN")
        return self.alpha * (right - wrong) + self.beta * self._count("TN")

    def _count(self, outcome: str) -> int:
        count = 0
        for window in self.judged[-self.k :]:
            if window.outcome == outcome:
                count += 1
        return count
