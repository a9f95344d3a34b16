"""`adt figures`: all static pictures of the project, from what the other commands left."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments.figures import make_figures
from adt_gym.report.progress import console
from adt_gym.scripts.options import CACHE, Cache


def figures(
    run: Annotated[Path, typer.Option(help="folder of an adt run on yahoo_like; made if it is not there")] = Path(
        "runs/yahoo_like"
    ),
    reproduced: Annotated[Path, typer.Option(help="where the folders of adt reproduce and adt frontier are")] = Path(
        "runs"
    ),
    benchmarks: Annotated[Path, typer.Option(help="where adt benchmark left its pictures")] = Path("benchmarks"),
    out: Annotated[Path, typer.Option(help="where all pictures go")] = Path("docs/figures"),
    cache: Cache = CACHE,
) -> None:
    """Make all static pictures: of a run on yahoo_like, of ADT-v0, and of what other commands left.

    A picture that adt did not make is not replaced.
    """
    for path in make_figures(run, reproduced, benchmarks, out, cache):
        console.print(str(path), soft_wrap=True)
