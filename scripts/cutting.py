"""Cutting a source into what is learned from and what is evaluated."""

import re
from dataclasses import replace

import numpy as np

from adt_gym.evaluation.split import Split, split_at, split_by_anomalies, split_by_share
from adt_gym.scripts.source import GENERATED, SourceSettings
from adt_gym.series import InputError, Series

TRAIN = "train"
QUARTER, HALF = 0.25, 0.5


def split(settings: SourceSettings, series: list[Series]) -> Split:
    """Cut the series into what may be learned from and what is evaluated.

    Where a data set comes as a training and a test part, the scorer learns on the first, and the labelled second
    is cut in two.

    Raises:
        InputError: If a part lacks what it needs.
    """
    first = [one for one in series if re.fullmatch(TRAIN + r"\d*", one.name.rpartition("/")[2])]
    if len(first) == len(series):
        first = []  # a table that is called so
    history = [_without(TRAIN, one) for one in first]
    labelled = [_without("test", one) for one in series if one not in first]
    if settings.train_until is not None:
        if len(labelled) > 1:
            raise InputError("--train-until cuts one series; of several, --train-share is the training part of each")
        cut = split_at(labelled[0], _row(labelled[0], settings.train_until), settings.window)
    elif len(labelled) == 1 and settings.train_share is None and not history and settings.source not in GENERATED:
        cut = split_by_anomalies(labelled[0], settings.window, settings.train_anomalies)
    else:
        default = HALF if history or len(labelled) == 1 else QUARTER
        share = default if settings.train_share is None else settings.train_share
        cut = split_by_share(labelled, share, settings.window)
    return replace(cut, history=history)


def _without(part: str, series: Series) -> Series:
    """Name both parts of a data set alike: the one that comes first is the other's history."""
    name, slash, last = series.name.rpartition("/")
    return replace(series, name=name) if slash and last == part else series


def _row(series: Series, until: str) -> int:
    if until.isdecimal():
        return int(until)
    if series.index is None:
        raise InputError(f"--train-until {until!r}: series {series.name!r} has no times; give a row number")
    try:
        later = series.index >= np.datetime64(until)
    except ValueError as error:
        raise InputError(f"--train-until {until!r} is neither a row number nor a time like 2014-02-01T12:00") from error
    return int(np.argmax(later)) if later.any() else len(series)
