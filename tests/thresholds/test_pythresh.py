import sys
from importlib import import_module

import numpy as np
import pytest

from adt_gym.series import InputError, ScoredSeries
from adt_gym.thresholds import make
from adt_gym.thresholds.pythresh import FAST_PYTHRESH, LATEST, PyThresh, pythresh_methods


@pytest.fixture(scope="module")
def train() -> ScoredSeries:
    random = np.random.default_rng(0)
    labels = random.random(400) < 0.05
    return ScoredSeries(np.clip(random.gamma(2, 0.03, 400) + 0.4 * labels, 0, 1), labels, "train")


@pytest.mark.parametrize("method", FAST_PYTHRESH)
def test_on_its_training_scores_it_decides_as_pythresh_does(method: str, train: ScoredSeries) -> None:
    detection = make(f"pythresh:{method}").fit([train[:150], train[150:]]).detect(train)
    fitted = getattr(import_module(f"pythresh.thresholds.{method.lower()}"), method)()
    fitted.fit(train.scores.astype(np.float64))
    np.testing.assert_array_equal(detection.decisions, np.asarray(fitted.labels_, dtype=bool))
    assert len(np.unique(detection.thresholds)) == 1


def test_iqr_is_the_quartile_rule(train: ScoredSeries) -> None:
    low, high = np.percentile(train.scores.astype(np.float64), [25, 75], method="midpoint")
    thresholds = PyThresh("IQR").fit([train]).detect(train).thresholds
    np.testing.assert_allclose(thresholds, high + 1.5 * (high - low), atol=1e-6)


def test_other_scores_do_not_move_the_threshold(train: ScoredSeries) -> None:
    thresholder = PyThresh("MAD").fit([train])
    detection = thresholder.detect(ScoredSeries([0.9, 0.01, 0.9], [0, 0, 0]))
    np.testing.assert_array_equal(detection.thresholds, thresholder.detect(train).thresholds[0])


def test_numpys_global_generator_is_left_alone(train: ScoredSeries) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    PyThresh("FGD").fit([train]).detect(train)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_the_fast_methods_are_methods() -> None:
    assert set(FAST_PYTHRESH) < set(pythresh_methods())
    assert {"BOOT", "VAE"} < set(pythresh_methods())


@pytest.mark.parametrize("method", ["NOPE", "iqr", "", "BASE", "THRESH_UTILITY"])
def test_an_unknown_method_is_refused_with_the_list(method: str) -> None:
    with pytest.raises(InputError, match=rf"no method '{method}'; it has AUCP, .*IQR"):
        make(f"pythresh:{method}")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythresh.thresholds.clust", None)
    with pytest.raises(InputError, match="pythresh:CLUST needs the package"):
        make("pythresh:CLUST")


def test_options_are_refused() -> None:
    with pytest.raises(InputError, match="pythresh:IQR"):
        make("pythresh:IQR", factor=3)


def test_constant_training_scores_are_refused() -> None:
    constant = ScoredSeries(np.full(20, 0.5), np.zeros(20))
    with pytest.raises(InputError, match="pythresh:IQR: all 20 past scores are equal"):
        PyThresh("IQR").fit([constant]).detect(constant)


def test_a_method_that_fails_says_so_in_one_error() -> None:
    two = ScoredSeries([0.1, 0.2], [0, 0])
    with pytest.raises(InputError, match="pythresh:COMB fails on 2 past scores"):
        PyThresh("COMB").fit([two]).detect(two)


def test_of_an_error_of_many_lines_the_first_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails:
        def fit(self, scores: object) -> None:
            raise ValueError("no variance\nsee the manual:\n  https://example.org")

    monkeypatch.setattr(PyThresh, "_class", lambda self: Fails)
    series = ScoredSeries([0.1, 0.2, 0.3], [0, 0, 0])
    with pytest.raises(InputError) as error:
        PyThresh("IQR").fit([series]).detect(series)
    assert str(error.value).splitlines()[0].endswith("pythresh:IQR fails on 3 past scores: ValueError: no variance")
    assert len(str(error.value).splitlines()) == 1


def test_without_pythresh_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adt_gym.extras.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pythresh, which is not installed: pip install"):
        make("pythresh:IQR")


def test_of_a_long_past_it_sees_the_latest_scores_and_of_training_scores_some_of_all() -> None:
    random = np.random.default_rng(0)
    past = np.concatenate([random.random(500) + 50, random.random(LATEST)])
    method = PyThresh("IQR")
    assert method.start(past).threshold(0.0) == method.start(past[-LATEST:]).threshold(0.0) < 2
    assert PyThresh("IQR").start(past[-LATEST - 1 :]).threshold(0.0) < 2
    parts = [ScoredSeries(random.random(LATEST) / 4 + level) for level in (0.1, 0.4, 0.7)]
    kept = method.fit(parts).training_scores
    assert [int(np.sum((kept >= level) & (kept < level + 0.3))) for level in (0.1, 0.4, 0.7)] == pytest.approx(
        [LATEST / 3] * 3, abs=1
    )
    assert len(method.fit(parts[:1]).training_scores) == LATEST
