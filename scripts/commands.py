"""The subcommands of `adt`, and what each needs, known before any of them is imported."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from adt_gym.extras import require


@dataclass(frozen=True)
class Command:
    """A subcommand, which is the function or app of the same name in the file of the same name.

    Args:
        needs: The libraries without which it could not come to its end, as they are imported.
        several_words: Whether an option takes several words.
    """

    needs: tuple[str, ...]
    several_words: bool = False


_CLI = ("typer", "rich")
_TABLE = ("aeon", "scipy")
"""What measures the rows of a table."""

COMMANDS = {
    "run": Command(("torch", "libspot", "matplotlib", *_TABLE)),
    "score": Command(("torch", "matplotlib", "sklearn")),
    "compare-scorers": Command(("torch", "matplotlib", "sklearn")),
    "train": Command(("torch", "stable_baselines3", "tensorboard")),
    "generalist": Command(("flax", "gymnax", "jax", "optax", "six")),
    "pretrain": Command(("numba", "scipy", "sklearn")),
    "evaluate": Command(("torch", "stable_baselines3", *_TABLE)),
    "reproduce": Command(("torch", "libspot", "matplotlib", *_TABLE)),
    "sweep": Command(("torch", "matplotlib", "pandas", "pyarrow", *_TABLE)),
    "frontier": Command(
        ("torch", "libspot", "matplotlib", "pandas", "pythresh", "sklearn", "threadpoolctl", *_TABLE),
        several_words=True,
    ),
    "report": Command(("plotly",)),
    "backtest": Command(("filelock", "httpx", "plotly", "sklearn")),
    "watch": Command(("filelock", "httpx", "plotly", "prometheus_client", "sklearn", "starlette", "uvicorn")),
    "figures": Command(("torch", "libspot", "matplotlib", "pygame", *_TABLE)),
    "classify": Command(("torch", "matplotlib", "sklearn")),
    "datasets": Command(()),
    "play": Command(("pygame", *_TABLE)),
    "benchmark": Command(("torch", "stable_baselines3")),
    "leaderboard": Command(("scipy",)),
    "zoo": Command(("torch", "stable_baselines3", "sb3_contrib", "rl_zoo3", "optuna")),
}


def check(words: Sequence[str]) -> None:
    """Check that what is called could be run; it may be nothing, or no subcommand.

    Raises:
        MissingExtra: If a library that it needs is not installed.
    """
    name = words[0] if words and words[0] in COMMANDS else ""
    require(f"adt {name}".strip(), *_CLI, *(COMMANDS[name].needs if name else ()))


def load(name: str) -> Any:
    """Import a subcommand whose libraries are there."""
    import typer
    from typer.core import TyperCommand

    from adt_gym.scripts.options import SeveralWords

    found = getattr(import_module(f"adt_gym.scripts.{_word(name)}"), _word(name))
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(name, cls=SeveralWords if COMMANDS[name].several_words else TyperCommand)(found)
        found = app
    return typer.main.get_command(found)


def summary(name: str) -> str:
    """Return what the file of a subcommand says of it, without running any of it."""
    tree = ast.parse((Path(__file__).parent / f"{_word(name)}.py").read_bytes())
    return (ast.get_docstring(tree) or "").partition(": ")[2]


def _word(name: str) -> str:
    return name.replace("-", "_")
