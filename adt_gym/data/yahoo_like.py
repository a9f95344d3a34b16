"""A generator of series in the shape of Yahoo's Webscope S5 A1 benchmark, which may not be redistributed.

A1 (N. Laptev, S. Amizadeh and Y. Billawala, "S5 - A Labeled Anomaly Detection Dataset", Yahoo! Webscope, 2015)
holds 67 hourly series of real production traffic: 94,866 points, 1.76% of them anomalous. Its shape is imitated,
no value is copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import Series

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """One sort of production metric. Strengths are standard deviations in units of the series' scale."""

    daily: float
    """Season of 24 hours."""
    weekly: float
    """Season of 168 hours, which also modulates the daily one."""
    noise: float
    """Additive noise where the season is at its mean."""
    memory: float
    """Correlation of the noise from one hour to the next."""
    drift: float
    """Random walk, at the end of the series."""
    shift: float
    """A level shift: a normal change of regime."""
    burst: float = 0.0
    """Multiplicative noise: standard deviation of its logarithm."""


@dataclass(frozen=True)
class Kind:
    """One sort of anomaly."""

    name: Literal["spike up", "spike down", "level up", "level down", "variance", "stuck", "season"]
    lengths: range
    """Points of the segments it suits."""
    weight: float
    """How often it is chosen, against the other kinds that suit."""
    sizes: tuple[float, float] = (0.0, 0.0)
    """Least and largest size, in standard deviations of the series; for a season, in its own amplitude."""


@dataclass(frozen=True)
class Plan:
    """What is settled about a series before its values are drawn."""

    length: int
    profile: Profile
    decade: int
    anomalies: list[slice]


HOME = Profile(daily=0.50, weekly=0.20, noise=0.06, memory=0.5, drift=0.25, shift=0.45)
WORK = Profile(daily=0.30, weekly=0.45, noise=0.06, memory=0.6, drift=0.25, shift=0.45)
NOISY = Profile(daily=0.30, weekly=0.15, noise=0.20, memory=0.3, drift=0.15, shift=0.35)
BURSTY = Profile(daily=0.30, weekly=0.10, noise=0.04, memory=0.4, drift=0.15, shift=0.45, burst=0.2)
FLAT = Profile(daily=0.001, weekly=0.001, noise=0.002, memory=0.2, drift=0.0, shift=0.004)
PROFILES = (*[HOME] * 24, *[WORK] * 14, *[NOISY] * 11, *[BURSTY] * 12, *[FLAT] * 6)
"""One per series."""
STRENGTHS = (0.7, 1.3)
"""Each series multiplies the strengths of its profile by one number between these."""
HARMONICS = 4
"""Sines that make a season."""
NOISE_GROWTH = 0.5
"""Growth of the noise per standard deviation of the season."""
LEAST_NOISE = 0.2
"""The noise never falls below this share of its mean."""
MOST_SHIFTS = 2
"""A series has up to this many level shifts."""

START = np.datetime64("2014-11-23T07:00:00", "s")
"""Time of the first point of every series."""
SERIES_LENGTHS = ((1320, 5), (1380, 13), (1420, 18), (1440, 25), (1461, 6))
"""(points, number of series): 67 series of 94,866 points."""
DECADES = range(-2, 7)
"""Powers of ten of the scales."""
MANTISSAS = (1.0, 10.0)
"""A scale is a number between these times a power of ten."""
LEVELS = (2.0, 10.0)
"""Mean of a series in units of its scale. Traffic is never negative: values are cut off at 0."""
DIGITS = 3
"""Values are rounded to this many decimals, counted from the power of ten of the scale."""

SEGMENT_LENGTHS = (
    *((1, 70), (2, 28), (3, 17), (4, 9), (5, 7), (6, 6), (8, 6), (10, 6), (15, 5), (20, 5), (24, 5)),
    *((36, 4), (48, 3), (60, 1), (72, 1), (80, 1), (84, 1), (110, 1), (120, 1), (168, 1)),
)
"""(points, number of anomalous segments): 178 segments of 1,669 points, 1.76% of all."""
CLEAN_SERIES = 5
"""Series without an anomaly."""
CLEAN_START, CLEAN_END = 24, 3
"""Points before the first anomaly and after the last one, at least."""
SEPARATION = 12
"""Normal points between two anomalous segments, at least."""
LATENESS = 0.75
"""Anomalies sit at the share u**LATENESS of a series, u uniform: below 1 gathers them towards the end."""

KINDS = (
    Kind("spike up", range(1, 4), 0.70, sizes=(2.5, 10.0)),
    Kind("spike down", range(1, 4), 0.30, sizes=(2.5, 7.0)),
    Kind("level up", range(2, 200), 0.28, sizes=(1.5, 6.0)),
    Kind("level down", range(2, 200), 0.12, sizes=(1.5, 6.0)),
    Kind("variance", range(4, 200), 0.40, sizes=(0.8, 2.8)),
    Kind("stuck", range(6, 200), 0.10),
    Kind("season", range(12, 200), 0.20, sizes=(1.0, 2.0)),
)
SPIKE_SHARES = (0.5, 1.0)
"""Each point of a spike takes a share of its size between these."""


def yahoo_like(seed: int = 0) -> list[Series]:
    """Make 67 labelled, hourly, univariate series in the shape of Yahoo S5 A1.

    They have 94,866 points, 1,320 to 1,461 each; 1,669 points (1.76%) are anomalous, in 178 segments of 1 to 168
    points. Values are rounded as a sensor would, so that a seed gives the same bits on every machine.

    Args:
        seed: Another seed gives other series with the same counts.

    Returns:
        ``yahoo_like_1`` to ``yahoo_like_67``, with values of shape ``(n, 1)``.

    Raises:
        ValueError: If ``seed`` is negative.
    """
    planner, *generators = np.random.default_rng(seed).spawn(1 + len(_repeat(SERIES_LENGTHS)))
    return [
        _series(f"yahoo_like_{number}", plan, rng)
        for number, (plan, rng) in enumerate(zip(_plans(planner), generators, strict=True), start=1)
    ]


# Plan: lengths and counts are exact, only their order and places are drawn.


def _plans(rng: np.random.Generator) -> list[Plan]:
    lengths = rng.permutation(_repeat(SERIES_LENGTHS))
    profiles = rng.permutation(len(PROFILES))
    decades = rng.permutation(np.resize(DECADES, len(lengths)))
    segments = rng.permutation(_repeat(SEGMENT_LENGTHS))
    hosts = rng.permutation(len(lengths))[CLEAN_SERIES:]
    owners = np.concatenate([hosts, rng.choice(hosts, len(segments) - len(hosts))])
    return [
        Plan(
            length=int(lengths[i]),
            profile=PROFILES[profiles[i]],
            decade=int(decades[i]),
            anomalies=_place(segments[owners == i], int(lengths[i]), rng),
        )
        for i in range(len(lengths))
    ]


def _repeat(table: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    values, counts = zip(*table, strict=True)
    return np.repeat(values, counts)


def _place(segments: NDArray[np.int64], length: int, rng: np.random.Generator) -> list[slice]:
    """Draw places in what a series has left without the segments and their separations, then make room for them."""
    needed = segments + SEPARATION
    room = length - CLEAN_START - CLEAN_END - needed.sum() + SEPARATION
    places = np.sort(rng.random(len(segments)) ** LATENESS * room).astype(int)
    starts = CLEAN_START + places + np.cumsum(needed) - needed
    return [slice(int(start), int(start + n)) for start, n in zip(starts, segments, strict=True)]


# The normal signal.


def _series(name: str, plan: Plan, rng: np.random.Generator) -> Series:
    normal, season = _normal_signal(plan, rng)
    values, labels = normal.copy(), np.zeros(plan.length, dtype=bool)
    for where in plan.anomalies:
        values[where] = _anomaly(normal[where], season[where], normal.std(), rng)
        labels[where] = True
    scale = rng.uniform(*MANTISSAS) * 10.0**plan.decade
    # numpy's sin and exp differ in the last bit between CPUs: rounding hides it. Adding 0.0 turns -0.0 into 0.0.
    measured = np.round(np.maximum(values, 0) * scale, DIGITS - plan.decade) + 0.0
    index = START + np.arange(plan.length) * np.timedelta64(1, "h")
    return Series(measured.astype(np.float32), labels, name, index)


def _normal_signal(plan: Plan, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the signal and the part of it that the seasons make, in units of the series' scale."""
    profile, hours = plan.profile, np.arange(plan.length)
    strength = rng.uniform(*STRENGTHS)
    week = _waves(hours, 168, rng)
    season = strength * (profile.daily * _waves(hours, 24, rng) * (1 + profile.weekly * week) + profile.weekly * week)
    activity = season / season.std()
    noise = profile.noise * np.maximum(1 + NOISE_GROWTH * activity, LEAST_NOISE)
    noise *= autocorrelated(rng, (plan.length,), profile.memory)
    drift = profile.drift * np.cumsum(rng.standard_normal(plan.length)) / np.sqrt(plan.length)
    shifts = np.zeros(plan.length)
    for _ in range(rng.integers(MOST_SHIFTS, endpoint=True)):
        shifts[rng.integers(plan.length) :] += profile.shift * rng.standard_normal()
    bursts = np.exp(strength * profile.burst * autocorrelated(rng, (plan.length,), profile.memory))
    return (rng.uniform(*LEVELS) + season + strength * (noise + drift + shifts)) * bursts, season


def _waves(hours: NDArray[np.int64], period: int, rng: np.random.Generator) -> Floats:
    """Return a season of mean 0 and standard deviation 1: sines with random phases, the higher the weaker."""
    order = np.arange(1, HARMONICS + 1)
    amplitude, phase = rng.random(HARMONICS) / order, rng.random(HARMONICS)
    sines = np.sin(2 * np.pi * (np.outer(hours / period, order) + phase))
    return sines @ amplitude / np.sqrt(np.sum(amplitude**2) / 2)


def autocorrelated(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> Floats:
    """Return first-order autoregressive noise of standard deviation 1 along the first axis."""
    noise = rng.standard_normal(shape)
    noise[1:] *= np.sqrt(1 - memory**2)
    for t in range(1, len(noise)):
        noise[t] += memory * noise[t - 1]
    return noise


# The anomalies.


def _anomaly(normal: Floats, season: Floats, spread: float, rng: np.random.Generator) -> Floats:
    """Return what stands in the place of a normal segment, of which ``season`` is a part."""
    kinds = [kind for kind in KINDS if len(normal) in kind.lengths]
    weights = np.array([kind.weight for kind in kinds])
    kind = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
    size = rng.uniform(*kind.sizes)
    match kind.name:
        case "spike up":
            return normal + size * spread * rng.uniform(*SPIKE_SHARES, len(normal))
        case "spike down":
            return normal - size * spread * rng.uniform(*SPIKE_SHARES, len(normal))
        case "level up":
            return normal + size * spread
        case "level down":
            return normal - size * spread
        case "variance":
            return normal + size * spread * rng.standard_normal(len(normal))
        case "stuck":
            return np.full_like(normal, normal[0])
        case "season":
            return normal - size * season
