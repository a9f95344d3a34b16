"""A generator of the metrics of a Kubernetes cluster, with four kinds of anomalies.

No kind gives itself away by its values alone: each stays within, or close to, the range that the normal metrics
cover in a day, and each is meant to be found by another sort of detector.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adt_gym.data.yahoo_like import autocorrelated
from adt_gym.series import Series

Floats = NDArray[np.float64]

KINDS = ("point", "trend", "seasonal", "sequence")


@dataclass(frozen=True)
class Metric:
    """One metric; it is never negative.

    Args:
        name: With its unit.
        base: Its mean.
        season: The amplitude of its day.
        noise: The standard deviation of its noise.
        drift: The standard deviation of its random walk at the end of the series.
        follows_load: Whether it moves with the load of the cluster, whose season and noise it shares.
        leaks: Whether it climbs when something leaks.
        decimals: As a sensor would round it.
    """

    name: str
    base: float
    season: float
    noise: float
    drift: float
    follows_load: bool = True
    leaks: bool = False
    decimals: int = 2


METRICS = (
    Metric("node_cpu_percent", 45, 15, 4.0, 2.0),
    Metric("node_memory_percent", 60, 6, 2.0, 2.0, leaks=True),
    Metric("node_load", 6, 2, 0.6, 0.3, leaks=True, decimals=3),
    Metric("network_receive_mbps", 300, 110, 30, 12),
    Metric("network_transmit_mbps", 220, 80, 22, 9),
    Metric("disk_read_mbps", 40, 10, 4.0, 2.0, leaks=True),
    Metric("disk_write_mbps", 60, 18, 6.0, 2.5),
    Metric("disk_used_percent", 55, 0, 0.5, 1.0, follows_load=False, leaks=True),
    Metric("pod_cpu_cores", 28, 9, 2.5, 1.2),
    Metric("pod_memory_gib", 90, 9, 3.0, 3.0, leaks=True),
    Metric("running_pods", 120, 30, 5.0, 3.0, decimals=0),
    Metric("restarts_per_hour", 4, 0, 0.8, 0.2, follows_load=False, leaks=True),
    Metric("requests_per_second", 900, 330, 80, 35),
    Metric("errors_per_second", 5, 1.5, 0.7, 0.3, decimals=3),
    Metric("latency_p50_ms", 35, 8, 2.5, 1.2, leaks=True),
    Metric("latency_p99_ms", 180, 45, 16, 7, leaks=True),
)
SEASONS, NOISES, DRIFTS, FOLLOW, LEAK = np.array(
    [(m.season, m.noise, m.drift, m.follows_load, m.leaks) for m in METRICS], dtype=float
).T

START = np.datetime64("2024-03-04T00:00", "s")
"""A Monday."""
DAY = 1440
"""Points: one a minute."""
DAYS = 14
HARMONICS = (1.0, 0.35, 0.15)
"""Amplitudes of the sines that make a day; the first has its peak in the afternoon."""
PEAK = 15 * 60
"""Minutes after midnight."""
MEMORY = 0.9
"""Correlation of the noise from one minute to the next."""
SHARED = 0.5
"""Share of the noise's variance that the metrics which follow the load have in common."""

LENGTHS = {
    "point": (*[1] * 24, *[2] * 18, *[3] * 16),
    "trend": (40, 45, 50, 50, 55, 60),
    "seasonal": (45, 50, 60, 70, 75),
    "sequence": (15, 15, 20, 20, 20, 25, 25, 25, 30, 30, 35, 40),
}
"""Points of the anomalous stretches: 1,008 of the 20,160 points, 5%. A point anomaly is short, and there are many."""
SEPARATION = 30
"""Normal points between two anomalous stretches, at least."""

POINT_SIZES = (7.0, 11.0)
"""Height of a spike, in standard deviations of a metric's noise."""
TREND_SIZE = 10.0
"""Where a ramp ends, in standard deviations of a metric's noise."""
SEQUENCE_SIZE = 2.0
"""Half the swing from one minute to the next, in standard deviations of a metric's noise."""
SHARES = (0.6, 1.0)
"""Each metric takes a share of these sizes between these."""
EDGE = 5
"""Minutes in which a day's course is left and found again."""


def kubernetes(seed: int = 0) -> list[Series]:
    """Make two weeks of 16 metrics of a cluster, one point a minute: autocorrelated, with a daily season and drift.

    1,008 of the 20,160 points (5%) are anomalous:

    - point: the load jumps for one to three minutes.
    - trend: memory, disk and what they slow down climb slowly, as in a leak, and fall back at the end.
    - seasonal: the load is that of the opposite time of the day.
    - sequence: the load swings up and down from minute to minute, hardly further than its noise.

    Args:
        seed: Another seed gives another series with the same counts. A seed gives the same bits on every machine.

    Returns:
        ``kubernetes``, labelled, with values of shape ``(20160, 16)``; `kubernetes_kinds` tells the kinds apart.

    Raises:
        ValueError: If ``seed`` is negative.
    """
    planner, signal, anomalies = _generators(seed)
    kinds = _plan(planner)
    values, day = _normal(signal)
    for where in _stretches(kinds):
        values[where] += _disturbance(day[where], kinds[where.start], anomalies)
    measured = np.column_stack(
        [
            np.round(np.maximum(metric.base + column, 0), metric.decimals) + 0.0  # no -0.0, no last bits of a CPU
            for metric, column in zip(METRICS, values.T, strict=True)
        ]
    )
    index = START + np.arange(len(kinds)) * np.timedelta64(1, "m")
    names = tuple(metric.name for metric in METRICS)
    return [Series(measured.astype(np.float32), kinds != "", "kubernetes", index, names)]


def kubernetes_kinds(seed: int = 0) -> NDArray[np.str_]:
    """Return, for every point of ``kubernetes(seed)``, the kind of its anomaly (one of `KINDS`), "" where it is normal.

    Raises:
        ValueError: If ``seed`` is negative.
    """
    return _plan(_generators(seed)[0])


def _generators(seed: int) -> list[np.random.Generator]:
    return np.random.default_rng(seed).spawn(3)


def _plan(rng: np.random.Generator) -> NDArray[np.str_]:
    """Draw the order of the anomalous stretches and the gaps between them."""
    segments = [(kind, length) for kind in KINDS for length in LENGTHS[kind]]
    order = rng.permutation(len(segments))
    lengths = np.array([length for _, length in segments])[order]
    room = DAYS * DAY - lengths.sum() - SEPARATION * (len(order) + 1)
    places = np.sort(rng.integers(room, size=len(order), endpoint=True))
    starts = places + np.cumsum(lengths + SEPARATION) - lengths
    kinds = np.full(DAYS * DAY, "", dtype="<U8")
    for start, i in zip(starts, order, strict=True):
        kind, length = segments[i]
        kinds[start : start + length] = kind
    return kinds


def _stretches(kinds: NDArray[np.str_]) -> list[slice]:
    edges = np.flatnonzero(np.diff(kinds != "", prepend=False, append=False))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _normal(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the metrics about their base, and the day that the load follows; shapes ``(n, 16)`` and ``(n,)``."""
    n, shares = DAYS * DAY, SHARED * FOLLOW
    day = _day(np.arange(n))
    noise = np.sqrt(shares) * autocorrelated(rng, (n, 1), MEMORY)
    noise = noise + np.sqrt(1 - shares) * autocorrelated(rng, (n, len(METRICS)), MEMORY)
    drift = np.cumsum(rng.standard_normal((n, len(METRICS))), axis=0) / np.sqrt(n)
    return np.outer(day, SEASONS) + noise * NOISES + drift * DRIFTS, day


def _day(minutes: NDArray[np.int64]) -> Floats:
    angle = 2 * np.pi * (minutes - PEAK) / DAY
    return np.sum([size * np.cos((i + 1) * angle) for i, size in enumerate(HARMONICS)], axis=0)


def _disturbance(day: Floats, kind: str, rng: np.random.Generator) -> Floats:
    """Return what an anomaly of that kind adds to a normal stretch, whose part of the day is ``day``."""
    n = len(day)
    shares = rng.uniform(*SHARES, len(METRICS)) * NOISES
    match kind:
        case "point":
            return np.outer(rng.uniform(*POINT_SIZES, n), shares * FOLLOW)
        case "trend":
            return np.outer(np.linspace(0, TREND_SIZE, n), shares * LEAK)
        case "sequence":
            return np.outer(np.where(np.arange(n) % 2, -SEQUENCE_SIZE, SEQUENCE_SIZE), shares * FOLLOW)
        case _:
            whole = _day(np.arange(DAY))
            opposite = whole.min() if day.mean() > 0 else whole.max()
            edge = np.minimum(1, np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) / EDGE)
            return np.outer(edge * (opposite - day), SEASONS)
