"""Folders and files of ours: what we wrote is known by a log that lies beside it, and only that is ever replaced.

A folder is replaced file by file, not by two renames of whole folders: between those another process finds nothing,
a kill leaves nothing, what the user has put there goes, and "." or a mount point cannot be renamed. Every file
is first written whole, then entered into the log with its SHA-256, then moved to its place in one step. Where many
belong together the log says so while they are moved: a reader can tell, and whoever opens the folder next goes on.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from adt_gym.files import TEMPORARY, remove_leftovers, temporary_in
from adt_gym.written import FILES, LOG, REMEDY, Log, digest_of, entry, locked

WORK = ".unfinished"
"""Where a folder keeps what is not finished, or not in its place yet."""

PATIENCE = 10.0
"""Seconds that the writer of one file waits for those of others beside it."""


# Files


def check_file(path: str | Path, by: str) -> None:
    """Refuse to write a file where something lies that this command did not write, before any work is done for it.

    Raises:
        FileExistsError: If there is something else, or a link.
        OSError: If no file of that name can be written.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    _check_place(path.parent)
    _check_free(path.parent, Log.read(path.parent), path.name, by)
    if path.parent.exists():
        with locked(path.parent, PATIENCE):
            pass


@contextmanager
def own_file(path: str | Path, by: str) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block ends without an error.

    Args:
        path: The file; replaced only if it holds what we wrote.
        by: The command that writes it.

    Raises:
        FileExistsError: If there is something else.
    """
    path = Path(path)
    check_file(path, by)
    made = _make(path.parent)
    temporary = temporary_in(path.parent, path.suffix)
    try:
        yield temporary
        with locked(path.parent, PATIENCE):
            log = Log.read(path.parent)
            _check_free(path.parent, log, path.name, by)
            if log is None:
                log = Log(FILES)
                log.write(path.parent)
            _place(path.parent, log, path.name, temporary, by)
    finally:
        temporary.unlink(missing_ok=True)
        _remove_empty(made)


def _check_free(folder: Path, log: Log | None, name: str, by: str | None = None) -> None:
    path = folder / name
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        for step in [*path.parents][: len(PurePosixPath(name).parts) - 1]:
            if step.is_symlink() or (step.exists() and not step.is_dir()):
                raise FileExistsError(f"{step} is not a folder of ours; {REMEDY}") from None
        return
    if path.is_symlink():
        raise FileExistsError(f"{path} is a link; {REMEDY}")
    if log is None or not log.wrote(folder, name):
        changed = "was changed since adt wrote it" if log and name in log.files else "exists and adt did not write it"
        raise FileExistsError(f"{path} {changed}; {REMEDY}")
    if not log.wrote(folder, name, by):
        raise FileExistsError(f"{path} belongs to what another adt command wrote there; {REMEDY}")


def _place(folder: Path, log: Log, name: str, source: Path, by: str) -> None:
    log.append(folder, entry(name, digest_of(source), by))
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, folder / name)


# Folders


@dataclass
class Folder:
    """A folder of ours that no other process writes in.

    Args:
        path: Where it is.
        log: What we wrote in it.
    """

    path: Path
    log: Log

    @property
    def work(self) -> Path:
        """A hidden folder in it for what is not finished; made if need be."""
        (self.path / WORK).mkdir(exist_ok=True)
        return self.path / WORK

    def _discard_work(self) -> None:
        """Remove what is not finished, in one step for whoever comes after a kill."""
        if (self.path / WORK).is_dir():
            doomed = temporary_in(self.path)
            (self.path / WORK).rename(doomed)
            shutil.rmtree(doomed)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yield a temporary path that becomes the file ``name`` when the block ends without an error.

        Raises:
            FileExistsError: If something lies there that we did not write.
        """
        temporary = temporary_in(self.path, Path(name).suffix)
        try:
            yield temporary
            self.place(name, temporary)
        finally:
            temporary.unlink(missing_ok=True)

    def place(self, name: str, source: Path) -> None:
        """Move a finished file to its place.

        Raises:
            FileExistsError: If something lies there that we did not write.
        """
        _check_free(self.path, self.log, name)
        _place(self.path, self.log, name, source, self.log.kind)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a folder that is gone when the block ends."""
        path = temporary_in(self.path)
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def part(self, name: str) -> Iterator[Path]:
        """Yield a folder to fill, which is called ``name`` in ``work`` only when it is whole."""
        with self.scratch() as half:
            yield half
            self.log.append(self.path, {"part": name})
            shutil.rmtree(self.work / name, ignore_errors=True)  # of a run that was killed before it moved it
            half.rename(self.work / name)

    def move_in(self, parts: Mapping[str, str]) -> None:
        """Move what folders in ``work`` hold to its places, and remove our files of the time before.

        Args:
            parts: By the name of the folder in ``work``, to where in the folder; hidden files stay behind.

        Raises:
            FileExistsError: If something lies there that we did not write.
        """
        moves = self._moves(parts)
        for _, name in moves:
            _check_free(self.path, self.log, name)
        entries = [entry(name, digest_of(source), self.log.kind) for source, name in moves]
        self.log.append(self.path, *entries, {"moving": dict(parts), "names": [name for _, name in moves]})
        self._go_on()

    def _moves(self, parts: Mapping[str, str]) -> list[tuple[Path, str]]:
        return [
            (source, (PurePosixPath(target) / source.relative_to(self.work / part).as_posix()).as_posix())
            for part, target in parts.items()
            for source in sorted((self.work / part).rglob("*"))
            if source.is_file() and not source.name.startswith(".")
        ]

    def _go_on(self) -> None:
        log = self.log
        moves = self._moves(log.moving)
        for _, name in moves:
            _check_free(self.path, log, name)
        for source, name in moves:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, self.path / name)
        below = tuple(f"{target}/" if target else "" for target in log.moving.values())
        self.remove(*below, but=log.names)
        for name in log.names:  # what the user has removed or changed since is no longer ours
            if log.wrote(self.path, name):
                log.files[name] = {digest_of(self.path / name): log.kind}
            else:
                log.files.pop(name, None)
        log.moving, log.names, log.parts = {}, [], set()
        self._discard_work()
        log.write(self.path)

    def remove(self, *beginnings: str, but: Iterable[str] = ()) -> None:
        """Remove the files whose names begin so, as far as this command wrote them and nobody changed them since."""
        kept = set(but)
        for name in [name for name in self.log.files if name.startswith(beginnings) and name not in kept]:
            if self.log.kind in self.log.files[name].values() and self.log.wrote(self.path, name):
                (self.path / name).unlink()
                _remove_empty([*(self.path / name).parents][: len(PurePosixPath(name).parts) - 1])
                del self.log.files[name]

    def _tidy(self) -> None:
        if self.log.moving:
            self._go_on()
        remove_leftovers(self.path)

    def _close(self) -> None:
        """Leave no trace of us where nothing came of it."""
        if (self.path / WORK).is_dir() and not self.log.moving:
            _remove_empty([self.path / WORK])
        if not self.log.files and [path.name for path in self.path.iterdir()] == [LOG]:
            (self.path / LOG).unlink()


def check_folder(
    path: str | Path, kind: str, names: Iterable[str] = (), about: str | None = None, given: bool = True
) -> None:
    """Refuse a folder that is not ours, before any work is done for it; see `own_folder`.

    Raises:
        FileExistsError: If something else is there.
        OSError: If no folder can be made there.
    """
    path = Path(path)
    if path.is_symlink() and not path.exists():
        raise FileExistsError(f"{path} is a link that leads nowhere; {REMEDY}")
    _check_place(path)
    if not path.exists():
        return
    if (path / WORK).is_symlink():
        raise FileExistsError(f"{path / WORK} is a link; {REMEDY}")
    log = Log.read(path)
    if log is None and any(one for one in path.iterdir() if not one.name.startswith(TEMPORARY)):
        raise FileExistsError(
            f"{path} exists and adt {kind} did not make it (it holds no {LOG}, which a copy needs too); {REMEDY}"
        )
    if log is not None:
        if log.kind != kind:
            what = "is not a folder of ours" if log.kind == FILES else f"is a folder of adt {log.kind}"
            raise FileExistsError(f"{path} {what}, not of adt {kind}; {REMEDY}")
        if not given and log.about != about:
            raise FileExistsError(f"{path} holds the results of {log.about}, not of {about}; {REMEDY}")
        for one in (path / WORK).glob("*"):
            if one.name not in log.parts or one.is_symlink() or not one.is_dir():
                raise FileExistsError(f"{one} exists and adt did not write it; {REMEDY}")
    for name in names:
        _check_free(path, log, name)


@contextmanager
def own_folder(
    path: str | Path, kind: str, names: Iterable[str] = (), about: str | None = None, given: bool = True
) -> Iterator[Folder]:
    """Yield a folder to write in, which no other process writes in meanwhile; made if need be.

    Args:
        path: Where: nothing, an empty folder, or one that the same command made.
        kind: The command.
        names: The files that it will write, as far as they are known: refused before any work if one is not ours.
        about: Of what the results are.
        given: Whether the user chose the folder; by default the results of something else are not replaced.

    Raises:
        FileExistsError: If something else is there, or another process writes in the folder.
        OSError: If no folder can be made there.
    """
    path, names = Path(path), list(names)
    check_folder(path, kind, names, about, given)
    made = _make(path)
    try:
        with locked(path):
            check_folder(path, kind, names, about, given)  # another process may have ended since
            folder = Folder(path, Log.read(path) or Log(kind, about))
            if about != folder.log.about or not (path / LOG).is_file():
                folder.log.about = about
                folder.log.write(path)
            folder._tidy()
            try:
                yield folder
            finally:
                folder._close()
    finally:
        _remove_empty(made)


def is_whole(path: str | Path) -> bool:
    """Return whether the files of a folder belong together: they are not being replaced, nor was that interrupted."""
    try:
        log = Log.read(Path(path))
    except FileExistsError:
        return True
    return log is None or not log.moving


def run_name(source: str) -> str:
    """Return what the results of a source are called: its whole name, but for the ending of a file; never hidden."""
    path = Path(os.path.abspath(source))
    name = (path.name if path.is_dir() else path.stem).lstrip(".") or "unnamed"
    return "cache_" if name == "cache" else name  # runs/cache holds kept scores


def _check_place(folder: Path) -> None:
    """Refuse a folder that cannot be, or cannot be written in, or that a shell would have read as a home."""
    if folder.parts[:1] and folder.parts[0].startswith("~"):
        raise FileExistsError(f"{folder}: only a shell reads ~ as a home; write the whole path (--out)")
    for step in (folder, *folder.absolute().parents):
        try:
            step.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not step.is_dir():
            raise NotADirectoryError(f"{step} is not a folder; {REMEDY}")
        if not os.access(step, os.W_OK | os.X_OK):
            raise PermissionError(f"nothing may be written in {step}; {REMEDY}")
        return


def _make(folder: Path) -> list[Path]:
    """Make a folder; return it and its parents, as far as they were not there."""
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: Iterable[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
