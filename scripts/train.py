"""`adt train`: train an agent on scored series, with checkpoints and TensorBoard."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments import train as experiment
from adt_gym.folders import own_folder
from adt_gym.report.progress import console
from adt_gym.scripts.options import takes


@takes
def train(
    settings: experiment.TrainSettings,
    out: Annotated[Path | None, typer.Option(help="folder of the run; runs/train-AGENT by default")] = None,
    checkpoint_seconds: Annotated[float, typer.Option(min=0.0, max=1e6, help="time between two checkpoints")] = 10.0,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the run in the folder stopped")] = False,
) -> None:
    """Train an agent. Ctrl-C saves and exits; --resume goes on, for both DQNs bit for bit as if never stopped.

    A run that ended before its first checkpoint begins anew. Nothing is unpickled.
    """
    folder = out or Path("runs") / f"train-{settings.agent}"
    with own_folder(folder, "train", settings.names) as own:
        if stopped := experiment.train(settings, own, resume, checkpoint_seconds):
            what = "stopped; the same command with --resume goes on. The checkpoint is in"
            console.print(f"{what} {folder}", soft_wrap=True)
            raise typer.Exit(128 + stopped)
    console.print(f"policy, checkpoint, TensorBoard events and settings are in {folder}", soft_wrap=True)
