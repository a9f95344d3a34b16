"""Writing files so that nothing half written is ever left behind, and finding files that nobody hides."""

import hashlib
import io
import itertools
import os
import platform
import re
import shutil
import struct
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from adt_gym.checks import InputError

MALFORMED_NPZ = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RuntimeError,
    SyntaxError, TypeError, tokenize.TokenError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a damaged ``.npz`` file, and making something of its arrays, may raise."""

TEMPORARY = ".adt_gym-"
"""How the name of everything begins that is being written."""

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_STARTED = f"{time.time_ns():x}"
_COUNT = itertools.count()
_LONGEST_SUFFIX = 100
_TIDIED: set[Path] = set()


@contextmanager
def replacing(path: str | Path, sealed: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it, in one step, when the block ends without an error.

    With ``sealed`` it is an archive, which gets its checksum then; see `seal`.

    Where ``path`` is a link, what it leads to is replaced. The temporary name keeps the suffix, because many writers
    choose the format by it, and says which process writes: what dead ones left in the folder is removed.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_in(path.parent, path.suffix)
    try:
        yield temporary
        if sealed:
            seal(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def require_npz(path: str | Path, what: str) -> None:
    """Refuse another ending than ``.npz`` for a file of ``what``, in the plural.

    Raises:
        InputError: If it has another one.
    """
    if Path(path).suffix != ".npz":
        raise InputError(f"{path}: {what} are kept in .npz files; give the file that ending")


def write_npz(path: str | Path, sealed: bool = False, **arrays: Any) -> None:
    """Write arrays to an ``.npz`` file, whole or not at all, without pickle, with a checksum where it is sealed."""
    with replacing(path, sealed) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def temporary_in(folder: Path, suffix: str = "") -> Path:
    """Return a free path in a folder, short however long the name is that it will get; tidy the folder once."""
    if folder not in _TIDIED:
        _TIDIED.add(folder)
        remove_leftovers(folder)
    kept = suffix if len(os.fsencode(suffix)) <= _LONGEST_SUFFIX else ""
    return folder / f"{TEMPORARY}{_HOST}-{os.getpid()}-{_STARTED}-{next(_COUNT)}{kept}"


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes of this machine that are dead."""
    for path in folder.glob(f"{TEMPORARY}{_HOST}-*"):
        found = re.match(r"(\d+)-([0-9a-f]+)-", path.name.removeprefix(f"{TEMPORARY}{_HOST}-"))
        if found and not _alive(int(found[1]), found[2]):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _alive(process: int, started: str) -> bool:
    if process == os.getpid():
        return started == _STARTED
    if os.name == "nt":
        return True  # there os.kill would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def visible(folder: Path, pattern: str) -> list[Path]:
    """Return, sorted, what fits a glob pattern below a folder, but nothing hidden: that is half written or a copy."""
    return sorted(
        path
        for path in folder.glob(pattern)
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


# Checksums

_END_OF_ZIP = b"PK\x05\x06"
_SEAL = b"sha256:"
_SEAL_LENGTH = len(_SEAL) + 64


def seal(path: str | Path) -> None:
    """Give a zip archive (``.npz``, ``.pt``, ``.zip``) its own SHA-256 as its comment, which all readers of zip skip.

    Raises:
        ValueError: If the file is no zip archive, or has a comment.
    """
    with Path(path).open("r+b") as file:
        content = file.read()
        if content[-22:-18] != _END_OF_ZIP:
            raise ValueError(f"{path} is no zip archive without a comment")
        content = content[:-2] + struct.pack("<H", _SEAL_LENGTH)
        file.seek(-2, os.SEEK_END)
        file.write(content[-2:] + _SEAL + hashlib.sha256(content).hexdigest().encode())


def unsealed(path: str | Path) -> io.BytesIO:
    """Return the content of a file that `seal` sealed.

    Raises:
        ValueError: If any byte of it is not as it was.
    """
    content = Path(path).read_bytes()
    body, comment = content[:-_SEAL_LENGTH], content[-_SEAL_LENGTH:]
    if not comment.startswith(_SEAL):
        raise ValueError("it carries no checksum: it is damaged or of an older version; make it again")
    if comment[len(_SEAL) :] != hashlib.sha256(body).hexdigest().encode():
        raise ValueError("it is damaged: its checksum does not fit; make it again")
    return io.BytesIO(content)
