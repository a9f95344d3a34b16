"""`adt evaluate RUN`: a saved policy on any scored series, beside the rows it must be held against."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.experiments import evaluate as experiment
from adt_gym.scripts.options import Every, takes


@takes
def evaluate(
    run: Annotated[Path, typer.Argument(help="the folder of a run of `adt train`")],
    settings: experiment.EvaluateSettings,
    out: Annotated[Path | None, typer.Option(help="the table; table.csv in the run by default")] = None,
    every: Every = False,
) -> None:
    """Evaluate a saved policy. The static threshold is fitted on the series that the policy was trained on.

    A file that adt did not write is not replaced. Nothing is unpickled: of an SB3 zip only the weights are read.
    """
    experiment.evaluate(run, settings, out or run / "table.csv", every)
