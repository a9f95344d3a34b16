"""`adt frontier`: every method on series it has never seen, as labels come late, in part, wrongly or never."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments.frontier import FrontierSettings, run_frontier
from adt_gym.report.progress import console
from adt_gym.scripts.options import CACHE, CORES, Cache, Every, Jobs, takes


@takes
def frontier(
    settings: FrontierSettings,
    jobs: Jobs = CORES,
    cache: Cache = CACHE,
    out: Annotated[Path, typer.Option(help="folder of the results; finished cells in it are kept")] = Path(
        "runs/frontier"
    ),
    every: Every = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="run cells on Ray: auto, host:port, ray://host:port; local starts it here"
        ),
    ] = None,
) -> None:
    """Train on some series, test on others, for every delay of the labels; an interrupted run goes on where it was.

    An option takes several words: --delays 1 10 never.
    """
    if failed := run_frontier(settings, out, jobs, cache, every, ray):
        for what in failed:
            console.print(what, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)
