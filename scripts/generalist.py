"""`adt generalist`: train one policy with a memory on families of scored series, for any feedback."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.agents.generalist import STEPS, Generalist
from adt_gym.checks import MAX_SEED, MOST
from adt_gym.files import require_npz
from adt_gym.folders import check_file, own_file
from adt_gym.report.progress import console
from adt_gym.scored_files import load_families


def generalist(
    folder: Annotated[Path, typer.Argument(help="of families, each a folder of .npz files of scored series")],
    out: Annotated[Path, typer.Option(help="the .npz file of the method")] = Path("generalist.npz"),
    steps: Annotated[int, typer.Option(min=1, max=MOST, help="of the training")] = STEPS,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="of all that is drawn")] = 0,
) -> None:
    """Train by PPO on ADT-v0 in JAX, with labels late, wrong, few or none; write a method for `thresholds.load`."""
    require_npz(out, "methods")
    check_file(out, "generalist")
    method = Generalist(seed=seed, steps=steps).fit_families(load_families(folder))
    with own_file(out, "generalist") as temporary:
        method.save(temporary)
    console.print(out, markup=False)
