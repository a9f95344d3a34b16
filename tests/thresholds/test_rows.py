import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym import ScoredSeries
from adt_gym.thresholds.rows import FOLDS, fair_share, held_out_folds, thinned


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
