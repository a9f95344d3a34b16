"""Any detector of PyOD by name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar

import numpy as np

from adt_gym.checks import first_line
from adt_gym.extras import require
from adt_gym.scoring.base import ScorerSettings
from adt_gym.scoring.detector import DetectorScorer, DetectorSettings
from adt_gym.scoring.rows import Floats, Rows
from adt_gym.series import InputError

SOME = 32
"""So many training windows tell whether a detector does what is asked of it."""

RANKING: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "ECOD": lambda left, right, skewed: np.maximum(left, right),
    "COPOD": lambda left, right, skewed: np.maximum(skewed, (left + right) / 2),
}
"""Of detectors that rank: what -log of a column's left and right tail probabilities, and of its longer tail's, make.

Reference: Z. Li et al., "COPOD: Copula-Based Outlier Detection", ICDM 2020; "ECOD: Unsupervised Outlier Detection Using
Empirical Cumulative Distribution Functions", TKDE 35(12), 2022.
"""


@dataclass(frozen=True)
class PyODSettings(DetectorSettings):
    """Settings of the adaptor, beside those of `DetectorSettings`.

    Args:
        method: The detector's class name, as "ECOD".
        options: What its constructor takes; values that JSON can hold.
    """

    method: str = "ECOD"
    options: Mapping[str, Any] = field(default_factory=dict)
    fit_windows: int = 10_000


class PyOD(DetectorScorer):
    """A PyOD detector over flattened windows.

    ECOD and COPOD rank a window among the training windows and itself alone; in PyOD also among those that are scored
    with it, later ones too. Other detectors whose scores depend on those are refused. A file keeps the training
    windows, on which the detector is fitted anew.

    Reference: Y. Zhao, Z. Nasrullah and Z. Li, "PyOD: A Python Toolbox for Scalable Outlier Detection", JMLR 20, 2019;
    each detector cites its own.

    Args:
        settings: Fields of `PyODSettings`.

    Raises:
        InputError: If PyOD has no such detector or it does not take such options.
    """

    name = "pyod"
    Settings: ClassVar[type[ScorerSettings]] = PyODSettings
    fitted = (*DetectorScorer.fitted, "_learned")

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self._new()

    @property
    def label(self) -> str:
        """What tables call the scorer."""
        return f"pyod:{self.settings.method}"

    def _new(self) -> Any:
        method, options = self.settings.method, dict(self.settings.options)
        detector = _detector(method)
        try:
            if "random_state" in inspect.signature(detector).parameters:
                options.setdefault("random_state", self.settings.seed)
            return detector(**options)
        except (TypeError, ValueError) as error:
            raise InputError(f"pyod:{method}: {error}") from error

    def _fit_rows(self, rows: Rows) -> None:
        self._learned = rows
        if self.settings.method in RANKING:
            self._sorted, self._mean = np.sort(rows, axis=0), rows.mean(axis=0, dtype=np.float64)
            self._moments = [np.power(rows - self._mean, power).sum(axis=0) for power in (2, 3)]
            return
        some = rows[:SOME]
        try:
            self._detector = self._new().fit(rows)
            alone = np.concatenate([self._judge(row[None]) for row in some])
            steady = bool((np.abs(self._judge(some) - alone) <= 1e-6 * (np.abs(alone) + np.ptp(alone))).all())
        except Exception as error:  # fifty detectors, and each fails in its own way on rows that do not suit it
            raise InputError(f"{self.label} fails on {len(rows)} training windows: {first_line(error)}") from error
        if not steady:
            raise InputError(
                f"{self.label} scores a window by those that are scored with it, later ones too; take another detector"
            )

    def _judge(self, rows: Rows) -> Floats:
        if self.settings.method in RANKING:
            return self._ranks(rows)
        return np.asarray(self._detector.decision_function(rows), dtype=np.float64)

    def _ranks(self, rows: Rows) -> Floats:
        """Return the sum over the columns of what -log of each row's two tail probabilities makes, ``RANKING``."""
        n, (second, third), far = len(self._sorted) + 1, self._moments, rows - self._mean
        skew = (
            third + far**3 * (n - 1) * (n - 2) / n**2 - 3 * far * second / n
        )  # of the learned rows and the row itself
        upto, below = (
            np.stack([np.searchsorted(c, x, side) for c, x in zip(self._sorted.T, rows.T, strict=True)], axis=1)
            for side in ("right", "left")
        )
        left, right = -np.log((upto + 1) / n), -np.log((n - below) / n)
        found: Floats = RANKING[self.settings.method](left, right, np.where(skew > 0, right, left)).sum(axis=1)
        return found

    def _fitted(self) -> dict[str, Any]:
        values, some = super()._fitted(), self._learned[:SOME]
        if not np.array_equal(
            self.anew({"options": self._options(), "values": values})._judge(some), self._judge(some)
        ):
            raise InputError(f"{self.label} scores otherwise when it is fitted anew, so that no file can hold it")
        return values

    def _restore(self, values: Mapping[str, Any]) -> None:
        super()._restore(values)
        self._fit_rows(self._learned)


def _detector(method: str) -> Any:
    """Return the class of that name; its module bears the name in small letters."""
    require(f"pyod:{method}", "pyod")
    modules = [one.name for one in iter_modules(import_module("pyod.models").__path__)]
    named = [one for one in modules if one.replace("_", "") == method.lower()]
    try:
        return getattr(import_module(f"pyod.models.{named[0]}"), method)
    except (IndexError, AttributeError) as error:
        raise InputError(f"PyOD has no detector {method!r}; its detectors are its classes: ECOD, KNN, LOF") from error
    except ImportError as error:
        raise InputError(f"pyod:{method} needs the package {error.name!r}, which is not installed") from error
