"""`adt sweep`: train and evaluate the agent at every point of a grid, on local processes or on Ray."""

import json
from pathlib import Path
from typing import Annotated

import typer

from adt_gym.checks import InputError
from adt_gym.experiments.cells import run_cells
from adt_gym.experiments.grid import as_text, parse_grid
from adt_gym.experiments.sweep import KINDS, Cell, cells_of, located, train_and_evaluate
from adt_gym.experiments.versions import versions
from adt_gym.folders import own_folder
from adt_gym.report.sweep import TABLES, conclude, pictures
from adt_gym.scripts.options import CORES, Jobs


def sweep(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="settings and their values: k=2,10 alpha=0.9,0.5 seed=0:10; with --ray also its address"),
    ] = None,
    grid: Annotated[list[str] | None, typer.Option(help="the same; all words behind it belong to it")] = None,
    jobs: Jobs = CORES,
    ray: Annotated[
        bool, typer.Option("--ray", help="on Ray: at the address (auto, host:port, ray://host:port), or started here")
    ] = False,
    out: Annotated[Path, typer.Option(help="folder of the results; finished cells in it are kept")] = Path(
        "runs/sweep"
    ),
) -> None:
    """Train and evaluate the agent at every point of a grid; a sweep that was interrupted goes on where it was.

    Settings are series, k, alpha, episodes, seed and every hyper-parameter of the reference DQN.
    """
    given = [*(grid or ()), *(words or ())]
    addresses = [word for word in given if ray and "=" not in word]
    if len(addresses) > 1:
        raise InputError(f"--ray takes one address, got {' and '.join(addresses)}")
    values = parse_grid([word for word in given if word not in addresses], KINDS)
    if "series" in values:
        values["series"] = tuple(located(str(name)) for name in values["series"])
    cells = cells_of(values)

    def described(cell: Cell) -> str:
        return " ".join(f"{name}={as_text(cell.settings[name])}" for name in values)

    with own_folder(out, "sweep", ["config.json", *TABLES, *pictures(values)]) as folder:
        with folder.writing("config.json") as temporary:
            temporary.write_text(json.dumps({"grid": values, **versions()}, indent=2) + "\n")
        address = "".join(addresses) if ray else None
        outcomes = run_cells(folder, cells, train_and_evaluate, jobs, ray=address, name=described)
        conclude(folder, values, cells, outcomes)
    if any(one.error for one in outcomes):
        raise typer.Exit(1)
