"""Any method of PyThresh by name, as one fixed threshold."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, Self

import numpy as np

from adt_gym.checks import first_line
from adt_gym.extras import require
from adt_gym.scaling import Scaling
from adt_gym.series import InputError, ScoredSeries
from adt_gym.stream.stream import Fixed, Scores
from adt_gym.thresholds.calibrated import Calibrated, Floats

FAST_PYTHRESH = (
    "CHAU", "COMB", "DECOMP", "EB", "FGD", "FILTER", "FWFM", "GESD", "HIST", "IQR", "MAD", "MOLL",
    "MTT", "OCSVM", "QMCD", "WIND", "ZSCORE",
)  # fmt: skip
"""The methods that fit 20,000 scores within 2 seconds on one core.

The others take 2 to 4 seconds (AUCP, CLF, DSN, YJ), 9 to 35 (KARCH, MCST, MIXMOD, REGR) or more than a minute (BOOT,
GAMGMM), need packages that PyThresh does not bring (CLUST, CPD, META), or train a network (VAE). DUMMY flags nothing.
"""

LATEST = 10_000
"""Scores that a threshold is found on at most: with 150,000, half of the fast methods take 8 seconds to minutes."""


class PyThresh(Calibrated):
    """The threshold that a PyThresh method finds on the past raw scores of a series, held fixed afterwards.

    Of a longer past it is given the latest ``LATEST`` scores; of training scores that stand for one, as many, evenly
    spread.

    Applied to new scores all at once, as PyThresh does, some methods would decide about a window by later ones. A
    method without a threshold of its own, which labels the scores it is fitted on, gets the highest past score
    that it left unlabelled.

    Reference: D. Kulik, PyThresh, https://github.com/KulikDM/pythresh; each method cites its own.

    Args:
        method: Its class name, as "IQR"; `FAST_PYTHRESH` lists the fast ones.

    Raises:
        InputError: If there is no such method, or a package that it needs is not installed.
    """

    def __init__(self, method: str):
        self.method = method
        self.name = f"pythresh:{method}"
        self._class()

    def fit(self, train: Sequence[ScoredSeries]) -> Self:
        """Keep some training scores, for series without a past of their own. Labels are not used.

        Raises:
            InputError: If there are none.
        """
        super().fit(train)
        self.training_scores = self.training_scores[:: -(-len(self.training_scores) // LATEST)]
        return self

    def start(self, past: Scores | None = None, times: Any = None, scaling: Scaling | None = None) -> Fixed:
        """Hold every score against the threshold.

        Raises:
            InputError: If the method fails on the past, and on the training scores too.
        """
        for one in self._pasts(past, scaling):
            try:
                return Fixed(self._threshold(one[-LATEST:]))
            except InputError as error:
                failure = error
        raise failure

    def _threshold(self, scores: Floats) -> float:
        low, high = scores.min(), scores.max()
        if low == high:
            raise InputError(f"{self.name}: all {len(scores)} past scores are equal; give a past whose windows differ")
        with _global_generator_kept():
            try:
                fitted = self._class()().fit(scores)
            except Exception as error:  # thirty methods, and each fails in its own way on scores that do not suit it
                raise InputError(f"{self.name} fails on {len(scores)} past scores: {first_line(error)}") from error
        if fitted.thresh_ is None:
            threshold = np.max(scores[np.asarray(fitted.labels_) == 0], initial=low)
        else:  # PyThresh scales the scores to [0, 1] and flags those that reach the threshold
            reached = np.float32(low + (high - low) * float(fitted.thresh_))
            threshold = np.nextafter(reached, np.float32(-np.inf))
        if np.isnan(threshold):
            raise InputError(f"{self.name} finds no threshold on {len(scores)} past scores; use another method")
        return float(threshold)

    def _class(self) -> Any:
        if self.method not in pythresh_methods():
            raise InputError(f"PyThresh has no method {self.method!r}; it has {', '.join(pythresh_methods())}")
        try:
            return getattr(import_module(f"pythresh.thresholds.{self.method.lower()}"), self.method)
        except ModuleNotFoundError as error:
            raise InputError(f"{self.name} needs the package {error.name!r}, which is not installed") from error


def pythresh_methods() -> list[str]:
    """Return the names of all methods of the installed PyThresh.

    Raises:
        InputError: If PyThresh is not installed.
    """
    require("PyThresh", "pythresh")
    spec = find_spec("pythresh.thresholds")
    assert spec is not None
    modules = {one.name for one in iter_modules(spec.submodule_search_locations)}
    return sorted(name.upper() for name in modules - {"base", "thresh_utility"})


@contextmanager
def _global_generator_kept() -> Iterator[None]:
    """Give NumPy's global generator, which every PyThresh method seeds, its state back."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
