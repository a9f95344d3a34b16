"""Any detector of PyOD by name."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adt_gym.scoring.base import ScorerSettings
from adt_gym.scoring.detector import DetectorScorer, DetectorSettings, Floats
from adt_gym.series import InputError


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

    Some detectors (ECOD, COPOD) rank a window among the training windows and those that are scored with it, at most
    4,096 at a time, so that its score depends a little on its neighbours, later ones too.

    Reference: Y. Zhao, Z. Nasrullah and Z. Li, "PyOD: A Python Toolbox for Scalable Outlier Detection", JMLR 20, 2019;
    each detector cites its own.

    Args:
        settings: Fields of `PyODSettings`.

    Raises:
        InputError: If PyOD has no such detector or it does not take such options.
    """

    Settings: ClassVar[type[ScorerSettings]] = PyODSettings
    name = "pyod"

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

    def _fitted(self, rows: NDArray[np.float32]) -> Any:
        try:
            return self._new().fit(rows)
        except Exception as error:  # fifty detectors, and each fails in its own way on rows that do not suit it
            raise InputError(f"{self.label} fails on {len(rows)} training windows: {error!r}") from error

    def _judge(self, rows: NDArray[np.float32]) -> Floats:
        return np.asarray(self._detector.decision_function(rows), dtype=np.float64)


def _detector(method: str) -> Any:
    """Return the class of that name; its module bears the name in small letters."""
    if find_spec("pyod") is None:
        raise InputError("pyod is not installed: pip install pyod")
    modules = [one.name for one in iter_modules(import_module("pyod.models").__path__)]
    named = [one for one in modules if one.replace("_", "") == method.lower()]
    try:
        return getattr(import_module(f"pyod.models.{named[0]}"), method)
    except (IndexError, AttributeError) as error:
        raise InputError(f"PyOD has no detector {method!r}; its detectors are its classes: ECOD, KNN, LOF") from error
    except ImportError as error:
        raise InputError(f"pyod:{method} needs the package {error.name!r}, which is not installed") from error
