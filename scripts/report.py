"""`adt report RUN...`: one HTML page that shows what runs found."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.report import write_report
from adt_gym.scripts.progress import console


def report(
    runs: Annotated[list[Path], typer.Argument(help="folders that adt run wrote")],
    out: Annotated[Path | None, typer.Option(help="the page; report.html in the first folder by default")] = None,
) -> None:
    """Write one self-contained HTML page of the runs: tables, zoomable scores and thresholds, delays, settings."""
    path = out or runs[0] / "report.html"
    write_report(path, runs)
    console.print(f"the report is {path} ({path.stat().st_size / 1e6:.1f} MB); it opens in any browser", soft_wrap=True)
