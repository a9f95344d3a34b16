"""The source files that a function's results depend on, found without running any of them."""

import ast
import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

PACKAGE = "adt_gym"

_ENTRY_POINT = re.compile(r"(\w+(?:\.\w+)+):\w+")
"""How Gymnasium and our registries write what is only imported when it is made."""

_MAIN = ("__main__", "__mp_main__")
"""The names of the main program, here and in workers."""


def code_digest(function: Callable[..., Any], *modules: str) -> str:
    """Return the SHA-256 of the source files that a function or class depends on, as hexadecimal digits.

    Args:
        function: The function or class.
        modules: The names of others that it makes use of without naming them, such as those of what users registered.
    """
    digest = hashlib.sha256()
    for name, path in sorted(dependencies(function.__module__, *modules).items()):
        content = path.read_bytes()
        digest.update(f"{_MAIN[0] if name in _MAIN else name}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def dependencies(*modules: str) -> dict[str, Path]:
    """Return by name the files of modules and of all that they import, however far away, in their packages and ours.

    An import counts wherever it stands in a file. So does a module that a text names as an entry point
    ("package.module:attribute"), and of a package with a registry every module: what is made by name may be any.
    """
    packages = {PACKAGE, *(one.partition(".")[0] for one in modules)}
    found: dict[str, Path] = {}
    left = list(modules)
    while left:
        name = left.pop()
        if name.partition(".")[0] not in packages or name in found or (path := _file_of(name)) is None:
            continue
        found[name], named = path, list(_named_in(path))
        left += [*_parents(name), *named]
        if path.name == "__init__.py" and f"{PACKAGE}.registry" in named:
            left += [f"{name}.{one.name}" for one in iter_modules([str(path.parent)])]
    return found


def _named_in(path: Path) -> Iterator[str]:
    """Yield what may be the name of a module that a file imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Constant) and (point := _ENTRY_POINT.fullmatch(str(node.value))):
            yield point[1]


def _parents(name: str) -> list[str]:
    """Return the packages around a module, which are imported with it."""
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def _file_of(name: str) -> Path | None:
    """Return the file of a module, None for what is none, such as a class.

    It is looked for in its package's folder; a package is imported only where it has its modules elsewhere, too.
    """
    if name in _MAIN:  # it has no spec where it is run as a file
        file = getattr(sys.modules.get(name), "__file__", None)
        return Path(file) if file else None
    parent, spec = name.rpartition(".")[0], None
    if parent:
        around = _file_of(parent)
        if around is None or around.name != "__init__.py":
            return None
        spec = PathFinder.find_spec(name, [str(around.parent)])
    if spec is None:
        with suppress(ImportError):  # what the package needs may not be installed
            spec = find_spec(name)
    return Path(spec.origin) if spec is not None and spec.origin and spec.has_location else None
