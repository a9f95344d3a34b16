"""`adt run SOURCE`: the whole road, from a file of values to a table of methods."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments import flagged
from adt_gym.experiments import run as experiment
from adt_gym.folders import own_folder
from adt_gym.report.progress import console
from adt_gym.scripts.options import CACHE, Cache, Every, takes


@takes
def run(
    settings: experiment.RunSettings,
    cache: Cache = CACHE,
    out: Annotated[Path | None, typer.Option(help="folder of the results; runs/NAME by default")] = None,
    every: Every = False,
) -> None:
    """Score a series, train an agent on a small labelled part, and compare it with other methods on the rest.

    With --method one method alone judges the rest, untold, for which no labels are needed, and says what it would have
    flagged. In the folder only what adt run wrote there is replaced. With --seeds an interrupted run goes on where it
    was.
    """
    folder = out or Path("runs") / settings.source.name
    if settings.method:
        with own_folder(folder, "run", flagged.FILES, settings.source.about, given=out is not None) as own:
            flagged.flag(settings, own, cache)
        console.print(f"alarms and scores are in {folder}", soft_wrap=True)
        return
    with own_folder(folder, "run", settings.names, settings.source.about, given=out is not None) as own:
        experiment.run(settings, own, cache, every)
    console.print(f"scores, policy, table and picture are in {folder}", soft_wrap=True)
