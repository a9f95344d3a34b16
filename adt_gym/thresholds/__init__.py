"""Thresholders: what sets the threshold of a scored series, by rule or by policy.

A thresholder has ``fit(train) -> self``, ``detect(series) -> Detection``, a ``name`` and ``sees_labels``, and is
causal: its threshold for window t depends on the scores up to t and on labels already released, on nothing later.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from adt_gym.registry import build
from adt_gym.series import Detection, ScoredSeries

if TYPE_CHECKING:
    from adt_gym.thresholds.policy import Policy

__all__ = ["Policy", "Thresholder", "make", "names"]


@runtime_checkable
class Thresholder(Protocol):
    """Sets one threshold per window of a scored series."""

    @property
    def name(self) -> str:
        """What tables call the method."""

    @property
    def sees_labels(self) -> bool:
        """Whether ``detect`` reads labels of the series it is given (at test time)."""

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Learn from labelled series; return self."""

    def detect(self, series: ScoredSeries) -> Detection:
        """Return a threshold and a decision for every window."""


_WHERE = {
    "static": "adt_gym.thresholds.static:Static",
    "always": "adt_gym.thresholds.static:Always",
    "never": "adt_gym.thresholds.static:Never",
    "random": "adt_gym.thresholds.random:Random",
    "persistence": "adt_gym.thresholds.persistence:Persistence",
    "quantile": "adt_gym.thresholds.quantile:Quantile",
    "false_alarm_rate": "adt_gym.thresholds.quantile:FalseAlarmRate",
    "rolling_quantile": "adt_gym.thresholds.quantile:RollingQuantile",
    "spot": "adt_gym.thresholds.spot:SPOT",
    "dspot": "adt_gym.thresholds.dspot:DSPOT",
    "online_fdr": "adt_gym.thresholds.online_fdr:OnlineFDR",
    "nonparametric": "adt_gym.thresholds.nonparametric:NonParametric",
}


def names() -> list[str]:
    """Return the names that `make` knows, beside ``pythresh:NAME``."""
    return sorted(_WHERE)


def make(name: str, **options: Any) -> Thresholder:
    """Return the thresholder of that name, made with ``options``; ``pythresh:IQR`` is PyThresh's IQR.

    Raises:
        InputError: If there is no such name or it does not take such an option.
    """
    family, colon, method = name.partition(":")
    if family == "pythresh" and colon:
        where, options = {name: "adt_gym.thresholds.pythresh:PyThresh"}, {"method": method, **options}
    else:
        where = _WHERE
    thresholder: Thresholder = build("thresholder", where, name, options)
    return thresholder


def __getattr__(name: str) -> Any:
    if name == "Policy":
        from adt_gym.thresholds.policy import Policy

        return Policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
