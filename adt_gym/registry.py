"""Finding what a name stands for, importing its module only then."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from types import UnionType
from typing import Any, get_args, get_type_hints

from adt_gym.checks import MOST, InputError, flag, number, whole


def build(kind: str, where: Mapping[str, str], name: str, options: Mapping[str, Any]) -> Any:
    """Call what ``where[name]``, written "module:attribute", names.

    Raises:
        InputError: If there is no such name, or it does not take such options, or one is of another type.
    """
    if name not in where:
        raise InputError(f"unknown {kind} {name!r}; known: {', '.join(sorted(where))}")
    module, _, attribute = where[name].partition(":")
    factory = getattr(import_module(module), attribute)
    try:
        inspect.signature(factory).bind(**options)
    except TypeError as error:
        raise InputError(f"{kind} {name!r}: {error}; it takes {inspect.signature(factory)}") from error
    for option, value in options.items():
        _check(f"{kind} {name!r}: {option}", _types(factory).get(option), value)
    return factory(**options)


def _types(factory: Any) -> dict[str, Any]:
    """Return the type of each option of a function or class."""
    return get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)


def _check(name: str, kind: Any, value: Any) -> None:
    """Refuse what is no number, whole number or flag where one is wanted; its range is the factory's to know."""
    if isinstance(kind, UnionType) and len(get_args(kind)) == 2 and type(None) in get_args(kind):
        if value is None:
            return
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    if kind is int:
        whole(name, value, least=-MOST)
    elif kind is float:
        number(name, value)
    elif kind is bool:
        flag(name, value)
