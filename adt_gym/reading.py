"""Reading files that may hold anything: what they claim is checked before memory is spent on it."""

import json
import math
import types
import typing
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from adt_gym.checks import InputError, flag, number, shown, whole
from adt_gym.files import MALFORMED_NPZ, unsealed

T = TypeVar("T")

MAX_JSON = 8 << 20
"""Bytes of a JSON file; the largest that any command writes has some hundred thousand."""

MAX_DEPTH = 50
"""Lists and objects within each other."""

SMALL_NPZ, MAX_RATIO = 256 << 20, 100
"""The arrays of an ``.npz`` file may have so many bytes, or so many times the bytes of the file."""


# JSON


def read_json(path: str | Path, what: str, nan: bool = False) -> Any:
    """Return what a JSON file holds.

    Args:
        path: The file.
        what: What it should be, such as "the config.json of a run".
        nan: Whether it may hold NaN, as measurements that could not be taken are.

    Raises:
        FileNotFoundError: If it is no file.
        InputError: If it is no JSON, larger than ``MAX_JSON``, nested deeper than ``MAX_DEPTH``, or holds a number that
            is not finite or half of a character (a lone surrogate).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}, {what}, is not there or is no file")
    with path.open("rb") as file:
        content = file.read(MAX_JSON + 1)
    return parse_json(content, f"{path} is not {what}", nan)


def parse_json(content: str | bytes, complaint: str, nan: bool = False) -> Any:
    """Return what JSON holds; see `read_json`.

    Args:
        content: The JSON.
        complaint: How the message of an error begins.
        nan: Whether it may hold NaN.

    Raises:
        InputError: If it is no JSON, or one that `read_json` refuses.
    """
    if len(content) > MAX_JSON:
        raise InputError(f"{complaint}: it has more than {MAX_JSON >> 20} MB")

    def constant(word: str) -> float:
        if not (nan and word == "NaN"):
            raise ValueError(f"{word} is no number of JSON")
        return math.nan

    try:
        value = json.loads(content, parse_constant=constant, parse_float=_finite)
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode()  # lone surrogates cannot be written
    except (ValueError, RecursionError) as error:
        raise InputError(f"{complaint}: {_reason(error)}") from error
    return value


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{shown(text)} is too large a number")
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner for one in level if isinstance(one, list | dict)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]  # fmt: skip
    if level:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


# Settings


def as_dataclass(kind: type[T], value: Any, complaint: str, others: bool = False, every: bool = False) -> T:
    """Return a dataclass made of a JSON object, every field of the type that the class gives it.

    JSON's whole numbers do for floats, its lists for tuples.

    Args:
        kind: The dataclass; fields may be numbers, words, bools, lists, tuples, mappings by words, other dataclasses,
            anything (``Any``), or one of several of these.
        value: What the JSON held.
        complaint: How the message of an error begins, such as "runs/a/config.json is not the config.json of a run".
        others: Whether the object may hold more than the class has fields.
        every: Whether it must hold every field, also one that has a default.

    Raises:
        InputError: If it is no object, a field is missing, unknown or of another type, or the class refuses it.
    """
    try:
        if others and isinstance(value, dict):
            value = {name: value[name] for name in kind.__annotations__ if name in value}
        if every and isinstance(value, dict):
            for one in fields(kind):  # type: ignore[arg-type]
                if one.name not in value:
                    raise InputError(f"{one.name} is missing")
        made: T = _made(kind, value, "")
        return made
    except InputError as error:
        raise InputError(f"{complaint}: {error}") from error


def _made(kind: Any, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise InputError(f"{name or 'it'} must be an object, got {shown(value)}")
    hints = typing.get_type_hints(kind)
    known = {one.name: one for one in fields(kind) if one.init}
    prefix = f"{name}." if name else ""
    for given in value:
        if given not in known:
            raise InputError(f"{prefix}{given} is unknown; known: {', '.join(known)}")
    for one in known.values():
        if one.name not in value and one.default is MISSING and one.default_factory is MISSING:
            raise InputError(f"{prefix}{one.name} is missing")
    return kind(**{given: _typed(hints[given], inner, f"{prefix}{given}") for given, inner in value.items()})


def _typed(kind: Any, value: Any, name: str) -> Any:
    """Return the value as the type that an annotation names."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _one_typed(inner, value, name)
    if origin is typing.Literal or (isinstance(kind, type) and issubclass(kind, str)):
        return _word(inner or kind, value, name)
    if origin in (tuple, list):
        return _list(origin, inner, value, name)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise InputError(f"{name} must be an object, got {shown(value)}")
        return {key: _typed(inner[1], one, f"{name}.{key}") for key, one in value.items()}
    if is_dataclass(kind):
        return _made(kind, value, name)
    if kind in _PLAIN:
        return _PLAIN[kind](name, value)
    return value


def _one_typed(kinds: tuple[Any, ...], value: Any, name: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(one for one in kinds if one is not type(None))
    for kind in kinds[:-1]:
        try:
            return _typed(kind, value, name)
        except InputError:
            continue
    return _typed(kinds[-1], value, name)


def _word(kind: Any, value: Any, name: str) -> Any:
    if not isinstance(value, str):
        raise InputError(f"{name} must be a word, got {shown(value)}")
    if isinstance(kind, tuple):
        if value not in kind:
            raise InputError(f"{name} must be one of {', '.join(map(str, kind))}, got {shown(value)}")
        return value
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"{name} must be one of {', '.join(kind)}, got {shown(value)}") from None


def _list(kind: Any, inner: tuple[Any, ...], value: Any, name: str) -> Any:
    if not isinstance(value, list):
        raise InputError(f"{name} must be a list, got {shown(value)}")
    if kind is tuple and Ellipsis not in inner:
        if len(value) != len(inner):
            raise InputError(f"{name} must have {len(inner)} entries, got {shown(value)}")
        return tuple(_typed(one, item, f"{name}[{i}]") for i, (one, item) in enumerate(zip(inner, value, strict=True)))
    return kind(_typed(inner[0], item, f"{name}[{i}]") for i, item in enumerate(value))


def _float(name: str, value: Any) -> float:
    return value if isinstance(value, float) and math.isnan(value) else number(name, value)  # read_json let it pass


def _nothing(name: str, value: Any) -> None:
    if value is not None:
        raise InputError(f"{name} must be null, got {shown(value)}")


_PLAIN: dict[Any, Any] = {
    int: lambda name, value: whole(name, value, -(2**63), 2**63),
    float: _float,
    bool: flag,
    type(None): _nothing,
}


# Arrays


@contextmanager
def open_npz(path: str | Path, what: str, sealed: bool = False) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Yield the arrays of an ``.npz`` file, each read when it is asked for; nothing is unpickled.

    What goes wrong in the block because of the file (a missing array, another shape) is the file's error too.

    Args:
        path: The file.
        what: What it should be, such as "a file of detections".
        sealed: Whether it carries its own checksum (`adt_gym.files.seal`), which is verified.

    Raises:
        FileNotFoundError: If it is no file.
        InputError: If it is damaged, holds Python objects, or an array claims another size than the file has for it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}, {what}, is not there or is no file")
    try:
        _check_claims(path)
        with np.load(unsealed(path) if sealed else path, allow_pickle=False) as arrays:
            yield arrays
    except MALFORMED_NPZ as error:
        raise InputError(f"{path} is not {what}: {_reason(error)}") from error


def _check_claims(path: Path) -> None:
    """Refuse arrays that would take more memory than a file of this size can mean."""
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
        if total > max(SMALL_NPZ, MAX_RATIO * path.stat().st_size):
            raise ValueError(f"its arrays claim {total:,} bytes, too many for a file of its size")
        for member in archive.infolist():
            _check_claim(archive, member)


def _check_claim(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"array {member.filename} has a header of version {version}")
        shape, _, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError(f"array {member.filename} holds Python objects")
        claimed = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or claimed != member.file_size - file.tell() or not dtype.itemsize:
            raise ValueError(f"array {member.filename} claims {claimed:,} bytes and has {member.file_size:,}")


_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def _reason(error: BaseException) -> str:
    """Return an error's message as one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
