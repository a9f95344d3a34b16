"""What the ``series`` argument of the environments may name, and which part of it an episode covers."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gymnasium.envs.registration import EnvSpec

from adt_gym.checks import MOST, InputError, shown, whole
from adt_gym.files import visible
from adt_gym.scored_files import load_scored
from adt_gym.series import ScoredSeries

PACKAGED = Path(__file__).parents[1] / "data"
DEFAULT = "yahoo_like"

One = str | Path | ScoredSeries
Source = None | One | Sequence[One]


def resolve(source: Source) -> tuple[ScoredSeries, ...]:
    """Return the scored series that ``source`` stands for.

    Args:
        source: None for the packaged ``yahoo_like``, the name of a packaged set or of one series in it,
            the path of an ``.npz`` file or of a folder of them, a ScoredSeries, or a sequence of these.

    Raises:
        InputError: If a name is unknown, a file is not one of scored series, or two series have one name.
        FileNotFoundError: If a path leads nowhere.
    """
    source = DEFAULT if source is None else source
    several = [source] if _is_one(source) else _listed(source)
    if not several or not all(map(_is_one, several)):
        raise InputError(f"series must be ScoredSeries, names or paths; got {shown(source)}")
    found = [(one,) if isinstance(one, ScoredSeries) else _named(str(one)) for one in several]
    series = found[0] if len(found) == 1 else tuple(chain.from_iterable(found))
    _require_different_names(series)
    return series


def _require_different_names(series: Sequence[ScoredSeries]) -> None:
    """Refuse two series that reset options could not tell apart."""
    seen: set[str] = set()
    for one in series:
        if one.name in seen:
            raise InputError(
                f"two series are called {one.name!r}: leave one out or give it another name, "
                'dataclasses.replace(series, name="...")'
            )
        seen.add(one.name)


class JsonSpec:
    """An environment whose EnvSpec holds ``series`` as JSON can: paths as text, several names and paths as a list."""

    _spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """What the environment is made from again."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        if spec is not None and "series" in spec.kwargs:
            spec.kwargs = {**spec.kwargs, "series": _in_json(spec.kwargs["series"])}
        self._spec = spec


def _in_json(source: Any) -> Any:
    if isinstance(source, Path):
        return str(source)
    several = [] if source is None or _is_one(source) else _listed(source)
    return [_in_json(one) for one in several] if several else source


def _is_one(source: Any) -> bool:
    return isinstance(source, str | Path | ScoredSeries)


def _listed(source: Any) -> list[Any]:
    try:
        return list(source)
    except TypeError:
        return []


def _named(name: str) -> tuple[ScoredSeries, ...]:
    path = Path(name)
    if name and _is_folder(path):
        files = visible(path, "*.npz")
        if not files:
            raise FileNotFoundError(f"no .npz files of scored series in {path}")
        return _read(tuple(map(_stamp, files)))
    if path.suffix == ".npz":
        return _read((_stamp(path),))
    packaged = {file.stem: file for file in PACKAGED.glob("*.npz")}
    if name in packaged:
        return _read((_stamp(packaged[name]),))
    if name.rpartition("_")[0] in packaged:
        for one in _named(name.rpartition("_")[0]):
            if one.name == name:
                return (one,)
    raise InputError(
        f"unknown series {shown(name)}: neither a packaged name ({', '.join(sorted(packaged))}, or one of its series "
        f"such as {DEFAULT}_1) nor an .npz file nor a folder of them"
    )


class Stamp(NamedTuple):
    """A file as it is now: another content has another stamp."""

    path: Path
    inode: int
    size: int
    modified: int
    changed: int


def _stamp(path: Path) -> Stamp:
    if not path.is_file():
        raise FileNotFoundError(f"no file of scored series at {path}")
    path = path.resolve()
    now = path.stat()
    return Stamp(path, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


@lru_cache(maxsize=8)
def _read(files: tuple[Stamp, ...]) -> tuple[ScoredSeries, ...]:
    """Return the series of the files; the same objects as long as the files stay what they are."""
    return tuple(one for file in files for one in load_scored(file.path))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # longer than a path may be
        return False


class Episode(NamedTuple):
    """Windows ``start`` to ``stop`` (exclusive) of series number ``series``."""

    series: int
    start: int
    stop: int


def draw_episode(
    random: np.random.Generator,
    among: Sequence[ScoredSeries],
    k: int,
    episode_windows: int | None,
    options: dict[str, Any] | None,
) -> Episode:
    """Pick what an episode covers ``among`` some series: from ``options`` where given, from ``random`` otherwise.

    Nothing is drawn where there is nothing to choose.

    Raises:
        InputError: If ``options`` holds an unknown key, series or start.
    """
    series, start = _chosen(options, [one.name for one in among]) if options else (None, None)
    if series is None:
        series = _draw(random, len(among)) if len(among) > 1 else 0
    windows = len(among[series])
    length = min(episode_windows or windows, windows)
    if start is None:
        start = _draw(random, windows - length + 1) if length < windows else 0
    elif start > windows - k - 1:
        raise InputError(
            f"start {start} is outside series {among[series].name!r}: 0 to {windows - k - 1} leave a window to judge"
        )
    return Episode(series, start, min(start + length, windows))


def _draw(random: np.random.Generator, n: int) -> int:
    """Return a number below ``n``; many times faster than ``random.integers`` for a single one."""
    return int(random.random() * n)


def _chosen(options: dict[str, Any], names: Sequence[str]) -> tuple[int | None, int | None]:
    for name in options:
        if name not in ("series", "start"):
            raise InputError(f"unknown reset option {shown(name)}; known: 'series', 'start'")
    series, start = options.get("series"), options.get("start")
    if start is not None:
        start = whole("reset option 'start'", start, least=0)
    return None if series is None else _index(series, names), start


def _index(series: Any, names: Sequence[str]) -> int:
    if isinstance(series, str):
        if series not in names:
            raise InputError(f"unknown series {series!r}; the environment has {_listing(names)}")
        return names.index(series)
    index = whole("reset option 'series'", series, least=-MOST)
    if not 0 <= index < len(names):
        raise InputError(f"series index {index} is outside 0 to {len(names) - 1}")
    return index


def _listing(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
