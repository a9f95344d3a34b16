"""`adt reproduce WHAT`: a table or figure of the paper, on packaged data or on the user's copy of the paper's data."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments.paper_results import ReproduceSettings
from adt_gym.experiments.paper_scores import NAMES
from adt_gym.experiments.reproduce import reproduce as repeat
from adt_gym.folders import own_folder
from adt_gym.report.progress import console
from adt_gym.scripts.options import CORES, Every, Jobs, takes


@takes
def reproduce(
    settings: ReproduceSettings,
    jobs: Jobs = CORES,
    out: Annotated[
        Path | None, typer.Option(help="folder of the results; runs/reproduce-WHAT-DATASET by default")
    ] = None,
    every: Every = False,
) -> None:
    """Repeat a table or figure of the ADT paper, ours beside the paper's, with the rows that explain it.

    Trained agents are kept in the folder: the same command goes on where it was stopped.
    """
    folder = out or Path("runs") / f"reproduce-{settings.what}-{settings.dataset}"
    with own_folder(folder, "reproduce", ["config.json", "table.csv", f"{settings.what}.png", *NAMES]) as own:
        repeat(settings, own, jobs, every)
    console.print(f"table, picture, scores and agents are in {folder}", soft_wrap=True)
