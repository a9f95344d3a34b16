"""What the charts of a report draw, in a form that a browser unpacks: JSON with compressed arrays.

Scores and thresholds are kept as 16 bits of [0, 1], flags as one bit each. Both serve drawing only.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adt_gym.evaluation.alerts import AlertLine, by_hour
from adt_gym.evaluation.results import LearningCurve, RunResults
from adt_gym.metrics.events import find_events, runs
from adt_gym.series import Detection, ScoredSeries

MAX_SERIES = 500

SMOOTHED = 30
"""Episodes of the moving average (paper, Figure 4)."""


def drawn_series(marked: Sequence[NDArray[np.bool_]], windows: int) -> list[int]:
    """Return which series to draw, in their order: those with the most marked windows, up to ``windows`` in all.

    At most ``MAX_SERIES`` are drawn: nobody looks through more.
    The first of them is drawn whatever its length.
    """
    by_marks = sorted(range(len(marked)), key=lambda i: -int(marked[i].sum()))
    lengths = np.cumsum([len(marked[i]) for i in by_marks])
    return sorted(by_marks[: min(max(1, int(np.searchsorted(lengths, windows, side="right"))), MAX_SERIES)])


def marked_windows(run: RunResults) -> list[NDArray[np.bool_]]:
    """Return by series which windows to look at: the anomalous ones or, where labels are unknown, what is flagged."""
    if run.labelled:
        return [one.truth for one in run.test]
    by_series = zip(*run.detections.values(), strict=True)
    return [np.logical_or.reduce([one.decisions for one in each]) for each in by_series]


def charts(run: RunResults, shown: Sequence[int], colours: Sequence[str]) -> dict[str, Any]:
    """Return what the charts of one run draw.

    Args:
        run: All of it counts for the delays.
        shown: Which series are drawn.
        colours: One per method.
    """
    by_series, marked = list(zip(*run.detections.values(), strict=True)), marked_windows(run)
    return {
        "labelled": run.labelled,
        "methods": [{"name": m, "colour": c} for m, c in zip(run.detections, colours, strict=True)],
        "series": [_series(run.test[i], by_series[i], marked[i], run.alerts) for i in shown],
        "delays": [_found_within(each) for each in run.detections.values()] if run.labelled else None,
        "hours": None if run.alerts is None else by_hour(run.alerts),
        "learning": None if run.curve is None else _learning(run.curve),
        "smoothed": SMOOTHED,
    }


def as_script(value: object) -> str:
    """Return JSON that may stand inside a script element, whatever its strings hold."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def event_delays(detection: Detection) -> list[int | None]:
    """Return for each event the windows from its start to its first flagged window; None where it is missed."""
    found = [detection.decisions[start:stop] for start, stop in zip(*runs(detection.truth), strict=True)]
    return [int(np.argmax(flags)) if flags.any() else None for flags in found]


def moving_average(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the mean of each value and the up to ``length - 1`` before it."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    stops = np.arange(1, len(values) + 1)
    starts = np.maximum(stops - length, 0)
    return (sums[stops] - sums[starts]) / (stops - starts)


def _series(
    series: ScoredSeries,
    detections: Sequence[Detection],
    marked: NDArray[np.bool_],
    alerts: Sequence[AlertLine] | None,
) -> dict[str, Any]:
    known = series.labels is not None
    return {
        "name": series.name,
        "windows": len(series),
        "times": None if series.index is None else _times(series.index),
        "scores": _unit(series.scores),
        "labels": _packed(np.packbits(series.truth)) if known else None,
        "thresholds": [_unit(one.thresholds) for one in detections],
        "decisions": [_packed(np.packbits(one.decisions)) for one in detections],
        "events": np.transpose(runs(marked)).tolist(),
        "delays": [event_delays(one) for one in detections] if known else None,
        "alerts": None if alerts is None else [_span(one) for one in alerts if one.series == series.name and one.fired],
    }


def _span(alert: AlertLine) -> tuple[int, int | None]:
    return alert.started, alert.ended


def _found_within(detections: Sequence[Detection]) -> dict[str, list[float]]:
    """Return the share of events that were found within each delay that occurs."""
    events = find_events(detections)
    values, counts = np.unique(events.delays, return_counts=True)
    return {"delay": values.tolist(), "share": (np.cumsum(counts) / max(events.found + events.missed, 1)).tolist()}


def _learning(curve: LearningCurve) -> dict[str, str]:
    smoothed = moving_average(curve.reward, SMOOTHED)
    columns = {"episode": curve.episode, "reward": curve.reward, "smoothed": smoothed}
    columns |= {"epsilon": curve.epsilon, "loss": curve.loss}
    return {name: _packed(values.astype("<f4")) for name, values in columns.items()}


def _unit(values: NDArray[np.float32]) -> str:
    """Pack numbers as 16 bits of [0, 1]; beyond it a threshold flags as at the border, and NaN flags none, as 1."""
    return _packed(np.rint(np.clip(np.nan_to_num(values, nan=1.0), 0, 1) * 65535).astype("<u2"))


def _times(index: NDArray[np.datetime64]) -> str:
    """Pack times as the first and the differences, in milliseconds: of regular times next to nothing."""
    milliseconds = index.astype("datetime64[ms]").astype(np.int64)
    return _packed(np.diff(milliseconds, prepend=0).astype("<f8"))


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes())).decode()
