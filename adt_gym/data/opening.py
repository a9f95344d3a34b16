"""From a path to frames: CSV (also .gz or .zip), Parquet and Excel files, and folders of them."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from adt_gym.data.cells import plain, shown
from adt_gym.data.columns import LABEL_NAMES
from adt_gym.data.reading import numbered, reading, separator_in
from adt_gym.data.time_columns import TIME_NAMES
from adt_gym.extras import require
from adt_gym.series import InputError

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".csv.gz", ".csv.zip", ".zip", ".parquet", ".xlsx")
KNOWN = "a .csv, .csv.gz, .zip, .parquet or .xlsx file, or a folder of such files"
MOST_COLUMNS = 2000
"""More columns are not read unless they are named."""
CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class Opened:
    """A table as it stands in a file.

    Args:
        frame: Its columns have no blanks around their names.
        name: What its series are called.
        where: How messages call it.
        as_text: Reads it again with every cell as text; None where cells have types of their own.
    """

    frame: pd.DataFrame
    name: str
    where: str
    as_text: Callable[[], pd.DataFrame] | None = None


def open_tables(path: Path, delimiter: str | None, key: str | None, wanted: Sequence[str] | None) -> list[Opened]:
    """Return the tables at a path: of a folder one per file, but one of all files that are called part-... (Spark).

    Args:
        path: A file or folder; hidden files in it are left alone.
        delimiter: Of CSV files; a comma by default.
        key: A column that is read as it is written: 007 is no number and NA is not missing.
        wanted: The only columns that are needed, where they are known.

    Raises:
        FileNotFoundError: If there is no such path, or no table in the folder.
        InputError: If a file cannot be read as a table; the message says why.
    """
    if path.is_dir():
        return _open_folder(path, delimiter, key, wanted)
    if not path.is_file():
        raise FileNotFoundError(f"no table at {path}; give the path of {KNOWN}")
    return [_open(path, delimiter, key, wanted)]


def stem(path: Path) -> str:
    """Return a file's name without its ending."""
    return re.sub(r"(\.csv)?(\.(csv|gz|zip|parquet|xlsx))$", "", path.name, flags=re.IGNORECASE)


def _open_folder(folder: Path, delimiter: str | None, key: str | None, wanted: Sequence[str] | None) -> list[Opened]:
    import pandas as pd

    paths = numbered(
        path
        for path in folder.iterdir()
        if not path.name.startswith((".", "_")) and path.name.lower().endswith(ENDINGS)
    )
    if not paths:
        raise FileNotFoundError(f"no table in the folder {folder}; give the path of {KNOWN}")
    by_name: dict[str, Path] = {}
    for path in paths:
        if (same := by_name.setdefault(stem(path), path)) != path:
            raise InputError(f"{folder}: {same.name} and {path.name} are two series of one name; rename or remove one")
    opened = [_open(path, delimiter, key, wanted) for path in paths]
    if not all(path.name.startswith("part-") for path in paths):
        return opened
    first, *others = opened
    for other in others:
        if list(other.frame.columns) != list(first.frame.columns):
            raise InputError(f"{other.where} has other columns than {first.where}; parts of one table have the same")

    def as_text() -> pd.DataFrame:
        return pd.concat([one.as_text() for one in opened if one.as_text], ignore_index=True)

    whole = pd.concat([one.frame for one in opened], ignore_index=True)
    return [Opened(whole, stem(folder), str(folder), as_text if first.as_text else None)]


def _open(path: Path, delimiter: str | None, key: str | None, wanted: Sequence[str] | None) -> Opened:
    import pandas as pd

    name = path.name.lower()
    if not name.endswith(ENDINGS):
        raise InputError(f"{path} is not {KNOWN}; save the table as one of them")
    if name.endswith((".parquet", ".xlsx")):
        require(f"{path}", "pyarrow" if name.endswith(".parquet") else "openpyxl")
    as_text: Callable[[], pd.DataFrame] | None = None
    with reading(path):
        if name.endswith(".parquet"):
            frame = pd.read_parquet(path)
        elif name.endswith(".xlsx"):
            frame = _read_workbook(path)
        else:
            text = _Delimited.of(path, delimiter)
            columns = text.columns(wanted)
            frame = text.read(columns, key)

            def as_text() -> pd.DataFrame:
                with reading(path):
                    return _named(text.read(columns, key, dtype=str), path)

        _refuse_many(len(frame.columns), wanted, path)
        return Opened(_named(frame, path), stem(path), str(path), as_text)


def _refuse_many(columns: int, wanted: Sequence[str] | None, path: Path) -> None:
    if columns > MOST_COLUMNS and wanted is None:
        raise InputError(
            f"{path} has {columns:,} columns; up to {MOST_COLUMNS:,} are read if none is named: name the metrics with "
            "value_columns="
        )


def _named(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    if frame.empty:
        raise InputError(f"{path} has no rows" + (" below its header" if len(frame.columns) else ""))
    return with_clean_names(with_index(frame), str(path))


def with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its index among the columns, where it has a name or holds something else than numbers.

    An index of times without a name is called "timestamp"; periods become the times at which they start.
    """
    import pandas as pd

    index = frame.index
    names = list(index.names)
    if names == [None]:
        if pd.api.types.is_numeric_dtype(index) or frame.empty:
            return frame.reset_index(drop=True)
        names = ["timestamp" if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) else "index"]
    same = [name in frame and index.get_level_values(i).equals(pd.Index(frame[name])) for i, name in enumerate(names)]
    whole = frame.reset_index(drop=True)
    kept = [i for i in range(len(names)) if not same[i]]
    levels = [index.get_level_values(i) for i in kept]
    levels = [level.to_timestamp() if isinstance(level, pd.PeriodIndex) else level for level in levels]
    called = [f"level_{i}" if names[i] is None else str(names[i]) for i in kept]
    columns = [pd.Series(level, whole.index, name=name) for level, name in zip(levels, called, strict=True)]
    return pd.concat([*columns, whole], axis=1)


def with_clean_names(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the frame with names without blanks around them.

    Raises:
        InputError: If a name stands twice.
    """
    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(f"{where} has two columns called {shown(twice[0])}; rename one")
    return frame


def _read_workbook(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        sheets = pd.read_excel(path, sheet_name=None, engine="openpyxl")
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path} cannot be read as an Excel workbook: {error}") from error
    filled = {name: sheet for name, sheet in sheets.items() if not sheet.empty}
    if len(filled) > 1:
        raise InputError(f"{path} has {len(filled)} sheets with rows, {', '.join(filled)}; save one of them as a file")
    return next(iter(filled.values())) if filled else pd.DataFrame()


# CSV


@dataclass(frozen=True)
class _Delimited:
    """How a CSV file is written.

    Args:
        path: The file, perhaps compressed.
        delimiter: What separates its columns.
        encoding: UTF-8, or UTF-16 where the file begins with its mark.
        skip: Lines above the header: Excel's ``sep=;``.
        header: The names of the columns.
    """

    path: Path
    delimiter: str
    encoding: str
    skip: int
    header: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, delimiter: str | None) -> _Delimited:
        """Look at a file's first bytes and lines.

        Raises:
            InputError: If it is not text, or its header is none.
        """
        with _binary(path) as file:
            encoding = _encoding(file, path)
        with _text(path, encoding) as lines:
            first = lines.readline(CHUNK)
            hint = re.fullmatch(r'"?sep=(.|\\t)"?\s*', first, re.IGNORECASE)
            if not hint:
                lines.seek(0)
            separator = (delimiter or (hint and hint[1]) or ",").replace("\\t", "\t")
            if len(separator) != 1:
                raise InputError(
                    f"delimiter={separator!r} has {len(separator)} characters; columns are separated by one"
                )
            header = _header(lines, separator, path)
        _check_names([name.strip() for name in header], separator, path)
        return cls(path, separator, encoding, int(bool(hint)), tuple(header))

    def columns(self, wanted: Sequence[str] | None) -> list[int] | None:
        """Return which columns are read: of very many only those that are wanted, times and labels.

        Raises:
            InputError: If there are very many and nothing is wanted.
        """
        if len(self.header) <= MOST_COLUMNS:
            return None
        _refuse_many(len(self.header), wanted, self.path)
        known = [name.strip() for name in self.header]
        return [i for i, name in enumerate(known) if name in (wanted or ()) or plain(name) in TIME_NAMES | LABEL_NAMES]

    def read(self, columns: list[int] | None, key: str | None, **options: Any) -> pd.DataFrame:
        """Return the table."""
        import pandas as pd

        keys = [i for i, name in enumerate(self.header) if name.strip() == key and (columns is None or i in columns)]
        with _binary(self.path) as file:
            return pd.read_csv(
                file, sep=self.delimiter, engine="c", encoding=self.encoding, index_col=False, skiprows=self.skip,
                usecols=columns, converters=dict.fromkeys(keys, str), **options,
            )  # fmt: skip


@contextmanager
def _binary(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, or what is compressed in it."""
    name = path.name.lower()
    if name.endswith(".gz"):
        with path.open("rb") as packed:
            yield io.BufferedReader(gzip.GzipFile(fileobj=packed))
    elif name.endswith(".zip"):
        try:
            with zipfile.ZipFile(path) as archive:
                inside = [one for one in archive.namelist() if one.lower().endswith(".csv") and not _is_hidden(one)]
                if len(inside) != 1:
                    raise InputError(f"{path} holds {len(inside)} .csv files; a .zip file of one is read: unpack it")
                with archive.open(inside[0]) as file:
                    yield file
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise InputError(f"{path} cannot be read as a .zip file: {error}") from error
    else:
        with path.open("rb") as file:
            yield file


def _is_hidden(member: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in member.split("/"))


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[io.StringIO]:
    """Open the beginning of a file as text."""
    with _binary(path) as file:
        beginning = file.read(8 * CHUNK)
    decoder = codecs.getincrementaldecoder(encoding)()
    yield io.StringIO(decoder.decode(beginning), newline="")


def _encoding(file: IO[bytes], path: Path) -> str:
    """Return the encoding that the first bytes tell, after a look at all others.

    Raises:
        InputError: If there are bytes that no text holds.
    """
    chunk = file.read(CHUNK)
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    while chunk:
        if b"\0" in chunk:
            raise InputError(f"{path} holds NUL bytes, so it is no text, or UTF-16 without its mark; save it as UTF-8")
        chunk = file.read(CHUNK)
    return "utf-8-sig"


def _header(lines: IO[str], delimiter: str, path: Path) -> list[str]:
    try:
        return next((row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row)), [])
    except csv.Error as error:
        raise InputError(f"{path} has no header that can be read: {error}") from error


def _check_names(names: Sequence[str], delimiter: str, path: Path) -> None:
    """Raise where a header has another separator, a name twice, or is a row of the table."""
    if len(names) == 1 and (other := separator_in(names[0], delimiter)):
        raise InputError(f"{path} has one column, {shown(names[0])}; give delimiter={other!r}")
    known = [name for name in names if name]
    if len(set(known)) < len(known):
        twice = next(name for i, name in enumerate(known) if name in known[:i])
        raise InputError(f"{path} has two columns called {shown(twice)}; rename one")
    counted = [str(i) for i in range(len(names) + 1)]
    if known and known not in (counted[:-1], counted[1:]) and all(map(_is_measured, known)):
        raise InputError(f"{path} has no header: its first line holds values; write the names of the columns above it")


def _is_measured(name: str) -> bool:
    """Return whether a column's name is rather a number with a fraction, or a time."""
    return bool(re.fullmatch(r"[+-]?\d+([.,]\d*)?([eE][+-]?\d+)?|\d{2,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?", name))
