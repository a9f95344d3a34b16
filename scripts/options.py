"""Options of commands: numbers that say between which they must lie, and dataclasses whose fields are options."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from adt_gym.checks import MAX_SEED, MOST

Command = Callable[..., Any]

MAX_JOBS, MAX_SEEDS = 1024, 10_000
"""How many processes, and how many repetitions, one command may start."""


def whole(help: str | None = None, least: int = 1, most: int = MOST) -> Any:
    """Return an option that takes a whole number from ``least`` to ``most``."""
    return typer.Option(min=least, max=most, help=help)


Deadline = Annotated[int, whole("windows in which an event must be flagged to count as found (composite F1)")]
"""The option of all commands whose tables show the composite F1."""


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


def takes(settings: type[Any], parameter: str, *, without: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """Give a command the fields of a dataclass as its options.

    Args:
        settings: The dataclass; the metadata of its fields are "help", and "min" and "max" of a number. One
            without a default is an argument; a tuple is an option to repeat; a bool is an option without a value.
        parameter: The command's parameter of this class, which is made of the options.
        without: Fields that are no options here, and empty.
    """
    types = get_type_hints(settings)
    chosen = [_parameter(one, types[one.name]) for one in fields(settings) if one.name not in without]
    empty = dict.fromkeys(without, "")

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for one in own
            for each in (chosen if one.name == parameter else [one])
        ]
        defaults = {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}

        @wraps(command)
        def whole(*words: Any, **options: Any) -> Any:
            given = defaults | dict(zip((one.name for one in parameters), words, strict=False)) | options
            read = {one.name: given.pop(one.name) for one in chosen}
            made = {name: tuple(value or ()) if _is_tuple(types[name]) else value for name, value in read.items()}
            return command(**given, **{parameter: settings(**empty, **made)})

        whole.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        whole.__annotations__ = {each.name: each.annotation for each in parameters}
        return whole

    return decorate


def as_option(name: str) -> str:
    """Return a setting as the command line calls it."""
    return f"--{name.replace('_', '-')}"


def _parameter(one: "Field[Any]", kind: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if one.default is MISSING else one.default
    typed = typer.Argument if one.default is MISSING else typer.Option
    names = [as_option(one.name)] if kind is bool else []
    if _is_tuple(kind):
        kind, default = list[get_args(kind)[0]] | None, None  # type: ignore[misc]
    annotation = Annotated[kind, typed(*names, **one.metadata)]
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple
