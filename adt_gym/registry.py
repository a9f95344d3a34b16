"""Finding what a name stands for, importing its module only then."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from adt_gym.series import InputError


def build(kind: str, where: Mapping[str, str], name: str, options: Mapping[str, Any]) -> Any:
    """Call what ``where[name]``, written "module:attribute", names.

    Raises:
        InputError: If there is no such name, or it does not take such options.
    """
    if name not in where:
        raise InputError(f"unknown {kind} {name!r}; known: {', '.join(sorted(where))}")
    module, _, attribute = where[name].partition(":")
    factory = getattr(import_module(module), attribute)
    try:
        inspect.signature(factory).bind(**options)
    except TypeError as error:
        raise InputError(f"{kind} {name!r}: {error}; it takes {inspect.signature(factory)}") from error
    return factory(**options)
