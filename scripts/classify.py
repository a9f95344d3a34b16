"""`adt classify SOURCE`: the deep Q-learning classifier, and beside it what a user would pick instead."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments import classify as experiment
from adt_gym.report.progress import console
from adt_gym.scripts.options import takes


@takes
def classify(
    settings: experiment.ClassifySettings,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in the folder")] = False,
    out: Annotated[Path | None, typer.Option(help="folder of the results; runs/classify-NAME by default")] = None,
) -> None:
    """Train a DQN to call each sample normal or anomalous, and compare it with other methods on a held-out part."""
    console.print(f"table, policies and pictures are in {experiment.classify(settings, out, resume)}", soft_wrap=True)
