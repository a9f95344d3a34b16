import hashlib
import subprocess
import sys
from itertools import groupby

import numpy as np
import pytest

from adt_gym.data.yahoo_like import yahoo_like
from adt_gym.series import Series

SHA256 = "144ecbc706040205af53ee06ea75db263e02ae21f5fa2fb14b109e059689e2d0"


@pytest.fixture(scope="module")
def made() -> list[Series]:
    return yahoo_like(0)


@pytest.fixture(scope="module", params=range(4))
def any_seed(request: pytest.FixtureRequest) -> list[Series]:
    return yahoo_like(request.param)


def digest(series: list[Series]) -> str:
    sha = hashlib.sha256()
    for s in series:
        assert s.labels is not None
        sha.update(s.values.astype("<f4").tobytes() + s.labels.tobytes())
    return sha.hexdigest()


def runs(series: Series) -> list[tuple[int, int]]:
    """First point and length of each anomalous segment."""
    assert series.labels is not None
    found, start = [], 0
    for anomalous, points in groupby(series.labels.tolist()):
        length = len(list(points))
        if anomalous:
            found.append((start, length))
        start += length
    return found


def correlation(values: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def test_totals_are_those_of_yahoo_a1(any_seed: list[Series]) -> None:
    points = sum(len(s) for s in any_seed)
    lengths = [length for s in any_seed for _, length in runs(s)]
    assert len(any_seed) == 67
    assert points == 94_866
    assert (sum(lengths), len(lengths)) == (1_669, 178)
    assert round(100 * sum(lengths) / points, 2) == 1.76


def test_layout_of_each_series(made: list[Series]) -> None:
    for number, s in enumerate(made, start=1):
        assert s.name == f"yahoo_like_{number}"
        assert 1300 <= len(s) <= 1500
        assert s.values.shape == (len(s), 1)
        assert s.values.dtype == np.float32
        assert (s.values >= 0).all()
        assert s.index is not None
        assert s.index.dtype == np.dtype("datetime64[s]")
        assert s.index[0] == np.datetime64("2014-11-23T07:00:00")
        assert set(np.diff(s.index).tolist()) == {np.timedelta64(3600, "s").item()}


def test_anomalies_are_apart_and_off_the_ends(any_seed: list[Series]) -> None:
    for s in any_seed:
        found = runs(s)
        assert all(start >= 24 and start + length <= len(s) - 3 for start, length in found)
        ends = [start + length for start, length in found]
        assert all(start - end >= 12 for end, (start, _) in zip(ends, found[1:], strict=False))


def test_anomalies_are_spikes_and_long_segments_and_a_few_series_have_none(made: list[Series]) -> None:
    lengths = np.array([length for s in made for _, length in runs(s)])
    assert (lengths == 1).sum() > len(lengths) / 3
    assert (lengths <= 3).sum() > len(lengths) / 2
    assert (lengths > 100).any()
    assert sum(not runs(s) for s in made) == 5


def test_first_quarters_have_enough_to_train_on_and_the_later_half_has_more(any_seed: list[Series]) -> None:
    early = [[length for start, length in runs(s) if start + length <= len(s) // 4] for s in any_seed]
    assert sum(bool(lengths) for lengths in early) >= 8
    assert max(length for lengths in early for length in lengths) > 1
    starts = np.array([start / len(s) for s in any_seed for start, _ in runs(s)])
    assert (starts > 0.5).sum() > (starts < 0.5).sum()


def test_scales_and_levels_differ_by_orders_of_magnitude(made: list[Series]) -> None:
    spreads = [s.values.std() for s in made]
    assert max(spreads) / min(spreads) > 1e6
    ratios = [s.values.mean() / s.values.std() for s in made]
    assert min(ratios) < 10
    assert max(ratios) > 500


def test_most_series_repeat_by_day_or_week(made: list[Series]) -> None:
    strong = [max(correlation(s.values[:, 0], lag) for lag in (24, 168)) > 0.5 for s in made]
    assert sum(strong) > 0.6 * len(made)
    half_day = [correlation(s.values[:, 0], 12) for s in made]
    day = [correlation(s.values[:, 0], 24) for s in made]
    assert np.median(day) > np.median(half_day)


def test_anomalies_change_the_values(made: list[Series]) -> None:
    outlying = 0
    for s in made:
        assert s.labels is not None
        normal = s.values[~s.labels]
        low, high = normal.min(), normal.max()
        outlying += sum(
            (s.values[start : start + n] < low).any() or (s.values[start : start + n] > high).any()
            for start, n in runs(s)
        )
    assert 0.3 < outlying / 178 < 0.9


def test_a_seed_gives_the_same_series_and_another_seed_others(made: list[Series]) -> None:
    assert digest(yahoo_like(0)) == digest(made)
    assert digest(yahoo_like(1)) != digest(made)


def test_seed_0_is_bit_for_bit_what_it_was_on_every_machine(made: list[Series]) -> None:
    assert digest(made) == SHA256


@pytest.mark.parametrize("name", ["sin", "exp"])
@pytest.mark.parametrize("towards", [-np.inf, np.inf])
def test_the_last_bit_of_sin_and_exp_does_not_matter(
    made: list[Series], name: str, towards: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = getattr(np, name)
    monkeypatch.setattr(np, name, lambda x: np.nextafter(exact(x), towards))
    assert digest(yahoo_like(0)) == digest(made)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        yahoo_like(-1)


def test_generating_loads_only_numpy() -> None:
    code = (
        "import sys; from adt_gym.data.yahoo_like import yahoo_like; yahoo_like();"
        "print([m for m in ('pandas', 'torch', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"
