"""Keeping what was fitted in a file, without pickle: settings and numbers as JSON, the rest as arrays."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from adt_gym.checks import InputError
from adt_gym.files import require_npz, write_npz
from adt_gym.reading import open_npz, parse_json
from adt_gym.registry import class_of
from adt_gym.scaling import MinMax, Scaling

_VALUES = {one.__name__: one for one in (MinMax, Scaling)}
"""The values made of arrays that a file may hold by name."""


class NotFitted(InputError, AttributeError):
    """What `fit` sets is used before it."""


class Saved:
    """What has a file format: the arguments it was made with, and what `fit` set.

    Attributes:
        kind: What messages call such a thing.
        name: What they call this one.
        fitted: The names of the attributes that `fit` sets: numbers, words, None, arrays, scalings, and lists and
            dictionaries (by words) of such.
    """

    kind: ClassVar[str]
    fitted: ClassVar[tuple[str, ...]] = ()

    if not TYPE_CHECKING:  # or every name would be an attribute to type checkers

        def __getattr__(self, name: str) -> Any:
            if name in type(self).fitted:
                raise NotFitted(f"{self.name} is not fitted: call fit() first, or load() one that is")
            return self.__getattribute__(name)  # says what is missing, if only to a property

    def save(self, path: str | Path) -> None:
        """Write it to an ``.npz`` file, with a checksum and without pickle.

        Raises:
            InputError: If ``path`` has another ending, or there is what a file cannot hold.
        """
        require_npz(path, f"{self.kind}s")
        arrays: dict[str, Any] = {}
        kept = self.kept()
        header = {"class": class_of(type(self)), **kept, "values": _packed(kept["values"], "", arrays)}
        write_npz(path, sealed=True, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read one of this class that `save` wrote; `adt_gym.registry.load` reads one of any class.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If the file is not one that `save` of this class wrote.
        """
        with open_npz(path, f"a {cls.kind} that save() of {cls.__name__} wrote", sealed=True) as arrays:
            header = parse_json(str(arrays["header"]), "its header", nan=True)
            if header["class"] != class_of(cls):
                raise ValueError(f"it holds a {header['class']}")
            return cls.anew({**header, "values": _unpacked(header["values"], arrays)})

    def kept(self) -> dict[str, Any]:
        """Return all that `anew` needs, in the kinds of values of ``fitted``."""
        return {"options": self._options(), "values": self._fitted()}

    @classmethod
    def anew(cls, kept: Mapping[str, Any]) -> Self:
        """Make anew what `kept` tells."""
        made = cls(**kept["options"])
        made._restore(kept["values"])
        return made

    def _options(self) -> dict[str, Any]:
        """Return the arguments it was made with, as JSON holds them."""
        raise NotImplementedError

    def _fitted(self) -> dict[str, Any]:
        """Return what `fit` set, by name."""
        return {name: getattr(self, name) for name in self.fitted if hasattr(self, name)}

    def _restore(self, values: Mapping[str, Any]) -> None:
        """Take back what `_fitted` returned.

        Raises:
            KeyError, ValueError, TypeError: If it is something else.
        """
        for name in values:
            if name not in self.fitted:
                raise ValueError(f"it holds {name!r}, which a {type(self).__name__} does not")
            setattr(self, name, values[name])


def _packed(value: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return a value as JSON holds it; its arrays go to ``arrays``, under the names on the way to them."""
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"array": path}
    if type(value).__name__ in _VALUES:
        return {type(value).__name__: _packed(vars(value), path, arrays)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _packed(one, f"{path}/{key}" if path else str(key), arrays) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(one, f"{path}/{i}", arrays) for i, one in enumerate(value)]
    return value


def _unpacked(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_unpacked(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["array"]:
        return arrays[value["array"]]
    inner = {key: _unpacked(one, arrays) for key, one in value.items()}
    if len(inner) == 1 and (kind := _VALUES.get(next(iter(inner)))):
        return kind(**inner[kind.__name__])
    return inner
