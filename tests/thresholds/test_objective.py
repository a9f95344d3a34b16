import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adt_gym import Detection, InputError, ScoredSeries
from adt_gym.metrics.composite import composite_f1
from adt_gym.metrics.windows import precision_recall_f1
from adt_gym.thresholds.objective import best_on, objective, require_anomaly, surely_better

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


@pytest.mark.parametrize(("series", "critical"), [(2, 3.078), (3, 1.886), (6, 1.476), (11, 1.372)])
def test_better_by_more_than_chance_is_by_students_table(series: int, critical: float) -> None:
    random, found = np.random.default_rng(series), set[bool]()
    for _ in range(60):
        one, other = random.normal(0.1, 0.2, series), random.normal(0, 0.2, series)
        gain = one - other
        error = np.sqrt(sum((each - gain.mean()) ** 2 for each in gain) / (series - 1) / series)
        found.add(surely_better(one, other))
        assert surely_better(one, other) == (gain.mean() > critical * error)
    assert found == {True, False}


def test_the_same_gain_everywhere_is_sure_and_one_series_says_nothing() -> None:
    assert surely_better(np.array([0.75, 0.5]), np.array([0.5, 0.25]))
    assert not surely_better(np.array([0.5, 0.25]), np.array([0.75, 0.5]))
    assert not surely_better(np.ones(3), np.ones(3))
    assert not surely_better(np.ones(1), np.zeros(1))
