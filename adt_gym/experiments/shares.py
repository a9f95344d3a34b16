"""Scoring many series on Ray: a scorer that was fitted here goes there, with a share of the series for each task."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache

from adt_gym.experiments.workers import Workers, finish, ray_tasks
from adt_gym.registry import as_bytes, from_bytes
from adt_gym.report.progress import bar
from adt_gym.scoring import Scorer
from adt_gym.scoring.cache import WithPast
from adt_gym.series import ScoredSeries

Scoring = Callable[[Scorer, Sequence[WithPast]], list[ScoredSeries]]
"""Returns the scores of series by a fitted scorer."""


@dataclass(frozen=True, eq=False)
class Share:
    """What a task scores.

    Args:
        number: Of the share, from 0.
        scorer: What its `save` wrote.
        series: With the past of each.
    """

    number: int
    scorer: bytes
    series: tuple[WithPast, ...]


@contextmanager
def on_ray(address: str, jobs: int, shares: int) -> Iterator[Scoring]:
    """Yield what scores on Ray, which is reached for when there is something to score.

    Args:
        address: See `adt_gym.experiments.workers.ray_tasks`.
        jobs: Tasks at a time of a Ray that is started here.
        shares: How many, each a task.
    """
    with ExitStack() as stack:

        @cache
        def workers() -> Workers:
            return stack.enter_context(ray_tasks(score_share, jobs, address))

        def score(scorer: Scorer, series: Sequence[WithPast]) -> list[ScoredSeries]:
            return _scored(workers(), scorer, series, min(shares, len(series)))

        yield score


def _scored(workers: Workers, scorer: Scorer, series: Sequence[WithPast], shares: int) -> list[ScoredSeries]:
    saved = as_bytes(scorer)
    tasks = [Share(i, saved, tuple(series[i::shares])) for i in range(shares)]
    found: dict[int, list[ScoredSeries]] = {}
    with bar("shares scored", shares) as advance:
        for one in finish(workers, tasks):
            if one.error is not None:
                raise ChildProcessError(f"share {one.task.number}: {one.error}")
            if isinstance(one.result, Exception):
                raise one.result
            found[one.task.number], said = one.result
            for message in said:
                warnings.warn(message, stacklevel=2)
            advance("")
    return [found[i % shares][i // shares] for i in range(len(series))]


def score_share(share: Share) -> tuple[list[ScoredSeries], list[str]] | Exception:
    """Return the scores of a share and what was warned of, or the error: it would come again, so it is not retried."""
    try:
        with warnings.catch_warnings(record=True) as said:
            scorer = from_bytes("scorer", share.scorer)
            return [scorer.score(*one) for one in share.series], [str(one.message) for one in said]
    except Exception as error:
        return error
