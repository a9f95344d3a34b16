"""`adt datasets`: what can be read, how large it is, and where to get what may not be shipped."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.data.layouts import LAYOUTS, lay_out
from adt_gym.report.data_sets import data_sets_table
from adt_gym.report.progress import console


def datasets(
    layout: Annotated[
        tuple[str, Path, Path] | None,
        typer.Option(
            metavar="FAMILY CLONE OUT",
            help=f"lay out {', '.join(LAYOUTS)} for adt frontier --suite: from a clone of its repository to a folder",
        ),
    ] = None,
) -> None:
    """List the data sets: size, anomaly rate, licence, and where to get them; or lay out a family of a suite."""
    if layout is None:
        console.print(data_sets_table())
    else:
        made = lay_out(*layout)
        console.print(f"{layout[2]} holds {len(made)} series: {made[0]} to {made[-1]}", markup=False, soft_wrap=True)
