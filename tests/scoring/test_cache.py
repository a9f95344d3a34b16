import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import adt_gym
from adt_gym.scored_files import load_scored, save_scored
from adt_gym.scoring.cache import cache_key, cached_scores
from adt_gym.scoring.isolation import Isolation
from adt_gym.series import Series


def series(seed: int = 0, name: str = "s", labelled: bool = True) -> Series:
    values = np.random.default_rng(seed).random((60, 2), dtype=np.float32)
    index = np.datetime64("2024-01-01", "h") + np.arange(60)
    return Series(values, np.arange(60) == 30 if labelled else None, name, index)


def scorer(**settings: object) -> Isolation:
    return Isolation(**{"window": 4, "trees": 5, **settings})


def refuse(self: object, normal: object) -> None:
    """Stand for the ``fit`` of a scorer that must not be fitted."""
    raise AssertionError("fitted although its scores are in the cache")


def test_the_second_time_nothing_is_fitted_and_everything_is_equal(tmp_path: Path) -> None:
    judged = [(series(1), None), (series(2, "t"), series(3))]
    first, found = cached_scores(tmp_path / "cache", scorer(), [series()], judged)
    assert not found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Isolation, "fit", refuse)
        again, found = cached_scores(tmp_path / "cache", scorer(), [series()], judged)
    assert found
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.raw, other.raw)
        np.testing.assert_array_equal(one.past, other.past)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.index, other.index)
        assert (one.name, one.meta) == (other.name, other.meta)
    expected = scorer().fit([series()]).score(series(1))
    np.testing.assert_array_equal(first[0].scores, expected.scores)
    assert again[0].meta == expected.meta
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_every_change_of_data_settings_or_version_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    other = series().values.copy()
    other[5, 1] += 1
    shifted = Series(series().values, series().labels, "s", series().index + np.timedelta64(1, "h"))  # type: ignore[operator]
    keys = [
        cache_key(scorer(), [series()], [(series(), None)]),
        cache_key(scorer(), [series()], [(series(), series())]),
        cache_key(scorer(seed=1), [series()], [(series(), None)]),
        cache_key(scorer(scaling="tail"), [series()], [(series(), None)]),
        cache_key(scorer(), [Series(other, series().labels, "s", series().index)], [(series(), None)]),
        cache_key(scorer(), [series()], [(Series(other, series().labels, "s", series().index), None)]),
        cache_key(scorer(), [series(labelled=False)], [(series(), None)]),
        cache_key(scorer(), [series(name="t")], [(series(), None)]),
        cache_key(scorer(), [shifted], [(series(), None)]),
        cache_key(scorer(), [series(), series(1, "t")], []),
        cache_key(scorer(), [series()], [(series(1, "t"), None)]),
    ]
    monkeypatch.setattr(adt_gym, "__version__", "other")
    keys.append(cache_key(scorer(), [series()], [(series(), None)]))
    assert len(set(keys)) == len(keys)


def test_another_code_of_the_scorer_changes_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own_scorer.py"
    path.write_text("from adt_gym.scoring.isolation import Isolation\nclass Own(Isolation): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    keys = []
    for more in ("", "FACTOR = 2\n"):
        path.write_text(path.read_text() + more)
        monkeypatch.delitem(sys.modules, "own_scorer", raising=False)
        keys.append(cache_key(importlib.import_module("own_scorer").Own(), [series()], []))
    assert len(set(keys)) == 2
    monkeypatch.delitem(sys.modules, "own_scorer")


def test_a_file_that_holds_other_scores_is_not_used_in_silence(tmp_path: Path) -> None:
    expected, _ = cached_scores(tmp_path, scorer(), [series()], [(series(1), None)])
    (path,) = tmp_path.iterdir()
    save_scored(path, [scorer(seed=9).fit([series()]).score(series(1))])
    with pytest.warns(UserWarning, match="holds those of other data or settings"):
        made, found = cached_scores(tmp_path, scorer(), [series()], [(series(1), None)])
    assert not found
    np.testing.assert_array_equal(made[0].scores, expected[0].scores)
    np.testing.assert_array_equal(load_scored(path)[0].scores, expected[0].scores)


def test_a_broken_file_is_made_again_with_a_warning(tmp_path: Path) -> None:
    cached_scores(tmp_path, scorer(), [series()], [(series(1), None)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    with pytest.warns(UserWarning, match="not a file of scored series"):
        cached_scores(tmp_path, scorer(), [series()], [(series(1), None)])
    assert len(load_scored(path)) == 1


def test_a_failing_fit_leaves_no_file_and_fit_may_be_given(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Isolation, "fit", refuse)
        with pytest.raises(AssertionError, match="fitted although"):
            cached_scores(tmp_path, scorer(), [series()], [(series(1), None)])
    assert not list(tmp_path.iterdir())
    mine = scorer()
    cached_scores(tmp_path, mine, [series()], [(series(1), None)], fit=lambda: mine.fit([series()]))
    assert len(list(tmp_path.iterdir())) == 1
