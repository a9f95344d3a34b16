"""The check of what every metric takes: one flag per window, of decisions and of labels."""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adt_gym.series import Detection, InputError


def as_flags(values: ArrayLike, what: str) -> NDArray[np.bool_]:
    """Return ``values`` as an array of bool, shape ``(T,)``, T > 0.

    Args:
        values: One True or False, 1 or 0 per window. Nothing else is taken for either: not -1, 2, NaN, None or "1".
        what: How messages call them.

    Raises:
        InputError: If they have another shape or there are none, or one of them is no flag; it names the first.
    """
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{what} must be one array of 0 and 1 ({error})") from error
    if given.ndim != 1 or len(given) == 0:
        raise InputError(f"{what} must have shape (T,) with T > 0, got {given.shape}")
    if given.dtype == bool:
        return given
    if given.dtype.kind in "iuf":
        good = np.isin(given, (0, 1))
    else:
        good = np.array([isinstance(one, Real | np.bool_) and bool(one in (0, 1)) for one in given.tolist()])
    if not good.all():
        first = int(np.argmin(good))
        raise InputError(
            f"{what}[{first}] is {given[first]!s}: neither 0 (normal) nor 1 (anomalous); "
            f"{np.sum(~good)} of {len(given)} are not; give True or False, 1 or 0"
        )
    return given.astype(bool)


def flag_pair(decisions: ArrayLike, labels: ArrayLike, of: str = "") -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return decisions and labels of the same windows as arrays of bool, each of shape ``(T,)``, T > 0.

    Args:
        decisions, labels: See `as_flags`.
        of: Words that messages put before both names.

    Raises:
        InputError: If one of them is refused by `as_flags`, or their lengths differ.
    """
    flagged, anomalous = as_flags(decisions, f"{of}decisions"), as_flags(labels, f"{of}labels")
    if flagged.shape != anomalous.shape:
        raise InputError(f"{of}decisions have shape {flagged.shape}, {of}labels {anomalous.shape}; they must be equal")
    return flagged, anomalous


def of_detection(detection: Detection) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the decisions and labels of a detection; `flag_pair` says what is refused."""
    return flag_pair(detection.decisions, detection.truth, f"series {detection.name!r}: ")
