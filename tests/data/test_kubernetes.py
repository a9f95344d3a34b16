"""The generated cluster: what its series promises, each kind against a detector written here."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from adt_gym import Series
from adt_gym.data.kubernetes import DAY, KINDS, LENGTHS, METRICS, SEPARATION, kubernetes, kubernetes_kinds

Floats = NDArray[np.float64]
SHA256 = "652633db4695798714cd54d228bc70ba49f4318511b70b13e027e64cef5fea09"


@pytest.fixture(scope="module")
def made() -> Series:
    (series,) = kubernetes()
    return series


@pytest.fixture(scope="module")
def kinds() -> NDArray[np.str_]:
    return kubernetes_kinds()


def digest(series: Series) -> str:
    return hashlib.sha256(series.values.tobytes() + series.labels.tobytes()).hexdigest()


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(mask.astype(int), prepend=0, append=0))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def test_two_weeks_of_16_metrics_a_minute_with_5_percent_anomalies(made: Series) -> None:
    assert made.values.shape == (20_160, 16)
    assert made.labels.sum() == 1_008
    assert (np.diff(made.index) == np.timedelta64(1, "m")).all()
    assert made.columns == tuple(metric.name for metric in METRICS)
    assert made.values.min() >= 0


@pytest.mark.parametrize("seed", range(5))
def test_kinds_stand_where_the_labels_are_with_their_lengths_and_apart(seed: int) -> None:
    kinds = kubernetes_kinds(seed)
    assert set(kinds) == {"", *KINDS}
    assert ((kinds != "") == kubernetes(seed)[0].labels).all()
    for kind in KINDS:
        assert sorted(stop - start for start, stop in runs(kinds == kind)) == sorted(LENGTHS[kind])
    assert min(stop - start for start, stop in runs(kinds == "")) >= SEPARATION


def test_a_day_resembles_the_next_and_a_minute_the_next(made: Series) -> None:
    values = made.values.astype(float)
    for metric, column in zip(METRICS, values.T, strict=True):
        assert np.corrcoef(column[:-1], column[1:])[0, 1] > 0.6
        if metric.season:
            assert np.corrcoef(column[:-DAY], column[DAY:])[0, 1] > 0.5


def test_every_kind_overlaps_the_range_of_normal_values(made: Series, kinds: NDArray[np.str_]) -> None:
    normal = made.values[kinds == ""]
    low, high = normal.min(axis=0), normal.max(axis=0)
    for kind in KINDS:
        cells = made.values[kinds == kind]
        assert ((low <= cells) & (cells <= high)).mean() > 0.6


def recall(score: Floats, kinds: NDArray[np.str_], kind: str) -> float:
    """Return the share of the stretches of a kind with a score above 99% of the normal ones."""
    cut = np.quantile(score[kinds == ""], 0.99)
    return float(np.mean([score[start:stop].max() > cut for start, stop in runs(kinds == kind)]))


def test_no_single_look_finds_every_kind_but_each_is_found_by_one(made: Series, kinds: NDArray[np.str_]) -> None:
    values = (made.values - made.values.mean(axis=0)) / made.values.std(axis=0)
    minute = np.arange(len(values)) % DAY
    steps = np.sqrt((np.diff(values, axis=0, prepend=values[:1]) ** 2).mean(axis=1))
    profile = np.stack([np.median(values[minute == m], axis=0) for m in range(DAY)])
    residual = values - profile[minute]
    smooth = np.stack([np.convolve(column, np.ones(15) / 15, "same") for column in residual.T], axis=1)
    off_season = np.sqrt((smooth**2).mean(axis=1))
    assert recall(steps, kinds, "point") == recall(steps, kinds, "sequence") == 1
    assert recall(off_season, kinds, "seasonal") == recall(off_season, kinds, "trend") == 1
    assert recall(off_season, kinds, "point") < 0.5
    inside = runs(kinds == "trend")
    middle = np.concatenate([steps[start + 1 : stop - 1] for start, stop in inside])
    assert np.mean(middle > np.quantile(steps[kinds == ""], 0.99)) < 0.1


def test_a_seed_settles_every_bit(made: Series) -> None:
    assert digest(made) == digest(kubernetes(0)[0]) == SHA256
    assert digest(made) != digest(kubernetes(1)[0])


def test_the_last_bit_of_the_cosine_does_not_matter(made: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = np.cos
    monkeypatch.setattr(np, "cos", lambda x: np.nextafter(exact(x), np.inf))
    assert digest(kubernetes(0)[0]) == digest(made)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        kubernetes(-1)


def test_generating_loads_only_numpy() -> None:
    code = (
        "import sys; from adt_gym.data.kubernetes import kubernetes; kubernetes();"
        "print([m for m in ('pandas', 'torch', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"
