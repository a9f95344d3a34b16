from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adt_gym.series import Detection, ScoredSeries
from adt_gym.thresholds import Method, make, names

WINDOWS = 60
METHODS = [*names(), "pythresh:IQR", "pythresh:OCSVM"]
SEES_SCORE = {"nonparametric"}
"""Methods whose threshold for window t may depend on score t, because the published method does."""


def stream(windows: int, seed: int) -> ScoredSeries:
    random = np.random.default_rng(seed)
    labels = np.repeat(random.random(windows // 4) < 0.2, 4)
    drift = 0.2 + 0.1 * np.sin(np.arange(windows) / 15)
    return ScoredSeries(np.clip(drift + random.exponential(0.03, windows) + 0.3 * labels, 0, 1), labels)


@cache
def fitted(name: str) -> Method:
    return make(name).fit([stream(400, 1)])


def futures_that_matter(thresholder: Method, t: int, seed: int, from_score: int) -> int:
    """Count the thresholds up to t that change when labels from t on and scores from ``from_score`` on do."""
    series, other = stream(WINDOWS, seed), stream(WINDOWS, seed + 1)
    index = np.arange(WINDOWS)
    changed = ScoredSeries(
        np.where(index >= from_score, 1 - other.scores, series.scores),
        np.where(index >= t, ~series.labels, series.labels),
    )
    before, after = thresholder.detect(series), thresholder.detect(changed)
    return int(np.sum(before.thresholds[: t + 1] != after.thresholds[: t + 1]))


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=30, deadline=None)
@given(t=st.integers(0, WINDOWS - 1), seed=st.integers(0, 10_000))
def test_what_comes_after_a_window_changes_no_threshold_up_to_it(name: str, t: int, seed: int) -> None:
    from_score = t + 1 if name in SEES_SCORE else t
    assert futures_that_matter(fitted(name), t, seed, from_score) == 0


def test_hindsight_is_caught() -> None:
    class Hindsight:
        name, sees_labels = "hindsight", False

        def fit(self, train: object) -> "Hindsight":
            return self

        def detect(self, series: ScoredSeries) -> Detection:
            return Detection.at(np.append(series.scores[1:], 0.5), series)

    assert futures_that_matter(Hindsight(), t=20, seed=0, from_score=21) == 1


@pytest.mark.parametrize("name", METHODS)
def test_a_detection_has_a_threshold_on_the_scale_for_every_window(name: str) -> None:
    detection = fitted(name).detect(stream(WINDOWS, 5))
    assert detection.thresholds.shape == detection.decisions.shape == (WINDOWS,)
    assert detection.thresholds.dtype == np.float32
    assert ((detection.thresholds >= 0) & (detection.thresholds <= 1)).all()


def test_only_persistence_among_the_rules_sees_labels() -> None:
    assert [name for name in METHODS if fitted(name).sees_labels] == ["persistence"]
