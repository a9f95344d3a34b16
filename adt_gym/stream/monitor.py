"""A detector at work: points come in one by one, decisions go out, and labels are told whenever they become known."""

import json
import math
from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError, number, shown, whole
from adt_gym.files import require_npz, write_npz
from adt_gym.reading import open_npz, parse_json
from adt_gym.registry import as_bytes, from_bytes
from adt_gym.series import MIN_SCORE, NO_PAST, ScoredSeries, Series
from adt_gym.stream.state import restore, state_of
from adt_gym.stream.stream import Method

_ARRAYS = ("values", "labels", "index", "breaks")
"""What a file keeps of the past."""

HISTORY = 10_000
"""Windows, the latest ones, of which a label may be told by their time; others are told by their number."""


class Judged(NamedTuple):
    """What became of one window.

    Args:
        t: Its number, from 0.
        time: That of its last point, as it was pushed.
        score: In (0, 1), or as it was pushed.
        threshold: On the same scale. The window is flagged if its score is above.
        decision: Whether it is flagged.
        raw: What the scorer found.
        why: What the scorer tells of it beside the score, as an ensemble which of its members object; else None.
    """

    t: int
    time: Any
    score: float
    threshold: float
    decision: bool
    raw: float
    why: Any = None


class Monitor:
    """A fitted scorer and a fitted method on live points of one series.

    Its decisions are those of `adt_gym.stream.replay.replay` on the same scores and labels.

    Example:
        >>> from adt_gym import Monitor, thresholds
        >>> monitor = Monitor(None, thresholds.make("persistence"))
        >>> monitor.push("09:00", 0.4).decision
        False
        >>> monitor.tell("09:00", True)
        >>> monitor.push("09:01", 0.3).decision
        True

    Args:
        scorer: Turns points into scores; None where scores in [0, 1] are pushed.
        method: Sets the thresholds.
        past: What came before the first point, unlabelled: a `Series`, or, without a scorer, scores of shape ``(p,)``.
            Scores are scaled and methods calibrated by it; None where there is nothing.
        history: Windows, the latest ones, of which a label may be told by their time; others are told by their number.
            With 0 the past is not kept either, and the monitor cannot be saved: for those who keep both elsewhere.

    Raises:
        InputError: If scorer or method is not one or not fitted, or cannot begin with this past.
    """

    state: ClassVar = ("_session", "_stream", "_t", "_times", "_last", "_whole")

    def __init__(self, scorer: Any, method: Method, past: Any = None, history: int = HISTORY):
        if not isinstance(method, Method):
            raise InputError(f"a method is one such as thresholds.make('persistence') makes, got {shown(method)}")
        if scorer is not None and not callable(getattr(scorer, "start", None)):
            raise InputError(f"a scorer is one such as scoring.make('pca') makes, fitted, or None; got {shown(scorer)}")
        self._method, self._history = method, whole("history", history, 0)
        self._t, self._last, self._whole = 0, None, False
        self._times: dict[Any, int] = {}
        self._session = method.start(self._begin(scorer, past), None, self._scaling)

    @property
    def scorer(self) -> Any:
        """What turns points into scores; None where scores are pushed."""
        return self._scorer

    def _begin(self, scorer: Any, past: Any) -> NDArray[np.floating[Any]] | None:
        """Take a scorer; return the scores of the past, as the method wants them."""
        self._scorer, self._past = scorer, past if self._history else None
        self._stream = self._scaling = None
        if scorer is None:
            return None if past is None else _scores(past)
        if past is not None and not isinstance(past, Series):
            raise InputError(
                f"past must be points, an adt_gym.Series, where a scorer scores them; got a {type(past).__name__}"
            )
        self._stream = scorer.start(past)
        self._scaling = self._stream.scaling
        scores: NDArray[np.floating[Any]] = self._stream.past
        self._stream.past = NO_PAST
        if self._scaling is not None and not self._method.raw:
            scores = self._scaling(scores).astype(np.float32)
        return scores

    def refit(self, scorer: Any, past: Series) -> None:
        """Go on with another scorer, or the same one fitted anew.

        A method that sees labels keeps what it has learned of them; one that sees none begins with the new past. The
        scorer begins after a gap: push the newest points once more, as `prime`, and no window is missed.

        Args:
            scorer: As the constructor takes it, of as many columns.
            past: What it is scaled by, unlabelled.

        Raises:
            InputError: If it cannot begin with this past.
        """
        session = self._method.start(self._begin(scorer, past), None, self._scaling)
        if self._method.sees_labels:
            restore(session, state_of(self._session))
        self._session = session

    def prime(self, time: Any, values: Any) -> None:
        """Show the scorer a point that was judged before, so that it can score the next window.

        Raises:
            InputError: If a value is missing, not finite, or one too many.
        """
        if self._stream is not None:
            self._stream.push(values, time)

    def push(self, time: Any, values: Any) -> Judged | None:
        """Take in the newest point.

        Args:
            time: When it was measured, after the one before: numbers, words that sort, ``datetime``, pandas's
                ``Timestamp`` or ``np.datetime64``, all of one kind; None where nobody knows.
            values: Its m metrics, or its one number.

        Returns:
            What became of the window that ends with it; None while there are too few points for a window, at the start
            and after a `gap`.

        Raises:
            InputError: If the time is none, of another kind or not later, or a value is missing, not finite, or one too
                many. Nothing changes.
        """
        if time is not None:
            kind, last = _kind(time), self._last
            if last is not None:
                if kind != _kind(last):
                    raise InputError(f"time {shown(time)} is a {kind}, {shown(last)} a {_kind(last)}: push one kind")
                if not time > last:
                    raise InputError(f"time {time} is not after {last}: push points in the order of their times")
        why = None
        if self._stream is None:
            raw = score = max(float(np.float32(number("score", values, 0.0, 1.0))), MIN_SCORE)
        else:
            found, why = self._stream.push(values, time), self._stream.why
            if found is None:
                self._took(time)
                return None
            raw, score = found, self._stream.scaled(found)
        self._took(time)
        given = raw if self._method.raw else score
        threshold = self._session.threshold(given)
        if not self._method.raw:
            threshold = float(np.float32(threshold))
        decision = given > threshold
        self._session.judged(given, decision)
        if self._method.raw:
            threshold = self._scaled(threshold, score, decision)
        t, self._t = self._t, self._t + 1
        if time is not None:
            self._times[time] = t
            if len(self._times) > self._history:
                del self._times[next(iter(self._times))]
        return Judged(t, time, score, threshold, decision, raw, why)

    def _took(self, time: Any) -> None:
        """Note the time of a point that was taken in."""
        if time is not None:
            self._last = time
            self._whole = self._whole or (_kind(time) == "number" and time % 1 == 0)

    def _scaled(self, threshold: float, score: float, decision: bool) -> float:
        """Return a raw threshold on the scale of the score; float32 must not turn the decision around."""
        scaled = threshold if self._scaling is None else float(self._scaling(threshold))
        return min(scaled, float(np.nextafter(np.float32(score), np.float32(0)))) if decision else max(scaled, score)

    def gap(self) -> None:
        """Say that time is missing before the next point: no window spans a gap."""
        if self._stream is not None:
            self._stream.gap()

    def tell(self, when: Any, label: bool) -> None:
        """Take in a label: early or late, in any order; the last word counts.

        Args:
            when: The time of a window's last point, as it was pushed, among the last ``HISTORY``; or its number, unless
                whole numbers were pushed as times.
            label: Whether the window is anomalous.

        Raises:
            InputError: If there is no such window, or the label is neither True nor False, 1 nor 0.
        """
        if not isinstance(label, Real | np.bool_) or label not in (True, False):
            raise InputError(f"a label is True or False, 1 or 0, got {shown(label)}")
        try:
            t = None if isinstance(when, bool | np.bool_) else self._times.get(when)
        except TypeError:  # such as a list
            t = None
        if t is None:
            none = f"no window ended at {shown(when)} among the last {len(self._times)} with a time"
            if isinstance(when, bool) or not isinstance(when, int | np.integer):
                raise InputError(f"{none}: tell it by its {'time' if self._whole else 'number'}")
            if self._whole:
                raise InputError(
                    f"{none}: whole numbers are times here, not numbers of windows; push words or datetimes as times "
                    "to tell by those"
                )
            if not 0 <= when < self._t:
                raise InputError(f"no window {when}: {self._t} were judged, 0 the first of them")
            t = int(when)
        self._session.tell(t, bool(label))

    def save(self, path: str | Path) -> None:
        """Write scorer, method and all that is under way to an ``.npz`` file, with a checksum and without pickle.

        Raises:
            InputError: If ``path`` has another ending, the method cannot be saved, or no history is kept.
        """
        require_npz(path, "monitors")
        if not self._history:
            raise InputError("a monitor with history=0 keeps no past and cannot be saved; make it with a history")
        past, arrays = self._past, {"history": np.array(self._history)}
        if isinstance(past, Series):
            arrays = {f"past_{name}": getattr(past, name) for name in _ARRAYS if getattr(past, name) is not None}
            arrays["past_columns"] = np.array(past.columns)
        elif past is not None:
            arrays["past"] = np.asarray(past)
        parts = {"method": self._method} | ({} if self._scorer is None else {"scorer": self._scorer})
        arrays |= {name: np.frombuffer(as_bytes(part), np.uint8) for name, part in parts.items()}
        write_npz(path, sealed=True, state=np.array(json.dumps(state_of(self))), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a monitor that `save` wrote: it goes on bit for bit, labels still pending.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file is not one that `save` wrote, or of a scorer or a method that is not registered.
        """
        with open_npz(path, "a monitor that save() wrote", sealed=True) as arrays:
            parts: dict[str, Any] = {"scorer": None}
            for name in {"method", "scorer"} & set(arrays):
                parts[name] = from_bytes(name, arrays[name].tobytes())
            past: Any = arrays.get("past")
            if "past_values" in arrays:
                given: dict[str, Any] = {name: arrays[f"past_{name}"] for name in _ARRAYS if f"past_{name}" in arrays}
                past = Series(**given, columns=tuple(arrays["past_columns"].tolist()))
            monitor = cls(parts["scorer"], parts["method"], past, int(arrays.get("history", HISTORY)))
            restore(monitor, parse_json(str(arrays["state"]), "its state", nan=True))
        return monitor


def _kind(time: Any) -> str:
    """Return of which kind a time is; those of one kind can be compared.

    Raises:
        InputError: If it is none.
    """
    if isinstance(time, int | float | np.integer | np.floating) and not isinstance(time, bool):
        kind, known = "number", -math.inf < time < math.inf
    elif isinstance(time, str):
        kind, known = "word", True
    elif isinstance(time, datetime):
        kind, known = "time" if time.tzinfo is None else "time with a zone", time == time
    elif isinstance(time, np.datetime64):
        kind, known = "datetime64", not np.isnat(time)
    else:
        kind, known = "", False
    if not known:
        raise InputError(
            f"{shown(time)} is no time: push a finite number, a word, a datetime, a Timestamp or a datetime64, or None "
            "where nobody knows"
        )
    return kind


def _scores(past: Any) -> NDArray[np.float32]:
    """Return the scores of a past.

    Raises:
        InputError: If they are none.
    """
    if isinstance(past, Series | ScoredSeries):
        raise InputError(
            f"without a scorer, past must be scores of shape (p,), got a {type(past).__name__}: pass the scores of a "
            "ScoredSeries, or a scorer with a Series"
        )
    try:
        scores = np.asarray(past, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(f"past must be scores of shape (p,), got {shown(past)}: pass numbers in [0, 1]") from None
    if scores.ndim != 1:
        raise InputError(f"past must be scores of shape (p,), got shape {scores.shape}: pass one score a window")
    wrong = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    if len(wrong):
        i = int(wrong[0])
        raise InputError(f"past must be scores in [0, 1], got {scores[i]} at {i}: leave it out, or scale them")
    return scores
