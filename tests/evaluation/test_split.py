import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from adt_gym import InputError, ScoredSeries, Series
from adt_gym.evaluation.split import Split, draw_labelled, split_at, split_by_anomalies, split_by_share


def series_of(labels: list[int] | np.ndarray, name: str = "pump") -> Series:
    return Series(np.arange(len(labels)), labels, name)


def anomalous_windows(labels: np.ndarray, window: int) -> int:
    return sum(any(labels[t : t + window]) for t in range(len(labels) - window + 1))


def assert_every_row_is_in_one_part(split: Split, series: list[Series]) -> None:
    for one, train, test in zip(series, split.train, split.test, strict=True):
        assert train.name == test.name == one.name
        np.testing.assert_array_equal(np.append(train.values, test.values), one.values[:, 0])
        np.testing.assert_array_equal(np.append(train.labels, test.labels), one.labels)


# By a number of anomalous windows


@given(labels=nps.arrays(bool, st.integers(4, 40)), window=st.integers(1, 5), wanted=st.integers(1, 12))
def test_the_training_part_is_the_shortest_prefix_with_so_many(labels: np.ndarray, window: int, wanted: int) -> None:
    assume(len(labels) >= window)
    series = series_of(labels)
    enough = [n for n in range(window, len(labels) + 1) if anomalous_windows(labels[:n], window) >= wanted]
    usable = (
        enough
        and anomalous_windows(labels[: enough[0]], window) < enough[0] - window + 1
        and anomalous_windows(labels[enough[0] :], window) > 0
    )
    if not usable:
        with pytest.raises(InputError, match="'pump'"):
            split_by_anomalies(series, window, wanted)
        return
    split = split_by_anomalies(series, window, wanted)
    assert len(split.train[0]) == enough[0]
    assert_every_row_is_in_one_part(split, [series])


def test_no_window_holds_points_of_both_parts() -> None:
    split = split_by_anomalies(series_of([0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]), 3, 2)
    (train,), (test,) = split.train, split.test
    assert train.windows(3)[:, :, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert test.windows(3)[:, :, 0].tolist() == [[6, 7, 8], [7, 8, 9], [8, 9, 10]]


def test_too_few_anomalous_windows_say_how_many_there_are() -> None:
    with pytest.raises(InputError, match=r"'pump' has 3 anomalous windows, fewer than the 20.*train_anomalies="):
        split_by_anomalies(series_of([0] * 10 + [1] + [0] * 10), 3, 20)


# At a row


@pytest.mark.parametrize(
    ("labels", "row", "message"),
    [
        ([0, 1, 0, 0, 1, 0, 0], 2, "'pump' has 7 points: a cut before row 2"),
        ([0, 1, 0, 0, 1, 0, 0], 5, "'pump' has 7 points: a cut before row 5"),
        ([0, 1, 0, 0, 1, 0, 0], -3, "a cut before row -3"),
        ([0, 0, 0, 0, 1, 0, 0], 4, "training part, up to row 4, needs both"),
        ([0, 1, 0, 0, 1, 0, 0], 3, "training part, up to row 3, needs both"),
        ([1, 0, 0, 0, 0, 0, 0], 4, "no anomalous window is left to evaluate after row 4"),
    ],
)
def test_rows_that_leave_a_part_without_what_it_needs(labels: list[int], row: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_at(series_of(labels), row, 3)


def test_a_cut_may_leave_one_window_to_evaluate() -> None:
    split = split_at(series_of([0, 0, 0, 1, 0, 0, 1]), 4, 3)
    assert (len(split.train[0]), len(split.test[0])) == (4, 3)


# By a share


@given(labels=nps.arrays(bool, st.integers(8, 40)), window=st.integers(1, 4), share=st.floats(0.1, 0.9))
def test_a_share_is_cut_where_the_next_normal_window_starts(labels: np.ndarray, window: int, share: float) -> None:
    n = len(labels)
    earliest = int(n * share)
    cut = next((r for r in range(earliest, n - window + 1) if not labels[r : r + window].any()), earliest)
    series = series_of(labels)
    if not window <= cut <= n - window or not labels[cut:].any():
        with pytest.raises(InputError):
            split_by_share([series], share, window)
        return
    split = split_by_share([series], share, window)
    assert len(split.train[0]) == cut
    assert_every_row_is_in_one_part(split, [series])


def test_each_series_is_cut_at_its_own_row() -> None:
    series = [series_of([0] * 6 + [1] * 2, "a"), series_of([0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0], "b")]
    split = split_by_share(series, 0.5, 2)
    assert [len(one) for one in split.train] == [4, 7]
    assert_every_row_is_in_one_part(split, series)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_lies_between_0_and_1(share: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        split_by_share([series_of([0, 1] * 10)], share, 2)


def test_a_series_too_short_for_its_share_is_named() -> None:
    with pytest.raises(InputError, match=r"'short': 8 points are too few"):
        split_by_share([series_of([0, 1] * 30), series_of([0] * 8, "short")], 0.25, 4)


def test_something_must_be_left_to_find() -> None:
    with pytest.raises(InputError, match=r"no anomalous window is left to evaluate.*0\.5"):
        split_by_share([series_of([1, 1] + [0] * 18, "a"), series_of([0] * 20, "b")], 0.5, 3)


# What the agent learns on


def scored(name: str, windows: int, anomalies: int = 1) -> ScoredSeries:
    return ScoredSeries(np.full(windows, 0.5), np.arange(windows) < anomalies, name)


def test_about_so_many_windows_of_whole_usable_series_are_drawn() -> None:
    clean, flooded = scored("clean", 100, 0), scored("flooded", 100, 100)
    series = [clean, flooded, *(scored(f"usable_{i}", 100) for i in range(20))]
    drawn = draw_labelled(series, 1000, seed=0)
    assert len(drawn) == 10
    assert {id(one) for one in drawn} < {id(one) for one in series} - {id(clean), id(flooded)}
    assert len({one.name for one in drawn}) == 10


def test_a_draw_depends_on_its_seed_alone() -> None:
    series = [scored(str(i), 100) for i in range(20)]
    names = [[one.name for one in draw_labelled(series, 500, seed)] for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_at_least_one_series_is_drawn() -> None:
    assert len(draw_labelled([scored("a", 500), scored("b", 500)], 10, 0)) == 1


def test_nothing_usable_is_an_error() -> None:
    with pytest.raises(InputError, match="no training part holds both"):
        draw_labelled([scored("clean", 50, 0), scored("flooded", 50, 50)], 10, 0)


def test_a_training_part_counts_only_windows_that_span_no_gap() -> None:
    labels = np.zeros(200, bool)
    labels[50] = labels[120] = labels[150] = True
    series = Series(np.arange(200.0) % 7, labels, "s", breaks=np.arange(45, 56))  # no window holds the first anomaly
    cut = split_by_anomalies(series, 10, 10)
    starts = cut.train[0].window_starts(10)
    assert cut.train[0].window_labels(10)[starts].sum() == 10


def test_a_test_series_has_its_history_or_else_its_training_part_as_its_past() -> None:
    first, second, one, other = (Series(np.zeros(60), np.arange(60) == 20, name) for name in ("a", "b", "b", "b"))
    halves = [one[:30], other[:30]], [one[30:], other[30:]]
    cut = Split(*halves, [first, second])
    assert [past for _, past in cut.learned] == [past for _, past in cut.tested] == [first, second]
    for history in ([], [first], [first, second, first]):  # whose?
        cut = Split(*halves, history)
        assert [past for _, past in cut.learned] == [past for _, past in cut.tested] == cut.train
