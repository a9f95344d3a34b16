"""The Markov chain of labels: what a label that was told says of windows after it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adt_gym.metrics.events import runs
from adt_gym.series import ScoredSeries, varies
from adt_gym.stream.feedback import Feedback, in_at


@dataclass(frozen=True)
class Chain:
    """The Markov chain of the labels: how likely an anomaly is, and for how long a label says something.

    Args:
        prior: The share of anomalous windows.
        end: The chance that an anomaly ends after a window.
        carry: What is left of a label's information after the delay: the labels' autocorrelation at that lag.
    """

    prior: float
    end: float
    carry: float

    @classmethod
    def of(cls, series: Sequence[ScoredSeries], feedback: Feedback) -> "Chain":
        """Return the chain of the median series: one with very long anomalies must not speak for all."""
        labels = [one.truth for one in series if varies(one.truth)]
        d = usual_delay(feedback, max(map(len, labels)))
        lags = [float(np.corrcoef(y[:-d], y[d:])[0, 1]) for y in labels if varies(y[:-d]) and varies(y[d:])]
        return cls(
            prior=float(np.median([y.mean() for y in labels])),
            end=float(np.median([len(runs(y)[0]) / y.sum() for y in labels])),
            carry=float(np.clip(np.median(lags), 0.0, 0.999)) if lags else 0.0,
        )

    @property
    def stays(self) -> float:
        """What is left of a belief's distance from the prior after a window.

        That is 1 - onset - end, as an anomaly begins after a normal window with the chance onset = end prior /
        (1 - prior). The median end and prior may be of two series that together would make it negative.
        """
        return max(1 - self.end / (1 - self.prior), 0.0)


def usual_delay(feedback: Feedback, windows: int) -> int:
    """Return after how many windows the feedback of a window is in, the median over so many; 1 if it never is."""
    times = [(t, in_at(feedback, t, True)[0]) for t in range(windows)]
    delays = [at - t for t, at in times if at is not None]
    return int(np.median(delays)) if delays else 1
