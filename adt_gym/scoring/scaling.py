"""Scaling of raw anomaly scores by those of the normal training windows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.series import MinMax

TAIL_CAP = 4.0
"""Scores that fewer than one training score in 10,000 reaches are all 1 under tail scaling."""


class Scaling(Protocol):
    """Learns from training parts and maps values of any part."""

    @classmethod
    def fit(cls, *parts: NDArray[Any]) -> Self:
        """Learn from the values of all parts together."""

    def __call__(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the scaled values."""


@dataclass(frozen=True, eq=False)
class Tail:
    """Minus log10 of the share of training scores that are at least as high, capped and divided by the cap.

    0.25 then means "one training score in ten is as high", 0.5 "one in a hundred", whatever the scorer and the machine.
    Above all training scores the value is 1. At least 10,000 training scores are needed to fill the scale below it.

    Args:
        reference: Shape ``(N,)``, the training scores in ascending order.
    """

    reference: NDArray[np.float64]

    @classmethod
    def fit(cls, *parts: NDArray[np.floating[Any]]) -> "Tail":
        """Keep the scores of all parts."""
        return cls(np.sort(np.concatenate(parts).astype(np.float64)))

    def __call__(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the values in [0, 1]."""
        count = len(self.reference)
        reached = count - np.searchsorted(self.reference, values, side="left")
        least = count * 10.0**-TAIL_CAP  # the cap, so that no logarithm of 0 is taken
        return -np.log10(np.maximum(reached, least) / count) / TAIL_CAP


SCALINGS: dict[str, type[Scaling]] = {"minmax": MinMax, "tail": Tail}

S = TypeVar("S", bound=Scaling)


class PerSeries(Generic[S]):
    """One scaling for each training series, and one over all of them for any other series.

    Args:
        pooled: The scaling over all.
        own: By the series' name.
    """

    def __init__(self, pooled: S, own: Mapping[str, S]):
        self.pooled = pooled
        self.own = dict(own)

    @classmethod
    def fit(cls, kind: type[S], parts: Mapping[str, NDArray[Any]]) -> Self:
        """Learn from one part per series, by its name; where a part is empty there is no own scaling."""
        filled = {name: part for name, part in parts.items() if len(part)}
        return cls(kind.fit(*filled.values()), {name: kind.fit(part) for name, part in filled.items()})

    def __getitem__(self, name: str) -> S:
        return self.own.get(name, self.pooled)

    def arrays(self, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the arrays of all scalings under the names that `load` reads them by."""
        for i, scaling in enumerate((self.pooled, *self.own.values())):
            for field, array in vars(scaling).items():
                yield f"{prefix}/{i}/{field}", array

    @classmethod
    def load(cls, kind: type[S], names: list[str], prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Put together what `arrays` took apart; ``names`` are those of the own scalings, in their order."""
        fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
        pooled, *own = [
            kind(**{field: arrays[f"{prefix}/{i}/{field}"] for field in fields}) for i in range(len(names) + 1)
        ]
        return cls(pooled, dict(zip(names, own, strict=True)))
