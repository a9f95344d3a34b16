"""`adt leaderboard`: how well methods do on ADT-Bench-v0, and the page of it."""

from pathlib import Path
from typing import Annotated

import typer

from adt_gym.checks import InputError
from adt_gym.evaluation.leaderboard import FOLDER, Entry, add, read_entries
from adt_gym.experiments.judging import judge as judged
from adt_gym.folders import own_file
from adt_gym.report.leaderboard import page as page_of
from adt_gym.report.leaderboard import printed
from adt_gym.report.progress import console
from adt_gym.settings import MAX_SEEDS

Board = Annotated[Path, typer.Option(help="folder of the entries, one JSON file a method")]
Conditions = Annotated[
    list[str] | None, typer.Option("--condition", help="as of ADT-Bench-v0; all that fit by default")
]

leaderboard = typer.Typer()


@leaderboard.callback(invoke_without_command=True)
def show(context: typer.Context, board: Board = FOLDER) -> None:
    """Show the leaderboard of ADT-Bench-v0; judge a method for it; make its page."""
    if context.invoked_subcommand is None:
        console.print(printed(_entries(board)))


@leaderboard.command()
def judge(
    method: Annotated[str, typer.Argument(help="the name of a method, or an .npz file of a method or policy")],
    condition: Conditions = None,
    seeds: Annotated[int, typer.Option(min=1, max=MAX_SEEDS, help="draw so often, from seed 0 on")] = 1,
    name: Annotated[str | None, typer.Option(help="what the table calls it")] = None,
    about: Annotated[str | None, typer.Option(help="one line: what it is")] = None,
    enter: Annotated[bool, typer.Option("--add", help="write its JSON file")] = False,
    board: Board = FOLDER,
) -> None:
    """Judge a method, or a policy in a file, on the test series of ADT-Bench-v0, beside the leaderboard."""
    entry = judged(method, condition, range(seeds), name, about)
    others = [one for one in (read_entries(board) if board.exists() else []) if one.method != entry.method]
    console.print(printed([*others, entry]))
    if enter:
        console.print(f"{add(entry, board)}: commit it, and the page that `adt leaderboard page` makes", soft_wrap=True)


@leaderboard.command()
def page(
    board: Board = FOLDER, out: Annotated[Path, typer.Option(help="the page")] = Path("docs/leaderboard.md")
) -> None:
    """Make the page of the leaderboard anew."""
    text = page_of(_entries(board))
    with own_file(out, "leaderboard") as temporary:
        temporary.write_text(text)
    console.print(out)


def _entries(board: Path) -> list[Entry]:
    if not (entries := read_entries(board)):
        raise InputError(f"no entries in {board}: they are in docs/leaderboard of a checkout; --board says where")
    return entries
