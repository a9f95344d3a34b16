"""Progress bars that look the same in every command."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console()


def keep_tables_whole() -> None:
    """Give redirected output a width: it has none of its own that tables must fit into."""
    if not sys.stdout.isatty():
        os.environ.setdefault("COLUMNS", "100")


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show a progress bar; yield a function that advances it by one and sets the text behind it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total, state="")
        yield lambda state: progress.update(task, advance=1, state=state)
