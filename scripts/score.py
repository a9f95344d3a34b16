"""`adt score SOURCE`: train the scorer on the training part and write the scores of the whole series."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments import scorers
from adt_gym.experiments.shares import on_ray
from adt_gym.extras import require
from adt_gym.files import require_npz
from adt_gym.folders import check_file
from adt_gym.scripts.options import CACHE, CORES, Cache, Every, takes


@takes
def score(
    settings: scorers.ScoreSettings,
    out: Annotated[Path, typer.Option(help="the .npz file to write; one that adt did not write is not replaced")],
    cache: Cache = CACHE,
    every: Every = False,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="score on Ray: auto, host:port, ray://host:port; local starts it here"),
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=1024, help="of the series, with --ray: a task each")] = 16,
) -> None:
    """Train a scorer on the normal windows of the training part; write the scores of the whole series.

    Prints what one static threshold makes of them on the rest. With the same data and settings the scores come from
    the cache. With --ray the scorer is still trained here, once; what is dealt out is the scoring of many series.
    `adt score yahoo_like --out yahoo_like.npz` makes the packaged scores again.
    """
    require_npz(out, "scored series")
    for path in (out, scorers.curves_beside(out)):
        check_file(path, "score")
    if ray is None:
        scorers.score(settings, out, cache, every)
        return
    require("adt score --ray", "ray")
    with on_ray(ray, CORES, shards) as score_there:
        scorers.score(settings, out, cache, every, score_there)
