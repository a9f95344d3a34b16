"""The servers of a frontier, each with a scorer of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from adt_gym.data.sources import SourceSettings, Summary, arrays_at
from adt_gym.evaluation.split import cut, parts
from adt_gym.experiments.scores import make_scorers, read
from adt_gym.scoring.cache import cached_scores
from adt_gym.series import InputError, ScoredSeries, Series

SCALING = "tail"
"""Makes scores of several servers comparable."""


@dataclass(frozen=True, eq=False)
class Server:
    """One series.

    Args:
        normal: What its scorer learns on.
        judged: The labelled part, whose windows are thresholded.
        summary: What its source was taken for.
        family: That of a suite it belongs to.
    """

    normal: Series
    judged: Series
    summary: Summary
    family: str = ""

    @property
    def name(self) -> str:
        """The name of its series."""
        return self.judged.name

    @property
    def title(self) -> str:
        """What tables call it: units of several families may have one name."""
        return f"{self.family}/{self.name}" if self.family else self.name


LEAST = 2
"""So many series with an anomaly are learned from at least: each is judged by what the others teach."""


@dataclass(frozen=True, eq=False)
class Round:
    """Who is tested, and who is learned from for that.

    Args:
        train, tests: No series is in both.
        panel, family, fold: See `adt_gym.evaluation.frontier.FrontierRow`.
    """

    train: tuple[Server, ...]
    tests: tuple[Server, ...]
    panel: str = ""
    family: str = ""
    fold: int = 0


def anomalous(servers: Sequence[Server]) -> list[str]:
    """Return the names of those with an anomaly."""
    return [one.name for one in servers if one.judged.labels is not None and one.judged.labels.any()]


def read_servers(words: Sequence[str], options: SourceSettings) -> list[Server]:
    """Return the servers that the words of the command line stand for.

    Args:
        words: Each an ``.npz`` file with train, test and test_label, a folder of them, or another source of `adt run`,
            which is cut as there.
        options: How all of them are read; their ``source`` does not count.

    Raises:
        FileNotFoundError: If a path leads nowhere.
        InputError: If a source cannot be read or has no labels.
    """
    return [server for word in words for server in _read(replace(options, source=word))]


def _read(settings: SourceSettings) -> list[Server]:
    path = Path(settings.source)
    if path.suffix and not path.exists():
        raise FileNotFoundError(f"no file of a series at {path}")
    source = read(settings)
    if arrays_at(path):  # each comes with a part for its scorer, and is judged as a whole
        pairs = zip(*parts(source.series), strict=True)
    else:
        split = cut(settings, source.series)
        pairs = zip(split.train, split.test, strict=True)
    return [Server(*pair, source.summary) for pair in pairs]


def check_apart(train: Sequence[Server], tested: Server) -> None:
    """Refuse to test on what was trained on.

    Raises:
        InputError: If the tested series is among those trained on, under whatever name.
    """
    for other in train:
        if np.array_equal(tested.judged.values, other.judged.values):
            raise InputError(
                f"series {tested.name!r} is to be tested, and trained on as {other.name!r}: take one of them out; "
                "without --test each series is tested by methods trained on the others"
            )


@dataclass(frozen=True, eq=False)
class Scoring:
    """A server to score: with which scorer, for how many epochs, with which seed, and where scores are kept."""

    server: Server
    scorer: str
    epochs: int | None
    seed: int
    cache: Path
    window: int


def score(task: Scoring) -> ScoredSeries:
    """Return the scores of the judged part, from the cache where they are there."""
    (scorer,) = make_scorers([task.scorer], task.epochs, window=task.window, scaling=SCALING, seed=task.seed)
    (scored,), _ = cached_scores(task.cache, scorer, [task.server.normal], [(task.server.judged, task.server.normal)])
    return scored
