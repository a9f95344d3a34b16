"""Names of methods, scorers, metrics and data sets: what each stands for is imported only when it is made."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import UnionType
from typing import Any, get_args, get_type_hints

from adt_gym.checks import MOST, InputError, flag, number, whole
from adt_gym.extras import require
from adt_gym.reading import open_npz, parse_json

ROOMS = {"method": "adt_gym.thresholds", "scorer": "adt_gym.scoring", "policy": "adt_gym.thresholds.policy"}
"""Where the registry is of each kind of thing that a file may hold."""


@dataclass(frozen=True)
class Entry:
    """What a name stands for.

    Args:
        where: A class or function, or "module:attribute" where it is found.
        tags: Words by which names are picked.
        options: What it is always made with.
        member: Of a family, whose names go on after a colon, the option that is what stands there.
        needs: The libraries beyond the core without which it cannot work, as they are imported.
    """

    where: str | Callable[..., Any]
    tags: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    member: str | None = None
    needs: tuple[str, ...] = ()

    def load(self) -> Any:
        """Import the class or function.

        Raises:
            MissingExtra: If what it needs is not installed.
        """
        if not isinstance(self.where, str):
            return self.where
        module, _, attribute = self.where.partition(":")
        require(attribute, *self.needs)
        return getattr(import_module(module), attribute)


class Registry:
    """Names of one kind of thing.

    Args:
        kind: What messages call such a thing.
        entries: The names to begin with.
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry]):
        self.kind, self._entries = kind, dict(entries)

    def register(
        self,
        name: str,
        where: str | Callable[..., Any],
        *,
        tags: Iterable[str] = (),
        options: Mapping[str, Any] | None = None,
        member: str | None = None,
    ) -> None:
        """Give something a name; the arguments are those of `Entry`.

        Raises:
            InputError: If the name is taken or has a colon, which stands between a family and its member; or if it is a
                function of a kind that is saved, so that no file could be read again.
        """
        if not name or ":" in name:
            raise InputError(f"{self.kind} {name!r}: a name is a word without a colon")
        if name in self._entries:
            raise InputError(f"there is a {self.kind} {name!r} already; choose another name")
        if self.kind in ROOMS and not isinstance(where, str) and not inspect.isclass(where):
            raise InputError(f"{self.kind} {name!r}: register the class, not a function: what is saved names its class")
        self._entries[name] = Entry(where, frozenset(tags), dict(options or {}), member)

    def names(self, *tags: str, without: Iterable[str] = ()) -> list[str]:
        """Return the names that have all these tags and none of the others, in their order; families left out."""
        return [
            name
            for name, one in self._entries.items()
            if one.tags.issuperset(tags) and one.tags.isdisjoint(without) and not one.member
        ]

    def __getitem__(self, name: str) -> Entry:
        """Return what a name, or a family's name with its member, stands for.

        Raises:
            InputError: If there is no such name.
        """
        family, colon, member = name.partition(":")
        entry = self._entries.get(family if colon else name)
        if entry is None or bool(colon) != bool(entry.member):
            known = sorted(f"{one}:NAME" if entry.member else one for one, entry in self._entries.items())
            raise InputError(f"unknown {self.kind} {name!r}; known: {', '.join(known)}")
        if entry.member:
            return replace(entry, options={entry.member: member, **entry.options}, member=None)
        return entry

    def make(self, name: str, **options: Any) -> Any:
        """Make what a name stands for.

        Raises:
            InputError: If there is no such name, or it does not take such options, or one is of another type.
            MissingExtra: If what it needs is not installed.
        """
        entry = self[name]
        factory, given = entry.load(), {**entry.options, **options}
        try:
            inspect.signature(factory).bind(**given)
        except TypeError as error:
            what = f"{self.kind} {name!r}: {error}; it takes {inspect.signature(factory)}"
            raise InputError(what) from error
        for option, value in given.items():
            _check(f"{self.kind} {name!r}: {option}", _types(factory).get(option), value)
        return factory(**given)

    def make_for(self, name: str, **options: Any) -> Any:
        """Make what a name stands for with those of the options that it takes."""
        entry = self[name]
        taken = inspect.signature(entry.load()).parameters
        return self.make(name, **{one: options[one] for one in options if one in taken and one not in entry.options})

    def takes(self, name: str, option: str) -> bool:
        """Return whether what a name stands for is made with such an option."""
        return option in inspect.signature(self[name].load()).parameters

    def modules(self) -> set[str]:
        """Return the modules of all that is registered."""
        every = (one.where for one in self._entries.values())
        return {one.partition(":")[0] if isinstance(one, str) else one.__module__ for one in every}

    def find(self, where: str) -> Any:
        """Return the registered class or function of that "module:attribute"; only such may be named by a file.

        Raises:
            InputError: If none is registered.
        """
        for entry in self._entries.values():
            if where == (entry.where if isinstance(entry.where, str) else class_of(entry.where)):
                return entry.load()
        raise InputError(f"no {self.kind} is registered as {where!r}: register it before it is loaded")


def class_of(kind: Any) -> str:
    """Return a class or function as the registries write it, "module:name"."""
    return f"{kind.__module__}:{kind.__qualname__}"


def load(kind: str, path: str | Path) -> Any:
    """Read any registered thing of that kind, one of `ROOMS`, that its ``save`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not one that ``save`` wrote, or of a class that is not registered.
    """
    with open_npz(path, f"a {kind} that save() wrote", sealed=True) as arrays:
        where = str(parse_json(str(arrays["header"]), "its header", nan=True)["class"])
    return import_module(ROOMS[kind]).registry.find(where).load(path)


def as_bytes(thing: Any) -> bytes:
    """Return what the ``save`` of a registered thing writes, to be kept in another file or to travel."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "thing.npz")
        thing.save(path)
        return path.read_bytes()


def from_bytes(kind: str, content: bytes) -> Any:
    """Return what `as_bytes` took; see `load`."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{kind}.npz")
        path.write_bytes(content)
        return load(kind, path)


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
