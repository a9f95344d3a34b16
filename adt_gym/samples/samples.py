"""Labelled samples: rows that are judged one by one, their split, their scaling and two generated sets.

Unlike the points of a ``Series``, samples need no order; where they have one, it is the order of the rows.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import InputError, Series

Split = Literal["stratified", "chronological"]

CLIP = 10.0
"""Standardised features are clipped to this many standard deviations, which bounds observations."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Labelled samples of both classes.

    Args:
        features: Shape ``(n, d)``, finite; kept as float32 where given so, else as float64.
        labels: Shape ``(n,)``, True or 1 where the sample is anomalous; both classes occur.
        columns: The names of the d features; ``("value_0", ...)`` by default.
        name: How messages and tables call the samples.

    Raises:
        InputError: If a feature is not a finite number, a label is not 0 or 1, a class is missing, or lengths differ.
    """

    features: NDArray[np.floating[Any]]
    labels: NDArray[np.bool_]
    columns: tuple[str, ...] = ()
    name: str = "samples"

    def __post_init__(self) -> None:
        if self.labels is None:
            raise InputError(f"samples {self.name!r} have no labels; name the column that holds them")
        checked = Series(self.features, self.labels, self.name, columns=self.columns)
        object.__setattr__(self, "features", checked.values)
        object.__setattr__(self, "labels", checked.labels)
        object.__setattr__(self, "columns", checked.columns)
        if self.labels.all() or not self.labels.any():
            only = "anomalous" if self.labels.all() else "normal"
            raise InputError(f"samples {self.name!r}: all {len(self)} are {only}; samples of both classes are needed")

    def __len__(self) -> int:
        return len(self.labels)

    def split(self, kind: Split = "stratified", train_share: float = 0.7, seed: int = 0) -> tuple["Samples", "Samples"]:
        """Return a training part and a test part; both keep the order of the rows.

        Args:
            kind: "stratified" draws the parts with equal shares of anomalies; "chronological" trains on the first rows.
            train_share: Share of the rows in the training part, in (0, 1).
            seed: Of the stratified draw.

        Raises:
            InputError: If a part would lack one of the classes.
        """
        if kind not in get_args(Split):
            raise InputError(f"unknown split {kind!r}; known: {', '.join(get_args(Split))}")
        if not 0 < train_share < 1:
            raise InputError(f"train_share must be between 0 and 1, got {train_share}")
        parts = _stratified if kind == "stratified" else _chronological
        train, test = parts(self, train_share, seed)
        return self._part(train, "training part"), self._part(test, "test part")

    def _part(self, rows: NDArray[np.int64], which: str) -> "Samples":
        return Samples(self.features[rows], self.labels[rows], self.columns, f"{self.name} ({which})")


@dataclass(frozen=True)
class Standardiser:
    """Scaling to mean 0 and standard deviation 1 on the samples it was fitted on.

    Args:
        columns: The names of the d features.
        mean: One per feature.
        deviation: One per feature; 1 where the feature is constant.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, samples: Samples) -> "Standardiser":
        """Take mean and standard deviation of ``samples``, the training part."""
        features = samples.features.astype(np.float64)
        mean, deviation = features.mean(axis=0), features.std(axis=0)
        constant = np.ptp(features, axis=0) == 0  # the rounding of the mean leaves a deviation just above 0
        deviation[constant] = 1.0
        return cls(samples.columns, tuple(mean.tolist()), tuple(deviation.tolist()))

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """Return shape ``(n, d)``: the features in standard deviations from the mean, clipped to ``CLIP`` of them.

        Raises:
            InputError: If the samples have other columns.
        """
        if samples.columns != self.columns:
            raise InputError(f"samples {samples.name!r} have the columns {samples.columns}, expected {self.columns}")
        scaled = (samples.features - np.array(self.mean)) / np.array(self.deviation)
        return np.clip(scaled, -CLIP, CLIP).astype(np.float32)


def kubernetes_samples(seed: int = 0) -> Samples:
    """Make 300 samples of four metrics of a cluster, 15 of them (5%) anomalous, in no order.

    Normal samples are drawn from N(50, 10), N(50, 10), N(300, 50) and N(100, 20), anomalous ones from N(90, 5),
    N(90, 5), N(600, 30) and N(200, 10), each metric by itself.
    """
    random = np.random.default_rng(seed)
    normal = random.normal((50, 50, 300, 100), (10, 10, 50, 20), (285, 4))
    anomalous = random.normal((90, 90, 600, 200), (5, 5, 30, 10), (15, 4))
    columns = ("cpu_usage", "memory_usage", "network_io", "disk_io")
    return _mixed(normal, anomalous, columns, "kubernetes_samples", random)


def blobs(seed: int = 0) -> Samples:
    """Make 300 points of the plane, 45 of them (15%) anomalous, in no order.

    Normal points are one Gaussian blob around 0 with standard deviation 0.5; anomalous ones are uniform in
    [-4, 4]^2, so that about one in ten of them lies within the blob and cannot be told apart.
    """
    random = np.random.default_rng(seed)
    normal = random.normal(0.0, 0.5, (255, 2))
    anomalous = random.uniform(-4.0, 4.0, (45, 2))
    return _mixed(normal, anomalous, ("x", "y"), "blobs", random)


GENERATORS = {"kubernetes_samples": kubernetes_samples, "blobs": blobs}
"""The packaged sets by name."""


@lru_cache(maxsize=8)
def packaged(name: str) -> Samples:
    """Return the packaged set of that name, made with seed 0.

    Raises:
        InputError: If there is none.
    """
    if name not in GENERATORS:
        raise InputError(
            f"unknown samples {name!r}; known: {', '.join(GENERATORS)}; read a table with "
            "adt_gym.data.samples.read_samples and pass what it returns"
        )
    return GENERATORS[name](0)


def _mixed(normal: Any, anomalous: Any, columns: tuple[str, ...], name: str, random: np.random.Generator) -> Samples:
    features = np.concatenate((normal, anomalous))
    labels = np.arange(len(features)) >= len(normal)
    order = random.permutation(len(features))
    return Samples(features[order], labels[order], columns, name)


def _stratified(samples: Samples, train_share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(samples))
    try:
        train, test = train_test_split(rows, train_size=train_share, stratify=samples.labels, random_state=seed)
    except ValueError as error:
        raise InputError(f"samples {samples.name!r} cannot be split with equal shares of anomalies: {error}") from error
    return np.sort(train), np.sort(test)


def _chronological(samples: Samples, train_share: float, _: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    train, test = np.split(np.arange(len(samples)), [round(train_share * len(samples))])
    return train, test
