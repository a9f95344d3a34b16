"""The one way from a labelled series to a detection: a session gets the scores one by one, and what is told."""

import numpy as np

from adt_gym.checks import InputError
from adt_gym.series import Detection, ScoredSeries
from adt_gym.stream.feedback import Feedback, Waiting, told_labels
from adt_gym.stream.stream import Fixed, Method, Session


def begin(method: Method, series: ScoredSeries) -> Session:
    """Let a method begin to judge a series after its past.

    Raises:
        InputError: If the method cannot; the message names the series.
    """
    try:
        return method.start(series.past_scores(method.raw), None, series.scaling)
    except InputError as error:
        raise InputError(f"series {series.name!r}: {error}") from error


def replay(method: Method, series: ScoredSeries, feedback: Feedback, seed: int = 0) -> Detection:
    """Let a fitted method judge a series as if it were live.

    Args:
        method: It is handed the past, then score after score, and labels when ``feedback`` has released them.
        series: What is judged.
        feedback: Which labels are told, and when.
        seed: Of the labels that are told wrongly.

    Raises:
        InputError: If the method cannot judge the series, or it has no labels to tell; the message names it.
    """
    scores, detection = (series.raw, Detection.at_raw) if method.raw else (series.scores, Detection.at)
    session, waiting = begin(method, series), Waiting(feedback)
    told = told_labels(series, feedback, seed).tolist() if feedback.tells else []
    if isinstance(session, Fixed):
        return detection(session.threshold(0.0), series)
    thresholds = np.empty(len(series), np.float64 if method.raw else np.float32)
    for t, score in enumerate(scores.tolist()):
        for window, is_told in waiting.come(t):
            if is_told:
                session.tell(window, told[window])
        thresholds[t] = session.threshold(score)
        decision = bool(score > thresholds[t])
        session.judged(score, decision)
        waiting.judged(t, decision)
    return detection(thresholds, series)
