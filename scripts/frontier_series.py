"""What SERIES means to `adt frontier`: servers, each with a scorer of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from adt_gym import data
from adt_gym.files import visible
from adt_gym.scoring.cache import cached_scores
from adt_gym.scripts import source as sources
from adt_gym.scripts.compare_scorers import make_scorer
from adt_gym.series import InputError, ScoredSeries, Series

WINDOW, SCALING = 10, "tail"
"""Points of a window, and the scaling that makes scores of several servers comparable."""


@dataclass(frozen=True, eq=False)
class Server:
    """One series.

    Args:
        normal: What its scorer learns on.
        judged: The labelled part, whose windows are thresholded.
    """

    normal: Series
    judged: Series

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.judged.name


def read_servers(words: Sequence[str]) -> list[Server]:
    """Return the servers that the words of the command line stand for.

    Args:
        words: Each an ``.npz`` file with train, test and test_label, a folder of them, or another source of `adt run`,
            which is cut as there.

    Raises:
        FileNotFoundError: If a path leads nowhere.
        InputError: If a source cannot be read or has no labels, or two servers have one name.
    """
    servers = [server for word in words for server in _read(word)]
    names = [server.name for server in servers]
    if doubled := [name for i, name in enumerate(names) if name in names[:i]]:
        raise InputError(f"two series are called {doubled[0]!r}: name each series once, and give files their own names")
    return servers


def _read(word: str) -> list[Server]:
    path = Path(word)
    if path.is_dir():
        files = visible(path, "*.npz")
        if not files:
            raise FileNotFoundError(f"no .npz files in {path}")
        return [_from_arrays(file) for file in files]
    if path.suffix == ".npz":
        return [_from_arrays(path)]
    if path.suffix and not path.is_file():
        raise FileNotFoundError(f"no file of a series at {path}")
    settings = sources.SourceSettings(word, window=WINDOW)
    split = sources.split(settings, sources.load(settings))
    return [Server(*parts) for parts in zip(split.train, split.test, strict=True)]


def _from_arrays(path: Path) -> Server:
    train, test = data.load("npz", source=path)
    # A scorer scales a series by what it has seen under its name.
    return Server(replace(train, name=path.stem), replace(test, name=path.stem))


def check_apart(train: Sequence[Server], tested: Server) -> None:
    """Refuse to test on what was trained on.

    Raises:
        InputError: If the tested series is among those trained on, under whatever name.
    """
    for other in train:
        if tested.name == other.name or np.array_equal(tested.judged.values, other.judged.values):
            raise InputError(
                f"series {tested.name!r} is to be tested, and trained on as {other.name!r}: take one of them out; "
                "without --test each series is tested by methods trained on the others"
            )


@dataclass(frozen=True, eq=False)
class Scoring:
    """A server to score: with which scorer, for how many epochs, with which seed, and where scores are kept."""

    server: Server
    scorer: str
    epochs: int
    seed: int
    cache: Path


def score(task: Scoring) -> ScoredSeries:
    """Return the scores of the judged part, from the cache where they are there."""
    scorer = make_scorer(task.scorer, epochs=task.epochs, device=None, window=WINDOW, scaling=SCALING, seed=task.seed)
    (scored,), _ = cached_scores(task.cache, scorer, [task.server.normal], [task.server.judged])
    return scored
