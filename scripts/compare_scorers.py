"""`adt compare-scorers SOURCE`: auto-encoders, or any scorers, side by side under one static threshold each."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments import scorers
from adt_gym.folders import own_folder
from adt_gym.report.progress import console
from adt_gym.scripts.options import Every, takes


@takes
def compare_scorers(
    settings: scorers.CompareScorersSettings,
    out: Annotated[Path | None, typer.Option(help="folder of the results; runs/NAME-scorers by default")] = None,
    every: Every = False,
) -> None:
    """Train scorers on the normal windows of the training part; measure each, with a static threshold, on the rest."""
    folder = out or Path("runs") / f"{settings.source.name}-scorers"
    with own_folder(folder, "compare-scorers", scorers.FILES, settings.source.about, given=out is not None) as own:
        scorers.compare_scorers(settings, own, every)
    console.print(f"table and curves are in {folder}", soft_wrap=True)
