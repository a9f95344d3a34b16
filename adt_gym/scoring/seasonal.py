"""The season: a window's score is its distance from what the same hour of the day and of the week usually shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adt_gym.scoring.base import Floats, ScorerSettings, WindowScorer
from adt_gym.scoring.stream import Newest, Tracker
from adt_gym.series import InputError, Series

Places = NDArray[np.int64]
"""Shape ``(n,)``: how many steps after the first point of the past each point lies."""

DAY = 86_400e9
"""Nanoseconds."""

STANDS_OUT = 0.3
"""What the autocorrelation at a season must reach, and rise by from its lowest value before."""

NOISE = {"asked": 3.0, "sought": 5.0}
"""The same in standard deviations of the autocorrelation of noise, at a lag that is asked for and at any lag."""

ALIKE = 0.8
"""Hills count as equally high from this share of the highest on."""

WEEKLY = 0.05
"""By how much the autocorrelation at seven seasons is above that at two to six where there is a longer one."""


@dataclass(frozen=True)
class SeasonalSettings(ScorerSettings):
    """Settings of the seasonal scorer, beside those of `ScorerSettings`.

    Args:
        strangest: How many metrics count, those farthest from their profiles; at least 1.
    """

    strangest: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strangest < 1:
            raise InputError(f"seasonal: strangest must be at least 1, got {self.strangest}")


@dataclass(frozen=True, eq=False)
class Profile:
    """The seasons of a past, and what is usual in them.

    Args:
        medians: Per season, shape ``(P, m)``: the median of each of its P steps; P is 1 where there is no season.
        spreads: Per season, shape ``(m,)``: the median distance from it, times 1.4826 as if it were normal; the mean
            distance where the median is 0, and 1 where that is 0 too.
        length: The place of the point after the past.
        start: The time of the first point in nanoseconds since 1970, None where points are counted.
        step: Nanoseconds from point to point.
    """

    medians: Sequence[Floats]
    spreads: Sequence[Floats]
    length: int
    start: int | None = None
    step: float = 1.0

    @classmethod
    def fit(cls, past: Series) -> "Profile":
        """Find the seasons of a past, from its points without an anomaly if it has such."""
        start, step = _clock(past)
        places = np.arange(len(past)) if start is None else _places(past.index, start, step)
        normal = np.ones(len(past), bool) if past.labels is None or past.labels.all() else ~past.labels
        values, length = past.values[normal].astype(np.float64), int(places.max()) + 1
        found = seasons(_regular(values, places[normal], length), None if start is None else DAY / step)
        medians = [_medians(values, places[normal] % period, period) for period in found]
        sizes = [np.abs(values - one[places[normal] % len(one)]) for one in medians]
        return cls(medians, [_spread(one) for one in sizes], length, start, step)

    def places(self, series: Series, first: int) -> Places:
        """Return the places of a series by its times, or from ``first`` on where times are not known."""
        if self.start is None or series.index is None:
            return np.arange(first, first + len(series))
        return _places(series.index, self.start, self.step)

    def place(self, time: Any, following: int) -> int:
        """Return the place of a point by its time, or ``following`` where times are not known.

        Raises:
            InputError: If it is no time.
        """
        if self.start is None or time is None:
            return following
        try:
            return int(_places(np.array([np.datetime64(time)]), self.start, self.step)[0])
        except ValueError as error:
            raise InputError(
                f"seasonal: {time!r} is no time: {error}; push times as those of the past, or None to count points"
            ) from error

    def distances(self, values: NDArray[np.floating[Any]], places: Places) -> Floats:
        """Return shape ``(n, m)``: log(1 + distance) from the nearest of the profiles, in its spreads."""
        with np.errstate(over="ignore"):  # too far for a number is infinitely far
            every = [
                np.abs(values - medians[places % len(medians)]) / spread
                for medians, spread in zip(self.medians, self.spreads, strict=True)
            ]
            found: Floats = np.log1p(np.min(every, axis=0))
        return found


class Seasonal(WindowScorer):
    """The distance of a window from the median profile of its season: of the day, and of the week.

    A metric of a point is strange by log(1 + d): d is its distance from the median of the past at the same time of the
    day, or of the week where that is nearer, in robust standard deviations (`Profile`). A metric of a window is as
    strange as its points are on average, and a window as its strangest metrics are on average.

    The seasons are found in the past (`seasons`); where there is none, the distance is that from the median. The past
    is that of the very series that is scored; without a past, it is the training series, if there is but one. Where
    both have times, they say how far a point is into its season. Else the first point follows on the last of the past,
    and points are counted, over gaps too.

    Reference: R. B. Cleveland, W. S. Cleveland, J. E. McRae and I. Terpenning, "STL: A Seasonal-Trend Decomposition
    Procedure Based on Loess", Journal of Official Statistics 6(1), 1990, section 2, the cycle-subseries, here with
    medians; M. Vlachos, P. Yu and V. Castelli, "On Periodicity Detection and Structural Periodic Similarity", SDM 2005,
    section 3, the hills of the autocorrelation.

    Args:
        settings: Fields of `SeasonalSettings`.
    """

    name = "seasonal"
    Settings: ClassVar[type[ScorerSettings]] = SeasonalSettings
    fitted = (*WindowScorer.fitted, "_profile")

    def _learn(self, normal: Sequence[Series]) -> None:
        self._profile = Profile.fit(normal[0]) if len(normal) == 1 else None

    def _fitted(self) -> dict[str, Any]:
        return super()._fitted() | {"_profile": self._profile and vars(self._profile)}

    def _restore(self, values: Mapping[str, Any]) -> None:
        super()._restore(values)
        self._profile = Profile(**values["_profile"]) if values["_profile"] else None

    def _profile_of(self, past: Series | None) -> Profile:
        if past is not None:
            return Profile.fit(past)
        if self._profile is None:
            raise InputError(
                "seasonal: has learned from several series, each with seasons of its own; give score() or start() the "
                "past of the series, the points before it"
            )
        return self._profile

    def _raw(self, series: Series, past: Series | None) -> Floats:
        profile = self._profile_of(past)
        places = profile.places(series, 0 if series is past else profile.length)
        distances = profile.distances(series.values, places)
        return self._strangest(sliding_window_view(distances, self.settings.window, axis=0).mean(axis=-1))

    def _tracker(self, past: Series | None) -> Tracker:
        newest = Newest(lambda rows: self._strangest(rows.mean(axis=0)), self.settings.window, self._columns)
        return _Distances(self._profile_of(past), newest)

    def _strangest(self, metrics: Floats) -> Any:
        """Return the mean over the strangest metrics, the last axis."""
        return np.sort(metrics, axis=-1)[..., -self.settings.strangest :].mean(axis=-1)


class _Distances(Tracker):
    """What is found in the newest distances from a profile."""

    state = ("_newest", "_place")

    def __init__(self, profile: Profile, newest: Newest):
        self._profile, self._newest, self._place = profile, newest, profile.length
        self.needs = newest.needs

    def step(self, values: Floats, time: Any) -> float | None:
        """Return it; None for the first points."""
        place = self._profile.place(time, self._place)
        self._place = place + 1
        return self._newest.step(self._profile.distances(values[None], np.array([place]))[0], time)

    def forget(self) -> None:
        """Forget the points, not where in its season the next one lies."""
        self._newest.forget()


def seasons(values: Floats, day: float | None = None) -> list[int]:
    """Return the seasons of regular points: how many points each has, ascending; ``[1]`` where there is none.

    What counts is the autocorrelation, of the metrics on average, whose extremes are cut off. A season is where it has
    risen, from its lowest value at shorter lags, and stands out from noise. Where it is known how long a day is, a day
    and a week are asked for first. Otherwise the season is the hill of the autocorrelation whose multiples are the
    highest, the shortest among equals, or the seventh part of it where that is a hill too; one of seven such seasons
    comes with it where its own hill is higher than those between.

    Args:
        values: Shape ``(n, m)``; NaN where a point is missing. Only seasons that it holds twice are found.
        day: How many points a day has, where that is known.
    """
    from scipy.signal import find_peaks

    rho = _autocorrelation(values)
    height = np.minimum(rho, rho - np.minimum.accumulate(rho))
    noise = 1 / np.sqrt(len(values) - np.arange(len(rho)))
    if day is not None and day == round(day):
        asked = [period for period in (round(day), 7 * round(day)) if _stands(height, noise, "asked", period)]
        if len(asked) == 2 and not _weekly(rho, asked[0]):
            asked = asked[:1]
        if asked:
            return asked
    peaks = map(int, find_peaks(rho, prominence=STANDS_OUT / 2)[0])
    hills = [lag for lag in peaks if _stands(height, noise, "sought", lag)]
    if not hills:
        return [1]
    heights = np.array([rho[lag::lag].mean() for lag in hills])
    season = hills[int(np.argmax(heights >= ALIKE * heights.max()))]
    seventh = min(hills, key=lambda lag: abs(7 * lag - season))
    season = seventh if abs(7 * seventh - season) <= 0.02 * season else season
    return [season, 7 * season] if 7 * season < len(rho) and _weekly(rho, season) else [season]


def _stands(height: Floats, noise: Floats, how: str, lag: int) -> bool:
    return 1 < lag < len(height) and bool(height[lag] >= max(STANDS_OUT, NOISE[how] * noise[lag]))


def _weekly(rho: Floats, day: int) -> bool:
    """Return whether the seventh of the hills is higher than those before it."""
    return bool(rho[7 * day] > rho[2 * day : 7 * day : day].mean() + WEEKLY)


def _autocorrelation(values: Floats) -> Floats:
    """Return it by lag, up to half of the points, of the metrics on average; 0 where nothing changes."""
    from statsmodels.tsa.stattools import acf

    low, high = np.nanquantile(values, (0.05, 0.95), axis=0)
    moves, lags = high > low, len(values) // 2
    cut = np.clip((values[:, moves] - low[moves]) / (high - low)[moves], 0, 1)
    every = [acf(column, adjusted=True, nlags=lags, fft=True, missing="conservative") for column in cut.T]
    found: Floats = np.nan_to_num(np.mean(every, axis=0)) if every else np.zeros(lags + 1)
    return found


def _regular(values: Floats, places: Places, length: int) -> Floats:
    """Return the points at their places, NaN between; as they come where most of the places are empty."""
    if length > 2 * len(values):
        return values
    found = np.full((length, values.shape[1]), np.nan)
    found[places] = values
    return found


def _medians(values: Floats, steps: Places, period: int) -> Floats:
    """Return shape ``(P, m)``: the median of each step of a season, that of all where a step has no points."""
    import pandas as pd

    found = pd.DataFrame(values).groupby(steps).median().reindex(range(period))
    return found.fillna(pd.Series(np.median(values, axis=0))).to_numpy()


def _spread(sizes: Floats) -> Floats:
    median, mean = 1.4826 * np.median(sizes, axis=0), sizes.mean(axis=0)
    return np.where(median > 0, median, np.where(mean > 0, mean, 1.0))


def _clock(past: Series) -> tuple[int | None, float]:
    """Return the time of the first point and the usual step; None where times say nothing."""
    if past.index is None or len(past) < 2:
        return None, 1.0
    times = past.index.astype("datetime64[ns]").astype(np.int64)
    step = float(np.median(np.diff(times)))
    return (int(times.min()), step) if step > 0 else (None, 1.0)


def _places(index: Any, start: int, step: float) -> Places:
    elapsed = index.astype("datetime64[ns]").astype(np.int64) - start
    found: Places = np.rint(elapsed / step).astype(np.int64)
    return found
