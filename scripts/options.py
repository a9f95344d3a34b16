"""Options that are numbers: each says between which it must lie, and refuses all others before any work is done."""

from typing import Any

import typer

from adt_gym.checks import MAX_SEED, MOST

MAX_JOBS, MAX_SEEDS = 1024, 10_000
"""How many processes, and how many repetitions, one command may start."""


def whole(help: str | None = None, least: int = 1, most: int = MOST) -> Any:
    """Return an option that takes a whole number from ``least`` to ``most``."""
    return typer.Option(min=least, max=most, help=help)


def seed(help: str | None = None) -> Any:
    """Return an option that takes a seed."""
    return whole(help, 0, MAX_SEED)


def number(help: str | None = None, least: float = 0.0, most: float = 1.0, within: bool = False) -> Any:
    """Return an option that takes a number from ``least`` to ``most``; with ``within`` neither of the two."""

    def check(value: float | None) -> float | None:
        if value in (least, most):
            raise typer.BadParameter(f"{value} is not strictly between {least:g} and {most:g}.")
        return value

    return typer.Option(min=least, max=most, help=help, callback=check if within else None)
