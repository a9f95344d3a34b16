import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from chromium import chromium
from numpy.typing import NDArray

from adt_gym import ScoredSeries

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell does that to what it starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or no process that a test starts could be interrupted


@pytest.fixture(scope="session")
def make_series() -> Callable[..., ScoredSeries]:
    """Random scores, and labels that come in runs, as anomalies do."""

    def make(windows: int = 40, seed: int = 0, share: float = 0.3) -> ScoredSeries:
        random = np.random.default_rng(seed)
        flips = random.random(windows) < 2 * share * (1 - share)
        labels = (np.cumsum(flips) + (random.random() < share)) % 2 == 1
        return ScoredSeries(random.random(windows), labels, f"random_{seed}")

    return make


@pytest.fixture
def several(make_series: Callable[..., ScoredSeries]) -> list[ScoredSeries]:
    return [make_series(windows, seed) for seed, windows in enumerate((23, 17, 40))]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real browser."""
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="session")
def make_policy() -> Callable[[int], Callable[[NDArray[np.float32]], NDArray[np.integer]]]:
    """Memoryless policies that take both actions often, and depend on every column of the observation."""

    def make(seed: int) -> Callable[[NDArray[np.float32]], NDArray[np.integer]]:
        random = np.random.default_rng(seed)
        factors, cuts = random.integers(1, 100, size=4), random.random(2) * (1.0, 0.1)

        def choose(observations: NDArray[np.float32]) -> NDArray[np.integer]:
            code = np.rint(observations[:, 2:] * 840).astype(np.int64) @ factors
            return (code // 7 + (observations[:, :2] > cuts).sum(axis=1)) % 2

        return choose

    return make
