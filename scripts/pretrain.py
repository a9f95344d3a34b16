"""`adt pretrain`: train anew the agent that comes with the package, on families of scored series."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.checks import MAX_SEED
from adt_gym.files import require_npz
from adt_gym.folders import check_file, own_file
from adt_gym.report.progress import bar, console
from adt_gym.scored_files import load_families
from adt_gym.thresholds.pretrained import DELAYS, Pretrained


def pretrain(
    folder: Annotated[Path, typer.Argument(help="of families, each a folder of .npz files of scored series")],
    out: Annotated[Path, typer.Option(help="the .npz file of the method")] = Path("pretrained.npz"),
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="of all that is drawn")] = 0,
) -> None:
    """Train an agent for each of nine kinds of feedback; write a method for `thresholds.load`."""
    require_npz(out, "methods")
    check_file(out, "pretrain")
    series = [one for family in load_families(folder).values() for one in family]
    with bar("agents", 1 + 2 * len(DELAYS)) as advance:
        method = Pretrained(seed=seed).train(series, advance)
    with own_file(out, "pretrain") as temporary:
        method.save(temporary)
    console.print(out, markup=False)
