import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adt_gym import ScoredSeries
from adt_gym.thresholds.rows import FOLDS, fair_share, held_out_folds, most_eventful, stretches, thinned


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.integers(20, 1500))
def test_a_share_is_as_high_as_it_can_be(lengths: list[int], most: int) -> None:
    share = fair_share(lengths, most)
    assert sum(min(one, share) for one in lengths) <= most
    if share < max(lengths):
        assert sum(min(one, share + 1) for one in lengths) > most


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1)), min_size=1, max_size=6), st.integers(0, 99))
def test_what_is_kept_weighs_as_much_as_all_and_comes_from_all_along(of: list[tuple[int, float]], seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = [random.random(windows) < share for windows, share in of]
    kept = thinned(labels, 240)
    share = fair_share([len(one) for one in labels], 240)
    for one, (places, weights) in zip(labels, kept, strict=True):
        assert len(places) == min(len(one), share)
        assert (np.diff(places) > 0).all()
        assert weights.min() >= 1
        for kind in (one, ~one):
            if kind[places].any():
                assert weights[kind[places]].sum() == pytest.approx(kind.sum())
        if one.sum() <= share // 2:
            assert one[places].sum() == one.sum(), "all anomalous windows of a series with few are kept"
        normal = np.flatnonzero(~one)
        gaps = np.diff(np.searchsorted(normal, places[~one[places]]))
        assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1, "evenly over the normal ones"


@given(st.lists(st.booleans(), min_size=2, max_size=17))
def test_every_series_is_held_out_once_and_teachers_are_dealt_out_evenly(telling: list[bool]) -> None:
    train = [ScoredSeries(np.full(4, 0.5), [0, int(one), 0, 0]) for one in telling]
    folds = held_out_folds(train)
    assert sorted(i for fold in folds for i in fold) == list(range(len(train)))
    assert len(folds) == min(FOLDS, len(train))
    held = [sum(telling[i] for i in fold) for fold in folds]
    assert max(held) - min(held) <= 1


flags = st.lists(st.booleans(), min_size=1, max_size=40).map(lambda one: np.array(one))


def events(labels: NDArray[np.bool_], first: int, windows: int) -> int:
    """Return how many events begin in a stretch; one that went on before it does not."""
    return sum(bool(labels[t] and not (t and labels[t - 1])) for t in range(first, first + windows))


@given(flags, st.integers(1, 45))
def test_the_most_eventful_stretch_is_the_first_in_which_most_events_begin(
    labels: NDArray[np.bool_], windows: int
) -> None:
    windows = min(windows, len(labels))
    found = most_eventful(labels, windows)
    by_start = [events(labels, first, windows) for first in range(len(labels) - windows + 1)]
    assert (found.start, found.stop) == (by_start.index(max(by_start)), by_start.index(max(by_start)) + windows)


@given(st.lists(flags, min_size=1, max_size=5), st.integers(5, 120))
def test_a_stretch_of_each_series_is_within_its_share(labels: list[NDArray[np.bool_]], most: int) -> None:
    train = [ScoredSeries(np.arange(len(one)) / 50, one, str(i)) for i, one in enumerate(labels)]
    parts, share = stretches(train, most), fair_share([len(one) for one in labels], most)
    assert sum(map(len, parts)) <= most
    for part, one in zip(parts, train, strict=True):
        assert (part.name, len(part)) == (one.name, min(len(one), share))
        first = int(np.flatnonzero(one.scores == part.scores[0])[0])
        np.testing.assert_array_equal(part.truth, one.truth[first : first + len(part)])
        possible = range(len(one) - len(part) + 1)
        assert events(one.truth, first, len(part)) == max(events(one.truth, at, len(part)) for at in possible)
