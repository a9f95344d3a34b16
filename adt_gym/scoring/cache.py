"""Scores kept on disk, found again by a hash of everything they depend on."""

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import adt_gym
from adt_gym import scoring
from adt_gym.dependencies import PACKAGE, code_digest
from adt_gym.scored_files import load_scored, save_scored
from adt_gym.scoring import Scorer
from adt_gym.scoring.base import digest
from adt_gym.series import InputError, ScoredSeries, Series

KEY = "cache_key"
"""Where the ``meta`` of kept scores holds the hash."""

WithPast = tuple[Series, Series | None]
"""A series to score, and its past."""


def score_here(scorer: Scorer, series: Sequence[WithPast]) -> list[ScoredSeries]:
    """Return the scores of series, one after the other."""
    return [scorer.score(one, past) for one, past in series]


def cache_key(scorer: Scorer, normal: Sequence[Series], series: Sequence[WithPast]) -> str:
    """Return the SHA-256 of the data, the scorer's name and settings, this package's version and the scorer's code.

    Args:
        scorer: Fitted or not: its `describe` counts.
        normal: What it learns from.
        series: What it scores, with the past of each.
    """
    found = hashlib.sha256()
    code = _code_of(type(scorer), frozenset(scoring.registry.modules()))
    _add(found, json.dumps([adt_gym.__version__, code, scorer.describe(), len(normal)], sort_keys=True))
    for one in (*normal, *(part for pair in series for part in pair)):
        if one is None:
            _add(found, "no past")
            continue
        _add(found, json.dumps([one.name, one.columns, digest(one)]))
    return found.hexdigest()


def cached_scores(
    folder: str | Path,
    scorer: Scorer,
    normal: Sequence[Series],
    series: Sequence[WithPast],
    fit: Callable[[], object] | None = None,
    score: Callable[[Scorer, Sequence[WithPast]], list[ScoredSeries]] = score_here,
) -> tuple[list[ScoredSeries], bool]:
    """Return the scores of ``series`` from the folder, or fit the scorer, score them and keep them there.

    On a hit the scorer stays as it was: it is not fitted.

    Args:
        folder: Made if need be; one file per hash, written whole or not at all.
        scorer: Not yet fitted.
        normal: What it learns from.
        series: What it scores, with the past of each.
        fit: Fits the scorer in another way than ``scorer.fit(normal)``, say under a progress bar.
        score: Scores in another way than one series after the other, say on many machines.

    Returns:
        The scores, and whether they come from the folder.

    Warns:
        UserWarning: If the file cannot be read or holds other scores; they are made again.
    """
    key = cache_key(scorer, normal, series)
    path = Path(folder) / f"{scorer.label.translate(_PLAIN)}-{key[:16]}.npz"
    found = _read(path, key, [one.name for one, _ in series])
    if found is not None:
        return found, True
    if fit is None:
        scorer.fit(normal)
    else:
        fit()
    scored = score(scorer, series)
    save_scored(path, [replace(one, meta={**one.meta, KEY: key}) for one in scored])
    return scored, False


_PLAIN = str.maketrans(dict.fromkeys(": /()", "-"))
"""What a file name should not hold."""


def _add(found: Any, text: str) -> None:
    found.update(f"{len(text)}:{text}".encode())


@cache  # code that was changed meanwhile is not what this process runs
def _code_of(kind: type, registered: frozenset[str]) -> str:
    """Return the digest of a scorer's code; any that is registered may be a member of an ensemble."""
    return code_digest(kind, *(one for one in registered if one.partition(".")[0] != PACKAGE))


def _read(path: Path, key: str, names: list[str]) -> list[ScoredSeries] | None:
    if not path.exists():
        return None
    try:
        scored = load_scored(path)
    except InputError as error:
        warnings.warn(f"cached scores are made again: {error}", stacklevel=3)
        return None
    if [one.name for one in scored] != names or any(one.meta.get(KEY) != key for one in scored):
        warnings.warn(f"cached scores are made again: {path} holds those of other data or settings", stacklevel=3)
        return None
    return [replace(one, meta={name: one.meta[name] for name in one.meta if name != KEY}) for one in scored]
