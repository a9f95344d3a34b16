import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adt_gym import Detection, InputError, ScoredSeries
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.thresholds.objective import best_on, objective, require_anomaly

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None)  # the first call compiles
@given(FLAGS, st.integers(1, 12))
def test_it_is_the_mean_of_the_two_metrics(pairs: list[tuple[bool, bool]], deadline: int) -> None:
    decisions, labels = np.array(pairs).T
    detection = Detection(np.zeros(len(labels), np.float32), decisions, labels)
    expected = (composite_f1([detection], deadline) + precision_recall_f1(decisions, labels)[2]) / 2
    assert objective(decisions, labels, deadline) == expected


def series(scores: list[float], labels: list[int]) -> ScoredSeries:
    return ScoredSeries(np.array(scores), np.array(labels, bool))


def test_every_series_weighs_the_same_and_the_first_of_equal_settings_wins() -> None:
    long = series([0.9] + 9 * [0.1], [1] + 9 * [0])
    short = series([0.5, 0.3], [1, 0])
    assert best_on([long, short], [0.6, 0.45, 0.4, 0.2], lambda one: lambda cut: one.scores > cut) == 0.45


def test_series_that_nothing_can_be_chosen_by_are_refused() -> None:
    with pytest.raises(InputError, match="mine: no anomalous window in no series; train on labelled series"):
        require_anomaly([], "mine")
    with pytest.raises(InputError, match="mine: no anomalous window in series"):
        require_anomaly([series([0.5], [0])], "mine")
    require_anomaly([series([0.5], [0]), series([0.5], [1])], "mine")
