"""The log of what we wrote in a folder: by it alone a folder or a file is known to be ours."""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from adt_gym.files import replacing
from adt_gym.reading import as_dataclass, parse_json

LOG = ".adt_gym.jsonl"
"""Its file: a line that says what the folder is, then a line per file that we wrote."""

FILES = "files"
"""What a folder is called that is not ours, only some files in it."""

CELLS = "cells/"
"""Here lies what can be made again: a file of ours is replaced even if it was changed, that is, damaged."""

REMEDY = "move it away or choose another name (--out)"


@dataclass(frozen=True)
class _Line:
    """A line behind the first: a file, a part, or a move; see `Log`."""

    file: str | None = None
    sha256: str | None = None
    by: str | None = None
    part: str | None = None
    moving: Mapping[str, str] | None = None
    names: list[str] | None = None


@dataclass(frozen=True)
class _Head:
    """The first line."""

    adt_gym: str
    about: str | None


@dataclass
class Log:
    """What the log of a folder says.

    Args:
        kind: The command whose folder this is, or ``FILES``.
        about: Of what its results are.
        files: By the file's path in the folder, the SHA-256 of what we wrote there and the command that did.
        parts: The names of what we wrote in ``WORK``.
        moving: Folders in ``WORK``, and to where in the folder what they hold is being moved.
        names: All files of that move.
    """

    kind: str
    about: str | None = None
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)
    moving: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Log | None":
        """Return the log of a folder, None where there is none.

        Raises:
            FileExistsError: If what has that name is no such file.
        """
        path = folder / LOG
        if not os.path.lexists(path):
            return None
        if path.is_symlink() or not path.is_file():
            raise FileExistsError(f"{path} is not a log of ours but a link or no file; {REMEDY}")
        try:
            first, *lines = path.read_text(encoding="utf-8").split("\n")
            head = as_dataclass(_Head, parse_json(first, "its first line"), "its first line")
            log = cls(head.adt_gym, head.about)
            for line in lines:
                log._add(line)
        except ValueError as error:
            raise FileExistsError(f"{path} is not a log of ours ({error}); {REMEDY}") from error
        return log

    def _add(self, line: str) -> None:
        try:
            entry = as_dataclass(_Line, parse_json(line, "a line"), "a line")
        except ValueError:
            return  # such as the end of a file whose writer was killed
        if entry.file is not None and entry.sha256 is not None and entry.by is not None and _inside(entry.file):
            self.files.setdefault(entry.file, {})[entry.sha256] = entry.by
        if entry.part is not None:
            self.parts.add(entry.part)
        moving, names = entry.moving or {}, entry.names or []
        if moving and all(map(_inside, (*moving, *moving.values(), *names))):
            self.moving, self.names = dict(moving), names

    def write(self, folder: Path) -> None:
        """Write the log anew."""
        entries = [entry(name, *one) for name, each in self.files.items() for one in each.items()]
        parts = [{"part": name} for name in sorted(self.parts)]
        lines = [{"adt_gym": self.kind, "about": self.about}, *entries, *parts]
        with replacing(folder / LOG) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def append(self, folder: Path, *entries: Mapping[str, Any]) -> None:
        """Add lines, also behind one that was cut off."""
        text = "".join("\n" + json.dumps(entry) for entry in entries) + "\n"
        with (folder / LOG).open("a", encoding="utf-8") as file:
            file.write(text)
        for line in text.split("\n"):
            self._add(line)

    def wrote(self, folder: Path, name: str, by: str | None = None) -> bool:
        """Return whether what lies at a path in the folder is what we wrote there, or this command if one is named."""
        if name not in self.files or not _reached(folder, name):
            return False
        if name.startswith(CELLS):
            return True
        writer = self.files[name].get(digest_of(folder / name))
        return writer is not None and by in (None, writer)


def entry(name: str, digest: str, by: str) -> dict[str, str]:
    """Return the line of a file: its path in the folder, its SHA-256 and the command that wrote it."""
    return {"file": name, "sha256": digest, "by": by}


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _reached(folder: Path, name: str) -> bool:
    """Return whether a regular file lies there, and no link on the way."""
    path = folder / name
    steps = [path, *path.parents][: len(PurePosixPath(name).parts)]
    return path.is_file() and not any(step.is_symlink() for step in steps)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(folder: Path, patience: float = 0) -> Iterator[None]:
    """Hold the lock of a folder, which its process loses however it ends.

    Raises:
        FileExistsError: If another process holds it for longer than ``patience``, in seconds.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise FileExistsError(
                        f"another process is writing in {folder}; wait for its end or choose another name (--out)"
                    ) from None
                time.sleep(0.05)
            except OSError:
                break  # a file system that knows no locks
            else:
                break
        yield
    finally:
        os.close(opened)
