"""Sessions that are kept in the middle and gone on with, beside the one that was never kept."""

import json

from adt_gym import ScoredSeries
from adt_gym.stream.feedback import Waiting
from adt_gym.stream.state import restore, state_of
from adt_gym.thresholds import Policy


def thresholds_of_restored(policy: Policy, series: ScoredSeries) -> list[float]:
    """Judge a series of more than 43 windows in sessions begun from the first one's state, and hold them to agree."""
    sessions, waiting, thresholds = [policy.start()], Waiting(policy.feedback), []
    for t, score in enumerate(series.scores.tolist()):
        if t in (1, 20, 43):
            sessions.append(policy.start())
            restore(sessions[-1], json.loads(json.dumps(state_of(sessions[0]))))
        for window, is_told in waiting.come(t):
            for session in sessions:
                if is_told:
                    session.tell(window, bool(series.truth[window]))
        (threshold,) = {session.threshold(score) for session in sessions}
        for session in sessions:
            session.judged(score, score > threshold)
        waiting.judged(t, score > threshold)
        thresholds.append(threshold)
    return thresholds
