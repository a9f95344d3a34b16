"""Options of commands, made of dataclasses of settings."""

import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import partial, wraps
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from adt_gym.settings import OPTION, WITHOUT, Option, as_option

Command = Callable[..., Any]

MAX_JOBS = 1024
"""How many processes one command may start."""

Jobs = Annotated[int, typer.Option(min=1, max=MAX_JOBS, help="cells at a time")]
Cache = Annotated[Path, typer.Option(help="where scores are kept for the next time")]
Every = Annotated[bool, typer.Option("--all", help="print all tables, not only the leading ones")]
"""Options that say how a command works or what it shows, not what is measured."""

CACHE, CORES = Path("runs/cache"), os.cpu_count() or 1


def takes(command: Command) -> Command:
    """Return a command that has, in the place of each dataclass that it takes, the fields of that as options.

    A tuple is an option to repeat, a bool a flag.
    """
    own = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {one.name: one.annotation for one in own if is_dataclass(one.annotation)}
    parameters = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in own
        for each in (_parameters(groups[one.name]) if one.name in groups else [one])
    ]
    defaults = {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}

    @wraps(command)
    def flat(**options: Any) -> Any:
        given = defaults | options
        made = {name: _made(kind, given) for name, kind in groups.items()}
        return command(**made, **given)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {each.name: each.annotation for each in parameters}
    return flat


def _parameters(settings: type[Any], without: tuple[str, ...] = ()) -> list[inspect.Parameter]:
    kinds = get_type_hints(settings)
    return [
        each
        for one in fields(settings)
        if one.init and one.name not in without
        for each in (
            _parameters(kinds[one.name], one.metadata.get(WITHOUT, ()))
            if is_dataclass(kinds[one.name])
            else [_parameter(one, kinds[one.name])]
        )
    ]


def _parameter(one: "Field[Any]", kind: Any) -> inspect.Parameter:
    about: Option = one.metadata[OPTION]
    default: Any = inspect.Parameter.empty if one.default is MISSING else one.default
    more: dict[str, Any] = {"min": about.least, "max": about.most}
    names = about.names
    if get_origin(kind) is tuple:
        kind = list[get_args(kind)[0]]  # type: ignore[misc]
        if one.default is not MISSING:
            shown = " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in one.default)
            kind, default, more["show_default"] = kind | None, None, shown or False
    elif isinstance(kind, UnionType) and len(get_args(kind)) > 2:
        kind = get_args(kind)[0] | None  # what words can be; the dataclass makes the rest of them
    elif kind is bool and not names:
        names = (as_option(one.name),)  # without its opposite
    if about.within:
        more["callback"] = _within(about)
    made: Any = typer.Argument if about.positional else partial(typer.Option, *names, **more)
    return _keyword(one.name, Annotated[kind, made(help=about.help)], default)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _within(about: Option) -> Callable[[float | None], float | None]:
    def check(value: float | None) -> float | None:
        if value in (about.least, about.most):
            raise typer.BadParameter(f"{value} is not strictly between {about.least:g} and {about.most:g}.")
        return value

    return check


def _made(settings: Any, options: dict[str, Any], without: tuple[str, ...] = ()) -> Any:
    """Take out what belongs to a dataclass and return it."""
    kinds, given = get_type_hints(settings), dict.fromkeys(without, "")
    for one in fields(settings):
        kind = kinds[one.name]
        if is_dataclass(kind):
            given[one.name] = _made(kind, options, one.metadata.get(WITHOUT, ()))
        elif one.name in options and one.name not in without:
            value = options.pop(one.name)
            if get_origin(kind) is tuple:
                value = tuple(value) if value is not None else one.default
            given[one.name] = value
    return settings(**given)


class SeveralWords(TyperCommand):
    """A command whose repeatable options also take several words: ``--delays 1 10`` is ``--delays 1 --delays 10``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat such an option before every word that follows it."""
        repeatable = {name for one in self.params if getattr(one, "multiple", False) for name in one.opts}
        spread: list[str] = []
        option, filled = "", False
        for word in args:
            if word.startswith("--"):
                option, equals, _ = word.partition("=")
                filled = bool(equals)
            elif option in repeatable:
                spread += [option] if filled else []
                filled = True
            spread.append(word)
        return super().parse_args(ctx, spread)
