"""`adt report RUN...`: one HTML page that shows what runs found."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.folders import check_file, own_file
from adt_gym.report.frontier import is_frontier, write_frontier_report
from adt_gym.report.page import page_path
from adt_gym.report.progress import console
from adt_gym.report.run import write_report
from adt_gym.series import InputError


def report(
    runs: Annotated[list[Path], typer.Argument(help="folders that adt run wrote, or that adt frontier wrote")],
    out: Annotated[
        Path | None,
        typer.Option(help="the page; report.html in the first folder by default"),
    ] = None,
) -> None:
    """Write one self-contained HTML page of the runs: tables, zoomable scores and thresholds, delays, settings.

    A page that adt did not write is not replaced.
    """
    path = page_path(out or runs[0] / "report.html")
    check_file(path, "report")
    frontiers = [is_frontier(run) for run in runs]
    if any(frontiers) and not all(frontiers):
        raise InputError(f"{runs[frontiers.index(True)]} is a frontier, others are not: make a page of each kind")
    write = write_frontier_report if all(frontiers) else write_report
    with own_file(path, "report") as temporary:
        write(temporary, runs)
    console.print(f"the report is {path} ({path.stat().st_size / 1e6:.1f} MB); it opens in any browser", soft_wrap=True)
