"""Step control: up after a told false alarm, down after a told hit or miss, slowly down in silence."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.compiling import compiled
from adt_gym.scaling import Scaling
from adt_gym.series import ScoredSeries
from adt_gym.stream.feedback import Feedback
from adt_gym.stream.stream import Scores
from adt_gym.thresholds.evidence import logit
from adt_gym.thresholds.objective import Flags, best_on, require_anomaly
from adt_gym.thresholds.replayed import Change, Compiled, Released, Replayed, Tally
from adt_gym.thresholds.rows import stretches
from adt_gym.thresholds.static import best_f1_threshold

REACH, PARTS = 16, 4096
"""Thresholds are those of logits from -16 to 16, in steps of 1 / 4096."""

FINE = 4096
"""Into so many parts such a step is divided where moves are added up: whole numbers do not drift."""

UNIT = PARTS * FINE
LEVELS = (1 / (1 + np.exp(-np.arange(-REACH * PARTS, REACH * PARTS + 1) / PARTS))).astype(np.float32)

QUANTILES = 1 - 10.0 ** -np.linspace(0.5, 4, 15)
"""Of training scores, and of a series' own past: where the threshold may start."""

STEPS, PRECISIONS = (0.01, 0.04, 0.2, 0.8, 3.0), (0.3, 0.6, 0.9, 0.97)
DRIFTS, SPANS = (0.0, 1e-4, 1e-3, 1e-2), (1, 10)


class Control(NamedTuple):
    """A setting.

    Args:
        start: The threshold to begin with; ignored where a quantile is given and there is a past.
        quantile: That of the series' past to begin with, or -1.
        step: eta, in logits: how far up a told false alarm moves the threshold, and a told miss down.
        precision: q, inside (0, 1): a told hit moves it down by eta (1 - q) / q.
        drift: How far down a window without an alarm moves it, in etas.
        span: Of a run of alarms every so-manieth window counts, from the first on, and so of all windows without.
    """

    start: float
    quantile: float = -1.0
    step: float = 0.0
    precision: float = 0.5
    drift: float = 0.0
    span: int = 1

    @property
    def moves(self) -> NDArray[np.int64]:
        """Shape ``(2, 2)``: by decision and label, how far its label moves the threshold, in units."""
        hit = self.step * (1 - self.precision) / self.precision
        return (UNIT * np.array([[0.0, -self.step], [self.step, -hit]])).round().astype(np.int64)

    def place(self, past: Scores | None) -> int:
        """Return where the threshold starts after a past of scaled scores, in units."""
        own = self.quantile >= 0 and past is not None and len(past) > 0
        start = float(np.quantile(past, self.quantile)) if own else self.start  # type: ignore[arg-type]
        inside = min(max(start, float(LEVELS[0])), float(LEVELS[-1]))
        return round(float(logit(inside)) * UNIT)


class StepControl(Replayed):
    """The controller that an engineer writes in an afternoon.

    The logit of the threshold on the scaled score moves up by eta after a told false alarm, down by eta (1 - q) / q
    after a told hit, so that it rests where a share q of alarms is true, and down by eta after a told miss, where rules
    tell of one. In silence it sinks slowly: else one that stands too high would never be told anything again. Logits,
    not ranks among the past: scores above all of the past, where anomalies are, differ in them.

    Start, eta, q, drift, and how many windows of one alarm count are those of a small grid with the best mean objective
    on the training series, replayed under the very feedback; an eta of 0, a fixed threshold, is one of them.

    Reference: H. Robbins and S. Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22, 1951;
    on quantiles of scores, I. Gibbs and E. Candes, "Adaptive conformal inference under distribution shift", NeurIPS
    2021, equation 2, and A. Angelopoulos, E. Candes and R. Tibshirani, "Conformal PID control for time series
    prediction", NeurIPS 2023, equation 3 (quantile tracking).

    Args:
        feedback, delay, noise, seed: See `adt_gym.stream.stream.ToldMethod`.

    Attributes:
        control: The chosen setting.
    """

    name = "step control"
    fitted: ClassVar = ("control",)
    control: Control

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Choose the setting on labelled series of other machines.

        Raises:
            InputError: If no window of them is anomalous, or nobody knows.
        """
        require_anomaly(train, self.name)
        train = stretches(train)
        scores = np.concatenate([one.scores for one in train])
        levels = [best_f1_threshold(train), *np.quantile(scores, QUANTILES).tolist()]
        starts = [best_on(train, map(Control, levels), self._trial)]
        if any(len(one.past) for one in train):
            own = [starts[0]._replace(quantile=float(q)) for q in (*QUANTILES, 1.0)]
            starts.append(best_on(train, own, self._trial))
        settings = list(starts)
        if self.sees_labels:
            moving = product(starts, STEPS, PRECISIONS, DRIFTS, SPANS)
            settings += [one._replace(step=a, precision=q, drift=b, span=n) for one, a, q, b, n in moving]
        self.control = best_on(train, settings, self._trial)
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> "Controller":
        """Begin at the threshold that was chosen, or at the chosen quantile of the past."""
        return Controller(self.control, self.control.place(past), self.feedback)

    def _trial(self, series: ScoredSeries) -> Any:
        released, past, places = self._released(series), np.sort(series.past_scores(raw=False)), dict[Any, int]()

        def decide(control: Control) -> Flags:
            key = control.start, control.quantile
            places[key] = places[key] if key in places else control.place(past)
            return series.scores > Controller(control, places[key], self.feedback).thresholds(series.scores, released)

        return decide

    def _fitted(self) -> dict[str, Any]:
        return {"control": list(self.control)} if "control" in vars(self) else {}

    def _restore(self, values: Any) -> None:
        self.control = Control(*values["control"])


@compiled
def _follow(
    scores: NDArray[np.float32],
    windows: NDArray[np.int64],
    due: NDArray[np.int64],
    told: Flags,
    labels: Flags,
    levels: NDArray[np.float32],
    moves: NDArray[np.int64],
    place: int,
    drift: int,
    span: int,
) -> NDArray[np.float32]:
    """Return shape ``(T,)``: the thresholds; for the arguments see `Released`, `Control` and `Controller`."""
    thresholds = np.empty(len(scores), np.float32)
    flagged, counts = np.zeros(len(scores), np.bool_), np.zeros(len(scores), np.bool_)
    taken, run, middle = 0, 0, len(levels) // 2
    for t in range(len(scores)):
        while taken < len(due) and due[taken] <= t:
            window = windows[taken]
            decision = int(flagged[window])
            if counts[window] and told[window, decision]:
                place += moves[decision, int(labels[window])]
            taken += 1
        thresholds[t] = levels[min(max(middle + place // FINE, 0), len(levels) - 1)]
        if scores[t] > thresholds[t]:
            flagged[t] = True
            counts[t] = run % span == 0
            run += 1
        else:
            counts[t] = t % span == 0
            run = 0
            place -= drift
    return thresholds


class Controller(Compiled):
    """One series, judged by step control.

    Args:
        control: The setting.
        place: Where the threshold starts, in units of its logit.
        feedback: When labels are in.
    """

    state: ClassVar = ("_t", "_place", "_run", "_tally")

    def __init__(self, control: Control, place: int, feedback: Feedback):
        self._moves, self._span = control.moves, control.span
        self._drift = round(control.drift * control.step * UNIT)
        self._t, self._place, self._run, self._tally = 0, place, 0, Tally(feedback)

    def thresholds(self, scores: NDArray[np.float32], released: Released) -> NDArray[np.float32]:
        """Judge a whole series."""
        return _follow(scores, *released, LEVELS, self._moves, self._place, self._drift, self._span)

    def threshold(self, score: float) -> float:
        """Return the level at which the threshold stands, after what is in."""
        self._move(self._tally.come(self._t))
        return float(LEVELS[min(max(len(LEVELS) // 2 + self._place // FINE, 0), len(LEVELS) - 1)])

    def judged(self, score: float, decision: bool) -> None:
        """Sink in silence, and wait for the label."""
        counts = (self._run if decision else self._t) % self._span == 0
        self._tally.judged(self._t, decision, int(decision) if counts else None)
        self._run = self._run + 1 if decision else 0
        self._place -= 0 if decision else self._drift
        self._t += 1

    def tell(self, t: int, label: bool) -> None:
        """Keep the label until its time, or move by the difference that it makes."""
        self._move(self._tally.tell(t, label))

    def _move(self, changes: Iterable[Change]) -> None:
        for decision, old, new in changes:
            if decision is not None:
                self._place += sum(sign * int(self._moves[decision, y]) for sign, y in ((-1, old), (1, new)) if y >= 0)
